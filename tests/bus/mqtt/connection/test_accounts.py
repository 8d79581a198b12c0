import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from bus.mqtt.connection import (
    Connection,
    SessionTaken,
)
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.settings import BrokerSettings, SettingsRefused
from cli.demo.mosquitto import Mosquitto, free_port
from tests.bus.mqtt.connection.conftest import Connect, dial_request, work_until
from tests.conftest import wait_until


def test_a_broker_that_is_not_there_is_named_with_the_fix(connection: Connect) -> None:
    settings = BrokerSettings(port=free_port(), account="dial", password="x")
    with connection(settings, "dial") as dial, pytest.raises(BrokerUnavailable) as refused:
        dial.wait_connected(2)

    assert f"127.0.0.1:{settings.port}" in str(refused.value)
    assert "is Mosquitto running" in str(refused.value)


def test_a_wrong_password_is_named_with_the_fix(connection: Connect, broker: Mosquitto) -> None:
    settings = BrokerSettings(port=broker.port, account="dial", password="wrong")
    with connection(settings, "dial") as dial, pytest.raises(BrokerUnavailable) as refused:
        dial.wait_connected(2)

    assert "refused account 'dial'" in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_a_password_that_is_corrected_in_the_file_is_used_at_the_next_attempt(
    connection: Connect, broker: Mosquitto, tmp_path: Path
) -> None:
    right = json.loads((broker.folder / "accounts.json").read_text())
    accounts = tmp_path / "accounts.json"
    accounts.touch(0o600)
    accounts.write_text(json.dumps({"dial": "wrong"}))
    settings = BrokerSettings(port=broker.port, accounts_file=accounts)
    with connection(settings, "dial") as dial:
        wait_until(lambda: "refused" in dial.why)
        accounts.write_text("{half a file")
        accounts.write_text(json.dumps(right))

        wait_until(lambda: dial.connected)


def test_an_account_that_is_not_in_the_file_is_refused(
    connection: Connect, broker_settings: BrokerSettings
) -> None:
    with pytest.raises(SettingsRefused, match="no broker account 'nobody'"):
        connection(broker_settings, "nobody")


def _take_turns(first: Connection, second: Connection) -> None:
    """Work for both by turns."""
    for _ in range(500):
        second.work(0.02)
        first.work(0.02)
    raise AssertionError("both stay")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_of_two_workstations_with_one_account_the_newest_stays(
    broker_settings: BrokerSettings, version: str
) -> None:
    settings = broker_settings.model_copy(update={"version": version})
    with ExitStack() as stack:
        first = stack.enter_context(Connection(settings, "0011", lasting=False, gives_way=True))
        first.wait_connected()
        for _ in range(5):
            first.work(0.1)  # it notes that it runs
        second = stack.enter_context(Connection(settings, "0011", lasting=False, gives_way=True))
        with pytest.raises(SessionTaken, match="'0011'"):
            _take_turns(first, second)
        received: list[ReceivedMessage] = []
        second.subscribe("starface/users/0011/#", received.append)
        second.wait_connected()
        second.publish("starface/users/0011/dial", dial_request())
        work_until(second, lambda: received)


def test_a_process_of_the_server_never_ends_for_another_with_its_account(connect: Connect) -> None:
    first, second = connect("dial"), connect("dial")
    work_until(first, lambda: not first.connected)

    second.__exit__(None, None, None)

    work_until(first, lambda: first.connected)


def test_passwords_that_are_put_right_are_read_again(
    connection: Connect, broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    right = broker_settings.accounts_file.read_text()
    file = tmp_path / "accounts.json"
    file.touch(0o600)
    file.write_text('{"dial": "wrong"}')
    settings = broker_settings.model_copy(update={"accounts_file": file})

    with connection(settings, "dial") as dial:
        with pytest.raises(BrokerUnavailable):
            dial.wait_connected(0.5)
        file.write_text(right)
        work_until(dial, lambda: dial.connected)
