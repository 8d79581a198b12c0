"""A whole site for the sessions' journeys: PBX, gateway, sessions, and somebody who listens."""

import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.fernet import Fernet

from bus.access.accounts import Accounts, write_broker_files
from bus.events import CallData, CallEvent, UserState, UserStateData
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from cli.demo.mosquitto import Mosquitto, free_port
from consumers.sessions.callback_check import HttpGateway
from consumers.sessions.consumer import SessionsConsumer
from consumers.sessions.resync_window import ResyncWindow, UserChanges
from consumers.sessions.tasks import PbxTasks
from consumers.users import User, Users
from runtime.secret_box import SecretBox
from starface.client import StarfaceClient
from starface.credential import Credential, derive
from starface.request import Callback
from starface.settings import StarfaceSettings, callback_host
from starface.simulator import SimulatedUser, Simulator
from tests.conftest import ROOT
from tests.forked_program import ForkedProgram
from tests.gateway.running import KEY, GatewayProcess

PROGRAM = """
import sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from consumers.sessions.process import run
from runtime.secret_box import SecretBox
from starface.settings import StarfaceSettings
configure_logging("DEBUG")
folder = Path(sys.argv[3])
run(StarfaceSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]),
    b"k" * 32, folder / "site.db", SecretBox(sys.argv[4].encode()), folder,
    NumberProfile(country="CH", area_code="44"), sys.argv[4].encode(), operations=sys.argv[5])
"""


class Listener:
    """Receives the calls and the states of everybody."""

    def __init__(self, connection: Connection) -> None:
        self.calls: list[CallEvent] = []
        self.states: dict[str, list[UserStateData]] = {}
        topics = connection.topics
        connection.consume(topics.calls(ANY_USER), CallEvent, lambda e, _: self.calls.append(e))
        connection.subscribe(topics.state(ANY_USER), self._take_state)
        self._topics = topics
        self._connection = connection
        self._thread = threading.Thread(target=connection.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.stop()
        self._thread.join(5)

    def _take_state(self, message: ReceivedMessage) -> None:
        user = self._topics.user_of(message.topic)
        reported = self.states.setdefault(user, [])
        if message.payload:
            reported.append(UserState.model_validate_json(message.payload).data)
        else:
            self.states.pop(user)

    def state(self, user: str) -> str | None:
        reported = self.states.get(user)
        return reported[-1].state if reported else None

    def code(self, user: str) -> str | None:
        reported = self.states.get(user)
        return reported[-1].code if reported else None

    def codes(self, user: str) -> list[str | None]:
        return [each.code for each in self.states.get(user, [])]

    def received(self, user: str, call_id: str) -> list[CallData]:
        return [
            event.data
            for event in list(self.calls)
            if event.data.user == user and event.data.call_id == call_id
        ]


class Office:
    """The files of one site: its users, its seal, its settings."""

    def __init__(
        self, folder: Path, people: Sequence[SimulatedUser], pbx_port: int, gateway_port: int,
        **settings: object,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seal_key = Fernet.generate_key()
        self.operations_port = free_port()
        self.settings = StarfaceSettings.model_validate(
            {
                "host": "127.0.0.1", "port": pbx_port, "scheme": "http", "keep_alive": 0.5,
                "callback_port": gateway_port, "extension_may_differ": True, "read_timeout": 1.0,
            } | settings
        )  # fmt: skip
        with self.users() as users:
            for person in people:
                credential = derive("sha512", person.login, person.password)
                users.add(User(login=person.login, extension=person.extension), credential)

    def users(self) -> Users:
        return Users(self.folder / "site.db", SecretBox(self.seal_key))


class SessionsProcess:
    """The sessions as the process they are."""

    def __init__(self, office: Office, broker: BrokerSettings) -> None:
        self.log = office.folder / "sessions.log"
        self._arguments = [
            office.settings.model_dump_json(),
            broker.model_dump_json(),
            str(office.folder),
            office.seal_key.decode(),
            f"127.0.0.1:{office.operations_port}",
        ]
        self._process: ForkedProgram | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.stop()

    def start(self) -> None:
        self._process = ForkedProgram(PROGRAM, *self._arguments, log=self.log)

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(5)
        self._process = None
        return code


class SessionsThread:
    """The sessions in a thread of the test, so that many sites fit into one."""

    def __init__(self, office: Office, broker: BrokerSettings, account: str) -> None:
        self._office = office
        self._broker = broker
        self._account = account
        self._connection: Connection | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._connection is not None
        self._connection.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        office = self._office
        tasks = PbxTasks(
            office.settings, KEY, opener(office.settings), HttpGateway(), callback_host
        )
        window, changes = ResyncWindow(office.folder / "sessions.db"), None
        with office.users() as users, Connection(self._broker, self._account) as connection:
            changes = UserChanges(office.folder / "site.db")
            self._connection = connection
            self._ready.set()
            dice = random.Random(self._account)
            SessionsConsumer(
                connection, users, changes, window, tasks, office.settings, dice=dice
            ).run()
        changes.close()
        window.close()


def opener(
    settings: StarfaceSettings,
) -> Callable[[str, Credential, Callback | None], StarfaceClient]:
    def open_pbx(login: str, credential: Credential, callback: Callback | None) -> StarfaceClient:
        return StarfaceClient(settings, login, credential, callback)

    return open_pbx


OTHER_PROGRAM = "/other"  # the path at which another program wants its notifications


def subscribed(pbx: Simulator, login: str) -> bool:
    """Return whether the PBX notifies us, and no other program, of this user's calls."""
    return any(
        session.login == login
        and session.services
        and not session.silence
        and session.callback is not None
        and session.callback.path != OTHER_PROGRAM
        for session in pbx.sessions
    )


@dataclass(frozen=True)
class Stage:
    """A broker, a gateway, and somebody who listens; for one site or many."""

    broker: BrokerSettings
    gateway: GatewayProcess
    listener: Listener


@contextmanager
def open_stage(folder: Path, accounts: Iterable[str]) -> Iterator[Stage]:
    (folder / "broker").mkdir()
    known = Accounts()
    for account in ("gateway", "panel", *accounts):
        known.add(account)
    known.write(folder / "accounts.json")
    write_broker_files(folder / "broker", BrokerSettings().topics(), known.passwords)
    with ExitStack() as stack:
        mosquitto = stack.enter_context(
            Mosquitto(ROOT / "mosquitto.conf", folder / "broker", free_port())
        )
        broker = BrokerSettings(port=mosquitto.port, accounts_file=folder / "accounts.json")
        gateway = stack.enter_context(
            GatewayProcess(folder / "gateway", broker, free_port(), rate=1000)
        )
        panel = stack.enter_context(Connection(broker, "panel"))
        panel.wait_connected()
        yield Stage(broker, gateway, stack.enter_context(Listener(panel)))
