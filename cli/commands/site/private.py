"""`starface2mqtt private ...`: whose calls with which numbers are nobody's business."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_logins
from cli.commands.json_output import Json, print_json
from cli.commands.login import login_meant
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import text

if TYPE_CHECKING:
    from cli.site.settings import Settings

app = typer.Typer(
    help="Private numbers of users: their calls make no event, no trace, nothing.",
    no_args_is_help=True,
)
Number = Annotated[
    str | None,
    typer.Argument(help="The number, in any spelling; asked for if left out, unseen by others."),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user", help="Login whose private number it is.", autocompletion=complete_logins
    ),
]


@app.command()
def add(context: typer.Context, number: Number = None, user: User = None) -> None:
    """Keep a user's calls with a number out of everything, from the next call on."""
    from bus.numbers.private_numbers import changing, entry

    settings = settings_of(context)
    login = _known(settings, user)
    meant = _meant(settings, number)
    one = entry(settings.site_key(), login, meant, f"{datetime.now().astimezone():%Y-%m-%d}")
    with changing(settings.site.data_folder) as numbers:
        there = one.mark in numbers
        numbers.setdefault(one.mark, one)
    typer.echo(
        f"It is private for {login} already."
        if there
        else f"Calls of {login} with this number are private from now on. What is kept of earlier"
        " ones: starface2mqtt erase NUMBER"
    )


@app.command("list")
def show(context: typer.Context, user: User = None, as_json: Json = False) -> None:
    """List who has private numbers: the last digits, as more is not kept."""
    from bus.numbers.private_numbers import NAME, read_list

    settings = settings_of(context)
    entries = read_list(settings.site.data_folder / NAME)
    listed = [entry for entry in entries if user in (None, entry.user)]
    if as_json:
        print_json([{"user": each.user, "ends": each.ends, "added": each.added} for each in listed])
        return
    for each in listed:
        typer.echo(f"{each.user}\t…{each.ends}\tsince {each.added}")


@app.command()
def check(context: typer.Context, number: Number = None, user: User = None) -> None:
    """Show whether a number is private for a user."""
    from bus.numbers.private_numbers import PrivateNumbers

    settings = settings_of(context)
    login = _known(settings, user)
    numbers = PrivateNumbers(settings.site.data_folder, settings.site_key())
    found = numbers.holds(login, _meant(settings, number))
    typer.echo(f"It is {'private' if found else 'not private'} for {login}.")


@app.command()
def remove(context: typer.Context, number: Number = None, user: User = None) -> None:
    """Publish calls with a number again, from the next call on."""
    from bus.numbers.private_numbers import changing, number_mark

    settings = settings_of(context)
    login = login_meant(settings, user, option="--user")
    mark = number_mark(settings.site_key(), login, _meant(settings, number))
    with changing(settings.site.data_folder) as numbers:
        if numbers.pop(mark, None) is None:
            raise CommandFailed(
                f"it is not private for {login}; see: starface2mqtt private list --user {login}"
            )
    typer.echo(f"Calls of {login} with this number are published again.")


def _known(settings: "Settings", given: str | None) -> str:
    from consumers.users import Users

    login = login_meant(settings, given, option="--user")
    with Users(settings.database) as users:
        users.get(login)
    return login


def _meant(settings: "Settings", given: str | None) -> str:
    from bus.numbers.number import read_number

    number = given or typer.prompt("Number", hide_input=True)
    read = read_number(number, settings.site.numbers)
    meant = read.e164 or read.short
    if not meant:
        raise CommandFailed(text("command.no-number"))
    return meant
