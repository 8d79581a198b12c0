"""Keeps every user who is on logged in at the PBX, and says honestly whether it works.

One thread decides (`session_state`), a few do the errands at the PBX (`session_errands`). Nobody is
logged out when the process stops: the PBX forgets a session after a minute by itself, until then
notifications go on arriving, and a logout might end another program's session of the same user.
Only a user who is switched off is logged out.
"""

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

from bus.events import CallEvent, SessionReset
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import Arrived
from bus.mqtt.presence import Birth
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from consumers.sessions import site_health as session_site
from consumers.sessions.callback_check import HttpGateway
from consumers.sessions.missed_calls import HeardCalls
from consumers.sessions.private_calls import WithoutPrivateCalls
from consumers.sessions.restart_detection import SILENT
from consumers.sessions.resync_window import Roster, WellSince
from consumers.sessions.schedule import Timetable
from consumers.sessions.session import UserSession
from consumers.sessions.site_health import Site, Tools
from consumers.sessions.state_publisher import Icons
from consumers.sessions.task_runner import Turns
from consumers.sessions.tasks import Errands, Pbx
from consumers.sessions.user import Person
from consumers.sessions.worker_pool import Workers
from consumers.users import User, Users, UserUnknown
from runtime.process import stop_on_signals
from runtime.secret_box import Seal, SealBroken
from starface.client import Callback, StarfaceClient
from starface.credential import Credential
from starface.settings import StarfaceSettings, callback_host

log = logging.getLogger(__name__)

ACCOUNT = "sessions"
WORKERS = 16
_PATIENCE = 10.0  # seconds an event may take from the PBX to us
_ROSTER_EVERY = 2.0  # seconds
_SAVE_EVERY = 10.0  # seconds
_LEAVE_WITHIN = 3.0  # seconds for what is in hand at the end
_ROSTER, _SAVE = "\x00roster", "\x00save"  # turns that are no login's


