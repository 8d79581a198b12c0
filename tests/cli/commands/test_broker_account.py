import contextlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.access.accounts import CLI_ACCOUNTS, login_of
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings, SettingsRefused, read_accounts
from cli.commands.broker_account import cli_account
from cli.demo.mosquitto import Mosquitto
from cli.site.settings import Settings, SiteSettings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(site=SiteSettings(data_folder=tmp_path / "data"))


def test_two_commands_at_a_time_have_different_accounts(settings: Settings) -> None:
    with cli_account(settings) as first, cli_account(settings) as second:
        assert {first, second} == set(CLI_ACCOUNTS[:2])


def test_an_account_is_free_again_after_its_command(settings: Settings) -> None:
    with cli_account(settings) as first:
        pass

    with cli_account(settings) as second:
        assert second == first


def test_more_commands_than_accounts_are_refused_with_the_reason(settings: Settings) -> None:
    with contextlib.ExitStack() as running:
        for _ in CLI_ACCOUNTS:
            running.enter_context(cli_account(settings))

        with pytest.raises(SettingsRefused, match="end one of them"):
            running.enter_context(cli_account(settings))


def test_commands_typed_with_a_persons_account_have_accounts_beside_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    own = BrokerSettings(account="0011", password=SecretStr("x"))

    site = settings.model_copy(update={"broker": own})
    with cli_account(site) as first, cli_account(site) as second:
        assert len({first, second, "0011"}) == 3
        assert login_of(first) == login_of(second) == "0011"
        assert own.credentials(first)[1] != own.credentials("0011")[1] == "x"


def test_a_command_leaves_the_workstation_of_its_user_connected(
    broker: Mosquitto, broker_settings: BrokerSettings, settings: Settings
) -> None:
    password = read_accounts(broker_settings.accounts_file)["0011"]
    own = BrokerSettings(port=broker.port, account="0011", password=SecretStr(password))
    settings.site.data_folder.mkdir()
    with Connection(own, "0011", lasting=False) as desktop:
        desktop.wait_connected()
        received: list[ReceivedMessage] = []
        desktop.subscribe("starface/users/0011/set", received.append)
        with (
            cli_account(settings.model_copy(update={"broker": own})) as account,
            Connection(own, account, lasting=False) as command,
        ):
            command.wait_connected()
            command.publish_raw("starface/users/0011/set", b"off")
            while not received:
                assert desktop.connected
                desktop.work(0.05)
    log = broker.log.read_text()
    assert "already connected" not in log
