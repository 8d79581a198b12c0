"""`starface2mqtt choose`: say who is meant where several have a number, and take it back."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_logins
from cli.commands.login import login_meant
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import text

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from consumers.directory.directory import Directory
    from consumers.directory.records import Contact


def choose(
    context: typer.Context,
    contact: Annotated[
        int | None, typer.Argument(help="Id of who is meant; without it, all are shown.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Login whose choice it is.", autocompletion=complete_logins)
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="The number; default: that of the last call.")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Ask again for this number.")] = False,
) -> None:
    """Choose who is meant where several have a number; it counts from the next call on."""
    from consumers.directory.directory import Directory
    from consumers.users import Users

    settings = settings_of(context)
    login = login_meant(settings, user, option="--user")
    with Users(settings.database) as users:
        users.get(login)
    e164 = _number(settings, login, number)
    with Directory(settings.database, suffix_digits=settings.caller.suffix_digits) as directory:
        if forget:
            directory.forget_choice(login, e164)
            typer.echo(f"{login} is asked again for {e164}.")
        elif contact is not None:
            _remember(directory, login, e164, contact)
        else:
            _show_choice(directory, login, e164)


def _remember(directory: "Directory", login: str, e164: str, contact_id: int) -> None:
    if not directory.remember_choice(login, e164, contact_id):
        raise CommandFailed(f"contact {contact_id} does not have {e164}; see: starface2mqtt choose")
    match = directory.find(e164, user=login)
    name = match.contact.name if match.contact else contact_id
    typer.echo(
        f"For {login}, {e164} is {name} from the next call on. "
        f"Take it back: starface2mqtt choose --user {login} --number {e164} --forget"
    )


def _show_choice(directory: "Directory", login: str, e164: str) -> None:
    from cli.contacts.sources import line

    match = directory.find(e164, user=login)
    if match.contact is not None and not match.remembered:
        typer.echo(f"{e164} is {match.contact.name} ({match.quality}); there is nothing to choose.")
        return
    if not match.candidates:
        raise CommandFailed(f"nobody in the directory has {e164}")
    typer.echo(f"{e164} may be, for {login}:")
    for one in match.candidates:
        typer.echo(f"{line(one)}{_chosen(one, match.contact)}")
    if match.quality == "suffix":
        typer.echo("Only the last digits are the same; that is never remembered.")
    else:
        typer.echo(f"Choose: starface2mqtt choose ID --user {login} --number {e164}")


def _chosen(one: "Contact", contact: "Contact | None") -> str:
    return "\t<- chosen" if one == contact else ""


def _number(settings: "Settings", login: str, given: str | None) -> str:
    """Return the number meant in E.164: the one given, or that of the user's last call."""
    from bus.numbers.number import read_number
    from consumers.caller.trace_store import find

    if given is not None:
        read = read_number(given, settings.site.numbers)
        if read.e164 is None:
            raise CommandFailed(text("command.no-number"))
        return read.e164
    stories = find(settings.site.data_folder, user=login)
    if not stories or not stories[0].e164:
        raise CommandFailed(f"no number of a last call of {login} is known; name one: --number")
    return stories[0].e164
