"""Brings records and counts to the broker; what it has not got yet is known on disk."""

import logging
from typing import Protocol

from bus.events import CONTENT_TYPE, UserName
from bus.journal_events import CallRecord, CallRecordData, MissedCounts
from bus.mqtt.connection import Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.topics import Topics
from consumers.journal.requests import People
from consumers.journal.store import JournalStore
from runtime import metrics

log = logging.getLogger(__name__)

_BATCH = 20  # messages under way at a time


class RecordBroker(Protocol):
    """What of a connection is needed here."""

    topics: Topics

    def send(
        self, topic: str, payload: bytes, *, retain: bool, content_type: str | None
    ) -> Publication:
        """Start to publish; raise BrokerUnavailable."""


class RecordPublisher:
    """Publishes what changed, in the order in which it was first written."""

    def __init__(
        self, store: JournalStore, broker: RecordBroker, people: People, source: str
    ) -> None:
        self._store = store
        self._people = people
        self._broker = broker
        self._source = source

    def publish(self) -> bool:
        """Publish some of what changed; return whether more is to come."""
        try:
            return self._records() | self._counts()
        except BrokerUnavailable as error:
            log.debug("records wait reason=%s", error)
            return False

    def _records(self) -> bool:
        waiting = self._store.unpublished(_BATCH)
        sent = [(serial, data, self._send(data)) for serial, data in waiting]
        done = [
            (serial, data.revision)
            for serial, data, publications in sent
            if all(_confirmed(one) for one in publications)
        ]
        if done:
            self._store.published(done)
        return len(waiting) == _BATCH

    def _send(self, data: CallRecordData) -> list[Publication]:
        message = CallRecord(source=self._source, subject=data.call_id, data=data)
        if data.revision == 1:
            metrics.count("records_total", result=data.result or "")
        # Who took a message down sees that it was seen to.
        readers = {data.user, (data.message and data.message.by) or data.user}
        return [
            self._broker.send(
                self._broker.topics.records(reader), message.encoded(), retain=False,
                content_type=CONTENT_TYPE,
            )
            for reader in sorted(readers)
        ]  # fmt: skip

    def _counts(self) -> bool:
        users = self._store.counts_due()
        sent = [(user, self._send_counts(user)) for user in users]
        done = [user for user, publication in sent if _confirmed(publication)]
        if done:
            self._store.counts_published(done)
        return bool(users) and len(done) == len(users)

    def _send_counts(self, user: UserName) -> Publication:
        topic = self._broker.topics.missed(user)
        if not self._people.is_user(user):
            return self._broker.send(topic, b"", retain=True, content_type=None)
        message = MissedCounts(source=self._source, subject=user, data=self._store.missed(user))
        return self._broker.send(topic, message.encoded(), retain=True, content_type=CONTENT_TYPE)


def _confirmed(publication: Publication) -> bool:
    try:
        publication.wait()
    except PublishRefused as error:
        log.error("refused by the broker reason=%s", error)
    except BrokerUnavailable:
        return False
    return True
