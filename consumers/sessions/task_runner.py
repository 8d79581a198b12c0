"""One user's turn: the errand that is due is begun, its result told to the user's session.

Everything here happens in the main thread but the errands themselves. A person has at most one
errand under way; the result of one that was begun before a newer plan decides nothing any more.
"""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from consumers.sessions.restart_detection import Vigil
from consumers.sessions.resync_window import WellSince
from consumers.sessions.schedule import Pace
from consumers.sessions.session import UNKNOWN, Step
from consumers.sessions.site_health import Site, Tools
from consumers.sessions.state_publisher import Icons
from consumers.sessions.tasks import Alive, Errands, Failed, Opened, Pbx
from consumers.sessions.user import Person
from consumers.users import User, Users
from runtime.secret_box import SealBroken
from starface.client import Callback
from starface.credential import Credential
from starface.settings import StarfaceSettings

log = logging.getLogger(__name__)

_LOGINS = 8  # at a time, so that keepAlives are never behind them
_LOOKS = 500  # users; above, not every keepAlive also asks for the running calls
_RESYNC_AGAIN = 2.0  # seconds
_BUSY = 0.05  # seconds


class Turns:
    """Whose turn it is, and what comes of it."""

    def __init__(
        self,
        tools: Tools,
        errands: Errands,
        site: Site,
        settings: StarfaceSettings,
        users: Users,
        well: WellSince,
        icons: Icons,
        people: dict[str, Person],
        patience: float,
        hearing: Callable[[], bool],
    ) -> None:
        self.pace = Pace()
        self._tools = tools
        self._errands = errands
        self._site = site
        self._settings = settings
        self._users = users
        self._well = well
        self._icons = icons
        self._people = people
        self._patience = patience
        self._hearing = hearing
        self._vigil = Vigil(tools, people, self.plan, self.pace)
        self._logging_in = 0
        self._queue: deque[tuple[Person, int]] = deque()

    def plan(self, person: Person, step: Step | None) -> None:
        """Note what a person does next; None leaves what is planned."""
        if step is None:
            return
        person.plan += 1
        person.errand = step.errand
        person.admitted = False
        if step.errand is None:
            self._tools.timetable.drop(person.user.login)
        else:
            self._again_in(person, step.after)

    def take(self, person: Person) -> None:
        """Begin the errand that is due."""
        if person.busy:  # with something begun before this was planned
            self._again_in(person, _BUSY)
            return
        match person.errand:
            case "login":
                self._log_in(person)
            case "keep-alive" if person.pbx is not None:
                self._keep_alive(person, person.pbx)
            case "resync" if person.pbx is not None and person.callback is not None:
                self._resync(person, person.pbx, person.callback)
            case "logout":
                self.log_out(person)

    def break_silence(self) -> None:
        """Ask somebody before his time when the PBX was not asked for long."""
        self._vigil.break_silence()

    def lost(self, person: Person) -> None:
        """Note that the PBX ended a session."""
        log.warning("session lost user=%s", person.user.login)
        person.owes = True
        self.plan(person, person.session.lost(self._tools.clock()))
        self.show(person)

    def log_out(self, person: Person) -> None:
        """End the session; one that is busy is left to the PBX, which ends it by itself."""
        pbx, person.pbx, person.callback = person.pbx, None, None
        if pbx is not None and not person.busy:
            log.info("logging out user=%s", person.user.login)
            self._begin(person, partial(self._errands.log_out, pbx), _nothing)

    def show(self, person: Person) -> None:
        """Show a person's state, if it can be told yet."""
        watch = self._site.callback
        callback = watch.code if watch.known else UNKNOWN
        health = person.session.health(callback, self._site.pbx.away)
        if health is not None and person.user.login in self._people:
            self._icons.show(person.user.login, health)

    # ---- logging in

    def _log_in(self, person: Person) -> None:
        if not person.admitted:
            person.admitted = True
            if (wait := self.pace.wait(self._tools.clock())) > 0:
                self._again_in(person, wait)
                return
        if self._logging_in >= _LOGINS:
            self._queue.append((person, person.plan))
            return
        person.credential, code = self._fit(person.user)
        if person.credential is None or code is not None:
            self._failed(person, Failed(code or "no-credential"))
            return
        watch, login = self._site.callback, person.user.login
        gap = None if watch.failing else person.heard.gap(self._well.get(login))
        self._logging_in += 1
        log_in = partial(self._errands.log_in, login, person.credential, gap, local=watch.local)
        self._begin(person, log_in, self._logged_in)

    def _fit(self, user: User) -> tuple[Credential | None, str | None]:
        if user.extension not in ("", user.login) and not self._settings.extension_may_differ:
            return None, "extension-differs"
        try:
            return self._users.credential(user.login), None
        except SealBroken:
            return None, "seal-broken"

    def _logged_in(self, person: Person, result: Opened | Failed | None, *, late: bool) -> None:
        self._logging_in -= 1
        if isinstance(result, Failed):
            self._keep_credential(person, result.credential)
        if isinstance(result, Opened):
            self._opened(person, result)
            if not late:
                self.plan(person, person.session.logged_in(self._tools.clock()))
                self._settle_debt(person)
            elif not person.session.on:
                self.plan(person, Step("logout"))
            self.show(person)
        elif not late:
            self._failed(person, result or Failed("pbx-unreadable", "the errand broke"))
        while self._queue and self._logging_in < _LOGINS:
            waiting, plan = self._queue.popleft()
            if waiting.plan == plan:
                self.take(waiting)

    def _opened(self, person: Person, opened: Opened) -> None:
        log.info("logged in user=%s", person.user.login)
        self._site.pbx.good()
        person.pbx, person.callback = opened.pbx, opened.callback
        person.owes = not opened.resynced
        person.beats = self._tools.dice.randrange(self._looks())  # not everybody at once
        person.sure_at = self._tools.clock()
        self._keep_credential(person, person.pbx.credential if person.pbx else None)
        if self._well.get(person.user.login) is None:
            self._well.note(person.user.login)  # the calls from now on are our business
        self._note_well(person)

    def _failed(self, person: Person, failed: Failed) -> None:
        log.warning(
            "session failed user=%s code=%s reason=%s",
            person.user.login, failed.code, failed.reason or "-",
        )  # fmt: skip
        person.owes = True
        self.plan(person, person.session.failed(failed.code))
        if self._site.pbx.away:
            self.plan(person, person.session.pbx_away())
        else:
            self._site.failed(failed.code)
        self.show(person)

    # ---- keeping alive

    def _keep_alive(self, person: Person, pbx: Pbx) -> None:
        person.beats += 1
        person.asked_at = self._tools.clock()
        look = person.beats % self._looks() == 0 or person.heard.doubtful
        errand = partial(self._errands.keep_alive, pbx, look=look)
        self._begin(person, errand, self._kept_alive)

    def _kept_alive(self, person: Person, result: Alive | Failed | None, *, late: bool) -> None:
        self._keep_credential(person, person.pbx.credential if person.pbx else None)
        if isinstance(result, Alive):
            self._site.pbx.good()
            self._vigil.answered()
        if late:
            return
        if not isinstance(result, Alive):
            self._failed(person, result or Failed("pbx-unreadable", "the errand broke"))
        elif not result.known:
            self.lost(person)
            self._vigil.session_lost()
        else:
            self.plan(person, person.session.alive(self._tools.clock()))
            self._note_well(person)
            self._settle_debt(person)
            if result.calls is not None and self._hearing():
                self._compare(person, result.calls)
            self.show(person)

    def _compare(self, person: Person, calls: list[str]) -> None:
        now = self._tools.clock()
        missed = person.heard.look(calls, now)
        if missed.unheard:
            log.warning("the PBX has calls it did not tell of user=%s", person.user.login)
            person.owes = True
            self._well.note(person.user.login, now - person.sure_at)
            self.plan(person, person.session.half_open(now))
        elif missed.unended:
            person.owes = True
            self.plan(person, person.session.renew(now))
        elif missed.soon:
            self.plan(person, person.session.look_again(self._patience))

    def _resync(self, person: Person, pbx: Pbx, callback: Callback) -> None:
        gap = person.heard.gap(self._well.get(person.user.login))
        local = self._site.callback.local
        errand = partial(self._errands.resync, pbx, callback, gap, local=local)
        self._begin(person, errand, self._resynced)

    def _resynced(self, person: Person, done: bool | None, *, late: bool) -> None:
        self._keep_credential(person, person.pbx.credential if person.pbx else None)
        if late:
            return
        person.owes = not done
        self._note_well(person)
        step = person.session.alive(self._tools.clock())
        self.plan(person, step if done else Step("keep-alive", _RESYNC_AGAIN))

    # ---- inside

    def _looks(self) -> int:
        """Return at which keepAlives one also asks for the running calls: at each n-th."""
        return 1 + len(self._people) // _LOOKS

    def _begin(self, person: Person, errand: Callable[[], Any], then: Callable[..., None]) -> None:
        person.busy = True
        plan = person.plan

        def work() -> Any:
            # While the PBX is silent errands pile up, and are out of date when their turn comes.
            return errand() if plan == person.plan else None

        def done(result: Any) -> None:
            person.busy = False
            then(person, result, late=plan != person.plan)

        self._tools.workers.do(work, done)

    def _again_in(self, person: Person, seconds: float) -> None:
        self._tools.timetable.set(person.user.login, self._tools.clock() + seconds)

    def _settle_debt(self, person: Person) -> None:
        if person.owes and not self._site.callback.failing:
            self.plan(person, Step("resync"))

    def _note_well(self, person: Person) -> None:
        if not person.owes and not self._site.callback.failing:
            age = self._tools.clock() - self._site.callback_good_at
            self._well.note(person.user.login, age)

    def _keep_credential(self, person: Person, new: Credential | None) -> None:
        """Store a refresh token that was replaced by another, whatever became of the request."""
        if new is not None and new != person.credential and new.kind == "oauth":
            person.credential = new
            self._users.keep_credential(person.user.login, new)


def _nothing(_person: Person, _result: None, *, late: bool) -> None:
    """Nothing follows from a logout."""
