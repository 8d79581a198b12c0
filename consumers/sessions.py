"""Keeps every user who is on logged in at the PBX, and says honestly whether it works.

One thread decides (`session_state`), a few do the errands at the PBX (`session_errands`). Nobody is
logged out when the process stops: the PBX forgets a session after a minute by itself, until then
notifications go on arriving, and a logout might end another program's session of the same user.
Only a user who is switched off is logged out.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bus.birth import Birth
from bus.connection import Connection
from bus.events import CallEvent, ProcessDetail, SessionReset
from bus.inbox import Arrived
from bus.process import stop_on_signals
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from consumers.session_callback import CallbackWatch, HttpGateway, Proof
from consumers.session_calls import HeardCalls
from consumers.session_errands import Alive, Errands, Failed, Opened, Pbx
from consumers.session_icons import Icons
from consumers.session_memory import Roster, WellSince
from consumers.session_schedule import Pace, PbxWatch, Timetable
from consumers.session_state import UNKNOWN, Errand, Step, UserSession
from consumers.session_workers import Workers
from starface.client import Callback, StarfaceClient
from starface.seal import Seal, SealBroken
from starface.settings import StarfaceSettings, callback_host
from starface.token import Credential
from starface.users import User, Users, UserUnknown

log = logging.getLogger(__name__)

ACCOUNT = "sessions"
WORKERS = 16
_LOGINS = 8  # at a time, so that keepAlives are never behind them
_LOOKS = 500  # users; above, not every keepAlive also asks for the running calls
_PATIENCE = 10.0  # seconds an event may take from the PBX to us
_ROSTER_EVERY = 2.0  # seconds
_SAVE_EVERY = 10.0  # seconds
_LEAVE_WITHIN = 3.0  # seconds for what is in hand at the end
_RESYNC_AGAIN = 2.0  # seconds
_CALLBACK, _PBX, _ROSTER, _SAVE = "\x00callback", "\x00pbx", "\x00roster", "\x00save"  # no logins


@dataclass
class _Person:
    """A user and everything that is held for him."""

    user: User
    session: UserSession
    heard: HeardCalls
    credential: Credential | None = None
    pbx: Pbx | None = None
    callback: Callback | None = None
    errand: Errand | None = None
    plan: int = 0  # counts plans: a result of an errand begun before the last one is late
    busy: bool = False
    admitted: bool = False  # has a turn to log in
    beats: int = 0
    owes: bool = True  # something may have been missed and not been handed in yet


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
        patience: float = _PATIENCE,
        dice: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._users = users
        self._roster = roster
        self._well = well
        self._errands = errands
        self._settings = settings
        self._dice = dice or random.Random()  # noqa: S311  (jitter)
        self._clock = clock
        self._patience = min(patience, settings.keep_alive / 3)
        self._workers = Workers(WORKERS, connection.post)
        self._timetable = Timetable()
        self._pace = Pace()
        self._pbx = PbxWatch(self._dice)
        self._callback = CallbackWatch(settings.keep_alive)
        self._icons = Icons(connection)
        self._people: dict[str, _Person] = {}
        self._logging_in = 0
        self._queue: deque[str] = deque()
        self._gateways: dict[str, tuple[str, bool]] = {}
        self._callback_good_at = 0.0
        self._hearing_since = clock()

    def run(self) -> None:
        """Keep the sessions until told to stop."""
        topics = self._connection.topics
        self._connection.on_connected(self._connected)
        self._connection.subscribe(topics.switch(ANY_USER), self._switch)
        self._connection.consume(topics.session(ANY_USER), SessionReset, self._reset)
        self._connection.consume(topics.calls(ANY_USER), CallEvent, self._heard)
        self._connection.subscribe(topics.process_detail(ANY_USER), self._gateway_told)
        self._connection.subscribe(topics.process(ANY_USER), self._gateway_gone)
        self._tend_roster()
        for key in (_CALLBACK, _ROSTER, _SAVE):
            self._timetable.set(key, self._clock())
        while not self._connection.stopping.is_set():
            self._take_turns()
            self._icons.tell()
            self._connection.work(self._timetable.next_in(self._clock(), 1.0))
        self._leave()

    # ---- turns

    def _take_turns(self) -> None:
        while (key := self._timetable.pop(self._clock())) is not None:
            if key in self._people:
                self._turn(self._people[key])
            elif key in _CHORES:
                _CHORES[key](self)

    def _turn(self, person: _Person) -> None:
        if person.busy:  # what runs was begun before this was planned
            self._timetable.set(person.user.login, self._clock() + 0.05)
            return
        match person.errand:
            case "login":
                self._log_in(person)
            case "keep-alive" if person.pbx is not None:
                self._keep_alive(person, person.pbx)
            case "resync" if person.pbx is not None and person.callback is not None:
                self._resync(person, person.pbx, person.callback)
            case "logout":
                self._log_out(person)

    def _plan(self, person: _Person, step: Step | None) -> None:
        if step is None:
            return
        person.plan += 1
        person.errand = step.errand
        person.admitted = False
        if step.errand is None:
            self._timetable.drop(person.user.login)
        else:
            self._timetable.set(person.user.login, self._clock() + step.after)

    def _begin(self, person: _Person, errand: Callable[[], Any], then: Callable[..., None]) -> None:
        person.busy = True
        plan = person.plan

        def done(result: Any) -> None:
            person.busy = False
            then(person, result, late=plan != person.plan)

        self._workers.do(errand, done)

    # ---- logging in

    def _log_in(self, person: _Person) -> None:
        login = person.user.login
        if not person.admitted:
            person.admitted = True
            if (wait := self._pace.wait(self._clock())) > 0:
                self._timetable.set(login, self._clock() + wait)
                return
        if self._logging_in >= _LOGINS:
            self._queue.append(login)
            return
        if (code := self._unfit(person)) is not None:
            self._failed(person, Failed(code))
            return
        assert person.credential is not None  # noqa: S101  (asked by _unfit)
        gap = None if self._callback.failing else person.heard.gap(self._well.get(login))
        self._logging_in += 1
        errand = partial(
            self._errands.log_in, login, person.credential, gap, local=self._callback.local
        )
        self._begin(person, errand, self._logged_in)

    def _unfit(self, person: _Person) -> str | None:
        user = person.user
        try:
            person.credential = self._users.credential(user.login)
        except SealBroken:
            return "seal-broken"
        if person.credential is None:
            return "no-credential"
        differs = user.extension not in ("", user.login)
        if differs and not self._settings.extension_may_differ:
            return "extension-differs"
        return None

    def _logged_in(self, person: _Person, result: Opened | Failed | None, *, late: bool) -> None:
        self._logging_in -= 1
        if self._queue and (waiting := self._people.get(self._queue.popleft())) is not None:
            self._turn(waiting)
        if isinstance(result, Opened):
            self._opened(person, result)
            if not late:
                self._plan(person, person.session.logged_in(self._clock()))
                self._settle_debt(person)
            elif not person.session.on:
                self._plan(person, Step("logout"))
            self._show(person)
        elif not late:
            self._failed(person, result or Failed("pbx-unreadable", "the errand broke"))

    def _opened(self, person: _Person, opened: Opened) -> None:
        self._pbx.good()
        person.pbx, person.callback = opened.pbx, opened.callback
        person.owes = not opened.resynced
        person.beats = 0
        self._keep_credential(person)
        self._note_well(person)
        log.info("logged in user=%s", person.user.login)

    def _keep_credential(self, person: _Person) -> None:
        if person.pbx is not None and person.pbx.credential != person.credential:
            person.credential = person.pbx.credential
            self._users.keep_credential(person.user.login, person.credential)

    def _settle_debt(self, person: _Person) -> None:
        if person.owes and not self._callback.failing:
            self._plan(person, Step("resync", _RESYNC_AGAIN))

    def _failed(self, person: _Person, failed: Failed) -> None:
        log.warning(
            "session failed user=%s code=%s reason=%s",
            person.user.login, failed.code, failed.reason or "-",
        )  # fmt: skip
        person.owes = True
        self._plan(person, person.session.failed(failed.code))
        if self._pbx.bad(failed.code):
            self._timetable.set(_PBX, self._clock())
            if self._pbx.away:
                self._pbx_went()
        elif self._pbx.away:
            self._plan(person, person.session.pbx_away())
        self._show(person)

    # ---- keeping alive

    def _keep_alive(self, person: _Person, pbx: Pbx) -> None:
        every = 1 + len(self._people) // _LOOKS
        person.beats += 1
        look = person.beats % every == 0 or person.heard.doubtful
        self._begin(person, partial(self._errands.keep_alive, pbx, look=look), self._kept_alive)

    def _kept_alive(self, person: _Person, result: Alive | Failed | None, *, late: bool) -> None:
        if isinstance(result, Alive):
            self._pbx.good()
        if late:
            return
        if not isinstance(result, Alive):
            self._failed(person, result or Failed("pbx-unreadable", "the errand broke"))
        elif not result.known:
            log.warning("session lost user=%s", person.user.login)
            person.owes = True
            self._plan(person, person.session.lost(self._clock()))
        else:
            self._keep_credential(person)
            self._plan(person, person.session.alive(self._clock()))
            self._note_well(person)
            self._settle_debt(person)
            if result.calls is not None:
                self._compare(person, result.calls)
        self._show(person)

    def _compare(self, person: _Person, calls: list[str]) -> None:
        hearing = self._connection.connected and not self._callback.failing
        if not hearing or self._clock() - self._hearing_since < self._patience:
            return
        missed = person.heard.look(calls, self._clock())
        if missed.unheard:
            log.warning("calls the PBX did not tell of user=%s", person.user.login)
            person.owes = True
            self._plan(person, person.session.half_open(self._clock()))
        elif missed.unended:
            person.owes = True
            self._plan(person, Step("resync"))
        elif missed.soon:
            self._plan(person, person.session.look_again(self._patience))

    def _note_well(self, person: _Person) -> None:
        if not person.owes and not self._callback.failing:
            self._well.note(person.user.login, min(time.time(), self._callback_good_at))

    def _resync(self, person: _Person, pbx: Pbx, callback: Callback) -> None:
        gap = person.heard.gap(self._well.get(person.user.login))
        errand = partial(self._errands.resync, pbx, callback, gap, local=self._callback.local)
        self._begin(person, errand, self._resynced)

    def _resynced(self, person: _Person, done: bool | None, *, late: bool) -> None:
        if late:
            return
        person.owes = not done
        after = 0.0 if done else _RESYNC_AGAIN
        self._plan(person, Step("keep-alive", after))

    def _log_out(self, person: _Person) -> None:
        pbx, person.pbx, person.callback = person.pbx, None, None
        if pbx is not None:
            log.info("logging out user=%s", person.user.login)
            self._begin(person, partial(self._errands.log_out, pbx), _nothing)

    # ---- what holds for everybody

    def _probe_pbx(self) -> None:
        self._workers.do(lambda: (self._errands.probe(),), self._probed)

    def _probed(self, found: tuple[str | None] | None) -> None:
        changed = self._pbx.probed(found[0] if found else "pbx-unreadable")
        if self._pbx.away:
            self._timetable.set(_PBX, self._clock() + self._pbx.pause())
            if changed:
                self._pbx_went()
        elif changed:
            log.info("the PBX is back")
            spread = self._pace.spread(len(self._people))
            for person in self._people.values():
                self._plan(person, person.session.pbx_back(spread))
            self._timetable.set(_CALLBACK, self._clock())

    def _pbx_went(self) -> None:
        log.warning("the PBX is gone code=%s", self._pbx.away)
        for person in self._people.values():
            person.owes = True
            self._plan(person, person.session.pbx_away())
            self._show(person)

    def _check_callback(self) -> None:
        user = next((p.user.login for p in self._people.values() if p.session.on), None)
        if user is None:
            self._timetable.set(_CALLBACK, self._clock() + 1.0)
            return
        began = time.time()
        self._workers.do(lambda: self._errands.prove(user), partial(self._checked, began))

    def _checked(self, began: float, proof: Proof | None) -> None:
        if proof is None:
            proof = Proof("callback-unreachable")
        if proof.code == "callback-unreachable" and self._all_gateways_gone():
            proof = Proof("gateway-offline")
        before, known = self._callback.code, self._callback.known
        came_back = self._callback.found(proof)
        if not self._callback.failing:
            self._callback_good_at = began
        self._timetable.set(_CALLBACK, self._clock() + self._callback.pause(self._dice.uniform))
        if self._callback.code != before or not known:
            log.info("callback checked code=%s", self._callback.code or "-")
            self._show_all()
        if came_back or not known:
            self._resync_all()

    def _resync_all(self) -> None:
        spread = self._pace.spread(len(self._people)) - 1.0
        for person in self._people.values():
            person.owes = True
            self._plan(person, person.session.resync(spread))

    def _all_gateways_gone(self) -> bool:
        return bool(self._gateways) and not any(online for _, online in self._gateways.values())

    # ---- what the bus tells

    def _connected(self) -> None:
        self._hearing_since = self._clock()
        self._icons.show_all_again()

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
        if person is None or told.data.user != login or person.session.stage != "active":
            return
        log.warning("the PBX ended the session user=%s", login)
        person.owes = True
        self._plan(person, person.session.lost(self._clock()))
        self._show(person)

    def _heard(self, event: CallEvent, arrived: Arrived) -> None:
        login = self._connection.topics.user_of(arrived.topic)
        person = self._people.get(login)
        if person is None or event.data.user != login:
            return
        person.heard.hear(event.data)
        if event.data.replayed:
            return
        if person.session.heard():
            self._show(person)
        if self._callback.heard():
            self._show_all()

    def _gateway_told(self, arrived: Arrived) -> None:
        try:
            detail = ProcessDetail.model_validate_json(arrived.payload).data
        except ValueError:
            return
        if not detail.name.startswith("gateway"):
            return
        before = self._gateways.get(detail.name)
        self._gateways[detail.name] = (detail.start_id, detail.state == "online")
        if before is not None and before != self._gateways[detail.name]:
            log.info("gateway is %s name=%s", detail.state, detail.name)
            self._timetable.set(_CALLBACK, self._clock())
            if detail.state == "online":
                self._resync_all()

    def _gateway_gone(self, arrived: Arrived) -> None:
        topics = self._connection.topics
        for name, (start_id, online) in self._gateways.items():
            if online and arrived.payload == b"offline" and topics.process(name) == arrived.topic:
                self._gateways[name] = (start_id, False)
                self._timetable.set(_CALLBACK, self._clock())
                return

    # ---- users who come, change and go

    def _tend_roster(self) -> None:
        for login in sorted(self._roster.changed()):
            user = self._users.find(login)
            if user is None:
                self._gone(login)
            else:
                self._changed(user)
        self._timetable.set(_ROSTER, self._clock() + _ROSTER_EVERY)

    def _changed(self, user: User) -> None:
        credential = self._credential(user.login)
        person = self._people.get(user.login)
        if person is None:
            worked = self._well.get(user.login) is not None
            session = UserSession(self._settings.keep_alive, self._dice, worked=worked)
            person = _Person(user, session, HeardCalls(self._patience), credential)
            self._people[user.login] = person
        person.user = user
        if not user.on:
            self._plan(person, person.session.switch_off())
            self._well.forget(user.login)
        elif person.session.on and credential not in (None, person.credential):
            person.credential = credential
            self._plan(person, person.session.credential_changed())
        else:
            step = person.session.switch_on()
            self._plan(person, person.session.pbx_away() if step and self._pbx.away else step)
        self._show(person)

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
        if person is not None and person.pbx is not None:
            self._log_out(person)

    # ---- telling

    def _show(self, person: _Person) -> None:
        callback = self._callback.code if self._callback.known else UNKNOWN
        if person.user.login not in self._people:
            return
        if (health := person.session.health(callback, self._pbx.away)) is not None:
            self._icons.show(person.user.login, health)

    def _show_all(self) -> None:
        for person in self._people.values():
            self._show(person)

    def _save(self) -> None:
        self._well.save()
        self._timetable.set(_SAVE, self._clock() + _SAVE_EVERY)

    def _leave(self) -> None:
        self._workers.close(_LEAVE_WITHIN)
        self._icons.tell()


_CHORES: dict[str, Callable[[Sessions], None]] = {
    _CALLBACK: Sessions._check_callback,
    _PBX: Sessions._probe_pbx,
    _ROSTER: Sessions._tend_roster,
    _SAVE: Sessions._save,
}


def _nothing(_person: _Person, _result: None, *, late: bool) -> None:
    """Nothing follows from a logout."""


def run(
    starface: StarfaceSettings,
    broker: BrokerSettings,
    site_key: bytes,
    database: Path,
    seal: Seal,
    data_folder: Path,
) -> None:
    """Keep all sessions until told to stop."""

    def open_pbx(login: str, credential: Credential, callback: Callback | None) -> Pbx:
        return StarfaceClient(starface, login, credential, callback)

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
