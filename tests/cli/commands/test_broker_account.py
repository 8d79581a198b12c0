import contextlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.access.accounts import CLI_ACCOUNTS
from bus.settings import BrokerSettings, SettingsRefused
from cli.commands.broker_account import cli_account
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


def test_an_account_named_in_the_configuration_is_used(settings: Settings) -> None:
    own = BrokerSettings(account="0011", password=SecretStr("x"))

    with cli_account(settings.model_copy(update={"broker": own})) as account:
        assert account == "0011"
