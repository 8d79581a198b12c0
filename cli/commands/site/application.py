"""`application add`, `list`, `remove`: which programs may dial, and for whom."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.json_output import Json, print_json
from cli.commands.site.rights import all_known
from cli.site.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from panel.applications import Applications

app = typer.Typer(help="Programs that may dial by HTTP, each with a token.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name of your choice; it stands in the audit.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    users: Annotated[
        str, typer.Option("--users", help="Login IDs it may dial for, such as 0011,0012.")
    ],
) -> None:
    """Let a program dial for some users; its token is shown once."""
    from panel.applications import ApplicationTaken

    logins = [login for part in users.split(",") if (login := part.strip())]
    if not logins:
        raise CommandFailed("name at least one user: --users 0011,0012")
    all_known(settings_of(context), logins)
    if not name.isprintable() or not 0 < len(name) <= 50:
        raise CommandFailed("a name has 1 to 50 printable characters")
    try:
        token = _applications(context).add(name, logins)
    except ApplicationTaken as error:
        raise CommandFailed(str(error)) from error
    typer.echo(token)
    typer.echo("Keep this token; it is not shown again. It goes into the header", err=True)
    typer.echo("Authorization: Bearer TOKEN", err=True)


@app.command("list")
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show which programs may dial, and for whom."""
    listed = _applications(context).all()
    if as_json:
        print_json([application._asdict() for application in listed])
        return
    for application in listed:
        typer.echo(
            f"{application.name:24} {application.added[:10]}  {', '.join(application.users)}"
        )


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Take a program's right away, at once."""
    from panel.applications import ApplicationUnknown

    try:
        _applications(context).remove(name)
    except ApplicationUnknown as error:
        raise CommandFailed(str(error)) from error


def _applications(context: typer.Context) -> "Applications":
    from panel.applications import Applications

    return Applications(settings_of(context).site.data_folder / "applications.db")
