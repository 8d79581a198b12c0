"""A free broker account for one command: two with one account would throw each other out."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_state_path

from bus.access.accounts import CLI_ACCOUNTS
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings, SettingsRefused, command_accounts
from cli.site.settings import Settings
from runtime.files import private_folder
from runtime.lock import LockTaken, locked


@contextmanager
def command_connection(settings: Settings) -> Iterator[Connection]:
    """Hold a connection with a free account of the command line; raise SettingsRefused."""
    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        yield connection


@contextmanager
def cli_account(settings: Settings) -> Iterator[str]:
    """Hold a free account of the command line; raise SettingsRefused when all are taken.

    Where the configuration names an account, as on a workstation, it is one that goes with that.
    """
    folder = settings.site.data_folder
    if settings.broker.account and settings.broker.password:
        with own_account(settings.broker, folder if folder.is_dir() else None) as account:
            yield account
        return
    with _free([settings.broker.account_of(name) for name in CLI_ACCOUNTS], folder) as account:
        yield account


@contextmanager
def own_account(broker: BrokerSettings, folder: Path | None = None) -> Iterator[str]:
    """Hold a free account that goes with a person's own; raise SettingsRefused if there is none."""
    if broker.account is None or broker.password is None:
        raise SettingsRefused("[broker] account and password: a person's command needs them")
    accounts = command_accounts(broker.account, broker.password.get_secret_value())
    with _free(tuple(accounts), folder or user_state_path("starface2mqtt")) as account:
        yield account


@contextmanager
def _free(accounts: Sequence[str], folder: Path) -> Iterator[str]:
    private_folder(folder)
    for account in accounts:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(folder / f"{account}.lock", 0))
            except LockTaken:
                continue
            yield account
            return
    raise SettingsRefused(
        f"{len(accounts)} commands of starface2mqtt are running already and use all "
        f"accounts of the command line; end one of them"
    )
