"""What happens next with one user's session: no clock, no network, only decisions.

The owner of a `UserSession` reports what happened and does the task it returns; None says that
what was planned before stays planned.
"""

import random
from dataclasses import dataclass
from typing import Literal

from bus.events import Link, Sentence
from consumers.sessions.faults import (
    FAULTS,
    NO_CALL_LIST,
    NOTIFICATIONS_DOUBTFUL,
    detail_of,
    sentence_of,
)

Task = Literal["login", "keep-alive", "resync", "logout"]
UNKNOWN = "unknown"  # instead of the callback's code before the first check
Stage = Literal["off", "logging-in", "active", "waiting", "locked-out"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.6, 8.0  # seconds; the PBX is back within 15 s for everybody
_SLOW_PAUSE, _LONGEST_SLOW_PAUSE = 60.0, 300.0  # seconds
_CONFIRM = 5.0  # seconds until a token that used to work is tried once more
_PAUSES = {"login-unclear": (_CONFIRM, 10.0), "login-doubtful": (_CONFIRM, 120.0)}  # seconds
_AT_ONCE = 0.3  # seconds; a little jitter where many lose their session in one moment
_SHORT_LIVES = 4  # sessions in a row that the PBX ended early: somebody else does it
_SHORT = 1.5  # keepAlive intervals
_RELOGIN_PAUSE = 60.0  # seconds


@dataclass(frozen=True)
class NextTask:
    """A task and in how many seconds; without one the session waits for something to happen."""

    task: Task | None
    after: float = 0.0


@dataclass(frozen=True)
class Health:
    """The look of the icon: blue, grey or failing, and why."""

    state: Literal["active", "inactive", "failing"]
    code: str | None = None

    @property
    def link(self) -> Link | None:
        """The broken link."""
        return FAULTS[self.code].link if self.code in FAULTS else None

    @property
    def sentence(self) -> Sentence | None:
        """What it means for the user, and whom to ask."""
        return sentence_of(self.code or "")

    @property
    def detail(self) -> Sentence | None:
        """What is to be done about it by who looks after the site."""
        return detail_of(self.code or "")


class UserSession:
    """The session of one user at the PBX, as far as it is decided."""

    def __init__(self, keep_alive: float, dice: random.Random, *, worked: bool = False) -> None:
        self.stage: Stage = "off"
        self.code: str | None = None
        self.worked = worked  # the PBX has accepted this token before
        self.has_call_list = True  # the PBX shows it, or was not asked yet
        self._keep_alive = keep_alive
        self._dice = dice
        self._fails = 0
        self._refusals = 0
        self._logged_in_at = 0.0
        self._short_lives = 0
        self._notifications_missing = 0  # times, since the PBX reported a call
        self._notifications_missing_at = -_RELOGIN_PAUSE
        self._relogin_at = -_RELOGIN_PAUSE

    @property
    def on(self) -> bool:
        """Whether the user wants a session."""
        return self.stage != "off"

    # ---- what people do

    def switch_on(self) -> NextTask | None:
        """Follow a click on; a refused password is tried once more."""
        if self.stage in ("off", "locked-out"):
            self._forget_faults()
            return self._log_in(0.0)
        return None

    def switch_off(self) -> NextTask | None:
        """Follow a click off."""
        if self.stage == "off":
            return None
        had_session = self.stage in ("active", "logging-in")
        self.stage, self.code = "off", None
        return NextTask("logout" if had_session else None)

    def credential_changed(self) -> NextTask | None:
        """Follow a new password."""
        self.worked = False
        if self.stage == "off":
            return None
        self._forget_faults()
        return self._log_in(0.0)

    # ---- what the PBX does

    def logged_in(self, now: float) -> NextTask:
        """Note that the session is open and its calls are reported."""
        self.stage, self.code, self.worked = "active", None, True
        self._fails = self._refusals = 0
        self._logged_in_at = now
        return self._next_keep_alive(0.3)

    def alive(self, now: float) -> NextTask:
        """Note that the PBX knows us."""
        self.stage, self.code, self._fails = "active", None, 0
        if now - self._logged_in_at > _SHORT * self._keep_alive:
            self._short_lives = 0
        return self._next_keep_alive(0.8)

    def check(self, spread: float) -> NextTask | None:
        """Ask the PBX at once: another user's session was lost."""
        return (
            NextTask("keep-alive", self._dice.uniform(0, spread))
            if self.stage == "active"
            else None
        )

    def look_again(self, seconds: float) -> NextTask:
        """Look sooner: some call was not reported, but it may be on its way."""
        return NextTask("keep-alive", min(seconds, self._next_keep_alive(0.8).after))

    def lost(self, now: float) -> NextTask:
        """Note that the PBX does not know us any more, or said that it will report no more."""
        lived = now - self._logged_in_at
        self._short_lives = self._short_lives + 1 if lived < _SHORT * self._keep_alive else 1
        if self._short_lives >= _SHORT_LIVES:
            self.stage, self.code = "waiting", "another-program"
            return NextTask("login", self._within(_LONGEST_PAUSE))
        self.code = "session-lost"
        return self._log_in(self._dice.uniform(0, _AT_ONCE))

    def failed(self, code: str, *, others_served: bool = False) -> NextTask:
        """Note that a task failed; `code` is one of FAULTS.

        A login page or a refusal that strangers get too says nothing of this user, unless the
        PBX serves others or has served him: then it is his login, which must not be locked.
        """
        if code == "login-unclear" and (others_served or self.worked):
            code = "login-doubtful"
        self.code = code
        retry = FAULTS[code].retry
        if retry == "never":
            return self._refused()
        self.stage = "waiting"
        if FAULTS[code].link == "login":
            self._refusals += 1
            first, then = _PAUSES[code]
            wait = first if self._refusals == 1 else then * 2.0 ** (self._refusals - 2)
            return NextTask("login", self._within(min(wait, _LONGEST_SLOW_PAUSE)))
        self._fails += 1
        if retry == "slowly":
            wait = _SLOW_PAUSE * 2.0 ** (self._fails - 1)
            return NextTask("login", self._within(min(wait, _LONGEST_SLOW_PAUSE)))
        wait = _FIRST_PAUSE * 2.0 ** min(self._fails - 1, 10)
        return NextTask("login", self._within(min(wait, _LONGEST_PAUSE)))

    def notifications_missing(self, now: float) -> NextTask:
        """Log in again, but not too often: the PBX has calls it never reported."""
        self._notifications_missing += 1
        if now - self._notifications_missing_at < _RELOGIN_PAUSE:
            return self._next_keep_alive(0.8)
        self._notifications_missing_at = now
        self.code = "notifications-missing"
        return self._log_in(0.0)

    def relogin(self, now: float) -> NextTask:
        """Log in again, but not too often: an end was not reported, which may be chance."""
        if now - self._relogin_at < _RELOGIN_PAUSE:
            return NextTask("resync")
        self._relogin_at = now
        return self._log_in(0.0)

    def call_notified(self) -> bool:
        """Note that the PBX reported a call; True when that ends a suspicion."""
        ends = self._notifications_missing > 0
        self._notifications_missing = 0
        return ends

    # ---- what holds for everybody

    def pbx_away(self) -> NextTask | None:
        """Wait, without asking, for the PBX that is gone for all."""
        if self.stage in ("off", "locked-out"):
            return None
        self.stage = "waiting"
        return NextTask(None)

    def pbx_back(self, spread: float) -> NextTask | None:
        """Log in some time within the spread: the PBX is back."""
        if self.stage in ("off", "locked-out"):
            return None
        self._fails = 0
        return self._log_in(self._dice.uniform(0, spread))

    def resync(self, spread: float) -> NextTask | None:
        """Hand in what may have been missed while the session was well."""
        return NextTask("resync", self._dice.uniform(0, spread)) if self.stage == "active" else None

    def health(self, callback: str | None, away: str | None) -> Health | None:
        """Return what to show, by the site's callback and PBX; None while nothing is known."""
        if not self.on:
            return Health("inactive")
        if self.code == "not-enrolled":  # a choice of the office, not a fault
            return Health("inactive", self.code)
        if self.stage == "locked-out" or (self.code and not away):
            return Health("failing", self.code)
        if away:
            return Health("failing", away)
        if self.stage != "active" or callback == UNKNOWN:
            return None
        if self._notifications_missing > 1:
            return Health("failing", "notifications-missing")
        if callback in FAULTS:
            return Health("failing", callback)
        return Health("active", callback or self._note())

    # ---- inside

    def _note(self) -> str | None:
        if self._notifications_missing:
            return NOTIFICATIONS_DOUBTFUL
        return None if self.has_call_list else NO_CALL_LIST

    def _forget_faults(self) -> None:
        self._fails = self._refusals = self._short_lives = 0
        self.code = None

    def _log_in(self, after: float) -> NextTask:
        self.stage = "logging-in"
        return NextTask("login", after)

    def _refused(self) -> NextTask:
        self._refusals += 1
        if self.worked and self._refusals == 1 and FAULTS[self.code or ""].link == "login":
            self.stage = "waiting"
            return NextTask("login", self._within(_CONFIRM))
        self.stage, self.worked = "locked-out", False
        return NextTask(None)

    def _next_keep_alive(self, least: float) -> NextTask:
        return NextTask("keep-alive", self._keep_alive * self._dice.uniform(least, 1.0))

    def _within(self, seconds: float) -> float:
        return seconds * self._dice.uniform(0.5, 1.0)
