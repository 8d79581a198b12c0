import contextlib
import json
import os
import re
import signal
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bus.mqtt.paho_client import PahoClient
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import BUSY, LogUnavailable
from gateway.eventlog.writer import EventLog
from gateway.operations import CounterCollector, GatewayHealth
from gateway.publishing.leader import PublisherLeader, PublisherSettings
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess, call_state, notify, path_of, request

PREFIX = "starface2mqtt_gateway_"


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    port = free_port()
    with GatewayProcess(
        tmp_path / "data", broker_settings, free_port(), operations=f"127.0.0.1:{port}"
    ) as process:
        process.operations = port
        wait_until(lambda: _ready(process)[0] == 200)
        yield process


def _ready(gateway: GatewayProcess) -> tuple[int, dict[str, str]]:
    try:
        status, _, body = request(gateway.operations, "GET", "/readyz")
    except OSError:
        return 0, {}
    return status, json.loads(body)["dependencies"]


def _metrics(gateway: GatewayProcess) -> dict[str, float]:
    _, _, body = request(gateway.operations, "GET", "/metrics")
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_readiness_names_the_broker_when_it_is_away(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    assert _ready(gateway)[1]["broker"] == "ok"

    broker.stop()
    wait_until(lambda: _ready(gateway)[0] == 503)
    assert _ready(gateway)[1]["event_log"] == "ok"
    assert request(gateway.operations, "GET", "/healthz")[0] == 200

    broker.start()
    wait_until(lambda: _ready(gateway)[0] == 200)


def test_metrics_count_and_name_nobody(gateway: GatewayProcess) -> None:
    assert notify(gateway.port, path_of("0011"), call_state("c-1")) == 200
    assert notify(gateway.port, path_of("0011"), b"nonsense") == 400

    wait_until(lambda: _metrics(gateway).get(f"{PREFIX}refused_publishes_total0x10"))
    refused = r"did not take an event event=[0-9a-f-]{36} code=0x10"
    wait_until(lambda: re.search(refused, gateway.log.read_text()))
    wait_until(lambda: _metrics(gateway).get(f"{PREFIX}http_requests_total400") == 1)
    counted = _metrics(gateway)
    assert counted[f"{PREFIX}notifications_total"] == 1
    assert counted[f"{PREFIX}log_depth"] == 1
    assert counted[f"{PREFIX}broker_connected"] == 1
    text = request(gateway.operations, "GET", "/metrics")[2].decode()
    for planted in ("0011", "1234567", "Grace"):
        assert planted not in text


def test_metrics_are_named_and_explained_as_prometheus_asks(gateway: GatewayProcess) -> None:
    assert notify(gateway.port, path_of("0011"), call_state("c-1")) == 200
    wait_until(lambda: _metrics(gateway).get(f"{PREFIX}notifications_total"))

    text = request(gateway.operations, "GET", "/metrics")[2].decode()
    families = list(text_string_to_metric_families(text))

    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert re.fullmatch(rf"{PREFIX}[a-z]+(_[a-z]+)*", family.name)
        assert family.documentation.endswith(".")
        assert len(family.documentation.split()) > 2
        assert family.type in ("counter", "gauge", "histogram")
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_ms", "_kb"))
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        else:
            assert "_total" not in family.name


class Unreadable(EventLog):
    """An event log on a disk that fails."""

    def written_counts(self) -> dict[str, int]:
        raise LogUnavailable("disk I/O error")


def test_metrics_report_that_the_log_cannot_be_read(tmp_path: Path) -> None:
    events = Unreadable(tmp_path, "gateway", Counters(), lambda: None, greatest=10**8)
    leader = PublisherLeader(
        PublisherSettings(tmp_path, "gateway", BrokerSettings(), PahoClient, 1, 1), Counters()
    )

    reported = CounterCollector(events, GatewayHealth(events, leader)).collect()

    assert {family.name: family.samples[0].value for family in reported} == {
        f"{PREFIX}broker_connected": 0,
        f"{PREFIX}log_writable": 0,
    }
    events.close()


def test_notification_ports_have_no_metrics(gateway: GatewayProcess) -> None:
    assert request(gateway.port, "GET", "/metrics")[0] == 404


@pytest.fixture
def siblings(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    port = free_port()
    with GatewayProcess(
        tmp_path / "data", broker_settings, free_port(), operations=f"127.0.0.1:{port}", processes=2
    ) as process:
        process.operations = port
        wait_until(lambda: _ready(process)[0] == 200)
        yield process


def test_a_request_waits_as_long_as_the_pbx_for_another_who_writes(
    siblings: GatewayProcess,
) -> None:
    with closing(sqlite3.connect(siblings.folder / "events.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as lines:
            answers = [
                lines.submit(notify, siblings.port, path_of("0011"), call_state(f"c-{number}"))
                for number in range(4)
            ]
            assert not wait(answers, timeout=3 * BUSY).done
            other.execute("ROLLBACK")

    assert [answer.result() for answer in answers] == [200] * 4


def test_readiness_names_the_log_that_a_process_could_not_write(siblings: GatewayProcess) -> None:
    with closing(sqlite3.connect(siblings.folder / "events.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert notify(siblings.port, path_of("0011"), call_state("c-1"), timeout=20) == 503
        assert "locked" in _ready(siblings)[1]["event_log"]
        other.execute("ROLLBACK")

    assert notify(siblings.port, path_of("0011"), call_state("c-1")) == 200
    assert _ready(siblings)[1]["event_log"] == "ok"


def _report(gateway: GatewayProcess, count: int) -> None:
    """Notify from several lines at once, so that every process has its share."""

    def report(line: int) -> None:
        for number in range(count // 4):
            assert notify(gateway.port, path_of("0011"), call_state(f"{line}-{number}")) == 200

    with ThreadPoolExecutor(4) as lines:
        list(lines.map(report, range(4)))


def _listener(gateway: GatewayProcess) -> int:
    """Return the one process that serves the operations endpoint."""
    [owner] = [
        child
        for child in gateway.children()
        if any(
            one.laddr.port == gateway.operations and one.status == psutil.CONN_LISTEN
            for one in psutil.Process(child).net_connections("tcp")
        )
    ]
    return owner


def test_two_processes_have_one_endpoint_with_the_counts_of_both(
    siblings: GatewayProcess,
) -> None:
    _report(siblings, 100)

    _listener(siblings)
    wait_until(lambda: _metrics(siblings)[f"{PREFIX}notifications_total"] == 100)
    counted = _metrics(siblings)
    assert counted[f"{PREFIX}http_requests_total200"] >= 100
    assert counted[f"{PREFIX}log_depth"] == 100


@pytest.mark.parametrize("publishing", [True, False])
def test_the_endpoint_is_right_when_a_process_is_killed(
    siblings: GatewayProcess, publishing: bool
) -> None:
    _report(siblings, 40)
    wait_until(lambda: _metrics(siblings)[f"{PREFIX}notifications_total"] == 40)
    assert _listener(siblings) == siblings.publisher()
    killed = siblings.publisher() if publishing else siblings.workers()[0]

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: killed not in siblings.children() and len(siblings.children()) == 3)
    wait_until(lambda: _ready(siblings)[0] == 200)
    assert _listener(siblings) == siblings.publisher()
    assert request(siblings.operations, "GET", "/healthz")[0] == 200
    assert _metrics(siblings)[f"{PREFIX}notifications_total"] == 40
    _report(siblings, 40)
    wait_until(lambda: _metrics(siblings)[f"{PREFIX}notifications_total"] == 80)


def test_no_count_ever_goes_back(siblings: GatewayProcess) -> None:
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            # An answer that the kill cut off shows nothing.
            with contextlib.suppress(OSError, LookupError, ValueError):
                seen.append(_metrics(siblings)[f"{PREFIX}notifications_total"])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(3):
            _report(siblings, 100)
            os.kill(_listener(siblings), signal.SIGKILL)
            wait_until(lambda: _ready(siblings)[0] == 200)
        _report(siblings, 4)
        wait_until(lambda: seen and seen[-1] > 0)  # a kill takes what was not written down yet
    finally:
        ended.set()
        looking.join()

    # To Prometheus a count that goes back is a new beginning, and all of it counts once more.
    assert seen == sorted(seen)
