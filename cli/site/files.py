"""The files of one site: made once by `init`, kept in step with the users afterwards."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from bus.access.accounts import (
    PROCESS_ACCOUNTS,
    Accounts,
    caller_account,
    process_rights,
    user_account,
    write_broker_files,
)
from bus.access.roles import Grants, Right, RightsRefused, Roles
from bus.mqtt.inbox import why
from bus.settings import SettingsRefused, private, read_accounts
from cli.site.broker_configuration import FILE as BROKER_FILE
from cli.site.broker_configuration import adapted, persistence_folder, reads_in_place
from cli.site.settings import FILE, Settings, read
from cli.site.shipped import shipped
from runtime.files import private_folder, replace
from runtime.lock import locked
from runtime.secret_box import SecretBox, new_key, read_secret_box

_PATIENCE = 10.0  # seconds for another command to end


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
    broker = broker_folder(settings)
    conf = shipped(BROKER_FILE).read_text()
    persistence = persistence_folder(broker)
    _write_new(broker / BROKER_FILE, adapted(conf, settings.broker.port, broker, persistence))
    if reads_in_place(broker):  # what replaces these files later keeps their mode
        for file in broker.iterdir():
            file.chmod(0o640)
    return settings


def add_accounts(settings: Settings, names: tuple[str, ...]) -> dict[str, str]:
    """Give broker accounts to processes and users; return all passwords by account."""
    with _access(settings) as (accounts, roles):
        for name in names:
            if name in roles.applications:
                raise RightsRefused(f"{name!r} is the broker account of an application already")
            accounts.add(name)
    return accounts.passwords


def add_user_account(settings: Settings, login: str) -> str:
    """Give a user and the process that serves him broker accounts; return the user's password."""
    account = user_account(login)
    return add_accounts(settings, (account, caller_account(login)))[account]


def remove_user_account(settings: Settings, login: str) -> None:
    """Take a user's broker accounts away, his process's, and every right of his and for him."""
    with _access(settings) as (accounts, roles):
        accounts.remove(user_account(login))
        accounts.remove(caller_account(login))
        accounts.remove_devices(login)
        roles.forget(login)


def no_application(settings: Settings, login: str) -> None:
    """Raise RightsRefused when an application's account has the name a user's would have."""
    if user_account(login) in read_roles(settings).applications:
        raise RightsRefused(
            f"{login!r} is the broker account of an application; give that another name first: "
            f"starface2mqtt account remove {login}"
        )


def add_application(
    settings: Settings,
    name: str,
    right: Right,
    users: Iterable[str],
    groups: Iterable[str],
    *,
    everybody: bool,
) -> str | None:
    """Give an application rights, and if it is new a broker account; return its password then."""
    with _access(settings) as (accounts, roles):
        for group in groups:
            roles.members(group)
        known = name in roles.applications
        if not known and (
            name in accounts.passwords or process_rights(settings.broker.topics(), name)
        ):
            raise RightsRefused(f"{name!r} is the broker account of a user or a process")
        roles.applications.setdefault(name, Grants()).give(
            right, users, groups, everybody=everybody
        )
        return None if known else accounts.add(name)


def renew_application(settings: Settings, name: str) -> str:
    """Return a new password for an application's account; raise RightsRefused."""
    with _access(settings) as (accounts, roles):
        roles.application(name)
        return accounts.renew(name)


def remove_application(settings: Settings, name: str) -> None:
    """Take an application's account away; raise RightsRefused."""
    with _access(settings) as (accounts, roles):
        roles.application(name)
        del roles.applications[name]
        accounts.remove(name)


@contextmanager
def changed_roles(settings: Settings) -> Iterator[Roles]:
    """Hold the roles for a change; the broker's files follow."""
    with _access(settings) as (_accounts, roles):
        yield roles


def read_roles(settings: Settings) -> Roles:
    """Return the groups, supervisors and applications; raise SettingsRefused."""
    path = _roles_file(settings)
    try:
        private(path)
        return Roles.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Roles()
    except ValidationError as error:
        raise SettingsRefused(f"{path}: {why(error)}") from error


def seal(settings: Settings) -> SecretBox:
    """Return the site's seal; raise SettingsRefused."""
    return read_secret_box(settings.site.secrets_folder / "seal.key")


def broker_folder(settings: Settings) -> Path:
    """Return where Mosquitto's password and access files are written."""
    return settings.folder / "mosquitto"


def _roles_file(settings: Settings) -> Path:
    return settings.broker.accounts_file.with_name("broker-roles.json")


@contextmanager
def _access(settings: Settings) -> Iterator[tuple[Accounts, Roles]]:
    """Hold accounts and roles for a change; two commands at once change one after the other."""
    path = settings.broker.accounts_file
    private_folder(path.parent)
    with locked(path.with_suffix(".lock"), _PATIENCE):
        accounts = Accounts(read_accounts(path) if path.exists() else {})
        roles = read_roles(settings)
        yield accounts, roles
        # The roles first: an account without them would be taken for that of a user.
        replace(_roles_file(settings), roles.model_dump_json(indent=2) + "\n")
        accounts.write(path)
        folder = private_folder(broker_folder(settings))
        write_broker_files(folder, settings.broker.topics(), accounts.passwords, roles)


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
