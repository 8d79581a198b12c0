"""The stand-in PBX put together, and its life from start to end."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from runtime.addresses import join_address
from starface.simulator.control.api import create_control
from starface.simulator.interface.faults import FaultInjector
from starface.simulator.interface.http_port import HttpPort
from starface.simulator.interface.methods import Methods
from starface.simulator.interface.oauth import add_oauth
from starface.simulator.interface.rest import RestLogins, add_rest
from starface.simulator.interface.server import XmlRpc, create_app
from starface.simulator.interface.tls_port import TlsPort
from starface.simulator.model.accounts import SimulatedAccounts
from starface.simulator.model.address_book import AddressBook
from starface.simulator.model.behaviour import Behaviour
from starface.simulator.model.calls import CallParty, LegNotification, PlacedCall, SimulatedCall
from starface.simulator.model.load import LoadRun
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.people import (
    DEFAULT_CONTACTS,
    DEFAULT_GROUPS,
    DEFAULT_USERS,
    SimulatedContact,
    SimulatedGroup,
    SimulatedUser,
)
from starface.simulator.model.scenarios import ScenarioRun, begin
from starface.simulator.model.sessions import SimulatedSession, SimulatedSessions
from starface.simulator.model.switches import Switches
from starface.simulator.model.timers import Timers
from starface.simulator.notify.delivery import CallbackDelivery, DeliveryAttempt
from starface.simulator.notify.notifier import Notifier

_PBX_THREADS = 32
_CONTROL_THREADS = 4


class Simulator:
    """A stand-in PBX with its people; a `with` block is its life."""

    def __init__(
        self,
        users: Iterable[SimulatedUser] = DEFAULT_USERS,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        *,
        groups: Iterable[SimulatedGroup] = DEFAULT_GROUPS,
        contacts: Iterable[SimulatedContact] = DEFAULT_CONTACTS,
        switches: Switches | None = None,
        clock: Callable[[], float] = time.monotonic,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self._switches = switches or Switches()
        self._stopping = threading.Event()
        self._timers = Timers()
        self.pbx = SimulatedPbx(users, groups, self._listen, lambda: datetime.now(UTC))
        self.accounts = SimulatedAccounts(self.pbx.users.values(), self._switches, clock)
        self._sessions = SimulatedSessions(self._switches, clock)
        self._callbacks = CallbackDelivery(self._switches, self._drop, lambda: self._door.open)
        self._notifier = Notifier(self._sessions, self._callbacks, self._switches, self._at_once)
        self._behaviour = Behaviour(self.pbx, self._switches, self.later)
        methods = Methods(self.pbx, self._sessions, self._switches, clock)
        trouble = FaultInjector(self._switches, self._stopping)
        self._xml_rpc = XmlRpc(self.pbx, self.accounts, methods, trouble, self._switches)
        self._rest = RestLogins(self.accounts, self._switches, clock)
        app = create_app(self._xml_rpc)
        add_oauth(app, self.accounts, self._switches, "https" if certificate else "http")
        book = AddressBook(contacts, self._switches)
        add_rest(app, self.pbx, self.accounts, book, self._switches, self._rest)
        self._host = host
        self._scheme = "https" if certificate else "http"
        self._door = (
            TlsPort(app, host, port, _PBX_THREADS, certificate)
            if certificate
            else HttpPort(app, host, port, _PBX_THREADS)
        )
        self._control = HttpPort(create_control(self), host, control_port, _CONTROL_THREADS)
        self._life = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self._timers)
            opening.enter_context(self._callbacks)
            opening.enter_context(self._door)
            opening.enter_context(self._control)
            opening.callback(self._stopping.set)
            self._life = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    @property
    def port(self) -> int:
        """The port of the PBX."""
        return self._door.port

    @property
    def url(self) -> str:
        """The address of the PBX."""
        return f"{self._scheme}://{join_address(self._host, self._door.port)}"

    @property
    def control_url(self) -> str:
        """The address of the control door."""
        return f"http://{join_address(self._host, self._control.port)}"

    @property
    def switches(self) -> Switches:
        """The switches; assign to their fields, or a whole set."""
        return self._switches

    @switches.setter
    def switches(self, new: Switches) -> None:
        for name in Switches.model_fields:
            setattr(self._switches, name, getattr(new, name))

    def set(self, **values: Any) -> None:
        """Set switches by name, all or none; `users.0011.lifts` reaches into a table."""
        self.switches = self._switches.changed(values)

    @property
    def sessions(self) -> list[SimulatedSession]:
        """The living sessions."""
        with self.pbx.lock:
            return list(self._sessions)

    @property
    def requests(self) -> Counter[str]:
        """How often each method was called, by its full name."""
        with self.pbx.lock:
            return self._xml_rpc.requests.copy()

    @property
    def placements(self) -> Counter[str]:
        """How often a call was to be placed, by the call id that was given."""
        with self.pbx.lock:
            return self._xml_rpc.placements.copy()

    @property
    def placed(self) -> list[PlacedCall]:
        """The requests to place a call, refused ones too."""
        with self.pbx.lock:
            return list(self.pbx.placed)

    @property
    def notifications(self) -> deque[DeliveryAttempt]:
        """Every attempt to deliver a notification, and its result."""
        return self._callbacks.log.copy()

    def idle(self) -> bool:
        """Return whether every notification has been delivered or given up."""
        return self._callbacks.idle()

    def ring(
        self,
        login: str,
        caller_number: str = "",
        caller_name: str = "",
        answered_after: float | None = None,
        ended_after: float | None = None,
        call_id: str = "",
    ) -> str:
        """Ring a user from outside; return the call's id at once. The end counts from the start."""
        with self.pbx.lock:
            call = self.pbx.ring(login, CallParty(caller_number, caller_name), call_id)
        return self._schedule(call, answered_after, ended_after)

    def ring_group(
        self,
        group: str,
        caller_number: str = "",
        caller_name: str = "",
        answered_after: float | None = None,
        ended_after: float | None = None,
        call_id: str = "",
    ) -> str:
        """Ring every member of a group; the first of them answers, if anybody does."""
        with self.pbx.lock:
            call = self.pbx.ring_group(group, CallParty(caller_number, caller_name), call_id)
        return self._schedule(call, answered_after, ended_after)

    def answer(self, call_id: str, login: str | None = None) -> None:
        """Somebody answers; a user who placed the call and whose own phone rings lifts it."""
        with self.pbx.lock:
            self.pbx.lift_or_answer(call_id, login)

    def hang_up(self, call_id: str, login: str | None = None) -> None:
        """End the call, or let this user leave it."""
        with self.pbx.lock:
            self.pbx.hang_up(call_id, login)

    def place(self, login: str, number: str, phone: str = "", call_id: str = "") -> str:
        """Place a call as the user would by his own client; "" when refused."""
        with self.pbx.lock:
            return self.pbx.place(login, number, phone, call_id)

    def run(self, name: str, **options: Any) -> ScenarioRun:
        """Begin a scenario; its first step is done when this returns."""
        return begin(name, self.pbx, self.later, options)

    def restart(self, down_for: float = 0.0) -> None:
        """Lose sessions, access tokens and running calls without a word, as a crash does."""
        with self.pbx.lock:
            self.pbx.forget()
            for session in list(self._sessions):
                self._sessions.end(session)
            self.accounts.forget_tokens()
            self._rest.forget()
        if down_for > 0:
            self.outage(on=True)
            self._timers.after(down_for, lambda: self.outage(on=False))

    def outage(self, on: bool, kind: Literal["refuse", "silent"] = "refuse") -> None:
        """Take the PBX off the network, or bring it back; telephones keep working."""
        if on and kind == "silent":
            self._door.fall_silent()
        else:
            self._door.stop()
        if not on:
            self._door.start()

    def deafen(self, login: str | None = None) -> None:
        """Make sessions half open: they look well and get no notifications until the next login."""
        for session in self.sessions:
            if login in {None, session.login}:
                session.silence = "half open"

    def reset(self, login: str | None = None) -> None:
        """Announce to sessions that nothing more will come, and end them."""
        with self.pbx.lock:
            for session in list(self._sessions):
                if login in {None, session.login}:
                    self._notifier.reset(session)
                    self._sessions.end(session, with_a_last_word=True)

    def expire(self, login: str | None = None) -> None:
        """End sessions without a word."""
        with self.pbx.lock:
            for session in list(self._sessions):
                if login in {None, session.login}:
                    self._sessions.end(session)

    def allow(self, login: str, on: bool) -> None:
        """Give or take a user's right to use the call interface; without it his sessions end."""
        with self.pbx.lock:
            self.pbx.users[login] = replace(self.pbx.user(login), allowed=on)
        if not on:
            self.expire(login)

    def set_password(self, login: str, password: str) -> None:
        """Change a user's password; his sessions end."""
        with self.pbx.lock:
            self.accounts.set_password(login, password)
        self.expire(login)

    def load(
        self,
        users: int,
        rate: float,
        seconds: float,
        answered_after: float = 0.5,
        ended_after: float = 2.0,
    ) -> int:
        """Let calls come in for the first so many users; return how many there will be."""
        logins = list(self.pbx.users)[:users]
        load = LoadRun(self, logins, self._at_once, answered_after, ended_after)
        with self.pbx.lock:
            return load.begin(rate, seconds)

    def later(self, seconds: float, job: Callable[[], None]) -> None:
        """Let people do something later, at the speed that is set."""
        self._at_once(seconds / self._switches.speed, job)

    def _listen(self, notification: LegNotification) -> None:
        self._notifier.notify(notification)
        self._behaviour.follow(notification)

    def _drop(self, session: SimulatedSession) -> None:
        with self.pbx.lock:
            self._sessions.end(session)

    def _at_once(self, seconds: float, job: Callable[[], None]) -> None:
        def locked() -> None:
            with self.pbx.lock:
                job()

        self._timers.after(seconds, locked)

    def _schedule(
        self, call: SimulatedCall, answered_after: float | None, ended_after: float | None
    ) -> str:
        if answered_after is not None:
            self.later(answered_after, lambda: self._if_there(call, self.pbx.answer))
        if ended_after is not None:
            self.later(ended_after, lambda: self._if_there(call, self.pbx.hang_up))
        return call.id

    def _if_there(self, call: SimulatedCall, act: Callable[[str], None]) -> None:
        if self.pbx.calls.get(call.id) is call:
            act(call.id)
