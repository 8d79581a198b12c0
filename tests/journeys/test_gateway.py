from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.connection import Connection
from bus.events import CallEvent
from bus.settings import BrokerSettings
from cli.mosquitto import Mosquitto, free_port
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess, call_state, notify, path_of

Connect = Callable[..., Connection]


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path / "data", broker_settings, free_port()) as process:
        yield process


def test_a_notification_becomes_an_event_on_the_topic_of_its_user(
    gateway: GatewayProcess, connect: Connect
) -> None:
    heard: list[CallEvent] = []
    user = connect("0011")
    user.consume("starface/users/0011/calls", CallEvent, lambda event, _: heard.append(event))

    assert notify(gateway.port, path_of("0011"), call_state("c-1"), "0011") == 200

    wait_until(lambda: user.work(0.01) or heard)
    [event] = heard
    assert event.type == "starface.call.ringing.v1"
    assert event.seq == 1
    assert event.subject == event.data.call_id == "c-1"
    assert event.data.caller.e164 == "+41441234567"
    assert event.data.direction == "in"
