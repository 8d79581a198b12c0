"""Settings every process shares: the broker, and how a section of the file is read."""

import base64
import hmac
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter

from bus.topics import Topics
from runtime.addresses import split_address
from runtime.configuration import Section, SettingsRefused
from runtime.files import private

__all__ = [
    "BrokerSettings",
    "Section",
    "SettingsRefused",
    "command_accounts",
    "private",
    "read_accounts",
]

_COMMANDS = 3  # of one person at a time


def _is_base(value: str) -> str:
    return Topics(value).base


def _is_address(value: str) -> str:
    split_address(value)
    return value


class BrokerSettings(Section):
    """How a process finds the broker."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535)
    # The nodes of a broker that has several, in place of host and port.
    hosts: tuple[Annotated[str, AfterValidator(_is_address)], ...] = ()
    version: Literal["5", "3.1.1"] = "5"
    base: Annotated[str, AfterValidator(_is_base)] = "starface"
    escape_dots: bool = False  # for RabbitMQ, to which a dot within a topic is a slash
    tls: bool = False
    ca_file: Path | None = None  # None: the system's certificates
    keep_alive: int = Field(
        default=6, ge=5, le=600
    )  # seconds; notices a dead line in 1.2 times that
    # Seconds after which what is retained is published once more; 0: the broker keeps it.
    repeat_retained: int = Field(default=0, ge=0, le=86_400)
    session_expiry: int = Field(default=604_800, ge=0)  # seconds a server process may be away
    accounts_file: Path = Path("secrets/broker-accounts.json")
    machine: str | None = None  # as [site] says
    account: str | None = None  # only for a process that has no accounts file
    password: SecretStr | None = None

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each node of the broker."""
        return tuple(map(split_address, self.hosts)) or ((self.host, self.port),)

    def at(self, address: tuple[str, int]) -> "BrokerSettings":
        """Return the settings for one node."""
        host, port = address
        return self.model_copy(update={"host": host, "port": port, "hosts": ()})

    def topics(self) -> Topics:
        """Return the names of the topics of this installation."""
        return Topics(self.base, escape_dots=self.escape_dots)

    def account_of(self, role: str) -> str:
        """Return the account of this machine's process of a role; each machine has its own."""
        return role if self.machine is None else f"{role}-{self.machine}"

    def credentials(self, account: str) -> tuple[str, str]:
        """Return name and password of a process's broker account; raise SettingsRefused."""
        if self.account and self.password:
            password = self.password.get_secret_value()
            commands = command_accounts(self.account, password)
            return (account, commands[account]) if account in commands else (self.account, password)
        accounts = read_accounts(self.accounts_file)
        if account not in accounts:
            raise SettingsRefused(
                f"{self.accounts_file}: no broker account {account!r}; "
                f"make it with: starface2mqtt broker account {account}"
            )
        return account, accounts[account]


def command_accounts(account: str, password: str) -> dict[str, str]:
    """Return the accounts that commands typed as a person or program have beside its own.

    A client id is bound to the account, so with its own they would throw it off the broker. Their
    password follows from its password, so that nobody has to hand out more than one.
    """
    digest = hmac.digest(password.encode(), b"commands", "sha256")
    derived = base64.urlsafe_b64encode(digest).decode()[:32]
    return {f"{account}~cli-{number}": derived for number in range(1, _COMMANDS + 1)}


def read_accounts(path: Path) -> dict[str, str]:
    """Return the passwords by broker account; raise SettingsRefused."""
    try:
        private(path)
        return TypeAdapter(dict[str, str]).validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise SettingsRefused(
            f"{path}: there is no file of broker accounts; make it with: starface2mqtt init"
        ) from error
    except OSError as error:
        raise SettingsRefused(
            f"{path}: the broker accounts cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise SettingsRefused(
            f"{path}: the broker accounts cannot be read; restore the file from a backup"
        ) from error
