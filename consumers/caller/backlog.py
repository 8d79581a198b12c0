"""Whether events come as they happen, or out of what waited while broker or process were away.

What waits is looked through before anything opens: the end of a call may wait behind its ringing.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime

_LATE = 1.5  # seconds beyond what is usual between notification and arrival
_QUIET = 0.5  # seconds without a late event after which all that waited has come
_USUAL = 50  # events by which a clock that differs is told from a backlog


class Backlog:
    """Watches how late events come, and whether the broker is there at all."""

    def __init__(
        self, connected: Callable[[], bool], tolerance: float, clock: Callable[[], float]
    ) -> None:
        self._connected = connected
        self._tolerance = tolerance  # seconds two clocks may differ
        self._clock = clock
        self._was_connected = connected()
        self._last = float("-inf")
        self._delays: deque[float] = deque(maxlen=_USUAL)

    def arrived(self, received_at: datetime) -> None:
        """Note an event by the moment the gateway received it."""
        now = self._clock()
        delay = now - received_at.timestamp()
        self._delays.append(delay)
        usual = 0.0
        if len(self._delays) == _USUAL:
            usual = min(max(0.0, min(self._delays)), self._tolerance)
        if delay - usual > _LATE:
            self._last = now

    @property
    def looked_through(self) -> bool:
        """Whether nothing waits any more that could be about a call at hand."""
        connected, now = self._connected(), self._clock()
        if connected and not self._was_connected:
            self._last = now  # what waited at the broker comes now
        self._was_connected = connected
        return connected and now - self._last >= _QUIET
