"""Nothing is published before all that the broker knows of the log was looked at."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from bus.events import Head, HeadData
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import Handler, Inbox, ReceivedMessage
from bus.topics import Topics
from gateway.eventlog.file import open_log
from gateway.eventlog.identity import renew_if_put_back
from gateway.eventlog.reader import EventReader
from gateway.publishing.rollback import LogPutBack, RollbackCheck


class _Broker:
    """Sends heads, and lets time pass only where it is said."""

    def __init__(self) -> None:
        self.topics = Topics("starface")
        self.connected = True
        self.inbox = Inbox()
        self._pauses: list[Callable[[], None]] = []

    def subscribe(self, topic_filter: str, handle: Handler, *, qos: int) -> None:
        self.inbox.route(topic_filter, handle)

    def unsubscribe(self, topic_filter: str) -> None:
        self.inbox.unroute(topic_filter)

    def after_connect(self, work: Callable[[], None]) -> None:
        self.inbox.post(work)

    def post_later(self, _seconds: float, work: Callable[[], None]) -> None:
        self._pauses.append(work)

    def knows(self, seq: int) -> None:
        data = HeadData(user="0011", gateway="g", seq=seq, oldest=1)
        payload = Head(source="gateway/g", data=data).encoded()
        self.inbox.put(ReceivedMessage(self.topics.head("0011", "g"), payload, retained=True))

    def pass_pause(self) -> None:
        for work in self._pauses:
            self.inbox.post(work)
        self._pauses.clear()

    def work(self) -> None:
        while self.inbox.work(0):
            pass


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[EventReader]:
    """A log without any event, from which a gateway begins to publish."""
    tmp_path.chmod(0o700)
    open_log(tmp_path, durable=True).close()
    renew_if_put_back(tmp_path, tmp_path / "events.lock")
    with closing(EventReader(tmp_path)) as opened:
        yield opened


@pytest.fixture
def broker() -> _Broker:
    return _Broker()


@pytest.fixture
def check(reader: EventReader, broker: _Broker) -> RollbackCheck:
    return RollbackCheck(cast(Connection, broker), reader, "g")


def test_a_log_of_which_the_broker_knows_nothing_may_be_published(
    check: RollbackCheck, broker: _Broker
) -> None:
    broker.work()
    assert not check.compare()
    broker.pass_pause()
    broker.work()

    assert check.compare()
    assert check.passed


def test_a_number_that_still_waits_in_the_inbox_is_looked_at(
    check: RollbackCheck, broker: _Broker
) -> None:
    broker.inbox.work(0)  # the connect; then the main thread waits for a slow broker
    broker.knows(1)
    broker.pass_pause()

    assert not check.compare()
    broker.work()
    with pytest.raises(LogPutBack):
        check.compare()


def test_while_numbers_come_the_pause_begins_again(check: RollbackCheck, broker: _Broker) -> None:
    broker.work()
    for _ in range(3):
        broker.knows(0)
        broker.pass_pause()
        broker.work()
        assert not check.compare()

    broker.pass_pause()
    broker.work()
    assert check.compare()


def test_a_log_from_before_its_first_call_is_compared_too(
    check: RollbackCheck, broker: _Broker, reader: EventReader
) -> None:
    before = reader.start_numbers()
    broker.knows(1)
    broker.work()

    with pytest.raises(LogPutBack):
        check.compare()
    assert before == {}
