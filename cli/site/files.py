"""The files of one site: made once by `init`, kept in step with the users afterwards."""

import contextlib
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from bus.access.accounts import (
    PROCESS_ACCOUNTS,
    Accounts,
    RetiredAccount,
    accounts_of,
    accounts_of_machines,
    broker_files,
    caller_account,
    device_account,
    process_rights,
    user_account,
    variants_of,
    write_broker_files,
)
from bus.access.retirement import end_sessions
from bus.access.roles import Grants, Right, RightsRefused, Roles
from bus.mqtt.inbox import why
from bus.settings import SettingsRefused, private, read_accounts
from cli.site.broker_configuration import FILE as BROKER_FILE
from cli.site.broker_configuration import adapted, persistence_folder, reads_in_place
from cli.site.configuration_file import with_values
from cli.site.settings import FILE, Settings, read
from cli.site.shipped import shipped
from runtime.files import private_file, private_folder, replace
from runtime.lock import locked
from runtime.secret_box import SecretBox, new_key, read_secret_box

Clustered = Literal["nats", "rabbitmq"]
CLUSTERED: Mapping[Clustered, str] = {  # brokers of several nodes: the configuration of one
    "nats": "deploy/brokers/nats-server.conf",
    "rabbitmq": "deploy/brokers/rabbitmq.conf",
}
_PATIENCE = 30.0  # seconds for another command to end
_RETIRED = TypeAdapter(dict[str, RetiredAccount])


def make_site(folder: Path, values: dict[str, dict[str, Any]]) -> Settings:
    """Write configuration, secrets and broker files into a folder; raise SettingsRefused."""
    config = folder / FILE
    if config.exists():
        raise SettingsRefused(f"{config} exists already; nothing was changed")
    private_folder(folder)
    draft = folder / f".{FILE}.draft"
    try:
        replace(draft, with_values(shipped("starface2mqtt.example.toml").read_text(), values))
        read(draft)
    except SettingsRefused as error:
        raise SettingsRefused(str(error).replace(str(draft), str(config))) from error
    else:
        kept = private_folder(folder / "secrets")
        _write_new(kept / "site.key", secrets.token_urlsafe(48))
        _write_new(kept / "seal.key", new_key().decode())
        _write_new(kept / "panel.key", new_key().decode())
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
    topics = settings.broker.topics()
    with _access(settings, lambda known: [name for name in names if name in known]) as (
        accounts,
        roles,
    ):
        for name in names:
            _no_application(roles, name)
            # The password of a process is on the server alone, so that it can be used again.
            accounts.add(name if process_rights(topics, name) else accounts.name_of(name))
    return accounts.passwords


def add_missing_process_accounts(settings: Settings) -> tuple[str, ...]:
    """Give broker accounts to processes that have none yet, on every machine; return which."""
    known = read_accounts(settings.broker.accounts_file)
    site = settings.site
    machines = {*site.machines, *filter(None, (site.machine,))}
    wanted = (*PROCESS_ACCOUNTS, *accounts_of_machines(machines, settings.caller.shards))
    missing = tuple(name for name in wanted if name not in known)
    if missing:
        add_accounts(settings, missing)
    return missing


def add_user_account(settings: Settings, login: str) -> tuple[str, str]:
    """Give a user and the process that serves him broker accounts; return his with its password.

    It has another name while somebody may still connect with that of a former user.
    """
    return _add_account_of(settings, login, user_account(login))


def add_device_account(settings: Settings, login: str, device: str) -> tuple[str, str]:
    """Return the broker account of a user's further device with its password."""
    return _add_account_of(settings, login, device_account(login, device))


def remove_user_accounts(settings: Settings, logins: Collection[str]) -> None:
    """Take users' broker accounts away, their processes', and every right of theirs and for them.

    All at once: the broker reads its files one time, and their sessions are ended together.
    """

    def concerned(known: Iterable[str]) -> list[str]:
        accounts = list(known)
        return [account for login in logins for account in accounts_of(login, accounts)]

    with _access(settings, concerned, removing=True) as (accounts, roles):
        accounts.remove(concerned(accounts.passwords))
        for login in logins:
            roles.forget(login)


def no_application(settings: Settings, login: str) -> None:
    """Raise RightsRefused when an application's account has the name a user's would have."""
    _no_application(read_roles(settings), user_account(login))


def add_application(
    settings: Settings,
    name: str,
    right: Right,
    users: Iterable[str],
    groups: Iterable[str],
    *,
    everybody: bool,
) -> tuple[str, str] | None:
    """Give an application rights, and if it is new a broker account; return that with password."""
    with _access(settings, partial(variants_of, name)) as (accounts, roles):
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
        account = accounts.name_of(name)
        return None if known else (account, accounts.add(account))


def renew_application(settings: Settings, name: str) -> tuple[str, str]:
    """Return an application's account with a new password; raise RightsRefused.

    It has another name while a program may still connect with the old password.
    """
    read_roles(settings).application(name)
    with _access(settings, partial(variants_of, name), removing=True) as (accounts, roles):
        roles.application(name)
        accounts.remove(variants_of(name, accounts.passwords))
        account = accounts.name_of(name)
        return account, accounts.add(account)


