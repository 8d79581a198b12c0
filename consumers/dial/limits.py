"""How often may be dialled: calls by user and site, and requests that are looked at at all."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from consumers.dial.settings import DialSettings
from runtime.bounded_dict import Recent

log = logging.getLogger(__name__)

_BURST = 120.0  # requests at once, at least
_REPORT = 60.0  # seconds between two lines about the same flood
_ANSWERS = 1.0  # seconds between two answers to a flood
_USERS = 10_000

Count = Callable[[str, tuple[Any, ...]], int]  # of claimed calls, by a condition in SQL


def limit_reached(
    count: Count, user: str, now: float, settings: DialSettings, *, abroad: bool
) -> str | None:
    """Return the first limit that stands against one more call; a time to come counts as now."""
    of_user = "user = ? AND claimed > ?"
    if count(of_user, (user, now - 60)) >= settings.per_minute:
        return "minute"
    if count(of_user, (user, now - 3600)) >= settings.per_hour:
        return "hour"
    if count("claimed > ?", (now - 3600,)) >= settings.site_per_hour:
        return "site"
    if abroad and count(f"{of_user} AND abroad", (user, now - 86_400)) >= settings.foreign_per_day:
        return "foreign"
    return None


@dataclass
class _Share:
    left: float
    at: float
    refused: int = 0
    reported: float = float("-inf")
    answered: float = float("-inf")


class RequestShare:
    """Lets each user make only so many requests; what is beyond costs next to nothing.

    So an account that floods its own topic holds up nobody else, and fills neither disk nor log.
    """

    def __init__(self, settings: DialSettings, clock: Callable[[], float] = time.time) -> None:
        self._burst = max(_BURST, 2.0 * settings.per_minute)
        self._clock = clock
        self._shares: Recent[str, _Share] = Recent(_USERS)

    def admits(self, user: str) -> bool:
        """Return whether a request is to be looked at."""
        now = self._clock()
        share = self._shares.get(user) or _Share(self._burst, now)
        self._shares[user] = share
        passed = max(0.0, now - share.at)
        share.left, share.at = min(self._burst, share.left + passed * self._burst / 60), now
        if share.left >= 1:
            share.left -= 1
            return True
        share.refused += 1
        if now - share.reported >= _REPORT:
            log.warning("too many dial requests of one user user=%s count=%s", user, share.refused)
            share.reported, share.refused = now, 0
        return False

    def answers(self, user: str) -> bool:
        """Return whether one of the requests that are not looked at is answered: one a second."""
        share, now = self._shares.get(user), self._clock()
        if share is None or now - share.answered < _ANSWERS:
            return False
        share.answered = now
        return True
