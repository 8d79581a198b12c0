"""When to connect again: after ever longer pauses, until a connection was healthy for a minute."""

import random

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between two attempts to connect
_HEALTHY = 60.0  # seconds of being connected
_SHORT = 5.0  # seconds; connections that end so soon several times in a row
_SUSPICIOUS = 3  # may be those of two processes that throw each other out


class ReconnectPolicy:
    """What is remembered of the connections before."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE
        self._short = 0

    def ended(self, connected: float | None) -> None:
        """Note the end of an attempt that was connected for some seconds; None: never."""
        self._short = self._short + 1 if connected is not None and connected < _SHORT else 0
        if connected is not None and connected >= _HEALTHY:
            self._pause = _FIRST_PAUSE

    @property
    def suspicious(self) -> bool:
        """Whether another process may use the same account; a bad line looks so too."""
        return self._short >= _SUSPICIOUS

    def pause(self) -> float:
        """Return the seconds until the next attempt, longer each time."""
        seconds = self._pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause = min(_LONGEST_PAUSE, self._pause * 1.6)
        return seconds
