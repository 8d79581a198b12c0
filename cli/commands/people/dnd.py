"""`starface2mqtt dnd`: be left alone for a while, without a word to the colleagues."""

from datetime import datetime
from typing import Annotated, Literal

import typer

from cli.commands.completion import complete_logins
from cli.commands.login import login_meant
from cli.site.context import CommandFailed, settings_of


def dnd(
    context: typer.Context,
    wish: Annotated[
        Literal["on", "off"] | None, typer.Argument(help="on or off; without it: what is set.")
    ] = None,
    span: Annotated[str | None, typer.Option("--for", help="How long: 30m, 2h.")] = None,
    until: Annotated[str | None, typer.Option(help="Until when: 18:00.")] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="Login of the user who wants to be left alone.", autocompletion=complete_logins
        ),
    ] = None,
) -> None:
    """Let nothing open and nothing be shown for a user, as while a screen is shared."""
    from cli.commands.site import preferences as wishes
    from consumers.users import Users

    given = [one for one in (span, until) if one is not None]
    if len(given) > 1 or (given and wish != "on"):
        raise CommandFailed("an end goes with on, either --for 2h or --until 18:00")
    settings = settings_of(context)
    login = login_meant(settings, user, option="--user")
    now = datetime.now().astimezone()
    with Users(settings.database) as users:
        known = users.get(login)
        if wish is not None:
            end: bool | str = wish == "on"
            if span is not None:
                end = wishes.ends_in(span, now, "--for")
            elif until is not None:
                end = wishes.ends_at(until, now, "--until")
            preferences = wishes.with_peace(known.preferences, end)
            known = users.change(login, preferences=preferences)
    alone = [one for one in wishes.shown(known.preferences, now) if one.startswith("do not")]
    typer.echo(f"{login}: {alone[0] if alone else 'calls open as set'}")
