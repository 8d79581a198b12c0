"""The stand-in PBX put together, and its life from start to end."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from starface.simulator.control.api import create_control
from starface.simulator.control.desk import Desk
from starface.simulator.interface.faults import Trouble
from starface.simulator.interface.http_port import Door
from starface.simulator.interface.methods import Methods
from starface.simulator.interface.oauth import add_oauth
from starface.simulator.interface.rest import Logins, add_rest
from starface.simulator.interface.server import XmlRpc, create_app
from starface.simulator.interface.tls_port import TlsDoor
from starface.simulator.model.accounts import Accounts
from starface.simulator.model.address_book import AddressBook
from starface.simulator.model.behaviour import Habits
from starface.simulator.model.calls import Told
from starface.simulator.model.pbx import Pbx
from starface.simulator.model.people import (
    DEFAULT_CONTACTS,
    DEFAULT_GROUPS,
    DEFAULT_USERS,
    SimulatedContact,
    SimulatedGroup,
    SimulatedUser,
)
from starface.simulator.model.sessions import Session, Sessions
from starface.simulator.model.switches import Switches
from starface.simulator.model.timers import Timetable
from starface.simulator.notify.delivery import Callbacks
from starface.simulator.notify.notifier import Telling

_PBX_THREADS = 32
_CONTROL_THREADS = 4


class Simulator(Desk):
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
        self._timetable = Timetable()
        self.pbx = Pbx(users, groups, self._listen, lambda: datetime.now(UTC))
        self.accounts = Accounts(self.pbx.users.values(), self._switches, clock)
        self._sessions = Sessions(self._switches, clock)
        self._callbacks = Callbacks(self._switches, self._drop, lambda: self._door.open)
        self._telling = Telling(self._sessions, self._callbacks, self._switches, self._at_once)
        self._habits = Habits(self.pbx, self._switches, self.later)
        methods = Methods(self.pbx, self._sessions, self._switches, clock)
        trouble = Trouble(self._switches, self._stopping)
        self._xml_rpc = XmlRpc(self.pbx, self.accounts, methods, trouble, self._switches)
        self._rest = Logins(self.accounts, self._switches, clock)
        app = create_app(self._xml_rpc)
        add_oauth(app, self.accounts, self._switches)
        book = AddressBook(contacts, self._switches)
        add_rest(app, self.pbx, book, self._switches, self._rest)
        self._host = host
        self._scheme = "https" if certificate else "http"
        self._door = (
            TlsDoor(app, host, port, _PBX_THREADS, certificate)
            if certificate
            else Door(app, host, port, _PBX_THREADS)
        )
        self._control = Door(create_control(self), host, control_port, _CONTROL_THREADS)
        self._life = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self._timetable)
            opening.enter_context(self._callbacks)
            opening.enter_context(self._door)
            opening.enter_context(self._control)
            opening.callback(self._stopping.set)
            self._life = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def _listen(self, told: Told) -> None:
        self._telling.tell(told)
        self._habits.follow(told)

    def _drop(self, session: Session) -> None:
        with self.pbx.lock:
            self._sessions.end(session)
