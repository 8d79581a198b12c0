"""Keeps every user who is on logged in at the PBX, and says honestly whether it works.

One thread decides (`session`), a few carry out the tasks at the PBX (`tasks`). Nobody is
logged out when the process stops: the PBX forgets a session after a minute by itself, until then
notifications still arrive, and a logout might end another program's session of the same user.
Only a user who is switched off is logged out.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bus.events import CallEvent, SessionReset
from bus.journal_events import PbxAnswer, PbxRequest
from bus.lease import Held, Unshared, lease_of
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.mqtt.requests import Responder
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from consumers.sessions import site_health as session_site
from consumers.sessions.call_questions import CallQuestions
from consumers.sessions.callback_check import HttpGateway
from consumers.sessions.enrolment import AccessPublisher, Enrolment, PanelLogins
from consumers.sessions.missed_calls import KnownCalls
from consumers.sessions.private_calls import WithoutPrivateCalls
from consumers.sessions.report import SiteReport
from consumers.sessions.restart_detection import SILENT
from consumers.sessions.resync_window import ResyncWindow, UserChanges
from consumers.sessions.schedule import Timetable
from consumers.sessions.session import UserSession
from consumers.sessions.settings_requests import SettingsRequests, SiteDoctor, SiteNumbers
from consumers.sessions.site_health import Services, SiteHealth
from consumers.sessions.state_publisher import StatePublisher
from consumers.sessions.task_runner import KnownUsers, TaskRunner
from consumers.sessions.tasks import PbxSession, PbxTasks
from consumers.sessions.user import UserContext
from consumers.users import User, Users, UserUnknown
from runtime.operations import OperationsServer
from runtime.outage import StorageOutage, outlasting
from runtime.process import stop_on_signals
from runtime.secret_box import SealBroken, SecretBox
from runtime.worker_pool import AnsweringPool
from starface.client import Callback, StarfaceClient
from starface.credential import Credential
from starface.password_check import check_password
from starface.settings import StarfaceSettings, callback_host
from texts import sentence

log = logging.getLogger(__name__)

ACCOUNT = "sessions"
WORKERS = 16
_FOR_PEOPLE = 4  # workers for what people ask of the PBX
_PATIENCE = 10.0  # seconds an event may take from the PBX to us
_SIGN_OF_LIFE_WITHIN = 4.0  # seconds; with the silence before it less than 10
_ROSTER_EVERY = 2.0  # seconds
_SAVE_EVERY = 10.0  # seconds
_LEAVE_WITHIN = 3.0  # seconds for what is in hand at the end
_REPORT_EVERY = 1.0  # seconds
_STANDING_BY = 0.2  # seconds between two looks whether another machine still keeps the sessions
_HANDED_OVER = 60.0  # seconds; what happened since may have been missed by the one before
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
            self._connection.work(self._timetable.next_in(self._clock(), 1.0))
        self._workers.close(_LEAVE_WITHIN)
        self._probes.close(0.0)
        self._states.publish_pending()

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
        self._timetable.set(_SAVE, self._clock() + _SAVE_EVERY)

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


class Clients:
    """Clients for what people command: they use the sessions that are open."""

    def __init__(
        self,
        settings: StarfaceSettings,
        opened: Mapping[str, StarfaceClient],
        consumer: SessionsConsumer,
    ) -> None:
        self._settings = settings
        self._opened = opened
        self._consumer = consumer

    def client_of(self, login: str) -> StarfaceClient | None:
        """Return a client that shares a user's session, None for a user who has none."""
        callback, used = self._consumer.callback_of(login), self._opened.get(login)
        if callback is None or used is None:
            return None
        settings = self._settings.model_copy(update={"api": used.api})
        return StarfaceClient(settings, login, used.credential, callback)


