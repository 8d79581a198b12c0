"""Notices soon that the PBX restarted, which it does without a word and within seconds.

Each session is asked for every half minute only. So when nobody was asked for a while somebody is,
before his time; and when one session turns out to be lost, everybody's is asked for.
"""

from collections.abc import Callable, Mapping

from consumers.sessions.schedule import Pace
from consumers.sessions.session import NextTask
from consumers.sessions.site_health import Services
from consumers.sessions.user import UserContext

SILENT = "\x00silent"  # a turn that is no login's
_SILENCE = 3.0  # seconds without a keepAlive
_ALL_AGAIN = 2.0  # seconds at least from everybody having been asked to asking again


class RestartDetector:
    """Brings keepAlives forward."""

    def __init__(
        self,
        services: Services,
        contexts: Mapping[str, UserContext],
        plan: Callable[[UserContext, NextTask | None], None],
        pace: Pace,
    ) -> None:
        self._services = services
        self._contexts = contexts
        self._plan = plan
        self._pace = pace
        self._answered_at = services.clock()
        self._all_again_at = services.clock()

    def answered(self) -> None:
        """Note that a keepAlive was answered."""
        self._answered_at = self._services.clock()

    def break_silence(self) -> None:
        """Ask for the session that was not asked for longest, if none was for a while."""
        now = self._services.clock()
        silent_at = self._answered_at + _SILENCE
        if now < silent_at:
            self._services.timetable.set(SILENT, silent_at)
            return
        self._services.timetable.set(SILENT, now + _SILENCE / 5)
        waiting = [each for each in self._contexts.values() if each.task == "keep-alive"]
        longest = min(waiting, key=lambda each: each.asked_at, default=None)
        if longest is not None and now - longest.asked_at >= _SILENCE:
            self._plan(longest, longest.session.check(0.0))

    def session_lost(self) -> None:
        """Ask for everybody's session: what one has lost all may have lost."""
        now = self._services.clock()
        if now < self._all_again_at:
            return
        spread = self._pace.spread(len(self._contexts)) - 1.0
        self._all_again_at = now + 2 * spread + _ALL_AGAIN
        for context in self._contexts.values():
            if context.task == "keep-alive":
                self._plan(context, context.session.check(spread))
