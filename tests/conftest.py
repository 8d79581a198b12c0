import functools
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer.main
import typer.testing
from hypothesis import HealthCheck, settings

from bus.access.accounts import (
    PROCESS_ACCOUNTS,
    Accounts,
    caller_account,
    user_account,
    write_broker_files,
)
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.languages import speak

ROOT = Path(__file__).parent.parent
USERS = ("0011", "0012", "0013")

# Each test that types a command would have all of them made once more, which is most of its time.
typer.testing._get_command = functools.cache(typer.main.get_command)  # type: ignore[attr-defined]

# How long an example takes depends on what else runs on the machine.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def no_log_left() -> Iterator[None]:
    """Leave no log of a command to the next test: the standard error it writes to is closed."""
    yield
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:  # pytest's own are of derived classes
            root.removeHandler(handler)


@pytest.fixture(autouse=True)
def speaking_english() -> None:
    """Have what is asked for without a site answered in English, whatever a test before spoke."""
    speak("en")


@pytest.fixture
def logins() -> tuple[str, ...]:
    """Whose accounts the broker knows; a test of many users overrides it."""
    return USERS


@pytest.fixture
def machines() -> tuple[str, ...]:
    """The accounts that the processes of several machines have; a test of these overrides it."""
    return ()


@pytest.fixture
def broker(
    tmp_path: Path, logins: tuple[str, ...], machines: tuple[str, ...]
) -> Iterator[Mosquitto]:
    """A real Mosquitto from the project's mosquitto.conf, with every account it needs."""
    folder = tmp_path / "broker"
    folder.mkdir()
    accounts = Accounts()
    of_users = [*map(user_account, logins), *map(caller_account, logins)]
    for account in (*PROCESS_ACCOUNTS, "gateway-2", *machines, *of_users):
        accounts.add(account)
    accounts.write(folder / "accounts.json")
    settings = BrokerSettings()
    write_broker_files(folder, settings.topics(), accounts.passwords)
    with Mosquitto(ROOT / "mosquitto.conf", folder, free_port()) as mosquitto:
        yield mosquitto


@pytest.fixture
def broker_settings(broker: Mosquitto) -> BrokerSettings:
    return BrokerSettings(port=broker.port, accounts_file=broker.folder / "accounts.json")


@pytest.fixture
def connect(broker_settings: BrokerSettings) -> Iterator[Callable[..., Connection]]:
    """Make connected connections by account; they are closed after the test."""
    opened: list[Connection] = []

    def connected(account: str, **options: object) -> Connection:
        connection = Connection(broker_settings, account, **options)  # type: ignore[arg-type]
        opened.append(connection.__enter__())
        connection.wait_connected()
        return connection

    yield connected
    for connection in opened:
        connection.__exit__(None, None, None)


def wait_until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Return once the condition holds; fail when it does not in time."""
    limit = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)
