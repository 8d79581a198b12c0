"""The configuration of one workstation."""

import os
from pathlib import Path

from pydantic import ValidationError

from bus.access.accounts import login_of
from bus.settings import BrokerSettings, Section, SettingsRefused, private
from cli.site.validation import what_is_wrong
from consumers.desktop.settings import DesktopSettings
from runtime.configuration import read_toml

_FILE = "desktop.toml"


class Workstation(Section):
    """The configuration of one workstation: its broker account, and what happens on a call."""

    broker: BrokerSettings = BrokerSettings()
    desktop: DesktopSettings = DesktopSettings()

    def login(self) -> str:
        """Return whose workstation it is; raise SettingsRefused."""
        if self.broker.account is None or self.broker.password is None:
            raise SettingsRefused(
                "[broker] account and password: a workstation needs the broker account of its"
                " user; `starface2mqtt user add` made it"
            )
        return self.desktop.user or login_of(self.broker.account)


def read(config: Path | None) -> Workstation:
    """Read the workstation's file; raise SettingsRefused with file, key and what is allowed."""
    path = config or _configured()
    try:
        if os.name == "posix":
            private(path)
        return Workstation.model_validate(read_toml(path))
    except FileNotFoundError as error:
        raise SettingsRefused(
            f"{path}: there is no such file; it needs [broker] host, account, password"
        ) from error
    except ValidationError as error:
        raise SettingsRefused(f"{path}: {what_is_wrong(error, Workstation)}") from error


def _configured() -> Path:
    from platformdirs import user_config_path

    return user_config_path("starface2mqtt") / _FILE
