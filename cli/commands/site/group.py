"""`group ...`: users under one name, for rights at the broker."""

from typing import Annotated

import typer

from cli.commands.completion import complete_groups, complete_logins
from cli.commands.json_output import Json, print_json
from cli.commands.site.rights import all_known, copy_them
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import require_consent, text

app = typer.Typer(
    help="Groups of users, for rights at the broker; not the groups of the PBX.",
    no_args_is_help=True,
)
Name = Annotated[
    str,
    typer.Argument(
        help="A name of your choice, such as Secretariat.", autocompletion=complete_groups
    ),
]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    logins: Annotated[
        list[str], typer.Argument(help="Who belongs to it.", autocompletion=complete_logins)
    ],
) -> None:
    """Put users into a group; those with rights for the group have them for these too."""
    from cli.site.files import changed_roles

    settings = settings_of(context)
    if not name.isprintable() or not 0 < len(name) <= 50:
        raise CommandFailed("a name has 1 to 50 printable characters")
    all_known(settings, logins)
    with changed_roles(settings) as roles:
        roles.join(name, logins)
        typer.echo(f"{name}: {', '.join(roles.members(name))}")
    typer.echo(copy_them(settings), err=True)


@app.command("list")
def list_groups(context: typer.Context, as_json: Json = False) -> None:
    """List the groups and who belongs to them."""
    from cli.site.files import read_roles

    listed = sorted(read_roles(settings_of(context)).groups.items())
    if as_json:
        print_json(dict(listed))
        return
    for name, members in listed:
        typer.echo(f"{name:20} {', '.join(members) or 'nobody'}")


@app.command()
def remove(
    context: typer.Context,
    name: Name,
    logins: Annotated[
        list[str] | None,
        typer.Argument(
            help="Who leaves it; nobody named: the whole group goes.",
            autocompletion=complete_logins,
        ),
    ] = None,
) -> None:
    """Take users out of a group, or the whole group away with all rights by it."""
    from cli.site.files import changed_roles

    settings = settings_of(context)
    with changed_roles(settings) as roles:
        if logins:
            roles.leave(name, logins)
            typer.echo(f"{name}: {', '.join(roles.members(name)) or 'nobody'}")
        else:
            holders = roles.dissolve(name)
            typer.echo(f"{name} is removed.")
            if holders:
                typer.echo(f"Rights by it have ended: {', '.join(holders)}")
    typer.echo(copy_them(settings), err=True)


@app.command()
def sync(
    context: typer.Context,
    administrator: Annotated[
        str, typer.Option("--as", help="Login ID of an administrator of STARFACE.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what changes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give the groups here the members that STARFACE's groups of the same names have.

    Groups that STARFACE does not have are left alone; a new one gives nobody a right by itself.
    """
    from cli.commands.site.user_import import listed_by_pbx
    from cli.site.files import changed_roles, read_roles
    from consumers.users import Users

    settings = settings_of(context)
    with Users(settings.database) as users:
        known = {user.login for user in users.all()}
    members: dict[str, list[str]] = {}
    for user in listed_by_pbx(settings, administrator):
        for name in user.groups:
            members.setdefault(name, []).extend([user.login] if user.login in known else [])
    groups = read_roles(settings).groups
    changed = {
        name: tuple(sorted(logins))
        for name, logins in members.items()
        if logins and set(logins) != set(groups.get(name, ()))
    }
    for name, logins in sorted(changed.items()):
        before = set(groups.get(name, ()))
        parts = [f"+{login}" for login in logins if login not in before]
        parts += [f"-{login}" for login in sorted(before - set(logins))]
        typer.echo(f"{name}: {' '.join(parts)}")
    if not changed:
        typer.echo("All groups are as STARFACE has them.")
    if dry_run or not changed:
        return
    if not yes:
        require_consent(text("command.change"))
    with changed_roles(settings) as roles:
        roles.groups.update(changed)
    typer.echo(copy_them(settings), err=True)
