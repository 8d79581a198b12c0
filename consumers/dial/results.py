"""Publishes what becomes of dial requests: on disk first, then on the bus, each stage once."""

import logging
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID, uuid4

from bus.events import CONTENT_TYPE, DIAL_EXPIRY, DialResult, DialResultData, now
from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.topics import Topics
from consumers.dial.store import DialRecord, DialStore
from consumers.dial.texts import DialAnswer
from runtime import metrics

log = logging.getLogger(__name__)

_OTHERS_AFTER = 6.0  # seconds after which another process's results are ours: it has given up


class DialResultBus(Protocol):
    """As much of the broker's connection as publishing results needs."""

    topics: Topics

    def publish_raw(
        self, topic: str, payload: bytes, *, expiry: int, content_type: str,
        correlation: bytes | None,
    ) -> int:  # fmt: skip
        """Publish and wait for the broker."""


class ResultPublisher:
    """The results of dial requests on their way to those who asked."""

    def __init__(
        self, store: DialStore, bus: DialResultBus, clock: Callable[[], float] = time.time
    ) -> None:
        self.topics = bus.topics
        self.store = store
        self._bus = bus
        self._clock = clock
        self._not_marked: set[int] = set()  # published, while the disk takes nothing

    def note(self, record: DialRecord, answer: DialAnswer, ask_at: float | None = None) -> bool:
        """Move a request to a stage; False if it is that far already."""
        call_id = None if answer.state == "refused" else record.call_id
        result = self._result(record.user, UUID(record.request_id), call_id, answer)
        moved = self.store.advance(
            record.serial, answer.state, result.encoded(), self._clock(),
            code=answer.code, final=answer.final, ask_at=ask_at,
        )  # fmt: skip
        if moved:
            log.info(
                "%s request=%s user=%s code=%s",
                answer.state, record.request_id, record.user, answer.code or "-",
            )  # fmt: skip
            if answer.final:
                metrics.count("dial_results_total", outcome=answer.state, code=answer.code or "")
        return moved

    def flush(self) -> None:
        """Publish what the broker does not have yet; what nobody can use any more is dropped."""
        now = self._clock()
        for result in self.store.unpublished(now - _OTHERS_AFTER):
            if now - result.at > DIAL_EXPIRY:
                log.warning("result too old to publish request=%s", result.record.request_id)
            elif result.serial not in self._not_marked:
                if not self._published(result.record, result.payload):
                    return
                self._not_marked.add(result.serial)
            self.store.mark_published(result.serial)
            self._not_marked.discard(result.serial)

    def repeat(self, record: DialRecord) -> None:
        """Note the last result of a request once more, after all that is still to be published."""
        with self.store.transaction():
            last = self.store.last_result(record.serial)
            if last is not None:
                result = DialResult.model_validate_json(last)
                again = result.model_copy(update={"id": str(uuid4()), "time": now()})
                self.store.add_result(record.serial, again.encoded(), self._clock())

    def refuse_unstored(self, user: str, request_id: UUID, answer: DialAnswer) -> None:
        """Refuse a request of which nothing is kept."""
        result = self._result(user, request_id, None, answer)
        try:
            self._send(self.topics.dial_result(user), result.encoded(), None)
        except BrokerUnavailable as error:
            log.debug("not refused request=%s reason=%s", request_id, error)

    def _result(
        self, user: str, request_id: UUID, call_id: str | None, answer: DialAnswer
    ) -> DialResult:
        return DialResult(
            source=f"dial/{self.store.owner}",
            subject=call_id,
            data=DialResultData(
                user=user,
                request_id=request_id,
                call_id=call_id,
                state=answer.state,
                code=answer.code,
                sentence=answer.sentence,
                final=answer.final,
            ),
        )

    def _published(self, record: DialRecord, payload: bytes) -> bool:
        topic = self.topics.dial_result(record.user)
        try:
            self._send(topic, payload, record.correlation if record.reply == topic else None)
            if record.reply and record.reply != topic:
                self._send(record.reply, payload, record.correlation)
        except BrokerUnavailable as error:
            log.warning("result waits request=%s reason=%s", record.request_id, error)
            return False
        return True

    def _send(self, topic: str, payload: bytes, correlation: bytes | None) -> None:
        try:
            self._bus.publish_raw(
                topic,
                payload,
                expiry=DIAL_EXPIRY,
                content_type=CONTENT_TYPE,
                correlation=correlation,
            )
        except PublishRefused as error:
            log.error("result refused by the broker reason=%s", error)
