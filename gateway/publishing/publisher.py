"""From the event log to the broker: one publisher per log, in each user's order.

It runs in the thread that works through the connection's inbox. What the broker takes is settled
by its reason code, what it does not take stays in the log and is tried again.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from bus.events import CONTENT_TYPE, UNANSWERED_EXPIRY
from bus.mqtt.connection import IN_FLIGHT, NO_SUBSCRIBERS, Connection, Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.reader import EventReader, Hold, Row
from gateway.publishing.heads import SequenceHeads
from gateway.publishing.replays import Replays
from gateway.publishing.rollback import RollbackCheck
from gateway.publishing.send_queue import SendQueue

log = logging.getLogger(__name__)

_SLICE = 200  # events before the inbox has its turn
_NOTE = 0.2  # seconds between two notes of how far we are; a crash repeats no more than that
_PATIENCE = 3.0  # seconds until the log is looked at without being woken


@dataclass
class _SentEvent:
    row: Row
    delivery: Publication


class EventPublisher:
    """Sends what is in the log, and notes how far that is settled."""

    def __init__(
        self,
        connection: Connection,
        reader: EventReader,
        gateway: str,
        counters: Counters,
        keep: float,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._counters = counters
        self._keep = keep
        self._queue = SendQueue()
        self._held: dict[int, Hold] = {}  # by place; not on disk yet, as those released
        self._released: set[int] = set()
        self._in_flight: deque[_SentEvent] = deque()
        self._rollback = RollbackCheck(connection, reader, gateway)
        self._heads = SequenceHeads(connection, reader, gateway)
        self._replays = Replays(connection, reader, gateway, self._asked)
        self._erased = reader.erased()
        self._expired = 0  # not logged yet
        self._noted = 0
        self._noted_at = 0.0
        self._more = True
        self._posted = False
        self._queue.start(reader.watermark(), reader.held(), time.monotonic())
        connection.republish(self._connected)

    def wake(self) -> None:
        """Look into the log soon; may be called from any thread."""
        self._more = True
        if not self._posted:
            self._posted = True
            self._connection.post(self._pump)

    def tick(self) -> float:
        """Do what is due; return the seconds until something may be due again.

        Raises LogPutBack where the broker knows more of this log than the log itself.
        """
        now = time.monotonic()
        if not self._rollback.passed:
            if not self._rollback.compare():
                return RollbackCheck.PAUSE
            self._connected()
        self._queue.wake(now)
        self._more = True
        self._pump()
        self._note(now)
        if not self._connection.connected:
            return _PATIENCE
        self._publish_resets()
        return min(_PATIENCE, self._heads.announce_due(now), self._replays.resume(now))

    def finish(self, timeout: float) -> None:
        """Send what is still in the log, as far as it can be done in this time."""
        limit = time.monotonic() + timeout
        self._more = True
        while self._connection.connected and time.monotonic() < limit and self._slice():
            pass
        self._heads.announce_remaining(limit)
        self._note(float("inf"))

    @property
    def refused(self) -> int:
        """How many users have events which the broker does not take."""
        return len(self._queue.refused())

    def _connected(self) -> None:
        if not self._rollback.passed:
            return
        self._heads.announce_all()
        self._queue.wake(time.monotonic())
        self.wake()

    def _asked(self, user: str) -> None:
        """Try again what was refused: a consumer of this user is connected."""
        self._queue.wake(time.monotonic(), user)
        self.wake()

    def _forget_erased(self) -> None:
        """Read what waits in memory again: it may name somebody who was erased on disk."""
        erased = self._reader.erased()
        if erased != self._erased:
            self._erased = erased
            self._queue.forget_payloads()

    def _pump(self) -> None:
        self._posted = False
        if self._slice():
            self.wake()

    def _slice(self) -> bool:
        """Send some events; return whether there may be more."""
        settled = 0
        if not self._rollback.passed:
            return False
        self._forget_erased()
        try:
            while settled < _SLICE:
                before = self._expired
                self._fill(_SLICE - settled)
                settled += self._expired - before
                if self._in_flight:
                    settled += self._await_half()
                elif self._expired == before:
                    return False
        except (BrokerUnavailable, LogUnavailable) as error:
            log.warning("publishing interrupted reason=%s", error)
            while self._in_flight:
                self._queue.return_unsent(self._in_flight.popleft().row)
            return False
        finally:
            self._log_expired()
            self._note(time.monotonic())
        return True

    def _fill(self, most: int) -> None:
        """Send as many events as the broker allows at once; drop that many at most."""
        enough = self._expired + most
        if not self._connection.connected:
            return
        with self._connection.together():
            while len(self._in_flight) < IN_FLIGHT:
                row = self._queue.next(time.monotonic())
                if row is not None:
                    self._send(row)
                    if self._expired >= enough:
                        return
                elif not self._read():
                    return

    def _log_expired(self) -> None:
        if self._expired:
            log.info("dropped as too old events=%d", self._expired)
            self._expired = 0

    def _read(self) -> bool:
        if not self._more or self._queue.waiting > _SLICE:
            return False
        self._more = False
        rows = self._reader.after(self._queue.read, _SLICE)
        now = time.monotonic()
        for row in rows:
            self._queue.add(row, now)
        self._more = self._more or len(rows) == _SLICE
        self._hold_behind_refused({row.user for row in rows})
        return bool(rows)

    def _hold_behind_refused(self, users: Collection[str]) -> None:
        for user in filter(self._queue.is_refused, users):
            for row in self._queue.hold_back(user):
                self._hold(row, NO_SUBSCRIBERS)

    def _send(self, row: Row) -> None:
        age = max(0.0, time.time() - row.at)
        payload = row.payload or self._reader.payload(row.place)
        late = age > (UNANSWERED_EXPIRY if row.lasts == UNANSWERED_EXPIRY else self._keep)
        if not payload or late:  # emptied: nothing is published, whatever the clock says now
            log.debug("dropped as too old event=%s age=%.0f", event_id(payload), age)
            self._expired += 1
            self._settle(row, "expired")
            return
        try:
            delivery = self._connection.send(
                self._connection.topics.calls(row.user), payload,
                expiry=max(1, int(row.lasts - age)), content_type=CONTENT_TYPE,
            )  # fmt: skip
        except BrokerUnavailable:
            self._queue.return_unsent(row)
            raise
        self._in_flight.append(_SentEvent(row, delivery))

    def _await_half(self) -> int:
        """Wait for the older half, as waiting for each alone wakes two threads each time."""
        count = (len(self._in_flight) + 1) // 2
        for _ in range(count):
            self._await_outcome(self._in_flight.popleft())
        return count

    def _await_outcome(self, flight: _SentEvent) -> None:
        row = flight.row
        try:
            code = flight.delivery.wait()
        except PublishRefused as error:
            code = error.code
        except BrokerUnavailable:
            self._queue.return_unsent(row)
            raise
        if code == 0:
            self._counters.observe("publish", max(0.0, time.time() - row.at))
            if log.isEnabledFor(logging.DEBUG):
                log.debug("published event=%s", event_id(row.payload))
            self._settle(row, "accepted")
        else:
            self._refuse(row, code)

    def _settle(self, row: Row, outcome: str) -> None:
        self._counters.count(f"events:{outcome}")
        if self._queue.settle(row, time.monotonic()):
            self._held.pop(row.place, None)
            self._released.add(row.place)
        self._heads.changed(row.user, row.seq)

    def _refuse(self, row: Row, code: int) -> None:
        self._counters.count(f"refused:0x{code:02x}")
        level = logging.INFO if code == NO_SUBSCRIBERS else logging.ERROR
        event = event_id(row.payload or self._reader.payload(row.place))
        log.log(level, "the broker did not take an event event=%s code=0x%02x", event, code)
        for held in self._queue.refuse(row, time.monotonic()):
            self._hold(held, code)

    def _hold(self, row: Row, code: int) -> None:
        self._held[row.place] = row.place, code, time.time()

    def _note(self, now: float) -> None:
        unnoted = self._held or self._released or self._queue.watermark != self._noted
        if not unnoted or now - self._noted_at < _NOTE:
            return
        try:
            self._reader.settle(self._queue.watermark, self._held.values(), self._released)
        except LogUnavailable as error:
            log.warning("progress not noted reason=%s", error)
            return
        self._noted, self._noted_at = self._queue.watermark, now
        self._held.clear()
        self._released.clear()

    def _publish_resets(self) -> None:
        try:
            for place, user, payload in self._reader.resets():
                topic = self._connection.topics.session(user)
                self._connection.publish_raw(
                    topic, payload, expiry=UNANSWERED_EXPIRY, content_type=CONTENT_TYPE
                )
                self._reader.forget_reset(place)
        except (BrokerUnavailable, PublishRefused, LogUnavailable) as error:
            log.warning("a session's end not published reason=%s", error)


def event_id(payload: bytes | None) -> str:
    """Return the id of an event in the log; empty when it is not kept any more."""
    return str(json.loads(payload)["id"]) if payload else ""
