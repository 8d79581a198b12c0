"""How rights are said on the command line, and shown again."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_groups, complete_logins
from cli.commands.json_output import print_json
from cli.site.context import CommandFailed
from cli.site.languages import text

if TYPE_CHECKING:
    from bus.access.roles import Grants, Right, Roles
    from cli.site.settings import Settings

UserOption = Annotated[
    list[str] | None,
    typer.Option("--user", help="A login ID; repeatable.", autocompletion=complete_logins),
]
GroupOption = Annotated[
    list[str] | None,
    typer.Option(
        "--group", help="A group of `group add`; repeatable.", autocompletion=complete_groups
    ),
]
TopicsOption = Annotated[
    list[str] | None,
    typer.Option("--topics", help="calls, caller, state, dial/result, head; with commas."),
]


def right(topics: list[str] | None, may: list[str] | None) -> "Right":
    """Return the right that was typed; raise CommandFailed for a word that is none."""
    from bus.access.roles import ACTS, KINDS, Right

    return Right.model_validate(
        {"reads": _words("--topics", topics, KINDS), "may": _words("--may", may, ACTS)}
    )


def all_known(settings: "Settings", logins: Iterable[str]) -> None:
    """Raise CommandFailed when one of these is no user."""
    from consumers.users import Users

    with Users(settings.database) as users:
        unknown = [login for login in logins if users.find(login) is None]
    if unknown:
        raise CommandFailed(text("command.users-unknown", logins=", ".join(unknown)))


def lines(grants: "Grants") -> list[str]:
    """Return a line for each of these rights."""
    shown = [(login, right) for login, right in sorted(grants.users.items())]
    shown += [(f"group {name}", right) for name, right in sorted(grants.groups.items())]
    if grants.everybody is not None:
        shown.append(("every user", grants.everybody))
    return [f"{whom}: {_said(right)}" for whom, right in shown]


def print_all(holders: "Mapping[str, Grants]", *, as_json: bool) -> None:
    """Print who has which rights."""
    if as_json:
        print_json({name: holders[name].model_dump(mode="json") for name in sorted(holders)})
        return
    for name in sorted(holders):
        typer.echo(f"{name:20} {'; '.join(lines(holders[name])) or 'no rights'}")


def of_user(roles: "Roles", login: str) -> list[tuple[str, str]]:
    """Return whom a user may read of, and who reads of him."""
    from bus.access.roles import Grants

    shown = [("supervises", line) for line in lines(roles.supervisors.get(login, Grants()))]
    shown += [("group", name) for name, members in sorted(roles.groups.items()) if login in members]
    return shown + [
        ("read by", f"{holder}: {', '.join(kinds)}") for holder, kinds in roles.readers_of(login)
    ]


def copy_them(settings: "Settings") -> str:
    """Return what is still to be done so that the broker knows."""
    from cli.site.broker_configuration import reads_in_place
    from cli.site.files import broker_folder

    if reads_in_place(broker_folder(settings)):
        return text("command.broker-reads")
    return text("command.broker-restart", folder=broker_folder(settings))


def _said(right: "Right") -> str:
    reads = f"reads {', '.join(right.reads)}" if right.reads else "reads nothing"
    return f"{reads}; may {', '.join(right.may)}" if right.may else reads


def _words(option: str, given: list[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    words = [word for part in given or () for one in part.split(",") if (word := one.strip())]
    if wrong := [word for word in words if word not in known]:
        raise CommandFailed(f"{option} {', '.join(wrong)}: known are {', '.join(known)}")
    return tuple(word for word in known if word in words)
