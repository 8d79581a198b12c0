"""A free broker account for one command: two with one account would throw each other out."""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from platformdirs import user_state_path

from bus.access.accounts import CLI_ACCOUNTS
from bus.settings import SettingsRefused, command_accounts
from cli.site.settings import Settings
from runtime.files import private_folder
from runtime.lock import LockTaken, locked


@contextmanager
def cli_account(settings: Settings) -> Iterator[str]:
    """Hold a free account of the command line; raise SettingsRefused when all are taken.

    Where the configuration names an account, as on a workstation, it is one that goes with that.
    """
    own, password = settings.broker.account, settings.broker.password
    accounts: Iterable[str] = CLI_ACCOUNTS
    if own and password:
        accounts = command_accounts(own, password.get_secret_value())
    folder = settings.site.data_folder
    if own and not folder.is_dir():  # a workstation
        folder = user_state_path("starface2mqtt")
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
        f"{len(tuple(accounts))} commands of starface2mqtt are running already and use all "
        f"accounts of the command line; end one of them"
    )
