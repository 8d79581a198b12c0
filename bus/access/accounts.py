"""The broker's accounts and what each may read and write: Mosquitto's two files.

A user reads everything about himself and writes only his own switch, choices, dial and other
requests, and what his workstation opened; a supervisor also reads of colleagues; an application
has only the rights it was given. Each reads the answers to its own requests alone. Each process has
just its rights, and a process that serves one user writes of that user only. The panel asks for the
users who are logged in there. The same names are the MQTT client ids.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from bus.access.roles import Grants, Roles
from bus.events import now
from bus.settings import command_accounts
from bus.topics import ANY_USER, Topics, level, matches
from runtime.files import replace

ITERATIONS = 101  # as Mosquitto's own: 192 random bits need no slow hash
KEPT = timedelta(days=15)  # longer than mosquitto.conf lets any session last
CLI_ACCOUNTS = tuple(f"cli-{number}" for number in range(1, 5))
_NUMBERS = "dial-number"  # takes plain numbers, in a session that does not last
_CALLER_FOR = "caller-for-"
_DEVICE = "~"
PROCESS_ACCOUNTS = (
    "gateway", "sessions", "caller", "dial", "dial-number", "journal", "panel", *CLI_ACCOUNTS,
)  # fmt: skip


LEASED = ("sessions", "caller", "dial", "journal")  # of several machines one acts


@dataclass(frozen=True)
class Rights:
    """The topics an account may read and write."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class RetiredAccount(BaseModel):
    """An account without rights, and what its program still connects with."""

    model_config = ConfigDict(frozen=True)

    password: str
    since: datetime

    @property
    def expired(self) -> bool:
        """Whether a session of this account must have expired."""
        return now() - self.since > KEPT


@dataclass
class Accounts:
    """Passwords by account, users' and processes' alike.

    A retired account has no right, and keeps its password until its session must have expired;
    one whose session has `ended` may just go.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    retired: dict[str, RetiredAccount] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def add(self, account: str) -> str:
        """Return the account's password, making one if it is new; a retired one has its old one."""
        retired = self.retired.pop(account, None)
        if retired is not None:
            self.passwords[account] = retired.password
        return self.passwords.setdefault(account, secrets.token_urlsafe(24))

    def name_of(self, account: str) -> str:
        """Return the name of this account, or the one it has while its own is retired."""
        names = [account, *(f"{account}{_DEVICE}{number}" for number in range(2, 1_000))]
        known = [name for name in names if name in self.passwords]
        return known[0] if known else next(name for name in names if name not in self.retired)

    def with_commands(self, topics: Topics) -> "Accounts":
        """Return these accounts with those that people's and programs' commands use beside."""
        passwords = dict(self.passwords)
        for account, password in self.passwords.items():
            if process_rights(topics, account) is None:
                passwords |= command_accounts(account, password)
        return Accounts(passwords, self.retired)

    def remove(self, accounts: Iterable[str]) -> None:
        """Take accounts away; what may still have a session is retired."""
        for account in accounts:
            password = self.passwords.pop(account, None)
            if password is not None and account not in self.ended:
                self.retired[account] = RetiredAccount(password=password, since=now())

    def known(self) -> dict[str, str]:
        """Return the passwords of all accounts that may connect, with or without rights."""
        return self.passwords | {name: old.password for name, old in self.retired.items()}

    def forget(self, ended: Iterable[str]) -> None:
        """Note which accounts have no session at the broker."""
        self.ended |= set(ended)
        for account in self.ended:
            self.retired.pop(account, None)

    def write(self, path: Path) -> None:
        """Write the file the processes read their passwords from."""
        replace(path, json.dumps(self.passwords, indent=2) + "\n")

    def password_file(self) -> str:
        """Return Mosquitto's password file."""
        return "".join(f"{name}:{_hashed(name, word)}\n" for name, word in self.known().items())


def accounts_of(login: str, accounts: Iterable[str]) -> list[str]:
    """Return those accounts that are a user's, his devices' or of the process for him alone."""
    names = (user_account(login), caller_account(login))
    devices = device_account(login, "")
    return [name for name in accounts if name in names or name.startswith(devices)]


def accounts_of_machines(machines: Collection[str], shards: int = 1) -> list[str]:
    """Return the accounts that the processes of several machines have beside those of one."""
    if not machines:
        return []
    shard_roles = [shard_role(number, shards) for number in range(1, shards + 1)]
    of_each = [name for name in PROCESS_ACCOUNTS if name != _NUMBERS] + shard_roles
    return [
        *shard_roles,
        *(f"{name}-{machine}" for machine in sorted(machines) for name in of_each),
    ]


def shard_role(number: int, of: int) -> str:
    """Return what the processes that serve a part of the users are called."""
    return f"caller-{number}of{of}"


