"""How often a password was wrong lately: who has tried too often waits."""

import time
from collections import deque
from collections.abc import Callable, Hashable

from runtime.bounded_dict import Recent

_REMEMBERED = 10_000  # of those who tried


class FailedAttempts:
    """The failures of the last while by who tried, such as a login and its address."""

    def __init__(
        self, most: int, within: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._within = within  # seconds
        self._clock = clock
        self._times: Recent[Hashable, deque[float]] = Recent(_REMEMBERED)

    def reached(self, who: Hashable) -> bool:
        """Return whether no further attempt is allowed now."""
        times = self._times.get(who, deque())
        while times and self._clock() - times[0] > self._within:
            times.popleft()
        return len(times) >= self._most

    def note(self, who: Hashable) -> None:
        """Count a failure."""
        times = self._times.get(who, deque(maxlen=self._most))
        times.append(self._clock())
        self._times[who] = times

    def forget(self, who: Hashable) -> None:
        """Forget the failures before a success."""
        self._times.pop(who, None)
