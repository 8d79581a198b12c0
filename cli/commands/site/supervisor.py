"""`supervisor ...`: users who read of colleagues, such as the head of the secretariat."""

from typing import Annotated

import typer

from cli.commands.completion import complete_logins
from cli.commands.json_output import Json
from cli.commands.site.rights import (
    GroupOption,
    TopicsOption,
    UserOption,
    all_known,
    copy_them,
    lines,
    print_all,
    right,
)
from cli.site.context import CommandFailed, settings_of

app = typer.Typer(help="Users who read topics of colleagues.", no_args_is_help=True)
Login = Annotated[
    str, typer.Argument(help="The supervisor's STARFACE login ID.", autocompletion=complete_logins)
]


@app.command()
def add(
    context: typer.Context,
    login: Login,
    user: UserOption = None,
    group: GroupOption = None,
    topics: TopicsOption = None,
) -> None:
    """Let a user read of colleagues: whether their telephone works, or more if --topics says so.

    Once more with other colleagues or groups adds to it; with the same ones it replaces.
    """
    from cli.site.files import changed_roles

    settings = settings_of(context)
    if not (user or group):
        raise CommandFailed("say of whom: --user LOGIN or --group NAME")
    given = right(topics or ["state"], None)
    if not given.reads:
        raise CommandFailed("say what is read, such as --topics state,calls")
    all_known(settings, (login, *(user or ())))
    with changed_roles(settings) as roles:
        roles.supervise(login, given, user or (), group or ())
        _show(login, lines(roles.supervisors[login]))
    typer.echo(copy_them(settings), err=True)


@app.command("list")
def list_supervisors(context: typer.Context, as_json: Json = False) -> None:
    """List who reads of whom."""
    from cli.site.files import read_roles

    print_all(read_roles(settings_of(context)).supervisors, as_json=as_json)


@app.command()
def remove(
    context: typer.Context, login: Login, user: UserOption = None, group: GroupOption = None
) -> None:
    """Let a user no longer read of these colleagues, of all if none is named."""
    from bus.access.roles import Grants
    from cli.site.files import changed_roles

    settings = settings_of(context)
    with changed_roles(settings) as roles:
        roles.release(login, user or (), group or ())
        _show(login, lines(roles.supervisors.get(login, Grants())))
    typer.echo(copy_them(settings), err=True)


def _show(login: str, readable: list[str]) -> None:
    typer.echo(
        "\n".join(f"{login}: {line}" for line in readable) or f"{login}: reads of no colleague"
    )
