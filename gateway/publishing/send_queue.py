"""In which order events leave: each user's in theirs, and no user waits for another.

Pure. At most one event of a user is under way, so a refused one cannot be overtaken by the next.
"""

from collections import deque
from dataclasses import dataclass, field

from gateway.eventlog.reader import Row

_SHORTEST, _LONGEST = 1.0, 30.0  # seconds between two tries of a refused event


@dataclass
class _Lane:
    rows: deque[Row] = field(default_factory=deque)
    tries: int = 0
    not_before: float = 0.0  # monotonic
    tried: float = 0.0
    under_way: bool = False


class Lanes:
    """What is to be sent, by user."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._open: dict[int, None] = {}  # places read and neither settled nor held, ascending
        self._held: set[int] = set()
        self._read = 0

    def start(self, upto: int, held: list[Row], now: float) -> None:
        """Begin at a place of the log, with what was held back before."""
        self._read = upto
        for row in held:
            self._held.add(row.place)
            self._lane(row.user).rows.append(row)
            self._make_ready(row.user, now)

    @property
    def read(self) -> int:
        """The last place read from the log."""
        return self._read

    @property
    def upto(self) -> int:
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
        lane = self._lane(row.user)
        lane.rows.append(row)
        lane.not_before = min(lane.not_before, lane.tried + _SHORTEST)
        self._make_ready(row.user, now)

    def next(self, now: float) -> Row | None:
        """Return an event to send now, None if there is none."""
        while self._ready:
            user = self._ready.popleft()
            self._queued.discard(user)
            lane = self._lane(user)
            if lane.rows and not lane.under_way and now >= lane.not_before:
                lane.under_way = True
                return lane.rows[0]
            self._drop_if_empty(user)
        return None

    def settle(self, row: Row, now: float) -> bool:
        """Note that an event needs no more work; True when it had been held back."""
        lane = self._lane(row.user)
        lane.rows.popleft()
        lane.under_way = False
        lane.tries, lane.not_before = 0, 0.0
        self._open.pop(row.place, None)
        was_held = row.place in self._held
        self._held.discard(row.place)
        self._make_ready(row.user, now)
        self._drop_if_empty(row.user)
        return was_held

    def refuse(self, row: Row, now: float) -> list[Row]:
        """Note that the broker did not take an event; return what is now to be held back."""
        lane = self._lane(row.user)
        lane.under_way = False
        lane.tried = now
        lane.not_before = now + min(_LONGEST, _SHORTEST * 2**lane.tries)
        lane.tries = min(lane.tries + 1, 8)
        return self.hold_back(row.user)

    def hold_back(self, user: str) -> list[Row]:
        """Let the log go on without a refused user; return what was not held back before."""
        fresh = [row for row in self._lane(user).rows if row.place not in self._held]
        for row in fresh:
            self._held.add(row.place)
            self._open.pop(row.place, None)
            row.payload = None
        return fresh

    def forget_payloads(self) -> None:
        """Have every event read from the log again before it is sent."""
        for lane in self._lanes.values():
            for row in lane.rows:
                row.payload = None

    def return_unsent(self, row: Row) -> None:
        """Note that it is not known what became of an event, so it is to be sent again."""
        self._lane(row.user).under_way = False
        if row.user not in self._queued:
            self._queued.add(row.user)
            self._ready.appendleft(row.user)

    def is_refused(self, user: str) -> bool:
        """Tell whether the broker does not take this user's events."""
        lane = self._lanes.get(user)
        return lane is not None and lane.tries > 0

    def refused(self) -> list[str]:
        """Return the users whose events the broker does not take."""
        return [user for user, lane in self._lanes.items() if lane.tries]

    def wake(self, now: float, user: str | None = None) -> None:
        """Try users again whose time has come, or one who has just been heard of."""
        if user is not None and user in self._lanes:
            lane = self._lanes[user]
            lane.not_before = min(lane.not_before, lane.tried + _SHORTEST)
        for name in [user] if user is not None else list(self._lanes):
            if name in self._lanes:
                self._make_ready(name, now)

    def next_try(self) -> float | None:
        """Return when a refused user is due, None if there is none."""
        return min((lane.not_before for lane in self._lanes.values() if lane.tries), default=None)

    def _lane(self, user: str) -> _Lane:
        return self._lanes.setdefault(user, _Lane())

    def _make_ready(self, user: str, now: float) -> None:
        lane = self._lane(user)
        waits = lane.rows and not lane.under_way and now >= lane.not_before
        if waits and user not in self._queued:
            self._queued.add(user)
            self._ready.append(user)

    def _drop_if_empty(self, user: str) -> None:
        lane = self._lanes.get(user)
        if lane is not None and not lane.rows and not lane.under_way:
            del self._lanes[user]
