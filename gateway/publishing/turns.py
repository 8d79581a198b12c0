"""When each user's newest number is announced: soon, but never at the cost of the events."""

from dataclasses import dataclass, field
from typing import Final

from bus.mqtt.connection import IN_FLIGHT

AT_ONCE: Final = 10 * IN_FLIGHT  # a client keeps as many
BEAT = 0.25  # seconds between two looks at all users at least, so that a look costs nothing
BESIDE: Final = 25  # announced at a look while events flow: each would cost a second message else
_PAUSE = 1.0  # seconds without a change until a user is announced; the next event tells as much,
_LONGEST = 10.0  # and nobody waits longer than this, unless many do while events flow
_FLOW = 50  # events between two looks


@dataclass
class AnnouncementSchedule:
    """Whose number has changed and is to be announced; pure, times are handed in."""

    _due: dict[str, float] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _forgotten: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    _events: int = 0  # since the last look

    def changed(self, user: str, now: float) -> None:
        """Note an event of a user."""
        self._events += 1
        self._due[user] = min(now + _PAUSE, self._since.setdefault(user, now) + _LONGEST)

    def forgotten(self, user: str) -> None:
        """Note that the broker may not know a user's number any more."""
        self._forgotten[user] = None

    def next(self, now: float) -> list[str]:
        """Return who is to be announced at this look, those whom the broker forgot first."""
        flowing, self._events = self._events >= _FLOW, 0
        if self._forgotten:
            return list(self._forgotten)[:AT_ONCE]
        due = [user for user, at in self._due.items() if at <= now]
        return due[: BESIDE if flowing else AT_ONCE]

    def left(self) -> list[str]:
        """Return who is not announced yet, due or not."""
        return list({**self._forgotten, **dict.fromkeys(self._due)})[:AT_ONCE]

    def announced(self, user: str) -> None:
        """Note that a user has had his turn."""
        self._forgotten.pop(user, None)
        self._due.pop(user, None)
        self._since.pop(user, None)

    def pause(self, now: float) -> float:
        """Return the seconds until the next look."""
        if self._forgotten:
            return 0.0
        first = min(self._due.values(), default=now + 1.0)
        return min(1.0, max(BEAT, first - now))
