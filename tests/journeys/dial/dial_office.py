"""An office that dials: a stand-in PBX, dial processes as programs, and people at plain clients."""

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from bus.events import (
    CallData,
    CallEvent,
    CallStateName,
    DialRequest,
    DialRequestData,
    DialResult,
    call_event_type,
    now,
)
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from consumers.dial.settings import DialSettings
from consumers.users import User, Users
from runtime.files import private_file, private_folder
from runtime.secret_box import SecretBox
from starface.client import StarfaceClient
from starface.credential import derive
from starface.settings import StarfaceSettings
from starface.simulator import DEFAULT_USERS, Simulator
from tests.forked_program import ForkedProgram

NUMBER = "+41 44 123 45 67"
_PROGRAM = """
import json, sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from consumers.dial.process import run
from consumers.dial.settings import DialSettings, DialSite
from runtime.secret_box import SecretBox
from starface.settings import StarfaceSettings

given = json.loads(sys.argv[1])
configure_logging("INFO")
folder = Path(given["folder"])
site = DialSite(
    DialSettings.model_validate(given["dial"]), StarfaceSettings.model_validate(given["starface"]),
    BrokerSettings.model_validate(given["broker"]),
    NumberProfile(country="CH", area_code="44", internal_digits=2),
    folder / "users.db", SecretBox(given["seal"].encode()), b"k" * 32, folder,
)
run(site, given["account"])
"""


class Office:
    """A stand-in PBX at which everybody is logged in, and dial processes as they are started."""

    def __init__(self, folder: Path, broker: BrokerSettings, simulator: Simulator) -> None:
        self.starface = StarfaceSettings(host="127.0.0.1", port=simulator.port, scheme="http")
        self._folder = folder
        self._broker = broker
        self._seal = Fernet.generate_key()
        self.processes: list[ForkedProgram] = []
        with Users(folder / "users.db", SecretBox(self._seal)) as users:
            for user in DEFAULT_USERS:
                credential = derive("sha512", user.login, user.password)
                users.add(User(login=user.login, extension=user.extension), credential)
        self.log_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def log_in(self) -> None:
        """Do what the sessions process does."""
        for user in DEFAULT_USERS:
            credential = derive("sha512", user.login, user.password)
            StarfaceClient(self.starface, user.login, credential).login()

    def start(self, account: str = "dial", **dial: object) -> ForkedProgram:
        """Start a dial process."""
        reported = {
            "dial": DialSettings.model_validate(dial).model_dump(mode="json"),
            "starface": self.starface.model_dump(mode="json"),
            "broker": self._broker.model_dump(mode="json"),
            "folder": str(self._folder),
            "seal": self._seal.decode(),
            "account": account,
        }
        process = ForkedProgram(_PROGRAM, json.dumps(reported))
        self.processes.append(process)
        return process

    def configuration(self, folder: Path) -> Path:
        """Write what a command of this office reads, and return its configuration file."""
        secrets = private_folder(folder / "secrets")
        private_file(secrets / "seal.key").write_bytes(self._seal)
        path = folder / "starface2mqtt.toml"
        path.write_text(
            f'[site]\ncountry = "CH"\narea_code = "44"\ninternal_digits = 2\n'
            f'[starface]\nhost = "127.0.0.1"\nport = {self.starface.port}\nscheme = "http"\n'
            f"[broker]\nport = {self._broker.port}\n"
            f'accounts_file = "{self._broker.accounts_file}"\n'
        )
        data = private_folder(folder / "data")
        shutil.copy2(folder / "users.db", data / "starface2mqtt.db")
        return path

    def claimed(self, request_id: UUID) -> bool:
        """Return whether a dial process has claimed a request."""
        with closing(sqlite3.connect(self._folder / "dial.db", timeout=5)) as db:
            found = db.execute("SELECT 1 FROM requests WHERE request_id = ?", (str(request_id),))
            return found.fetchone() is not None

    def wait_online(self, account: str = "dial") -> None:
        """Return once a dial process runs."""
        reported: list[bytes] = []
        with Connection(self._broker, "cli-1", lasting=False) as watch:
            watch.subscribe(
                watch.topics.process(account), lambda arrived: reported.append(arrived.payload)
            )
            for _ in range(1000):
                if reported[-1:] == [b"online"]:
                    return
                watch.work(0.02)
        raise AssertionError("the dial process did not come up")

    def report(self, gateway: Connection, call_id: object, *states: CallStateName) -> None:
        """Report user 0011's call as the gateway does."""
        for state in states:
            data = CallData(user="0011", call_id=str(call_id), state=state, received_at=now())
            event = CallEvent(type=call_event_type(state), data=data)
            gateway.publish(gateway.topics.calls("0011"), event)


class Person:
    """Somebody who dials with a plain MQTT client and writes down what comes back."""

    def __init__(self, connection: Connection, login: str) -> None:
        self._connection = connection
        self._login = login
        self._topics = connection.topics
        self.results: list[DialResult] = []
        self._stop = threading.Event()
        connection.consume(
            self._topics.dial_result(login),
            DialResult,
            lambda reported, _: self.results.append(reported),
        )
        self._listening = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._listening.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listening.join()

    def dial(self, number: str = NUMBER, request_id: UUID | None = None) -> UUID:
        """Publish one dial request."""
        request_id = request_id or uuid4()
        data = DialRequestData(number=number, request_id=request_id)
        request = DialRequest(time=now(), data=data)
        self._connection.publish(self._topics.dial(self._login), request)
        return request_id

    def reported(self, request_id: UUID) -> list[str]:
        """Return the states of a request that came."""
        return [
            reported.data.state
            for reported in self.results
            if reported.data.request_id == request_id
        ]

    def _listen(self) -> None:
        while not self._stop.is_set():
            self._connection.work(0.02)
