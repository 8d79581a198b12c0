"""What the journeys with home automation share: a site whose broker knows the account `home`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import SecretStr

from bus.access.roles import Right
from bus.events import CallData, CallEvent, CallStateName, Party, call_event_type
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.files import add_application, add_user_account, broker_folder, make_site
from cli.site.settings import Settings
from tests.conftest import ROOT


def installed(name: str) -> Path:
    """Return a folder in which a test may keep what it installs: the next run finds it there."""
    folder = user_cache_path("starface2mqtt-tests") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def home_site(folder: Path) -> Iterator[tuple[Settings, BrokerSettings]]:
    """Run the broker of a site with 0011; yield its settings, and those of the account `home`.

    The account is the one that docs/home-automation.md has made.
    """
    settings = make_site(folder, {"broker": {"port": free_port()}})
    add_user_account(settings, "0011")
    right = Right.model_validate(
        {
            "reads": ("calls", "state", "missed", "dial/result", "home-assistant"),
            "may": ("set", "dial", "home-assistant"),
        }
    )
    made = add_application(settings, "home", right, (), (), everybody=True)
    assert made is not None
    account, password = made
    with Mosquitto(ROOT / "mosquitto.conf", broker_folder(settings), settings.broker.port):
        yield (
            settings,
            settings.broker.model_copy(
                update={"account": account, "password": SecretStr(password)}
            ),
        )


def call_event(state: CallStateName, name: str = "Anna Meier") -> CallEvent:
    """Return an event of a call for 0011."""
    data = CallData(
        user="0011", call_id="c-1", state=state, received_at=datetime.now(UTC),
        caller=Party(number="0441234567", e164="+41441234567", name=name),
    )  # fmt: skip
    return CallEvent(type=call_event_type(state), source="starface2mqtt/gateway/test", data=data)
