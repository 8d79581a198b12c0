"""The files of one site: made once by `init`, kept in step with the users afterwards."""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit

from bus.accounts import (
    PROCESS_ACCOUNTS,
    Accounts,
    caller_account,
    replace,
    user_account,
    write_broker_files,
)
from bus.process import private_file, private_folder
from bus.seal import Seal, new_key, read_seal
from bus.settings import SettingsRefused, read_accounts
from cli.settings import FILE, Settings, read
from cli.shipped import shipped


def make_site(folder: Path, values: dict[str, dict[str, Any]]) -> Settings:
    """Write configuration, secrets and broker files into a folder; raise SettingsRefused."""
    config = folder / FILE
    if config.exists():
        raise SettingsRefused(f"{config} is there already; nothing was changed")
    private_folder(folder)
    draft = folder / f".{FILE}.draft"
    try:
        replace(draft, _configuration(values))
        read(draft)
    except SettingsRefused as error:
        raise SettingsRefused(str(error).replace(str(draft), str(config))) from error
    else:
        kept = private_folder(folder / "secrets")
        _write_new(kept / "site.key", secrets.token_urlsafe(48))
        _write_new(kept / "seal.key", new_key().decode())
        _write_new(kept / "directory.token", secrets.token_urlsafe(32))
        draft.replace(config)
    finally:
        draft.unlink(missing_ok=True)
    settings = read(config)
    private_folder(settings.site.data_folder)
    add_accounts(settings, PROCESS_ACCOUNTS)
    return settings


def add_accounts(settings: Settings, names: tuple[str, ...]) -> dict[str, str]:
    """Give broker accounts to processes and users; return all passwords by account."""
    with _accounts(settings) as accounts:
        for name in names:
            accounts.add(name)
    return accounts.passwords


def add_user_account(settings: Settings, login: str) -> str:
    """Give a user and the process that serves him broker accounts; return the user's password."""
    account = user_account(login)
    return add_accounts(settings, (account, caller_account(login)))[account]


def remove_user_account(settings: Settings, login: str) -> None:
    """Take the broker accounts of a user and the process that serves him away."""
    with _accounts(settings) as accounts:
        accounts.remove(user_account(login))
        accounts.remove(caller_account(login))
        accounts.remove_devices(login)


def seal(settings: Settings) -> Seal:
    """Return the site's seal; raise SettingsRefused."""
    return read_seal(settings.site.secrets_folder / "seal.key")


def broker_folder(settings: Settings) -> Path:
    """Return where Mosquitto's password and access files are written."""
    return settings.folder / "mosquitto"


@contextmanager
def _accounts(settings: Settings) -> Iterator[Accounts]:
    """Hold the broker's accounts for a change; two commands at once change one after the other."""
    path = settings.broker.accounts_file
    private_folder(path.parent)
    # SQLite's lock of a file: the same on every system, and gone with the process.
    lock = sqlite3.connect(
        private_file(path.with_suffix(".lock")), timeout=10, isolation_level=None
    )
    with contextlib.closing(lock):
        lock.execute("BEGIN EXCLUSIVE")
        accounts = Accounts(read_accounts(path) if path.exists() else {})
        yield accounts
        accounts.write(path)
        folder = private_folder(broker_folder(settings))
        write_broker_files(folder, settings.broker.topics(), accounts.passwords)


def _configuration(values: dict[str, dict[str, Any]]) -> str:
    document = tomlkit.parse(shipped("starface2mqtt.example.toml").read_text())
    for section, settings in values.items():
        if not settings:
            continue
        table = document.setdefault(section, tomlkit.table())
        for key, value in settings.items():
            table[key] = value
    return tomlkit.dumps(document)


def _write_new(path: Path, text: str) -> None:
    if not path.exists():
        replace(path, text + "\n")