def variants_of(application: str, accounts: Iterable[str]) -> list[str]:
    """Return those accounts that an application has or had."""
    return [name for name in accounts if name.partition(_DEVICE)[0] == application]


def user_account(login: str) -> str:
    """Return the broker account of a user: the login as a level of a topic."""
    return level(login)


def device_account(login: str, device: str) -> str:
    """Return the account of a further device of a user; no login's account holds a tilde."""
    return f"{level(login)}{_DEVICE}{device}"


def login_of(account: str) -> str:
    """Return the login of a user's account, whatever the device."""
    return unquote(account.partition(_DEVICE)[0])


def caller_account(login: str) -> str:
    """Return the broker account of the caller process that serves one user only."""
    return f"{_CALLER_FOR}{level(login)}"


def acl_file(topics: Topics, accounts: Iterable[str], roles: Roles | None = None) -> str:
    """Return Mosquitto's access rules for these accounts."""
    lines = ["# Written by starface2mqtt; changes are lost.", ""]
    # %u: the account itself
    lines += [f"pattern read {topics.replies_to('%u')}", f"pattern write {topics.owner('%u')}", ""]
    for account in accounts:
        rights = rights_of(topics, account, roles or Roles())
        lines.append(f"user {account}")
        lines += [f"topic read {topic}" for topic in rights.read]
        lines += [f"topic write {topic}" for topic in rights.write]
        lines.append("")
    return "\n".join(lines)


def rights_of(topics: Topics, account: str, roles: Roles) -> Rights:
    """Return the rights of an account, whosever it is."""
    rights = process_rights(topics, account)
    if rights is not None:
        return rights
    if (grants := roles.applications.get(account.partition(_DEVICE)[0])) is not None:
        chain = (topics.info(), topics.process(ANY_USER))  # whether anybody is running to answer
        return Rights((*roles.read(grants, topics), *chain), roles.write(grants, topics))
    return _user_rights(topics, account, roles)


def all_rights_of(topics: Topics, account: str, roles: Roles) -> Rights:
    """Return the rights of an account with those that each has over what is its own."""
    rights = rights_of(topics, account, roles)
    return Rights(
        read=(*rights.read, topics.replies_to(account)),
        write=(*rights.write, topics.owner(account)),
    )


def process_rights(topics: Topics, account: str) -> Rights | None:
    """Return the rights of a process's account, such as `caller` or `caller-2`, else None."""
    kind = account.partition("-")[0]
    if kind not in _PROCESSES:
        return None
    leases: tuple[str, ...] = ()
    if account == _NUMBERS:
        rights = Rights(read=(topics.dial_number(ANY_USER),))
    elif account.startswith(_CALLER_FOR):
        rights = _caller_for(topics, unquote(account.removeprefix(_CALLER_FOR)))
    else:
        rights = _PROCESSES[kind](topics)
        leases = (topics.leases(kind),) if kind in LEASED else ()
    own = (topics.process(account), topics.process_detail(account))
    return Rights(
        read=(*rights.read, *leases, topics.process(account)),
        write=(*rights.write, *leases, *own),
    )


def _user_rights(topics: Topics, account: str, roles: Roles) -> Rights:
    login = login_of(account)
    of_user = topics.everything_of(login)
    colleagues = roles.supervisors.get(login, Grants())
    of_colleagues = [
        topic
        for topic in roles.read(colleagues, topics)
        if not matches(of_user, topic)  # a head of a group is often in it
    ]
    own = (topics.switch, topics.choose, topics.opened, topics.dial, topics.dial_number,
           topics.journal, topics.directory, topics.settings)  # fmt: skip
    read = (of_user, topics.info(), topics.process("sessions"))
    return Rights(
        read=tuple(dict.fromkeys((*read, *of_colleagues))),
        write=tuple(topic(login) for topic in own),
    )


def _gateway(topics: Topics) -> Rights:
    return Rights(
        read=(topics.replay(ANY_USER), topics.state(ANY_USER), topics.heads(ANY_USER)),
        write=(topics.calls(ANY_USER), topics.heads(ANY_USER), topics.session(ANY_USER),
               topics.info(), topics.replies_to(ANY_USER)),
    )  # fmt: skip


def _sessions(topics: Topics) -> Rights:
    return Rights(
        read=(topics.switch(ANY_USER), topics.session(ANY_USER), topics.calls(ANY_USER),
              topics.heads(ANY_USER), topics.processes(), topics.settings(ANY_USER),
              topics.pbx(ANY_USER), topics.access(ANY_USER)),
        write=(topics.state(ANY_USER), topics.access(ANY_USER), topics.replay(ANY_USER),
               topics.replies_to(ANY_USER)),
    )  # fmt: skip


