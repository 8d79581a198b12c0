"""What leaves the event log, and what is not published any more."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from bus.events import Party
from bus.mqtt.connection import Connection
from bus.topics import Topics
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.counters import Counters
from gateway.eventlog.erasure import erase
from gateway.eventlog.reader import EventReader
from gateway.eventlog.writer import EventLog
from gateway.publishing.publisher import EventPublisher

NUMBER = "+41445550180"
IDA = Party(number="0445550180", e164=NUMBER, name="Ida Frei", kind="external")
KEEP = 3600.0


class _Taken:
    def wait(self) -> int:
        return 0


class _Broker:
    """Takes everything."""

    def __init__(self) -> None:
        self.topics = Topics("starface")
        self.connected = True
        self.sent: list[bytes] = []
        self.posted: deque[Callable[[], None]] = deque()

    def together(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def send(self, topic: str, payload: bytes, **_options: object) -> _Taken:
        self.sent.append(payload)
        return _Taken()

    def post(self, work: Callable[[], None]) -> None:
        self.posted.append(work)

    def republish(self, work: Callable[[], None]) -> None:
        pass

    def consume(self, *_what: Any) -> None:
        pass

    def work(self) -> None:
        """Do what was posted, and what comes of that."""
        while self.posted:
            self.posted.popleft()()


class _Site:
    def __init__(self, events: EventLog, folder: Path) -> None:
        self.broker = _Broker()
        self.reader = EventReader(folder)
        self.counters = Counters()
        connection = cast(Connection, self.broker)
        self.publisher = EventPublisher(connection, self.reader, "g", self.counters, KEEP)
        self._events = events

    def receives(self, call: str, age: float = 0.0) -> None:
        note = Notification(user="0011", call_id=call, state="connected")
        self._events.append(ResolvedNotification(note, IDA, Party(), time.time() - age))


@pytest.fixture
def site(events: EventLog, tmp_path: Path) -> Iterator[_Site]:
    made = _Site(events, tmp_path)
    yield made
    made.reader.close()


def test_what_was_emptied_is_not_reported_though_the_clock_was_set_back(site: _Site) -> None:
    site.receives("a", age=10)
    site.receives("b")
    site.reader.empty_before(time.time() - 5)
    site.publisher.wake()
    site.broker.work()

    assert [b'"b"' in payload for payload in site.broker.sent] == [True]
    assert site.counters.seen()["events:expired"] == 1


def test_what_is_erased_is_not_reported_from_memory(site: _Site, tmp_path: Path) -> None:
    for call in range(600):
        site.receives(f"c-{call}")
    site.publisher.wake()
    site.broker.posted.popleft()()  # has read more than it has sent
    sent = len(site.broker.sent)
    erase(tmp_path, NUMBER)
    site.broker.work()

    assert len(site.broker.sent) == 600
    assert not any(b"5550180" in payload for payload in site.broker.sent[sent:])


def test_a_backlog_that_is_too_old_goes_in_turns_and_is_reported_in_sums(
    site: _Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for call in range(450):
        site.receives(f"c-{call}", age=KEEP + 1)
    site.receives("new")
    site.publisher.wake()
    site.broker.posted.popleft()()

    assert site.counters.seen()["events:expired"] == 200
    site.broker.work()
    assert site.counters.seen()["events:expired"] == 450
    assert len(site.broker.sent) == 1
    assert [one.getMessage() for one in caplog.records] == [
        f"dropped as too old events={events}" for events in (200, 200, 50)
    ]
