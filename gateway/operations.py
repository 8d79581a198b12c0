"""State of the gateway: for this machine's monitoring only, never on the notification ports."""

import logging
import sqlite3
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.eventlog.counters import BUCKETS, CHECKS, LAST, NOTIFICATIONS, PRIVATE, VISITS
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.writer import EventLog
from gateway.publishing.leader import PublisherLeader
from runtime.operations import OperationsServer

log = logging.getLogger(__name__)

_PREFIX = "starface2mqtt_gateway"
_GAUGES = {
    "log_depth": "Events in the event log that the broker has not taken yet.",
    "log_oldest_seconds": "Age of the oldest event that the broker has not taken yet.",
    "log_bytes": "Size of the event log in use.",
    "last_notification_timestamp_seconds": "When the PBX last sent a notification; 0: never.",
    "broker_connected": "1 while connected to the broker, else 0.",
    "log_writable": "1 while notifications can be kept in the event log, else 0.",
}


def operations_server(listen: str, events: EventLog, leader: PublisherLeader) -> OperationsServer:
    """Return the endpoint; events nobody takes keep the gateway from nothing."""
    health = GatewayHealth(events, leader)
    registry = CollectorRegistry()
    registry.register(CounterCollector(events, health))
    return OperationsServer(
        listen, health.faults, lambda: generate_latest(registry).decode(), harmless={"subscribers"}
    )


class GatewayHealth:
    """What the gateway depends on, and what is wrong with each."""

    def __init__(self, events: EventLog, leader: PublisherLeader) -> None:
        self._events = events
        self._leader = leader

    def faults(self) -> dict[str, str | None]:
        """Return each dependency with its fault; None where there is none."""
        refused = self._leader.refused
        return {
            "event_log": self._events.fault,
            "broker": self._leader.broker,
            "subscribers": f"{refused} users have events nobody takes" if refused else None,
        }


class CounterCollector(Collector):
    """The counts of all gateway processes of this machine, from the event log."""

    def __init__(self, events: EventLog, condition: GatewayHealth) -> None:
        self._events = events
        self._condition = condition

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics; a count that went back would be a new beginning to Prometheus."""
        faults = self._condition.faults()
        try:
            counts, depth = self._events.written_counts(), self._events.depth()
        except (LogUnavailable, sqlite3.Error) as error:
            log.error("counts not readable reason=%s", error)
            yield from _gauges(_links(faults) | {"log_writable": 0})
            return
        for name, count, text in (
            ("visits", VISITS, "Visits of the reachability page."),
            (
                "notifications",
                NOTIFICATIONS,
                "Notifications of calls taken, those of private calls too.",
            ),
            ("callback_checks", CHECKS, "Our own checks of the callback address."),
            (
                "unneeded_notifications",
                "unneeded",
                "Notifications that have nothing to do with calls.",
            ),
            ("private_notifications", PRIVATE, "Notifications of private calls, kept out."),
            ("log_unavailable", "log_unavailable", "Notifications refused for want of disk."),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", text, value=counts.get(count, 0))
        yield CounterMetricFamily(
            f"{_PREFIX}_http_hits", "Visits and notifications, without our own checks.",
            value=counts.get(VISITS, 0) + counts.get(NOTIFICATIONS, 0),
        )  # fmt: skip
        yield _labelled(
            "http_requests",
            "HTTP requests on the notification ports by status of the answer.",
            "status",
            "requests:",
            counts,
        )
        yield _labelled(
            "events",
            "Events by what became of them: accepted by the broker, or expired before.",
            "outcome",
            "events:",
            counts,
        )
        yield _labelled(
            "refused_publishes",
            "Events the broker did not take, by its reason code; they are tried again.",
            "code",
            "refused:",
            counts,
        )
        yield _latency(counts)
        yield from _gauges(_state(counts, depth) | _links(faults))


def _state(counts: dict[str, int], depth: tuple[int, float | None, int]) -> dict[str, float]:
    waiting, oldest, size = depth
    return {
        "log_depth": waiting,
        "log_oldest_seconds": max(0.0, time.time() - oldest) if oldest else 0,
        "log_bytes": size,
        "last_notification_timestamp_seconds": counts.get(LAST, 0) / 1000,
    }


def _links(faults: dict[str, str | None]) -> dict[str, float]:
    return {
        "broker_connected": int(faults["broker"] is None),
        "log_writable": int(faults["event_log"] is None),
    }


def _gauges(values: dict[str, float]) -> Iterable[Metric]:
    for name, value in values.items():
        yield GaugeMetricFamily(f"{_PREFIX}_{name}", _GAUGES[name], value=value)


def _labelled(
    name: str, text: str, label: str, prefix: str, counts: dict[str, int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=[label])
    for count, value in sorted(counts.items()):
        if count.startswith(prefix):
            family.add_metric([count.removeprefix(prefix)], value)
    return family


def _latency(counts: dict[str, int]) -> HistogramMetricFamily:
    total, buckets = 0, []
    for limit in BUCKETS:
        total += counts.get(f"publish:{limit}", 0)
        buckets.append((str(limit), total))
    buckets.append(("+Inf", total + counts.get("publish:more", 0)))
    return HistogramMetricFamily(
        f"{_PREFIX}_publish_latency_seconds",
        "From the PBX's request to the broker's acknowledgement.",
        buckets=buckets,
        sum_value=counts.get("publish:microseconds", 0) / 1_000_000,
    )
