"""When which user's turn is, how many may log in at a time, and whether the PBX answers at all."""

import heapq
import random
from typing import Literal

from consumers.sessions.faults import FAULTS

LOGINS_PER_SECOND = 150
_FIRST_PROBE, _LONGEST_PROBE = 0.5, 4.0  # seconds
_SOFT_FAILURES = 3  # without a good answer between, before the PBX itself is asked


class Timetable:
    """One due time for each key; a new one replaces the old."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def set(self, key: str, due: float) -> None:
        """Plan a key's turn."""
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))

    def drop(self, key: str) -> None:
        """Plan nothing for a key."""
        self._due.pop(key, None)

    def pop(self, now: float) -> str | None:
        """Return a key whose turn has come, and forget its due time."""
        self._tidy()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, key = heapq.heappop(self._heap)
        del self._due[key]
        return key

    def next_in(self, now: float, longest: float) -> float:
        """Return the seconds until the next turn."""
        self._tidy()
        return min(longest, max(0.0, self._heap[0][0] - now)) if self._heap else longest

    def _tidy(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)


class Pace:
    """Lets only so many through in a second, whatever they are all waiting for."""

    def __init__(self, per_second: float = LOGINS_PER_SECOND) -> None:
        self._gap = 1.0 / per_second
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the turn that is hereby taken."""
        turn = max(now, self._free_at)
        self._free_at = turn + self._gap
        return turn - now

    def spread(self, count: int) -> float:
        """Return the seconds over which this many are best spread, 1 at least."""
        return max(1.0, 1.2 * count * self._gap)


class PbxWatch:
    """Whether the PBX is reachable: one probe for all users while it is not."""

    def __init__(self, dice: random.Random) -> None:
        self.state: Literal["there", "doubtful", "away"] = "there"
        self.code: str | None = None
        self._dice = dice
        self._soft = 0
        self._probes = 0

    @property
    def away(self) -> str | None:
        """The code of what is wrong with the PBX for everybody; None when it is reachable."""
        return self.code if self.state == "away" else None

    def good(self) -> None:
        """Note that the PBX did something for somebody."""
        self._soft = 0

    def bad(self, code: str) -> bool:
        """Note a failure; True when this says that the PBX is gone, or may be: probe it."""
        if FAULTS[code].link != "pbx" or self.state != "there":
            return False
        self._soft += 1
        if code in ("pbx-unreachable", "pbx-certificate"):
            self.state = "away"
        elif self._soft >= _SOFT_FAILURES:
            self.state = "doubtful"
        else:
            return False
        self.code, self._probes = code, 0
        return True

    def pause(self) -> float:
        """Return the seconds until the next probe."""
        wait = min(_LONGEST_PROBE, _FIRST_PROBE * 1.5 ** min(self._probes, 10))
        self._probes += 1
        return wait * self._dice.uniform(0.5, 1.0)

    def probed(self, code: str | None) -> bool:
        """Note what a probe found, None that the PBX is well; True when `away` has changed."""
        was = self.away
        if code is None:
            self.state, self.code, self._soft = "there", None, 0
        else:
            self.state, self.code = "away", code
        return self.away != was
