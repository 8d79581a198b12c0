"""`account ...`: broker accounts of programs that are no user, with the rights they were given."""

import re
from typing import Annotated

import typer

from cli.commands.completion import complete_accounts
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

app = typer.Typer(
    help="Broker accounts of other programs: a wallboard, a CRM, a script.", no_args_is_help=True
)
Name = Annotated[
    str,
    typer.Argument(
        help="What the account is called, such as wallboard.", autocompletion=complete_accounts
    ),
]
EverybodyOption = Annotated[
    bool, typer.Option("--all", help="Every user, also those who come later.")
]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    user: UserOption = None,
    group: GroupOption = None,
    everybody: EverybodyOption = False,
    topics: TopicsOption = None,
    may: Annotated[
        list[str] | None,
        typer.Option(help="What it may write: dial, set, choose, replay; with commas."),
    ] = None,
) -> None:
    """Let a program read topics of some users, and write only what `--may` says.

    Once more with other users or groups adds to it; with the same ones it replaces.
    """
    from cli.site.files import add_application

    settings = settings_of(context)
    _fits(name)
    given = right(topics, may)
    if not (user or group or everybody):
        raise CommandFailed("say whose topics: --user LOGIN, --group NAME or --all")
    if not (given.reads or given.may):
        raise CommandFailed("say what it reads, such as --topics calls,state, or writes: --may")
    all_known(settings, user or ())
    made = add_application(settings, name, given, user or (), group or (), everybody=everybody)
    if made is not None:
        typer.echo("\t".join(made))
        typer.echo("Keep this password; it is not shown again.", err=True)
    _show_rights(context, name)
    typer.echo(copy_them(settings), err=True)


@app.command("list")
def list_accounts(context: typer.Context, as_json: Json = False) -> None:
    """List the programs' accounts and their rights."""
    from cli.site.files import read_roles

    print_all(read_roles(settings_of(context)).applications, as_json=as_json)


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """Show an account's rights and, as the broker sees them, its topics."""
    from bus.access.accounts import rights_of
    from cli.site.files import read_roles

    settings = settings_of(context)
    roles = read_roles(settings)
    roles.application(name)
    _show_rights(context, name)
    rights = rights_of(settings.broker.topics(), name, roles)
    for word, topics in (("read", rights.read), ("write", rights.write)):
        for topic in topics:
            typer.echo(f"{word:6} {topic}")


@app.command("password")
def new_password(context: typer.Context, name: Name) -> None:
    """Replace the password of an account; the old one is worth nothing any more."""
    from cli.site.files import renew_application

    settings = settings_of(context)
    typer.echo("\t".join(renew_application(settings, name)))
    typer.echo(copy_them(settings), err=True)


@app.command()
def remove(
    context: typer.Context,
    name: Name,
    user: UserOption = None,
    group: GroupOption = None,
    everybody: EverybodyOption = False,
) -> None:
    """Take an account away; with --user, --group or --all only what it may do there."""
    from cli.site.files import changed_roles, remove_application

    settings = settings_of(context)
    if user or group or everybody:
        with changed_roles(settings) as roles:
            roles.application(name).revoke(user or (), group or (), everybody=everybody)
        _show_rights(context, name)
    else:
        remove_application(settings, name)
        typer.echo(f"{name} is removed.")
    typer.echo(copy_them(settings), err=True)


def _fits(name: str) -> None:
    from consumers.users import RESERVED

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", name):
        raise CommandFailed("a name has 1 to 32 letters, digits, '_', '.' or '-'")
    if name.partition("-")[0] in RESERVED:
        raise CommandFailed(f"{name!r} is the name of a process of starface2mqtt; take another")


def _show_rights(context: typer.Context, name: str) -> None:
    from cli.site.files import read_roles

    grants = read_roles(settings_of(context)).application(name)
    typer.echo("\n".join(f"{name}: {line}" for line in lines(grants)) or f"{name}: no rights")
