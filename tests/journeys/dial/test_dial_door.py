import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from panel.applications import Applications
from starface.simulator import Simulator
from tests.conftest import wait_until
from tests.forked_program import ForkedProgram
from tests.journeys.dial.dial_office import Office

PROGRAM = """
import json, sys
from pathlib import Path
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from panel.process import run
from panel.settings import PanelSettings
from runtime.secret_box import new_key

given = json.loads(sys.argv[1])
configure_logging("INFO")
run(PanelSettings(listen=given["listen"]), BrokerSettings.model_validate(given["broker"]),
    Path(given["folder"]), new_key())
"""


@pytest.fixture
def door(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[httpx.Client]:
    port = free_port()
    reported = {
        "listen": f"127.0.0.1:{port}",
        "broker": broker_settings.model_dump(mode="json"),
        "folder": str(tmp_path),
    }
    token = Applications(tmp_path / "applications.db").add("crm", ["0011"])
    process = ForkedProgram(PROGRAM, json.dumps(reported))
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            wait_until(lambda: _answers(client))
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/dial").status_code == 200
    except httpx.TransportError:
        return False


def test_an_application_dials_and_asks_for_the_end(
    door: httpx.Client, tmp_path: Path, broker_settings: BrokerSettings,
    connect: Callable[..., Connection],
) -> None:  # fmt: skip
    with Simulator() as simulator, Office(tmp_path, broker_settings, simulator) as office:
        simulator.switches.lift_after = None
        office.start()
        office.wait_online()
        path = "/api/v1/users/0011/dial"

        answer = door.post(path, json={"number": "+41 44 123 45 67"})

        assert answer.status_code == 202
        document = answer.json()
        assert [placed.call_id for placed in simulator.placed] == [document["request_id"]]
        office.report(connect("gateway"), document["request_id"], "dialing", "ended")
        place = answer.headers["location"]
        wait_until(lambda: door.get(place).json()["state"] == "own-phone-not-lifted")


def test_a_refusal_comes_with_its_sentence(
    door: httpx.Client, tmp_path: Path, broker_settings: BrokerSettings
) -> None:
    with Simulator() as simulator, Office(tmp_path, broker_settings, simulator) as office:
        office.start()
        office.wait_online()

        answer = door.post("/api/v1/users/0011/dial", json={"number": "0900 123 456"})

        assert answer.status_code == 403
        assert answer.json()["code"] == "premium"
        assert simulator.placed == []


def test_without_a_dial_process_it_says_that_nothing_was_dialled(door: httpx.Client) -> None:
    answer = door.post("/api/v1/users/0011/dial", json={"number": "044 123 45 67"})

    assert answer.status_code == 503
    assert answer.json()["title"] == "Nothing was dialled"


def test_while_the_broker_is_away_it_says_that_nothing_was_dialled(
    door: httpx.Client, broker: Mosquitto
) -> None:
    broker.stop()

    answer = door.post("/api/v1/users/0011/dial", json={"number": "044 123 45 67"}, timeout=10)

    assert answer.status_code == 503
    broker.start()