def _caller(topics: Topics) -> Rights:
    return Rights(
        read=(topics.calls(ANY_USER), topics.heads(ANY_USER), topics.dial_result(ANY_USER),
              topics.state(ANY_USER), topics.choose(ANY_USER), topics.opened(ANY_USER),
              topics.directory(ANY_USER), topics.caller(ANY_USER)),
        write=(topics.caller(ANY_USER), topics.replay(ANY_USER), topics.replies_to(ANY_USER)),
    )  # fmt: skip


def _caller_for(topics: Topics, login: str) -> Rights:
    # Whether a colleague has answered stands in the colleague's calls only.
    return Rights(
        read=(topics.calls(ANY_USER), topics.heads(login), topics.dial_result(login),
              topics.state(login), topics.choose(login), topics.opened(login),
              topics.directory(login)),
        write=(topics.caller(login), topics.replay(login), topics.replies_to(ANY_USER)),
    )  # fmt: skip


def _dial(topics: Topics) -> Rights:
    return Rights(
        read=(topics.dial(ANY_USER), topics.calls(ANY_USER), topics.heads(ANY_USER),
              topics.state(ANY_USER), topics.dial_result(ANY_USER)),
        write=(topics.dial_result(ANY_USER), f"{topics.dial_result(ANY_USER)}/#",
               topics.replies(ANY_USER), topics.replay(ANY_USER), topics.replies_to(ANY_USER)),
    )  # fmt: skip


def _journal(topics: Topics) -> Rights:
    return Rights(
        read=(topics.calls(ANY_USER), topics.heads(ANY_USER), topics.caller(ANY_USER),
              topics.dial_result(ANY_USER), topics.journal(ANY_USER), topics.missed(ANY_USER),
              topics.records(ANY_USER), topics.home_assistant_status()),
        write=(topics.records(ANY_USER), topics.missed(ANY_USER), topics.pbx(ANY_USER),
               topics.replay(ANY_USER), topics.replies_to(ANY_USER),
               topics.home_assistant(ANY_USER, ANY_USER, ANY_USER)),
    )  # fmt: skip


def _panel(topics: Topics) -> Rights:
    # What it shows and asks is that of the users who are logged in: it checks who is.
    return Rights(
        read=(topics.calls(ANY_USER), topics.caller(ANY_USER), topics.state(ANY_USER),
              topics.dial_result(ANY_USER), topics.records(ANY_USER), topics.missed(ANY_USER),
              topics.access(ANY_USER), topics.processes(), topics.info()),
        write=(topics.switch(ANY_USER), topics.choose(ANY_USER), topics.opened(ANY_USER),
               topics.dial(ANY_USER), topics.journal(ANY_USER), topics.directory(ANY_USER),
               topics.settings(ANY_USER)),
    )  # fmt: skip


def _person(topics: Topics) -> Rights:
    return Rights(
        read=(topics.everything_of(ANY_USER), topics.processes(), topics.info()),
        write=(topics.switch(ANY_USER), topics.choose(ANY_USER), topics.dial(ANY_USER),
               topics.dial_number(ANY_USER), topics.journal(ANY_USER),
               topics.directory(ANY_USER), topics.settings(ANY_USER)),
    )  # fmt: skip


_PROCESSES = {
    "gateway": _gateway,
    "sessions": _sessions,
    "caller": _caller,
    "dial": _dial,
    "journal": _journal,
    "panel": _panel,
    "cli": _person,
}


def broker_files(
    topics: Topics,
    passwords: Mapping[str, str],
    roles: Roles | None = None,
    retired: Mapping[str, RetiredAccount] = MappingProxyType({}),
) -> dict[str, str]:
    """Return Mosquitto's password and access files by their names."""
    accounts = Accounts(dict(passwords), dict(retired)).with_commands(topics)
    return {
        "passwords": accounts.password_file(),
        "acl": acl_file(topics, accounts.passwords, roles),
    }


def write_broker_files(
    folder: Path,
    topics: Topics,
    passwords: Mapping[str, str],
    roles: Roles | None = None,
    retired: Mapping[str, RetiredAccount] = MappingProxyType({}),
) -> None:
    """Write Mosquitto's password and access files into a folder, where they differ.

    A file that is written has the broker read it again, which may restart it.
    """
    for name, text in broker_files(topics, passwords, roles, retired).items():
        path = folder / name
        if not path.exists() or path.read_bytes() != text.encode():
            replace(path, text)


def _hashed(name: str, password: str) -> str:
    # The salt follows from the account and password, so that the file only changes when they do.
    salt = hashlib.sha256(f"{name} {password}".encode()).digest()[:12]
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    parts = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"$7${ITERATIONS}${parts[0]}${parts[1]}"
