"""What the shell completes: logins, groups and sources of the site that the command line names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from bus.access.roles import RightsRefused
from bus.settings import SettingsRefused

if TYPE_CHECKING:
    from cli.site.settings import Settings


def _completing(names: Callable[[Settings], Iterable[str]]) -> Callable[..., list[str]]:
    """Return what typer asks; where the site cannot be read nothing is completed."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from cli.site.settings import read

        try:
            found = list(names(read(context.find_root().params.get("config"))))
        except (SettingsRefused, RightsRefused, OSError, sqlite3.Error, ModuleNotFoundError):
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


@_completing
def complete_logins(settings: Settings) -> Iterable[str]:
    """Yield the logins of the users."""
    from consumers.users import Users

    with Users(settings.database) as users:
        return [user.login for user in users.all()]


@_completing
def complete_groups(settings: Settings) -> Iterable[str]:
    """Yield the names of the groups."""
    from cli.site.files import read_roles

    return sorted(read_roles(settings).groups)


@_completing
def complete_accounts(settings: Settings) -> Iterable[str]:
    """Yield the accounts of other programs."""
    from cli.site.files import read_roles

    return sorted(read_roles(settings).applications)


@_completing
def complete_sources(settings: Settings) -> Iterable[str]:
    """Yield the names of the sources of contacts."""
    from consumers.directory.directory import Directory

    with Directory(settings.database) as directory:
        return [source.name for source in directory.sources()]
