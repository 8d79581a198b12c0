import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.connection import Connection
from bus.events import CallEvent
from bus.settings import BrokerSettings
from cli.mosquitto import free_port
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
    user = connect("0011")
    heard = _follow(user, "0011")

    assert notify(gateway.port, path_of("0011"), call_state("c-1"), "0011") == 200

    _work_until(user, lambda: heard)
    [event] = heard
    assert event.type == "starface.call.ringing.v1"
    assert event.seq == 1
    assert event.subject == event.data.call_id == "c-1"
    assert event.data.caller.e164 == "+41441234567"
    assert event.data.direction == "in"


def _follow(connection: Connection, user: str) -> list[CallEvent]:
    heard: list[CallEvent] = []
    topic = connection.topics.calls(user)
    connection.consume(topic, CallEvent, lambda event, _: heard.append(event))
    return heard


def _work_until(
    connection: Connection, condition: Callable[[], object], timeout: float = 10
) -> None:
    wait_until(lambda: (connection.work(0.005) and condition()) or condition(), timeout)


def test_several_processes_keep_each_users_order_and_numbers(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    heard = _follow(user, "0011")
    with GatewayProcess(tmp_path / "data", broker_settings, free_port(), processes=2) as gateway:
        path = path_of("0011")
        for number in range(100):
            assert notify(gateway.port, path, call_state(f"c-{number}")) == 200

        _work_until(user, lambda: len(heard) == 100)
        assert gateway.stop() == 0

    assert [event.data.call_id for event in heard] == [f"c-{number}" for number in range(100)]
    assert [event.seq for event in heard] == list(range(1, 101))


def test_two_gateways_on_one_machine_share_log_and_numbers(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    heard = _follow(user, "0011")
    folder, path = tmp_path / "data", path_of("0011")
    first = GatewayProcess(folder, broker_settings, free_port())
    second = GatewayProcess(folder, broker_settings, free_port())
    with first, second:
        for number in range(20):
            port = (first, second)[number % 2].port
            assert notify(port, path, call_state(f"c-{number}")) == 200
        _work_until(user, lambda: len(heard) == 20)

        first.kill()
        assert notify(second.port, path, call_state("c-20")) == 200
        _work_until(user, lambda: 21 in {event.seq for event in heard})

    # What was under way when the first was killed may come once more, as the same event.
    once = list({event.id: event for event in heard}.values())
    assert [event.seq for event in once] == list(range(1, 22))
    assert [event.data.call_id for event in once] == [f"c-{number}" for number in range(21)]


def test_a_child_that_dies_is_replaced_and_the_other_publishes(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    heard = _follow(user, "0011")
    with GatewayProcess(tmp_path / "data", broker_settings, free_port(), processes=2) as gateway:
        for number in range(4):
            _replace(gateway, gateway.children()[number % 2])
            assert notify(gateway.port, path_of("0011"), call_state(f"c-{number}")) == 200

        _work_until(user, lambda: {event.seq for event in heard} == {1, 2, 3, 4})


def _replace(gateway: GatewayProcess, child: int) -> None:
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: child not in gateway.children() and len(gateway.children()) == 2)
