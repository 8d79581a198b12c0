"""How the lives of a connection follow each other: ever longer pauses, and duels noticed."""

import random

_LONGEST_WAIT = 30.0  # seconds between two attempts to connect
_SHORT_LIFE = 5.0  # seconds; older brokers do not say that a session was taken,
_DUEL = 3  # so this many short lives in a row mean it


class ReconnectPolicy:
    """What is remembered of a connection's lives."""

    def __init__(self) -> None:
        self._pause = 1.0  # seconds
        self._short = 0

    def ended(self, seconds: float, *, connected: bool) -> None:
        """Note a life of some seconds, and whether the broker had let us in."""
        self._short = self._short + 1 if connected and seconds < _SHORT_LIFE else 0
        if seconds > _LONGEST_WAIT:
            self._pause = 1.0

    @property
    def client_id_conflict(self) -> bool:
        """Whether somebody else seems to connect with the same account again and again."""
        return self._short >= _DUEL

    def pause(self) -> float:
        """Return the seconds until the next attempt, longer each time."""
        seconds = self._pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause = min(_LONGEST_WAIT, self._pause * 1.6)
        return seconds
