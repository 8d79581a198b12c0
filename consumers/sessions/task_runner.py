"""One user's turn: the task that is due is begun, its result reported to the user's session.

Everything here happens in the main thread but the tasks themselves. A user has at most one
task under way; the result of one that was begun before a newer plan decides nothing any more.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from consumers.sessions.restart_detection import RestartDetector
from consumers.sessions.resync_window import ResyncWindow
from consumers.sessions.schedule import Pace
from consumers.sessions.session import UNKNOWN, NextTask
from consumers.sessions.site_health import Services, SiteHealth
from consumers.sessions.state_publisher import StatePublisher
from consumers.sessions.tasks import Alive, Failed, OpenSession, PbxTasks, Resynced
from consumers.sessions.user import UserContext
from consumers.users import User, Users
from runtime.secret_box import SealBroken
from starface.callback import issued_at
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.request import Callback
from starface.settings import StarfaceSettings

log = logging.getLogger(__name__)

_LOGINS = 8  # at a time, so that keepAlives are never behind them
_LOOKS = 500  # users; above, not every keepAlive also asks for the running calls
_RESYNC_AGAIN = 2.0  # seconds
_BUSY = 0.05  # seconds


@dataclass(frozen=True)
class KnownUsers:
    """What is known of the users, and where their state is shown."""

    users: Users
    contexts: Mapping[str, UserContext]
    window: ResyncWindow
    states: StatePublisher


class TaskRunner:
    """Whose turn it is, and what comes of it."""

    def __init__(
        self,
        services: Services,
        tasks: PbxTasks,
        site: SiteHealth,
        known: KnownUsers,
        settings: StarfaceSettings,
        calls_expected: Callable[[], bool],
    ) -> None:
        self.pace = Pace()
        self._services = services
        self._tasks = tasks
        self._site = site
        self._settings = settings
        self._users = known.users
        self._window = known.window
        self._states = known.states
        self._contexts = known.contexts
        self._calls_expected = calls_expected
        self._restart_detector = RestartDetector(services, known.contexts, self.plan, self.pace)
        self._logging_in = 0
        self._queue: deque[tuple[UserContext, int]] = deque()

    def plan(self, context: UserContext, next_task: NextTask | None) -> None:
        """Note what a person does next; None leaves what is planned."""
        if next_task is None:
            return
        context.plan += 1
        context.task = next_task.task
        context.admitted = False
        if next_task.task is None:
            self._services.timetable.drop(context.user.login)
        else:
            self._again_in(context, next_task.after)

    def take(self, context: UserContext) -> None:
        """Begin the task that is due."""
        if context.busy:  # with something begun before this was planned
            self._again_in(context, _BUSY)
            return
        match context.task:
            case "login":
                self._log_in(context)
            case "keep-alive" if context.pbx is not None:
                self._keep_alive(context, context.pbx)
            case "resync" if context.pbx is not None and context.callback is not None:
                self._resync(context, context.pbx, context.callback)
            case "logout":
                self.log_out(context)

    def break_silence(self) -> None:
        """Ask somebody before his time when the PBX was not asked for long."""
        self._restart_detector.break_silence()

    def lost(self, context: UserContext) -> None:
        """Note that the PBX ended a session."""
        log.warning("session lost user=%s", context.user.login)
        context.resync_owed = True
        self.plan(context, context.session.lost(self._services.clock()))
        self.show(context)

    def log_out(self, context: UserContext) -> None:
        """End the session; one that is busy is left to the PBX, which ends it by itself."""
        pbx, context.pbx, context.callback = context.pbx, None, None
        if pbx is not None and not context.busy:
            log.info("logging out user=%s", context.user.login)
            self._begin(context, partial(self._tasks.log_out, pbx), _nothing)

    def show(self, context: UserContext) -> None:
        """Show a user's state, if it is known yet."""
        watch = self._site.callback
        callback = watch.code if watch.known else UNKNOWN
        health = context.session.health(callback, self._site.pbx.away)
        if health is not None and context.user.login in self._contexts:
            since = issued_at(context.callback.path) if context.callback else None
            self._states.show(context.user.login, health, since)

    # ---- logging in

    def _log_in(self, context: UserContext) -> None:
        if not context.admitted:
            context.admitted = True
            if (wait := self.pace.wait(self._services.clock())) > 0:
                self._again_in(context, wait)
                return
        if self._logging_in >= _LOGINS:
            self._queue.append((context, context.plan))
            return
        context.credential, code = self._fit(context.user)
        if context.credential is None or code is not None:
            self._failed(context, Failed(code or "not-enrolled"))
            return
        watch, login = self._site.callback, context.user.login
        gap = None if watch.failing else context.known_calls.gap(self._window.get(login))
        self._logging_in += 1
        log_in = partial(self._tasks.log_in, login, context.credential, gap, local=watch.local)
        self._begin(context, log_in, self._logged_in)

    def _fit(self, user: User) -> tuple[Credential | None, str | None]:
        if user.extension not in ("", user.login) and not self._settings.extension_may_differ:
            return None, "extension-differs"
        try:
            return self._users.credential(user.login), None
        except SealBroken:
            return None, "seal-broken"

    def _logged_in(
        self, context: UserContext, result: OpenSession | Failed | None, *, late: bool
    ) -> None:
        self._logging_in -= 1
        if isinstance(result, Failed):
            self._keep_credential(context, result.credential)
        if isinstance(result, OpenSession):
            self._opened(context, result)
            if not late:
                self.plan(context, context.session.logged_in(self._services.clock()))
                self._resync_if_owed(context)
            elif not context.session.on:
                self.plan(context, NextTask("logout"))
            self.show(context)
        elif not late:
            self._failed(context, result or Failed("pbx-unreadable", "the task broke"))
        while self._queue and self._logging_in < _LOGINS:
            waiting, plan = self._queue.popleft()
            if waiting.plan == plan:
                self.take(waiting)

    def _opened(self, context: UserContext, opened: OpenSession) -> None:
        log.info("logged in user=%s", context.user.login)
        self._site.served()
        context.pbx, context.callback = opened.pbx, opened.callback
        self._note_resync(context, opened.resynced)
        context.keep_alives = self._services.dice.randrange(self._looks())  # not everybody at once
        context.sure_at = self._services.clock()
        self._keep_credential(context, context.pbx.credential if context.pbx else None)
        if self._window.get(context.user.login) is None:
            self._window.note(context.user.login)  # the calls from now on are our business
        self._note_well(context)

    def _failed(self, context: UserContext, failed: Failed) -> None:
        log.warning(
            "session failed user=%s code=%s reason=%s",
            context.user.login, failed.code, failed.reason or "-",
        )  # fmt: skip
        context.resync_owed = True
        others = self._site.serves
        self.plan(context, context.session.failed(failed.code, others_served=others))
        if self._site.pbx.away:
            self.plan(context, context.session.pbx_away())
        else:
            self._site.failed(failed.code)
        self.show(context)

    # ---- keeping alive

    def _keep_alive(self, context: UserContext, pbx: StarfaceClient) -> None:
        context.keep_alives += 1
        context.asked_at = self._services.clock()
        look = context.keep_alives % self._looks() == 0 or context.known_calls.doubtful
        task = partial(self._tasks.keep_alive, pbx, look=look)
        self._begin(context, task, self._kept_alive)

    def _kept_alive(
        self, context: UserContext, result: Alive | Failed | None, *, late: bool
    ) -> None:
        self._keep_credential(context, context.pbx.credential if context.pbx else None)
        if isinstance(result, Alive):
            self._site.served()
            self._restart_detector.answered()
        if late:
            return
        if not isinstance(result, Alive):
            self._failed(context, result or Failed("pbx-unreadable", "the task broke"))
        elif not result.known:
            self.lost(context)
            self._restart_detector.session_lost()
        else:
            self.plan(context, context.session.alive(self._services.clock()))
            self._note_well(context)
            self._resync_if_owed(context)
            if result.calls is not None and self._calls_expected():
                self._compare(context, result.calls)
            self.show(context)

    def _compare(self, context: UserContext, calls: list[str]) -> None:
        now = self._services.clock()
        missed = context.known_calls.look(calls, now)
        if missed.unreported:
            log.warning("the PBX has calls it did not report user=%s", context.user.login)
            context.resync_owed = True
            self._window.note(context.user.login, now - context.sure_at)
            self.plan(context, context.session.notifications_missing(now))
        elif missed.unended:
            context.resync_owed = True
            self.plan(context, context.session.relogin(now))
        elif missed.soon:
            self.plan(context, context.session.look_again(context.known_calls.patience))

    def _resync(self, context: UserContext, pbx: StarfaceClient, callback: Callback) -> None:
        gap = context.known_calls.gap(self._window.get(context.user.login))
        local = self._site.callback.local
        task = partial(self._tasks.resync, pbx, callback, gap, local=local)
        self._begin(context, task, self._resynced)

    def _resynced(self, context: UserContext, result: Resynced | None, *, late: bool) -> None:
        self._keep_credential(context, context.pbx.credential if context.pbx else None)
        if late:
            return
        self._note_resync(context, result or Resynced(done=False))
        self._note_well(context)
        next_task = context.session.alive(self._services.clock())
        owed = context.resync_owed
        self.plan(context, NextTask("keep-alive", _RESYNC_AGAIN) if owed else next_task)
        self.show(context)

    # ---- inside

    def _note_resync(self, context: UserContext, result: Resynced) -> None:
        context.resync_owed = not result.done
        if result.listed is None:
            return
        if not result.listed and context.session.has_call_list:
            log.warning("the PBX shows no call list user=%s", context.user.login)
        context.session.has_call_list = result.listed

    def _looks(self) -> int:
        """Return at which keepAlives one also asks for the running calls: at each n-th."""
        return 1 + len(self._contexts) // _LOOKS

    def _begin(
        self, context: UserContext, task: Callable[[], Any], then: Callable[..., None]
    ) -> None:
        context.busy = True
        plan = context.plan

        def work() -> Any:
            # While the PBX is silent tasks pile up, and are out of date when their turn comes.
            return task() if plan == context.plan else None

        def done(result: Any) -> None:
            context.busy = False
            then(context, result, late=plan != context.plan)

        self._services.workers.submit(work, done)

    def _again_in(self, context: UserContext, seconds: float) -> None:
        self._services.timetable.set(context.user.login, self._services.clock() + seconds)

    def _resync_if_owed(self, context: UserContext) -> None:
        if context.resync_owed and not self._site.callback.failing:
            self.plan(context, NextTask("resync"))

    def _note_well(self, context: UserContext) -> None:
        if not context.resync_owed and not self._site.callback.failing:
            age = self._services.clock() - self._site.callback_good_at
            self._window.note(context.user.login, age)

    def _keep_credential(self, context: UserContext, new: Credential | None) -> None:
        """Store a refresh token that was replaced by another, whatever became of the request."""
        if new is not None and new != context.credential and new.kind == "oauth":
            context.credential = new
            self._users.keep_credential(context.user.login, new)


def _nothing(_person: UserContext, _result: None, *, late: bool) -> None:
    """Nothing follows from a logout."""