class Sessions:
    """All sessions of a site; everything here happens in the main thread."""

    def __init__(
        self,
        connection: Connection,
        users: Users,
        roster: Roster,
        well: WellSince,
        errands: Errands,
        settings: StarfaceSettings,
        *,
        dice: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._users = users
        self._roster = roster
        self._well = well
        self._keep_alive = settings.keep_alive
        self._patience = min(_PATIENCE, settings.keep_alive / 3)
        self._clock = clock
        self._dice = dice or random.Random()  # noqa: S311  (jitter)
        self._timetable = Timetable()
        self._workers = Workers(WORKERS, connection.post)
        self._people: dict[str, Person] = {}
        self._icons = Icons(connection)
        self._hearing_since = clock()
        self._probes = Workers(2, connection.post)
        tools = Tools(self._timetable, self._workers, self._probes, errands, self._dice, clock)
        self._site = Site(tools, self, settings.keep_alive)
        self._turns = Turns(
            tools, errands, self._site, settings, users, well, self._icons, self._people,
            self._patience, self._hearing,
        )  # fmt: skip
        self._chores: dict[str, Callable[[], None]] = {
            session_site.CALLBACK: self._site.check_callback,
            session_site.PBX: self._site.probe_pbx,
            _ROSTER: self._tend_roster,
            _SAVE: self._save,
            SILENT: self._turns.break_silence,
        }

    def run(self) -> None:
        """Keep the sessions until told to stop."""
        topics = self._connection.topics
        self._connection.on_connected(self._connected)
        self._connection.subscribe(topics.switch(ANY_USER), self._switch)
        self._connection.consume(topics.session(ANY_USER), SessionReset, self._reset)
        self._connection.consume(topics.calls(ANY_USER), CallEvent, self._heard)
        self._site.follow(self._connection)
        self._tend_roster()
        for key in (session_site.CALLBACK, _SAVE, SILENT):
            self._timetable.set(key, self._clock())
        while not self._connection.stopping.is_set():
            self._take_turns()
            self._icons.tell()
            self._connection.work(self._timetable.next_in(self._clock(), 1.0))
        self._workers.close(_LEAVE_WITHIN)
        self._probes.close(0.0)
        self._icons.tell()

    # ---- for the site

    def somebody(self) -> str | None:
        """Return any user who is on."""
        return next((p.user.login for p in self._people.values() if p.session.on), None)

    def show_all(self) -> None:
        """Show everybody's state again."""
        for person in self._people.values():
            self._turns.show(person)

    def resync_all(self) -> None:
        """Hand in what may have been missed, for everybody, at the pace of logins."""
        spread = self._turns.pace.spread(len(self._people)) - 1.0
        for person in self._people.values():
            person.owes = True
            self._turns.plan(person, person.session.resync(spread))

    def pbx_went(self) -> None:
        """Let everybody wait for the PBX."""
        for person in self._people.values():
            person.owes = True
            self._turns.plan(person, person.session.pbx_away())
            self._turns.show(person)

    def pbx_back(self) -> None:
        """Let everybody log in again, spread."""
        spread = self._turns.pace.spread(len(self._people))
        for person in self._people.values():
            self._turns.plan(person, person.session.pbx_back(spread))

    def page_gone(self) -> None:
        """Let those log in again who met a login page, spread."""
        spread = self._turns.pace.spread(len(self._people))
        for person in self._people.values():
            if person.session.code == "login-unclear":
                self._turns.plan(person, person.session.pbx_back(spread))

    # ---- turns

    def _take_turns(self) -> None:
        while (key := self._timetable.pop(self._clock())) is not None:
            if key in self._chores:
                self._chores[key]()
            elif key in self._people:
                self._turns.take(self._people[key])

    def _save(self) -> None:
        self._well.save()
        self._timetable.set(_SAVE, self._clock() + _SAVE_EVERY)

    # ---- what the bus tells

    def _connected(self) -> None:
        self._hearing_since = self._clock()
        self._icons.show_all_again()

    def _hearing(self) -> bool:
        """Tell whether a call that we did not hear of is the PBX's doing, not ours."""
        long_enough = self._clock() - self._hearing_since > self._patience
        return self._connection.connected and long_enough and not self._site.callback.failing

    def _switch(self, arrived: Arrived) -> None:
        if arrived.retained:
            return
        login = self._connection.topics.user_of(arrived.topic)
        word = arrived.payload[:32].decode(errors="replace").strip().lower()
        if word not in ("on", "off"):
            log.warning("neither on nor off user=%s", login)
            return
        try:
            self._users.change(login, wanted=word == "on")
        except UserUnknown:
            log.warning("switch of an unknown user user=%s", login)
            return
        log.info("switched user=%s to=%s", login, word)
        self._tend_roster()

    def _reset(self, told: SessionReset, arrived: Arrived) -> None:
        login = self._connection.topics.user_of(arrived.topic)
        person = self._people.get(login)
        if person is not None and told.data.user == login and person.session.stage == "active":
            self._turns.lost(person)

    def _heard(self, event: CallEvent, arrived: Arrived) -> None:
        login = self._connection.topics.user_of(arrived.topic)
        person = self._people.get(login)
        if person is None or event.data.user != login:
            return
        person.heard.hear(event.data)
        if event.data.replayed:
            return
        person.sure_at = self._clock()
        if person.session.heard():
            self._turns.show(person)
        if self._site.callback.heard():
            self.show_all()

    # ---- users who come, change and go

    def _tend_roster(self) -> None:
        for login in sorted(self._roster.changed()):
            user = self._users.find(login)
            if user is None:
                self._gone(login)
            else:
                self._changed(user, self._credential(login))
        self._timetable.set(_ROSTER, self._clock() + _ROSTER_EVERY)

    def _changed(self, user: User, credential: Credential | None) -> None:
        person = self._people.get(user.login)
        if person is None:
            worked = self._well.get(user.login) is not None
            session = UserSession(self._keep_alive, self._dice, worked=worked)
            person = Person(user, session, HeardCalls(self._patience), credential)
            self._people[user.login] = person
        person.user = user
        if not user.on:
            self._turns.plan(person, person.session.switch_off())
            self._well.forget(user.login)
        elif person.session.on and credential not in (None, person.credential):
            self._new_credential(person, credential)
        else:
            self._turns.plan(person, person.session.switch_on())
        if self._site.pbx.away:
            self._turns.plan(person, person.session.pbx_away())
        self._turns.show(person)

    def _new_credential(self, person: Person, credential: Credential | None) -> None:
        refreshed = credential is not None and credential.kind == "oauth"
        if refreshed and person.session.stage == "active":
            return  # by another process, for itself; ours is good until the PBX says otherwise
        person.credential, person.pbx = credential, None
        self._turns.plan(person, person.session.credential_changed())

    def _credential(self, login: str) -> Credential | None:
        try:
            return self._users.credential(login)
        except SealBroken:
            return None  # said when the user logs in

    def _gone(self, login: str) -> None:
        person = self._people.pop(login, None)
        self._timetable.drop(login)
        self._well.forget(login)
        self._icons.forget(login)
        if person is not None:
            self._turns.log_out(person)


def run(
    starface: StarfaceSettings,
    broker: BrokerSettings,
    site_key: bytes,
    database: Path,
    seal: Seal,
    data_folder: Path,
    profile: NumberProfile,
) -> None:
    """Keep all sessions until told to stop."""
    private = PrivateNumbers(data_folder, site_key)

    def open_pbx(login: str, credential: Credential, callback: Callback | None) -> Pbx:
        pbx = StarfaceClient(starface, login, credential, callback)
        return WithoutPrivateCalls(pbx, login, private, profile)

    errands = Errands(starface, site_key, open_pbx, HttpGateway(), callback_host)
    well = WellSince(data_folder / "sessions.db")
    with (
        Users(database, seal) as users,
        Connection(broker, ACCOUNT, birth=Birth(ACCOUNT)) as connection,
    ):
        roster = Roster(database)
        stop_on_signals(connection.stop)
        try:
            Sessions(connection, users, roster, well, errands, starface).run()
        finally:
            roster.close()
            well.close()