def remove_application(settings: Settings, name: str) -> None:
    """Take an application's account away; raise RightsRefused."""
    read_roles(settings).application(name)
    with _access(settings, partial(variants_of, name), removing=True) as (accounts, roles):
        roles.application(name)
        del roles.applications[name]
        accounts.remove(variants_of(name, accounts.passwords))


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
        raise SettingsRefused(f"{path}: {why(error)}; restore it from a backup") from error


def seal(settings: Settings) -> SecretBox:
    """Return the site's seal; raise SettingsRefused."""
    return read_secret_box(settings.site.secrets_folder / "seal.key")


def intended_broker_files(settings: Settings) -> dict[str, str]:
    """Return Mosquitto's files by their names as accounts and roles want them."""
    return broker_files(
        settings.broker.topics(), read_accounts(settings.broker.accounts_file),
        read_roles(settings), _read_retired(settings),
    )  # fmt: skip


def panel_key(settings: Settings) -> bytes:
    """Return the key that panel and sessions share, made if need be; raise SettingsRefused.

    A panel on another machine needs a copy of the file, as it does of the broker accounts.
    """
    path = settings.site.secrets_folder / "panel.key"
    if not path.exists():
        fresh = private_file(path.with_name(f".panel.key.{os.getpid()}"))
        fresh.write_bytes(new_key())
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(fresh, path)
        fresh.unlink()
    read_secret_box(path)
    return path.read_bytes().strip()


def broker_folder(settings: Settings) -> Path:
    """Return where Mosquitto's password and access files are written."""
    return settings.folder / "mosquitto"


def _roles_file(settings: Settings) -> Path:
    return settings.broker.accounts_file.with_name("broker-roles.json")


def _add_account_of(settings: Settings, login: str, account: str) -> tuple[str, str]:
    with _access(settings, partial(accounts_of, login)) as (accounts, roles):
        _no_application(roles, user_account(login))
        name = accounts.name_of(account)
        accounts.add(caller_account(login))
        return name, accounts.add(name)


def _no_application(roles: Roles, account: str) -> None:
    if account in roles.applications:
        raise RightsRefused(
            f"{account!r} is the broker account of an application; give that another name first: "
            f"starface2mqtt account remove {account}"
        )


@contextmanager
def _access(
    settings: Settings,
    concerned: Callable[[Iterable[str]], list[str]] = lambda _accounts: [],
    *,
    removing: bool = False,
) -> Iterator[tuple[Accounts, Roles]]:
    """Hold accounts and roles for a change; two commands at once change one after the other.

    The sessions of those `concerned` are ended at the broker first: of accounts that were retired
    before, and when `removing` of all.
    """
    path = settings.broker.accounts_file
    private_folder(path.parent)
    with locked(path.with_suffix(".lock"), _PATIENCE):
        roles = read_roles(settings)
        accounts = Accounts(read_accounts(path) if path.exists() else {}, _read_retired(settings))
        ending = set(concerned(accounts.known() if removing else accounts.retired))
        ending |= {name for name, retired in accounts.retired.items() if retired.expired}
        if ending:
            known = accounts.known()
            accounts.forget(end_sessions(settings.broker, {name: known[name] for name in ending}))
        yield accounts, roles
        # The roles first: an account without them would be taken for that of a user.
        replace(_roles_file(settings), roles.model_dump_json(indent=2) + "\n")
        replace(_retired_file(settings), _RETIRED.dump_json(accounts.retired).decode() + "\n")
        accounts.write(path)
        write_broker_files(
            private_folder(broker_folder(settings)), settings.broker.topics(),
            accounts.passwords, roles, accounts.retired,
        )  # fmt: skip
        for kind in CLUSTERED:
            if (settings.folder / kind).is_dir():
                _write_clustered(settings, kind, accounts, roles)


def write_clustered_broker_files(settings: Settings, kind: Clustered) -> Path:
    """Write the files of a broker of several nodes; they follow each change from now on.

    Its configuration is written once, to be filled in.
    """
    folder = private_folder(settings.folder / kind)
    conf = shipped(CLUSTERED[kind])
    if not (folder / conf.name).exists():
        _write_new(folder / conf.name, conf.read_text())
    with _access(settings):
        pass
    return folder


def _write_clustered(settings: Settings, kind: Clustered, accounts: Accounts, roles: Roles) -> None:
    from bus.access import nats, rabbitmq

    topics = settings.broker.topics()
    known = accounts.with_commands(topics)
    if kind == "nats":
        name, content = nats.FILE, nats.accounts_file(topics, known, roles)
    else:
        name, content = rabbitmq.FILE, rabbitmq.definitions(topics, known, roles)
    replace(settings.folder / kind / name, content)


def _retired_file(settings: Settings) -> Path:
    return settings.broker.accounts_file.with_name("broker-retired.json")


def _read_retired(settings: Settings) -> dict[str, RetiredAccount]:
    path = _retired_file(settings)
    try:
        private(path)
        return _RETIRED.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise SettingsRefused(f"{path}: {why(error)}; restore it from a backup") from error


def _write_new(path: Path, text: str) -> None:
    if not path.exists():
        replace(path, text + "\n")
