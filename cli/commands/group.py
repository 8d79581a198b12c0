"""`group ...`: users under one name, for rights at the broker."""

from typing import Annotated

import typer

from cli.commands.rights import all_known, copy_them
from cli.site.context import CommandFailed, settings_of

app = typer.Typer(
    help="Groups of users, for rights at the broker; not the groups of the PBX.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="A name of your choice, such as Secretariat.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    logins: Annotated[list[str], typer.Argument(help="Who belongs to it.")],
) -> None:
    """Put users into a group; whoever has rights for the group has them for these too."""
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
def list_groups(context: typer.Context) -> None:
    """List the groups and who belongs to them."""
    from cli.site.files import read_roles

    for name, members in sorted(read_roles(settings_of(context)).groups.items()):
        typer.echo(f"{name:20} {', '.join(members) or 'nobody'}")


@app.command()
def remove(
    context: typer.Context,
    name: Name,
    logins: Annotated[
        list[str] | None, typer.Argument(help="Who leaves it; nobody named: the whole group goes.")
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
