"""The event log: what is in it was acknowledged to the PBX, and is never lost.

Requests that come together share one write to disk (gateway/http/batching.py): who gets the lock
first commits for all that are waiting, the others find their work done. Numbers are given in
the same transaction.
"""

import contextlib
import logging
import mmap
import os
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic_core import to_json

from bus.events import SessionReset, SessionResetData, call_event_expiry, call_event_type
from gateway.calls.correlation import CorrelatedCall, correlate
from gateway.calls.notifications import ResolvedNotification
from gateway.calls.private_calls import PrivateCalls
from gateway.eventlog.counters import (
    LAST,
    NOTIFICATIONS,
    PRIVATE,
    VISITS,
    Counters,
    write_down,
    written,
)
from gateway.eventlog.file import BUSY, LogUnavailable, depth, identity, open_log, size, writing
from gateway.http.batching import yield_to_batch
from runtime.sqlite import without_disk

log = logging.getLogger(__name__)

PATIENCE = 4.0  # seconds a request waits for others who write; the PBX waits 5
_FULL = "the event log has reached its greatest size (log_megabytes)"
_MEASURE = 1.0  # seconds between two looks at the size
_SHARE = 0.05  # seconds between two pages for which counts are shared with the other processes
_MOMENT = 0.02  # seconds
_SHARED = 1024  # bytes


@dataclass(eq=False)
class _PendingAppend:
    resolved: ResolvedNotification | str  # a call state, or the user whose session was reset
    event_id: str | None = None
    failed: LogUnavailable | None = None
    withdrawn: bool = False


class LogFault:
    """Why an event could not be kept, for all processes that are forked after this was made.

    The last writer is right, since they share one log.
    """

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _SHARED)  # empty: no fault

    def note(self, fault: str | None) -> None:
        """Note what is wrong, or that nothing is."""
        text = (fault or "").encode()[: _SHARED - 1]
        if text or self._shared[0]:
            self._shared[: len(text) + 1] = text + b"\0"

    @property
    def sentence(self) -> str | None:
        """What is wrong; None when nothing is."""
        return self._shared[:].partition(b"\0")[0].decode(errors="replace") or None