@outlasting("sessions")
def run(
    starface: StarfaceSettings,
    broker: BrokerSettings,
    site_key: bytes,
    database: Path,
    seal: SecretBox,
    data_folder: Path,
    profile: NumberProfile,
    panel_key: bytes,
    enrolment: Enrolment = "listed",
    operations: str = "",
    doctor: Sequence[str] = (),
) -> None:
    """Keep all sessions until stopped."""
    private = PrivateNumbers(data_folder, site_key)

    opened: dict[str, StarfaceClient] = {}
    within = min(starface.read_timeout, _SIGN_OF_LIFE_WITHIN)
    impatient = starface.model_copy(update={"read_timeout": within})

    def open_pbx(login: str, credential: Credential, callback: Callback | None) -> PbxSession:
        pbx = StarfaceClient(starface if login else impatient, login, credential, callback)
        if callback is not None:
            opened[login] = pbx
        return WithoutPrivateCalls(pbx, login, private, profile)

    gateway = HttpGateway()
    tasks = PbxTasks(starface, site_key, open_pbx, gateway, callback_host)
    report = SiteReport(data_folder, gateway)

    def check(login: str, password: str, callback: Callback | None) -> Credential:
        return check_password(starface, login, password, callback)

    def serve() -> bool:
        """Keep the sessions until another machine has the lease; False once asked to stop."""
        account = broker.account_of(ACCOUNT)
        connection = Connection(broker, account, presence=Presence(account, machine=broker.machine))
        stop_on_signals(connection.stop)
        with (
            Users(database, seal) as users,
            closing(ResyncWindow(data_folder / "sessions.db")) as window,
            closing(UserChanges(database)) as changes,
            connection,
            lease_of(connection, broker, ACCOUNT) as lease,
            OperationsServer(operations, report.faults, report.metrics),
        ):
            stand_by(connection, lease, users, window)
            if connection.stopping.is_set():
                return False
            opened.clear()
            consumer = SessionsConsumer(
                connection, users, changes, window, tasks, starface, lease=lease
            )
            consumer.report = report if operations else None  # nobody else asks for it
            workers = AnsweringPool("person", _FOR_PEOPLE, connection.post)
            access = AccessPublisher(connection)
            consumer.on_user = access.show
            logins = PanelLogins(users, SecretBox(panel_key), check, consumer, workers, enrolment)
            logins.on_login = lambda user: access.show(user.login, user)
            SettingsRequests(
                users, logins, Clients(starface, opened, consumer), workers,
                broker.accounts_file.with_name("broker-roles.json"),
                SiteNumbers(data_folder, site_key, profile),
                lambda user: access.show(user.login, user), SiteDoctor(doctor),
            ).serve(connection)  # fmt: skip
            consumer.run()
            return not connection.stopping.is_set()

    while serve():
        log.warning("the sessions are kept by another machine now; standing by")


def stand_by(connection: Connection, lease: Held, users: Users, window: ResyncWindow) -> None:
    """Follow what people switch on and off until the lease is held, or the process is stopped."""
    if lease.held:
        return

    def note_switch(received: ReceivedMessage) -> None:
        if not received.retained:
            switch(users, connection.topics.user_of(received.topic), received.payload)

    connection.subscribe(connection.topics.switch(ANY_USER), note_switch)
    noted = float("-inf")
    while not lease.held and not connection.stopping.is_set():
        if time.monotonic() - noted > _SAVE_EVERY:
            noted = time.monotonic()
            for login in users.active():
                window.note(login, _HANDED_OVER)
            window.save()
        connection.work(_STANDING_BY)


def switch(users: Users, login: str, payload: bytes) -> bool:
    """Note a click on a user's telephone icon; return whether it was one."""
    word = payload[:32].decode(errors="replace").strip().lower()
    if word not in ("on", "off"):
        log.warning("neither on nor off user=%s", login)
        return False
    try:
        users.change(login, wanted=word == "on")
    except UserUnknown:
        log.warning("switch of an unknown user user=%s", login)
        return False
    log.info("switched user=%s to=%s", login, word)
    return True
