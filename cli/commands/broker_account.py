"""A free broker account for one command: two with one account would throw each other out."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from bus.access.accounts import CLI_ACCOUNTS
from bus.settings import SettingsRefused
from cli.site.settings import Settings
from runtime.files import private_folder
from runtime.lock import LockTaken, locked


@contextmanager
def cli_account(settings: Settings) -> Iterator[str]:
    """Hold a free account of the command line; raise SettingsRefused when all are taken.

    Where the configuration names an account, as on a workstation, it is that one.
    """
    if settings.broker.account:
        yield settings.broker.account
        return
    folder = private_folder(settings.site.data_folder)
    for account in CLI_ACCOUNTS:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(folder / f"{account}.lock", 0))
            except LockTaken:
                continue
            yield account
            return
    raise SettingsRefused(
        f"{len(CLI_ACCOUNTS)} commands of starface2mqtt are running already and use all "
        f"accounts of the command line; end one of them"
    )
