"""In which order events leave: each user's in theirs, and no user waits for another.

Pure. At most one event of a user is under way, so a refused one cannot be overtaken by the next.
"""

from collections import deque
from dataclasses import dataclass, field

from gateway.eventlog.reader import Row

_SHORTEST, _LONGEST = 1.0, 30.0  # seconds between two tries of a refused event


@dataclass
class _UserQueue:
    rows: deque[Row] = field(default_factory=deque)
    tries: int = 0
    not_before: float = 0.0  # monotonic
    tried: float = 0.0
    under_way: bool = False


class SendQueue:
    """What is to be sent, by user."""

    def __init__(self) -> None:
        self._queues: dict[str, _UserQueue] = {}
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._open: dict[int, None] = {}  # places read and neither settled nor held, ascending
        self._held: set[int] = set()
        self._read = 0

    def start(self, watermark: int, held: list[Row], now: float) -> None:
        """Begin at a place of the log, with what was held back before."""
        self._read = watermark
        for row in held:
            self._held.add(row.place)
            self._queue_of(row.user).rows.append(row)
            self._make_ready(row.user, now)

    @property
    def read(self) -> int:
        """The last place read from the log."""
        return self._read

    @property
    def watermark(self) -> int:
        """The place up to which everything is settled or held back."""
        return next(iter(self._open), self._read + 1) - 1

    @property
    def waiting(self) -> int:
        """How many are read and not held back."""
        return len(self._open)

    def add(self, row: Row, now: float) -> None:
        """Take in what was read from the log; a user who was refused is tried again."""
        self._read = row.place
        self._open[row.place] = None
        queue = self._queue_of(row.user)
        queue.rows.append(row)
        queue.not_before = min(queue.not_before, queue.tried + _SHORTEST)
        self._make_ready(row.user, now)

    def next(self, now: float) -> Row | None:
        """Return an event to send now, None if there is none."""
        while self._ready:
            user = self._ready.popleft()
            self._queued.discard(user)
            queue = self._queue_of(user)
            if queue.rows and not queue.under_way and now >= queue.not_before:
                queue.under_way = True
                return queue.rows[0]
            self._drop_if_empty(user)
        return None

    def settle(self, row: Row, now: float) -> bool:
        """Note that an event needs no more work; True when it had been held back."""
        queue = self._queue_of(row.user)
        queue.rows.popleft()
        queue.under_way = False
        queue.tries, queue.not_before = 0, 0.0
        self._open.pop(row.place, None)
        was_held = row.place in self._held
        self._held.discard(row.place)
        self._make_ready(row.user, now)
        self._drop_if_empty(row.user)
        return was_held

    def refuse(self, row: Row, now: float) -> list[Row]:
        """Note that the broker did not take an event; return what is now to be held back."""
        queue = self._queue_of(row.user)
        queue.under_way = False
        queue.tried = now
        queue.not_before = now + min(_LONGEST, _SHORTEST * 2**queue.tries)
        queue.tries = min(queue.tries + 1, 8)
        return self.hold_back(row.user)

    def hold_back(self, user: str) -> list[Row]:
        """Let the log advance without a refused user; return what was not held back before."""
        fresh = [row for row in self._queue_of(user).rows if row.place not in self._held]
        for row in fresh:
            self._held.add(row.place)
            self._open.pop(row.place, None)
            row.payload = None
        return fresh

    def forget_payloads(self) -> None:
        """Forget payloads: every event is read from the log again before it is sent."""
        for queue in self._queues.values():
            for row in queue.rows:
                row.payload = None

    def return_unsent(self, row: Row) -> None:
        """Note that it is not known what became of an event, so it is to be sent again."""
        self._queue_of(row.user).under_way = False
        if row.user not in self._queued:
            self._queued.add(row.user)
            self._ready.appendleft(row.user)

    def is_refused(self, user: str) -> bool:
        """Return whether the broker does not take this user's events."""
        queue = self._queues.get(user)
        return queue is not None and queue.tries > 0

    def refused(self) -> list[str]:
        """Return the users whose events the broker does not take."""
        return [user for user, queue in self._queues.items() if queue.tries]

    def wake(self, now: float, user: str | None = None) -> None:
        """Try users again whose time has come, or one whose consumer has just asked."""
        if user is not None and user in self._queues:
            queue = self._queues[user]
            queue.not_before = min(queue.not_before, queue.tried + _SHORTEST)
        for name in [user] if user is not None else list(self._queues):
            if name in self._queues:
                self._make_ready(name, now)

    def _queue_of(self, user: str) -> _UserQueue:
        queue = self._queues.get(user)
        if queue is None:
            queue = self._queues[user] = _UserQueue()
        return queue

    def _make_ready(self, user: str, now: float) -> None:
        queue = self._queue_of(user)
        waits = queue.rows and not queue.under_way and now >= queue.not_before
        if waits and user not in self._queued:
            self._queued.add(user)
            self._ready.append(user)

    def _drop_if_empty(self, user: str) -> None:
        queue = self._queues.get(user)
        if queue is not None and not queue.rows and not queue.under_way:
            del self._queues[user]
