"""Keeps every user who is on logged in at the PBX, and says honestly whether it works.

One thread decides (`session`), a few carry out the tasks at the PBX (`tasks`). Nobody is
logged out when the process stops: the PBX forgets a session after a minute by itself, until then
notifications still arrive, and a logout might end another program's session of the same user.
Only a user who is switched off is logged out.
"""

import logging
import random
import time
from collections.abc import Callable

from bus.events import CallEvent, SessionReset
from bus.journal_events import PbxAnswer, PbxRequest
from bus.lease import Held, Unshared
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.requests import Responder
from bus.topics import ANY_USER
from consumers.sessions import site_health as session_site
from consumers.sessions.call_questions import CallQuestions
from consumers.sessions.missed_calls import KnownCalls
from consumers.sessions.report import SiteReport
from consumers.sessions.restart_detection import SILENT
from consumers.sessions.resync_window import ResyncWindow, UserChanges
from consumers.sessions.schedule import Timetable
from consumers.sessions.session import UserSession
from consumers.sessions.site_health import Services, SiteHealth
from consumers.sessions.state_publisher import StatePublisher
from consumers.sessions.task_runner import KnownUsers, TaskRunner
from consumers.sessions.tasks import PbxTasks
from consumers.sessions.user import UserContext
from consumers.users import User, Users, UserUnknown
from runtime.outage import StorageOutage
from runtime.secret_box import SealBroken
from runtime.worker_pool import AnsweringPool
from starface.callback import TEST_USER
from starface.credential import Credential
from starface.request import Callback
from starface.settings import StarfaceSettings
from texts import sentence

log = logging.getLogger(__name__)

ACCOUNT = "sessions"
WORKERS = 16
_PATIENCE = 10.0  # seconds an event may take from the PBX to us
_ROSTER_EVERY = 2.0  # seconds
SAVE_EVERY = 10.0  # seconds
_LEAVE_WITHIN = 3.0  # seconds for what is in hand at the end
_REPORT_EVERY = 1.0  # seconds
_UNCONFIRMED = 0.1  # seconds between two looks whether the broker has the states
_LAST_STATES_WITHIN = 1.0  # seconds for those that are on their way at the end
_ROSTER, _SAVE, _REPORT = "\x00roster", "\x00save", "\x00report"  # turns that are no login's


