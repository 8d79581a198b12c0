"""What a user sees when something is wrong, on the whole running system."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import psutil
import pytest

from bus.events import CallerEvent, CallEvent, UserState
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from cli.demo.mosquitto import free_ports
from cli.demo.stage import Ports, Stage
from starface.xmlrpc.reading import write_call
from tests.conftest import wait_until

KNOWN = "+41441234567"


class Office:
    """The running system and a plain MQTT client beside it."""

    def __init__(self, stage: Stage, watch: Connection) -> None:
        self.stage = stage
        self._watch = watch
        self.messages: list[tuple[str, bytes]] = []
        watch.subscribe("starface/users/#", self._receive)

    def wait(self, condition: object, timeout: float = 30) -> None:
        def listened() -> object:
            self._watch.work(0.02)
            return condition()  # type: ignore[operator]

        wait_until(listened, timeout)

    def reported(self, kind: str, login: str) -> list[bytes]:
        wanted = f"starface/users/{login}/{kind}"
        return [payload for topic, payload in self.messages if topic == wanted and payload]

    def state(self, login: str) -> str:
        states = self.reported("state", login)
        return UserState.model_validate_json(states[-1]).data.state if states else ""

    def opened(self, login: str, call_id: str) -> list[CallerEvent]:
        events = [
            CallerEvent.model_validate_json(reported) for reported in self.reported("caller", login)
        ]
        return [event for event in events if event.data.call_id == call_id and event.data.opened]

    def log(self) -> str:
        return (self.stage.folder / "processes.log").read_text()

    def _receive(self, arrived: ReceivedMessage) -> None:
        self.messages.append((arrived.topic, arrived.payload))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    first = free_ports(7)
    folder = tmp_path_factory.mktemp("office") / "site"
    with (
        Stage(folder, Ports.chosen({"DEMO_PORTS": str(first)})) as stage,
        Connection(stage.settings.broker, "cli-1", lasting=False) as watch,
    ):
        watch.wait_connected(10)
        office = Office(stage, watch)
        office.wait(lambda: office.state("0011") == office.state("0012") == "active", 50)
        yield office


def _starface2mqtt(office: Office, *words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(office.stage.settings.file), *words],
        env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    [line] = done.stderr.strip().splitlines()
    return line


def test_a_broker_that_does_not_run_is_named(office: Office) -> None:
    line = _starface2mqtt(office, "status", STARFACE2MQTT_BROKER__PORT="1")

    assert "no broker at 127.0.0.1:1" in line
    assert "is Mosquitto running" in line


def test_a_wrong_broker_password_is_named(office: Office) -> None:
    line = _starface2mqtt(
        office, "status",
        STARFACE2MQTT_BROKER__ACCOUNT="cli-2", STARFACE2MQTT_BROKER__PASSWORD="wrong",
    )  # fmt: skip

    assert "refused account 'cli-2~cli-1'" in line


def test_a_wrong_pbx_address_is_named(office: Office) -> None:
    line = _starface2mqtt(
        office, "user", "add", "0013", "--extension", "13",
        STARFACE_PASSWORD="x", STARFACE2MQTT_STARFACE__PORT="1",
        STARFACE2MQTT_STARFACE__AUTH="auto",
    )  # fmt: skip

    assert "127.0.0.1:1: STARFACE does not answer" in line


def test_a_wrong_pbx_password_is_named_and_nobody_added(office: Office) -> None:
    line = _starface2mqtt(
        office, "user", "add", "0013", "--extension", "13", STARFACE_PASSWORD="wrong!"
    )

    assert "password" in line
    assert "wrong!" not in line
    listed = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(office.stage.settings.file), "user", "list"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "0013" not in listed.stdout


def test_an_extension_that_differs_is_refused_with_the_sentence(office: Office) -> None:
    line = _starface2mqtt(
        office, "user", "add", "0013", "--extension", "13",
        STARFACE_PASSWORD="x", STARFACE2MQTT_STARFACE__EXTENSION_MAY_DIFFER="false",
    )  # fmt: skip

    assert "müssen genau" in line


def test_a_taken_port_is_named(office: Office) -> None:
    line = _starface2mqtt(office, "gateway")

    assert str(office.stage.ports.gateway) in line.replace("'", "")


def test_a_misspelt_key_is_named_with_its_file(office: Office) -> None:
    broken = office.stage.folder / "broken.toml"
    broken.write_text("[gateway]\nlisten_on = 1\n")

    done = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(broken), "up"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert f"{broken}: [gateway] listen_on: there is no such key" in done.stderr


def test_nonsense_is_refused_logged_once_and_not_published(office: Office) -> None:
    before = len(office.reported("calls", "0011"))
    url = _callback_url(office)
    logged = office.log().count("refused")

    answer = httpx.post(url, content=b"<nonsense>", headers={"Content-Type": "text/xml"})

    assert answer.status_code == 400
    assert len(answer.text.strip().splitlines()) == 1
    office.wait(lambda: office.log().count("refused") == logged + 1)
    assert len(office.reported("calls", "0011")) == before
    assert url.rpartition("/")[2] not in office.log()


def test_a_call_after_the_pbx_restarted_opens_the_file(office: Office) -> None:
    office.stage.at_the_phones("restart", down_for=1.0)
    office.wait(lambda: office.state("0011") == "failing", 20)
    office.wait(lambda: office.state("0011") == "active", 16)

    call = str(office.stage.at_the_phones("ring", user="0011", caller_number=KNOWN)["call_id"])

    office.wait(lambda: office.opened("0011", call))
    [event] = office.opened("0011", call)
    assert event.data.opens == "matter"
    office.stage.at_the_phones("hangup", call_id=call)


def test_the_events_are_those_of_the_contract(office: Office) -> None:
    call = str(office.stage.at_the_phones("ring", user="0012", caller_number=KNOWN)["call_id"])
    office.stage.at_the_phones("hangup", call_id=call)

    def events() -> list[CallEvent]:
        reported = [
            CallEvent.model_validate_json(payload) for payload in office.reported("calls", "0012")
        ]
        return [event for event in reported if event.data.call_id == call]

    office.wait(lambda: events() and events()[-1].data.state == "ended")
    ringing = next(event for event in events() if event.data.state == "ringing")
    assert ringing.data.caller.e164 == KNOWN
    assert ringing.data.caller.number == "0041441234567"
    assert ringing.data.direction == "in"
    assert ringing.subject == call
    numbers = [event.seq for event in events() if event.seq]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    payload = json.loads(office.reported("calls", "0012")[-1])
    assert {"specversion", "id", "source", "type", "time", "subject", "seq", "data"} <= set(payload)


def test_status_shows_processes_users_and_the_hits_that_rise(office: Office) -> None:
    page = f"http://127.0.0.1:{office.stage.ports.gateway}/"

    def hits() -> int:
        shown = subprocess.run(
            [sys.executable, "-m", "cli", "--config", str(office.stage.settings.file), "status",
             "--json"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        reported = json.loads(shown.stdout)
        processes = {"gateway", "sessions", "caller-for-0011", "caller-for-0012", "dial"}
        assert processes <= reported["processes"].keys()
        assert reported["users"]["0011"]["state"] == "active"
        return int(reported["http_hits"])

    before = hits()
    for _ in range(3):
        httpx.get(page)

    office.wait(lambda: hits() >= before + 3)


def test_a_callback_address_is_over_when_its_user_is_switched_off(office: Office) -> None:
    old = _callback_url(office, "0012")

    def answers(url: str) -> int:
        check = write_call("starface2mqtt.callback.check")
        return httpx.post(url, content=check, headers={"Content-Type": "text/xml"}).status_code

    assert answers(old) == 200
    for choice, state in (("off", "inactive"), ("on", "active")):
        command = ["--config", str(office.stage.settings.file), choice, "0012"]
        subprocess.run([sys.executable, "-m", "cli", *command], timeout=60, check=True)
        office.wait(lambda state=state: office.state("0012") == state)
        office.wait(lambda: answers(old) in (404, 429))
    assert answers(_callback_url(office, "0012")) == 200


def _callback_url(office: Office, login: str = "0011") -> str:
    from starface.callback import callback_path

    path = callback_path(login, office.stage.settings.site_key())
    return f"http://127.0.0.1:{office.stage.ports.gateway}{path}"


def test_a_process_that_is_killed_is_started_again(office: Office) -> None:
    [parent] = [each for each in psutil.Process().children() if each.cmdline()[-1:] == ["up"]]
    before = _children(parent)
    assert {"gateway", "sessions", "caller", "dial", "journal", "panel"} == before.keys()

    for pid in before.values():
        os.kill(pid, 9)

    office.wait(lambda: len(_children(parent)) == len(before), 20)
    office.wait(lambda: not set(_children(parent).values()) & set(before.values()), 20)
    call_known(office)


def call_known(office: Office) -> None:
    """Ring until the file opens: the processes come back one after the other."""
    call = str(office.stage.at_the_phones("ring", user="0011", caller_number=KNOWN)["call_id"])
    office.wait(lambda: office.opened("0011", call), 40)
    office.stage.at_the_phones("hangup", call_id=call)


def _children(parent: psutil.Process) -> dict[str, int]:
    found: dict[str, int] = {}
    for child in parent.children():
        with contextlib.suppress(psutil.Error):  # it may end while we look
            if child.status() != psutil.STATUS_ZOMBIE:
                found[child.name()] = child.pid
    return found
