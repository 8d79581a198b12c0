import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet

from bus.connection import Connection
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
from bus.settings import BrokerSettings
from consumers.dial_settings import DialSettings
from starface.client import StarfaceClient
from starface.seal import Seal
from starface.settings import StarfaceSettings
from starface.simulator import DEFAULT_USERS, Simulator
from starface.token import derive
from starface.users import User, Users
from tests.conftest import wait_until

PROGRAM = """
import json, sys
from pathlib import Path
from bus.numbers import NumberProfile
from bus.settings import BrokerSettings
from consumers import dial
from consumers.dial_settings import DialSettings
from starface.seal import Seal
from starface.settings import StarfaceSettings
from bus.process import configure_logging

told = json.loads(sys.argv[1])
configure_logging("INFO")
folder = Path(told["folder"])
dial.run(
    DialSettings.model_validate(told["dial"]), StarfaceSettings.model_validate(told["starface"]),
    BrokerSettings.model_validate(told["broker"]),
    NumberProfile(country="CH", area_code="44", internal_digits=2),
    folder / "users.db", Seal(told["seal"].encode()), b"k" * 32, folder, told["account"],
)
"""
NUMBER = "+41 44 123 45 67"


class Office:
    """A stand-in PBX, a broker and dial processes; and the person who dials."""

    def __init__(self, folder: Path, broker: BrokerSettings, simulator: Simulator) -> None:
        self.simulator = simulator
        self.starface = StarfaceSettings(host="127.0.0.1", port=simulator.port, scheme="http")
        self._folder = folder
        self._broker = broker
        self._seal = Fernet.generate_key()
        self.processes: list[subprocess.Popen[bytes]] = []
        with Users(folder / "users.db", Seal(self._seal)) as users:
            for user in DEFAULT_USERS:
                credential = derive("sha512", user.login, user.password)
                users.add(User(login=user.login, extension=user.extension), credential)
                StarfaceClient(self.starface, user.login, credential).login()

    def start(self, account: str = "dial", **dial: object) -> subprocess.Popen[bytes]:
        told = {
            "dial": DialSettings.model_validate(dial).model_dump(mode="json"),
            "starface": self.starface.model_dump(mode="json"),
            "broker": self._broker.model_dump(mode="json"),
            "folder": str(self._folder), "seal": self._seal.decode(), "account": account,
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(told)])
        self.processes.append(process)
        return process


class Person:
    """Somebody who dials with a plain MQTT client and writes down what he is told."""

    def __init__(self, connection: Connection, login: str) -> None:
        self._connection = connection
        self._login = login
        self._topics = connection.topics
        self.results: list[DialResult] = []
        self._stop = threading.Event()
        connection.consume(
            self._topics.dial_result(login), DialResult, lambda told, _: self.results.append(told)
        )
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def dial(self, number: str = NUMBER, request_id: UUID | None = None) -> UUID:
        request_id = request_id or uuid4()
        data = DialRequestData(number=number, request_id=request_id)
        self._connection.publish(self._topics.dial(self._login), DialRequest(time=now(), data=data))
        return request_id

    def told(self, request_id: UUID) -> list[str]:
        return [told.data.state for told in self.results if told.data.request_id == request_id]

    def stop(self) -> None:
        self._stop.set()
        self._listening.join()

    def _listen(self) -> None:
        while not self._stop.is_set():
            self._connection.work(0.02)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.switches.lift_after = None
        yield simulator


@pytest.fixture
def office(
    tmp_path: Path, broker_settings: BrokerSettings, simulator: Simulator
) -> Iterator[Office]:
    office = Office(tmp_path, broker_settings, simulator)
    yield office
    for process in office.processes:
        process.kill()
        process.wait()


@pytest.fixture
def anna(connect: Callable[..., Connection]) -> Iterator[Person]:
    person = Person(connect("0011"), "0011")
    yield person
    person.stop()


def _event(call_id: UUID, state: CallStateName) -> CallEvent:
    data = CallData(user="0011", call_id=str(call_id), state=state, received_at=now())
    return CallEvent(type=call_event_type(state), data=data)


def _wait_for(connect: Callable[..., Connection], account: str = "dial") -> None:
    told: list[bytes] = []
    watch = connect("cli-1", lasting=False)
    watch.subscribe(watch.topics.process(account), lambda arrived: told.append(arrived.payload))
    for _ in range(500):
        if b"online" in told:
            return
        watch.work(0.02)
    raise AssertionError("the dial process did not come up")


def test_a_request_becomes_one_call_and_is_told_to_its_end(
    office: Office, anna: Person, connect: Callable[..., Connection]
) -> None:
    process = office.start()
    _wait_for(connect)
    gateway = connect("gateway")

    request = anna.dial()
    wait_until(lambda: anna.told(request) == ["accepted"])
    states: tuple[CallStateName, ...] = ("dialing", "ringback", "connected", "ended")
    for state in states:
        gateway.publish(gateway.topics.calls("0011"), _event(request, state))

    wait_until(lambda: anna.results and anna.results[-1].data.final)
    assert anna.told(request) == [
        "accepted", "own-phone-ringing", "remote-ringing", "connected", "ended",
    ]  # fmt: skip
    [placed] = office.simulator.placed
    assert (placed.login, placed.number, placed.call_id) == ("0011", "0441234567", str(request))
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