class SessionsConsumer:
    """All sessions of a site; everything here happens in the main thread."""

    def __init__(
        self,
        connection: Connection,
        users: Users,
        changes: UserChanges,
        window: ResyncWindow,
        tasks: PbxTasks,
        settings: StarfaceSettings,
        *,
        lease: Held | None = None,
        dice: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._users = users
        self._changes = changes
        self._window = window
        self._keep_alive = settings.keep_alive
        self._patience = min(_PATIENCE, settings.keep_alive / 3)
        self._lease = lease or Unshared()
        self._clock = clock
        self._dice = dice or random.Random()  # noqa: S311  (jitter)
        self._timetable = Timetable()
        self._outage = StorageOutage("sessions", clock)
        self._workers = AnsweringPool("task", WORKERS, connection.post)
        self._contexts: dict[str, UserContext] = {}
        self._states = StatePublisher(connection)
        self._listening_since = clock()
        self._probes = AnsweringPool("probe", 2, connection.post)
        services = Services(self._timetable, self._workers, self._probes, tasks, self._dice, clock)
        self._site = SiteHealth(services, self, settings.keep_alive)
        self._runner = TaskRunner(
            services, tasks, self._site,
            KnownUsers(users, self._contexts, window, self._states),
            settings, self._calls_expected,
        )  # fmt: skip
        self.report: SiteReport | None = None
        self.on_user: Callable[[str, User | None], None] = lambda login, user: None
        self._site_tasks: dict[str, Callable[[], None]] = {
            session_site.CALLBACK: self._site.check_callback,
            session_site.PBX: self._site.probe_pbx,
            _ROSTER: self._sync_users,
            _SAVE: self._save,
            _REPORT: self._fill_report,
            SILENT: self._runner.break_silence,
        }

    def run(self) -> None:
        """Keep the sessions until stopped."""
        topics = self._connection.topics
        self._connection.after_connect(self._connected)
        self._connection.republish(self._states.show_all_again)
        self._connection.subscribe(topics.switch(ANY_USER), self._on_switch)
        self._connection.consume(topics.session(ANY_USER), SessionReset, self._on_reset)
        self._connection.consume(topics.calls(ANY_USER), CallEvent, self._on_call)
        responder = Responder(
            self._connection, f"process/{ACCOUNT}", sentence, answers=lambda: self._lease.held
        )
        questions = CallQuestions(self._contexts, self._probes, responder)
        responder.serve(topics.pbx(ANY_USER), PbxRequest, questions.handle, PbxAnswer)
        self._site.follow(self._connection)
        self._sync_users()
        for key in (session_site.CALLBACK, session_site.PBX, _SAVE, SILENT):
            self._timetable.set(key, self._clock())
        if self.report is not None:
            self._timetable.set(_REPORT, self._clock())
        while not self._connection.stopping.is_set() and not self._lease.lost:
            if self._lease.held:
                self._run_due()
                self._states.publish_pending()
            longest = _UNCONFIRMED if self._states.pending else 1.0
            self._connection.work(self._timetable.next_in(self._clock(), longest))
        self._workers.close(_LEAVE_WITHIN)
        self._probes.close(0.0)
        if self._lease.held and not self._lease.lost:
            self._states.publish_pending(_LAST_STATES_WITHIN)

    # ---- for people

    def callback_of(self, login: str) -> Callback | None:
        """Return the callback of a user's session."""
        context = self._contexts.get(login)
        return context.callback if context is not None else None

    def reopen(self, login: str) -> None:
        """Open a user's session again: a check of his password has replaced its callback."""
        self._sync_users()
        context = self._contexts.get(login)
        if context is not None and context.session.stage in ("active", "locked-out"):
            context.credential, context.pbx = self._credential(login), None
            self._runner.plan(context, context.session.credential_changed())
            self._runner.show(context)

    # ---- for the site

    def somebody(self) -> str | None:
        """Return any user who is on."""
        return next((p.user.login for p in self._contexts.values() if p.session.on), None)

    def show_all(self) -> None:
        """Show everybody's state again."""
        for context in self._contexts.values():
            self._runner.show(context)

    def resync_all(self) -> None:
        """Hand in what may have been missed, for everybody, at the pace of logins."""
        spread = self._runner.pace.spread(len(self._contexts)) - 1.0
        for context in self._contexts.values():
            context.resync_owed = True
            self._runner.plan(context, context.session.resync(spread))

    def pbx_went(self) -> None:
        """Let everybody wait for the PBX."""
        for context in self._contexts.values():
            context.resync_owed = True
            self._runner.plan(context, context.session.pbx_away())
            self._runner.show(context)

    def pbx_back(self) -> None:
        """Let everybody log in again, spread."""
        spread = self._runner.pace.spread(len(self._contexts))
        for context in self._contexts.values():
            self._runner.plan(context, context.session.pbx_back(spread))

    def page_gone(self) -> None:
        """Let those log in again who met a login page, spread."""
        spread = self._runner.pace.spread(len(self._contexts))
        for context in self._contexts.values():
            if context.session.code in ("login-unclear", "login-doubtful"):
                self._runner.plan(context, context.session.pbx_back(spread))

    # ---- turns

    def _run_due(self) -> None:
        while (key := self._timetable.pop(self._clock())) is not None:
            try:
                if key in self._site_tasks:
                    self._site_tasks[key]()
                elif key in self._contexts:
                    self._runner.take(self._contexts[key])
            except Exception as error:
                if not self._outage.failed(error):
                    raise
                self._timetable.set(key, self._clock() + self._outage.pause)

    def _save(self) -> None:
        self._window.save()
        self._outage.over()
        self._timetable.set(_SAVE, self._clock() + SAVE_EVERY)

    # ---- what comes over the bus

    def _connected(self) -> None:
        self._listening_since = self._clock()

    def _calls_expected(self) -> bool:
        """Return whether a call that was not reported is the PBX's doing, not ours."""
        long_enough = self._clock() - self._listening_since > self._patience
        return self._connection.connected and long_enough and not self._site.callback.failing

    def _on_switch(self, received: ReceivedMessage) -> None:
        if received.retained:
            return
        login = self._connection.topics.user_of(received.topic)
        if switch(self._users, login, received.payload):
            self._sync_users()

    def _on_reset(self, reset: SessionReset, received: ReceivedMessage) -> None:
        login = self._connection.topics.user_of(received.topic)
        context = self._contexts.get(login)
        if context is not None and reset.data.user == login and context.session.stage == "active":
            self._runner.lost(context)

    def _on_call(self, event: CallEvent, received: ReceivedMessage) -> None:
        login = self._connection.topics.user_of(received.topic)
        context = self._contexts.get(login)
        if context is None or event.data.user != login:
            return
        context.known_calls.note(event.data)
        if event.data.replayed:
            return
        if self.report is not None:
            self.report.call_came()
        context.sure_at = self._clock()
        if context.session.call_notified():
            self._runner.show(context)
        if self._site.callback.proven_by_call():
            self.show_all()

    def _fill_report(self) -> None:
        self._timetable.set(_REPORT, self._clock() + _REPORT_EVERY)
        if self.report is not None:
            offsets = (each.pbx.clock_offset for each in self._contexts.values() if each.pbx)
            known = next((offset for offset in offsets if offset is not None), None)
            broker = None if self._connection.connected else self._connection.why
            offset = known.total_seconds() if known is not None else None
            self.report.fill(self._site, self._states, broker, offset)

    # ---- users who come, change and go

    def _sync_users(self) -> None:
        for login in sorted(self._changes.changed()):
            user = self._users.find(login)
            if user is None:
                self._gone(login)
            else:
                self._changed(user, self._credential(login))
            self.on_user(login, user)
        self._timetable.set(_ROSTER, self._clock() + _ROSTER_EVERY)

    def _changed(self, user: User, credential: Credential | None) -> None:
        context = self._contexts.get(user.login)
        if context is None:
            worked = self._window.get(user.login) is not None
            session = UserSession(self._keep_alive, self._dice, worked=worked)
            context = UserContext(user, session, KnownCalls(self._patience), credential)
            self._contexts[user.login] = context
        context.user = user
        if not user.on:
            self._runner.plan(context, context.session.switch_off())
            self._window.forget(user.login)
        elif context.session.on and credential not in (None, context.credential):
            self._new_credential(context, credential)
        else:
            self._runner.plan(context, context.session.switch_on())
        if self._site.pbx.away:
            self._runner.plan(context, context.session.pbx_away())
        self._runner.show(context)

    def _new_credential(self, context: UserContext, credential: Credential | None) -> None:
        refreshed = credential is not None and credential.kind == "oauth"
        if refreshed and context.session.stage == "active":
            return  # by another process, for itself; ours is good until the PBX says otherwise
        context.credential, context.pbx = credential, None
        self._runner.plan(context, context.session.credential_changed())

    def _credential(self, login: str) -> Credential | None:
        try:
            return self._users.credential(login)
        except SealBroken:
            return None  # said when the user logs in

    def _gone(self, login: str) -> None:
        context = self._contexts.pop(login, None)
        self._timetable.drop(login)
        self._window.forget(login)
        self._states.forget(login)
        if context is not None:
            self._runner.log_out(context)


def switch(users: Users, login: str, payload: bytes) -> bool:
    """Note a click on a user's telephone icon; return whether it was one."""
    word = payload[:32].decode(errors="replace").strip().lower()
    if word not in ("on", "off"):
        log.warning("neither on nor off user=%s", login)
        return False
    try:
        users.change(login, wanted=word == "on")
    except UserUnknown:
        if login != TEST_USER:  # doctor's way to the broker and back
            log.warning("switch of an unknown user user=%s", login)
        return False
    log.info("switched user=%s to=%s", login, word)
    return True
