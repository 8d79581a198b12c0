from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.journal_events import CallRecord, CallRecordData, ColleagueMessage, MissedCounts
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.publication import Publication
from bus.topics import Topics
from consumers.journal.publisher import RecordPublisher
from consumers.journal.record import opened
from consumers.journal.store import JournalStore

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Broker:
    """Confirms each message, refuses it, or is gone before it says anything."""

    topics: Topics = field(default_factory=Topics)
    sent: list[tuple[str, bytes, bool]] = field(default_factory=list)
    code: int | None = 0
    away: bool = False

    def send(
        self, topic: str, payload: bytes, *, retain: bool, content_type: str | None
    ) -> Publication:
        if self.away:
            raise BrokerUnavailable("away")
        self.sent.append((topic, payload, retain))
        publication = Publication(topic)
        publication.resolve(self.code)
        return publication


class People:
    """Two users."""

    def is_user(self, login: str) -> bool:
        return login in ("0011", "0012")

    def may_read(self, login: str, colleague: str) -> bool:
        return False


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    store = JournalStore(tmp_path / "journal.db")
    yield store
    store.close()


@pytest.fixture
def publisher(store: JournalStore, broker: Broker) -> RecordPublisher:
    return RecordPublisher(store, broker, People(), "process/journal")


def _missed(user: str = "0011", call_id: str = "c-1", by: str | None = None) -> CallRecordData:
    message = ColleagueMessage(text="rings again", by=by) if by else None
    record = CallRecordData(
        user=user, call_id=call_id, revision=1, started=BEGIN, result="missed",
        kind="message" if message else "call", message=message,
    )  # fmt: skip
    return opened(record)


def _topics(broker: Broker) -> list[str]:
    return [topic for topic, _, _ in broker.sent]


def test_a_record_and_the_counts_are_published_once(
    publisher: RecordPublisher, store: JournalStore, broker: Broker
) -> None:
    store.put(_missed())
    while publisher.publish():
        pass
    publisher.publish()

    assert _topics(broker) == ["starface/users/0011/records", "starface/users/0011/missed"]
    (_, record, retained), (_, counts, counts_retained) = broker.sent
    assert CallRecord.model_validate_json(record).data.call_id == "c-1"
    assert MissedCounts.model_validate_json(counts).data.open == 1
    assert (retained, counts_retained) == (False, True)


@pytest.mark.parametrize("away", [True, False])
def test_what_the_broker_did_not_confirm_is_published_again(
    publisher: RecordPublisher, store: JournalStore, broker: Broker, away: bool
) -> None:
    store.put(_missed())
    broker.away, broker.code = away, None
    assert not publisher.publish()
    broker.sent.clear()
    broker.away, broker.code = False, 0

    while publisher.publish():
        pass

    assert _topics(broker) == ["starface/users/0011/records", "starface/users/0011/missed"]


def test_what_the_broker_refuses_is_not_tried_for_ever(
    publisher: RecordPublisher, store: JournalStore, broker: Broker
) -> None:
    broker.code = 0x87
    store.put(_missed())
    while publisher.publish():
        pass

    assert store.unpublished(10) == []


def test_who_took_a_message_down_reads_what_became_of_it(
    publisher: RecordPublisher, store: JournalStore, broker: Broker
) -> None:
    store.put(_missed("0012", "message-1", by="0011"))
    publisher.publish()

    assert _topics(broker)[:2] == ["starface/users/0011/records", "starface/users/0012/records"]


def test_nothing_retained_remains_of_a_user_who_is_gone(
    publisher: RecordPublisher, store: JournalStore, broker: Broker
) -> None:
    store.counts_changed("0099")
    publisher.publish()

    assert broker.sent == [("starface/users/0099/missed", b"", True)]
