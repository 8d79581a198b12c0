"""Users and groups as the PBX or a table lists them: what differs here, shown before it counts."""

import csv
import io
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from cli.site.context import CommandFailed
from cli.site.languages import text
from cli.site.progress import with_progress
from consumers.users import User, Users

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from starface.rest import RestClient
    from starface.settings import StarfaceSettings

_COLUMNS = {
    "login": ("login", "login id", "loginid", "user", "benutzer", "identifiant"),
    "name": ("name", "display name", "anzeigename", "nom", "nome"),
    "extension": ("extension", "internal number", "nebenstelle", "interne nummer", "interno"),
    "groups": ("groups", "group", "gruppen", "gruppe", "groupes", "gruppi"),
}


@dataclass(frozen=True)
class ListedUser:
    """A user as the PBX or a table lists him."""

    login: str
    name: str = ""
    extension: str = ""
    groups: tuple[str, ...] = ()


@dataclass
class ImportPlan:
    """What an import changes; `gone`: users here whom the list does not have."""

    added: list[User] = field(default_factory=list)
    changed: list[User] = field(default_factory=list)
    unchanged: int = 0
    gone: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    joining: dict[str, list[str]] = field(default_factory=dict)  # groups and who comes into them

    def lines(self) -> Iterator[str]:
        """Yield what a person reads before it counts."""
        for user in self.added:
            yield f"+ {user.login}  {user.extension}  {user.name}".rstrip()
        for user in self.changed:
            yield f"~ {user.login}  {user.extension}  {user.name}".rstrip()
        yield from (text("command.user-unlisted", login=login) for login in self.gone)
        yield from (f"! {sentence}" for sentence in self.refused)
        yield from (f"group {name}: +{' +'.join(logins)}" for name, logins in self.joining.items())
        yield text(
            "command.users-plan", added=len(self.added), changed=len(self.changed),
            unchanged=self.unchanged, gone=len(self.gone), refused=len(self.refused),
        )  # fmt: skip


def plan(users: Users, listed: list[ListedUser], *, may_differ: bool) -> ImportPlan:
    """Return what makes the users here those that are listed; choices of theirs stay."""
    result = ImportPlan()
    seen: set[str] = set()
    for each in listed:
        if each.login in seen:
            result.refused.append(text("command.user-listed-twice", login=each.login))
            continue
        seen.add(each.login)
        known = users.find(each.login)
        given = {"extension": each.extension or (known.extension if known else each.login)}
        given |= {"name": each.name} if each.name else {}
        try:
            user = User.model_validate(
                (known.model_dump() if known else {"login": each.login}) | given
            )
        except ValidationError as error:
            result.refused.append(f"{each.login}: {error.errors()[0]['msg']}")
            continue
        if user.extension != user.login and not may_differ:
            said = text("command.user-differs", login=each.login, extension=user.extension)
            result.refused.append(f"{each.login}: {said}")
        elif known is None:
            result.added.append(user)
        elif known != user:
            result.changed.append(user)
        else:
            result.unchanged += 1
    result.gone = [user.login for user in users.all() if user.login not in seen]
    return result


def joining(
    listed: list[ListedUser], wanted: ImportPlan, groups: Mapping[str, Collection[str]]
) -> dict[str, list[str]]:
    """Return who comes into which group of ours; nobody leaves one by an import."""
    refused = {sentence.partition(":")[0] for sentence in wanted.refused}
    members: dict[str, list[str]] = {}
    for user in listed:
        for name in user.groups:
            if user.login not in refused and user.login not in groups.get(name, ()):
                members.setdefault(name, []).append(user.login)
    return members


def apply(settings: "Settings", users: Users, wanted: ImportPlan) -> None:
    """Add and change the users, give the new ones their broker accounts, and fill the groups."""
    from bus.access.accounts import caller_account, user_account
    from cli.site.files import add_accounts, changed_roles

    for user in with_progress([*wanted.added, *wanted.changed], "users"):
        users.add(user)
    logins = [user.login for user in wanted.added]
    if logins:
        add_accounts(settings, (*map(user_account, logins), *map(caller_account, logins)))
    if wanted.joining:
        with changed_roles(settings) as roles:
            for name, members in wanted.joining.items():
                roles.join(name, members)


def from_table(path: Path) -> list[ListedUser]:
    """Return the users in a CSV file with a line of headings; raise CommandFailed."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    separator = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    headings = [cell.strip().lower() for cell in next(reader, [])]
    columns = {
        name: next((place for place, cell in enumerate(headings) if cell in known), None)
        for name, known in _COLUMNS.items()
    }
    if columns["login"] is None:
        raise CommandFailed(f"{path}: the first line names no column 'login'; known: login, name, "
                            f"extension, groups")  # fmt: skip

    def cell(row: list[str], name: str) -> str:
        place = columns[name]
        return row[place].strip() if place is not None and place < len(row) else ""

    return [
        ListedUser(
            cell(row, "login"), cell(row, "name"), cell(row, "extension"),
            tuple(part for part in map(str.strip, cell(row, "groups").split("|")) if part),
        )
        for row in reader
        if cell(row, "login")
    ]  # fmt: skip


def from_pbx(client: "RestClient") -> list[ListedUser]:
    """Return the users the PBX has, with their extensions and groups."""
    accounts = {each.id: each for each in client.accounts() if each.type == "USER"}
    groups = [(group.name, client.group(group.id).members) for group in client.groups()]
    return [
        ListedUser(
            user.login,
            f"{user.first_name} {user.family_name}".strip(),
            accounts[user.id].extension if user.id in accounts else "",
            tuple(name for name, members in groups if user.id in members),
        )
        for user in client.users()
        if user.login
    ]


def rest_client(settings: "StarfaceSettings", login: str, password: str) -> "RestClient":
    """Log in at the PBX's administration; the password is not kept."""
    from starface import oauth, rest

    if settings.auth != "oauth":
        return rest.by_password(settings, login, password)
    return rest.by_tokens(settings, oauth.log_in(settings, login, password))


def listed_by_pbx(settings: "Settings", administrator: str) -> list[ListedUser]:
    """Ask for the administrator's password and return the users the PBX has."""
    if not administrator:
        raise CommandFailed("name an administrator of STARFACE with --as LOGIN, or a CSV file")
    if not settings.starface.host:
        raise CommandFailed("set host in [starface] first, or name a CSV file")
    password = os.environ.get("STARFACE_PASSWORD") or typer.prompt("Password", hide_input=True)
    return from_pbx(rest_client(settings.starface, administrator, password))