class EventLog:
    """The end of the event log that is written by requests; safe for many threads."""

    def __init__(
        self,
        folder: Path,
        account: str,
        counters: Counters,
        committed: Callable[[], object],
        fault: LogFault | None = None,
        *,
        greatest: int,
        private: PrivateCalls | None = None,
    ) -> None:
        self.counters = counters
        self._private = private
        self._db = open_log(folder, durable=True)
        self._reading = open_log(folder, durable=False)
        self._reading_lock = threading.Lock()
        self._account = account
        self._source = ""
        self._committed = committed
        self._greatest = greatest  # bytes
        self._waiting: deque[_PendingAppend] = deque()
        self._lock = threading.Lock()
        self._measured = 0.0
        self._shared = 0.0
        self._fault = fault or LogFault()
        self._full = False

    def append(self, resolved: ResolvedNotification) -> str:
        """Return the id of the event once it is on disk; raise LogUnavailable if it is not.

        "" for a private call, which makes no event.
        """
        return self._wait_for(_PendingAppend(resolved))

    def append_reset(self, user: str) -> str:
        """Note that the PBX ended a session, return the id of that; raise LogUnavailable."""
        return self._wait_for(_PendingAppend(user))

    @property
    def gateway(self) -> str:
        """What this gateway is called: a log that was put back gets another name."""
        with self._reading_lock:
            return f"{self._account}-{identity(self._reading)}"

    @property
    def fault(self) -> str | None:
        """Why an event could not be kept; None when it could."""
        return self._fault.sentence or (_FULL if self._full else None)

    def counts(self) -> dict[str, int]:
        """Return all that was counted; raise LogUnavailable."""
        with self._reading_lock:  # between taking counts and writing them they are nowhere
            counts = Counter(self._written_counts())
            counts.update(self.counters.seen())
        counts[LAST] = max(counts[LAST], int(self.counters.last * 1000))
        return counts

    def written_counts(self) -> dict[str, int]:
        """Return what no kill can take back any more; raise LogUnavailable."""
        with self._reading_lock:
            return self._written_counts()

    def totals(self) -> tuple[int, int, float | None]:
        """Return visits of the page, notifications and when the last of these came."""
        self._share_counts()
        counts = self.counts()
        last = counts.get(LAST)
        return counts.get(VISITS, 0), counts.get(NOTIFICATIONS, 0), last / 1000 if last else None

    def depth(self) -> tuple[int, float | None, int]:
        """Return how many events wait, since when the oldest, and the bytes of the log."""
        with self._reading_lock:
            return (*depth(self._reading), size(self._reading))

    def write_counts(self, ended: threading.Event | None = None) -> None:
        """Write down what was counted, in quiet times too; raise LogUnavailable.

        While another process writes, requests have their turn between two tries, until `ended`.
        """
        ended = ended or threading.Event()
        limit = time.monotonic() + self._patience
        while not ended.is_set():
            with self._lock:
                try:
                    self._write_counts(_MOMENT)
                    return
                except LogUnavailable as error:
                    if time.monotonic() >= limit:
                        self._fault.note(str(error))
                        raise
            ended.wait(_MOMENT)

    def close(self) -> None:
        """Write down the last counts and close the file."""
        with self._lock:
            try:
                self._write_counts(BUSY)
            except LogUnavailable as error:
                log.warning("counts lost reason=%s", error)
            self._db.close()
            self._reading.close()

    def _share_counts(self) -> None:
        """Write down what was counted, else a page of another process would show less than ours.

        Not at each request, because a write costs; if it cannot be now, it is done a second later.
        """
        if time.monotonic() - self._shared < _SHARE or not self._lock.acquire(blocking=False):
            return
        try:
            self._shared = time.monotonic()
            with contextlib.suppress(LogUnavailable):
                self._write_counts(0.0)
        finally:
            self._lock.release()

    @property
    def _patience(self) -> float:
        """The seconds to wait for others who write: less where that was in vain just now."""
        return BUSY if self._fault.sentence else PATIENCE

    def _wait_for(self, entry: _PendingAppend) -> str:
        self._waiting.append(entry)
        yield_to_batch()
        if not self._lock.acquire(timeout=PATIENCE):
            entry.withdrawn = True
            self._fault.note("the event log is busy")
            raise LogUnavailable(f"the event log was busy for {PATIENCE} s")
        try:
            if entry.event_id is None and entry.failed is None:
                self._commit_all()
        finally:
            self._lock.release()
        if entry.event_id is None:
            raise entry.failed or LogUnavailable("the event was not written")
        return entry.event_id

    def _commit_all(self) -> None:
        entries: list[_PendingAppend] = []
        try:
            with writing(self._db, self._patience):
                while self._waiting:
                    entries.append(self._waiting.popleft())
                self._refuse_when_full()
                self._source = f"gateway/{self._account}-{identity(self._db)}"
                done = [(one, self._write(one.resolved)) for one in entries if not one.withdrawn]
        except LogUnavailable as error:
            self._fail([*entries, *self._drained()], error)
        except Exception as error:
            self._fail(entries, LogUnavailable(f"not written: {type(error).__name__}"))
            raise
        else:
            for entry, event_id in done:
                entry.event_id = event_id
            self._fault.note(None)
            self.counters.last = time.time()
            self._committed()

    def _fail(self, entries: list[_PendingAppend], error: LogUnavailable) -> None:
        self._fault.note(str(error))
        for entry in entries:
            entry.failed = error

    def _drained(self) -> list[_PendingAppend]:
        """Take what nobody would write: those who wait for the lock learn of the failure."""
        drained = list(self._waiting)
        self._waiting.clear()
        return drained

    def _write(self, resolved: ResolvedNotification | str) -> str:
        if isinstance(resolved, str):
            reset = SessionReset(source=self._source, data=SessionResetData(user=resolved))
            self._db.execute(
                "INSERT INTO resets (user, payload) VALUES (?, ?)", (resolved, reset.encoded())
            )
            return reset.id
        publishable = self._private.publishable(self._db, resolved) if self._private else resolved
        if publishable is None:
            self.counters.count(PRIVATE)
            return ""
        notification = publishable.notification
        call = correlate(self._db, publishable)
        (seq,) = self._db.execute(
            "INSERT INTO numbers VALUES (?, 1) ON CONFLICT DO UPDATE SET seq = seq + 1"
            " RETURNING seq",
            (notification.user,),
        ).fetchone()
        event_id, lasts = _new_id(), call_event_expiry(notification.state)
        self._db.execute(
            "INSERT INTO events (user, seq, at, lasts, payload) VALUES (?, ?, ?, ?, ?)",
            (
                notification.user, seq, publishable.at, lasts,
                encoded_event(publishable, call, event_id, self._source, seq),
            ),
        )  # fmt: skip
        return event_id

    def _written_counts(self) -> dict[str, int]:
        try:
            return written(self._reading)
        except sqlite3.Error as error:
            raise LogUnavailable(f"the event log could not be read: {error}") from error

    def _write_counts(self, patience: float) -> None:
        with self._reading_lock:
            counts = self.counters.take()
            if not counts and not self._full:
                return
            last = int(self.counters.last * 1000)
            try:
                with without_disk(self._db), writing(self._db, patience):
                    if counts:
                        write_down(self._db, {**counts, LAST: last})
                    self._measure()
            except LogUnavailable:
                self.counters.add(counts)
                raise
        self._fault.note(None)

    def _refuse_when_full(self) -> None:
        """Raise LogUnavailable when the log has reached its greatest size."""
        self._measure()
        if self._full:
            raise LogUnavailable(_FULL)

    def _measure(self) -> None:
        if time.monotonic() - self._measured >= _MEASURE:
            self._measured = time.monotonic()
            self._full = size(self._db) > self._greatest


def encoded_event(
    resolved: ResolvedNotification, call: CorrelatedCall, event_id: str, source: str, seq: int
) -> bytes:
    """Return a `CallEvent` as it travels.

    The model would check once more what `Notification` has checked, at twice the cost; a test holds
    that both write the same.
    """
    notification, received_at = resolved.notification, datetime.fromtimestamp(resolved.at, UTC)
    return to_json(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": call_event_type(notification.state),
            "time": received_at,
            "subject": call.call_id,
            "datacontenttype": "application/json",
            "seq": seq,
            "data": {
                "user": notification.user,
                "call_id": call.call_id,
                "state": notification.state,
                "pbx_state": notification.pbx_state,
                "direction": call.direction,
                "caller": resolved.caller,
                "called": resolved.called,
                "group": notification.group,
                "pbx_time": notification.pbx_time,
                "received_at": received_at,
                "replayed": notification.replayed,
                "previous_call_id": call.previous_call_id,
            },
        }
    )


def _new_id() -> str:
    """Return a random UUID as `uuid4` makes it, at a third of the cost."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
