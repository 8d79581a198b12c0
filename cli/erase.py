"""`starface2mqtt erase`: forget all that is kept about one telephone number."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from cli.settings import Settings


def erase(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The number, in any spelling.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase all that is kept about a number: stories, actions, choices, the audit of dialling."""
    from bus.numbers import read_number

    settings = settings_of(context)
    read = read_number(number, settings.site.numbers)
    meant = read.e164 or read.short
    if not meant:
        raise CommandFailed(f"this is no telephone number; see: starface2mqtt number '{number}'")
    if not yes:
        typer.confirm(f"Erase all that is kept about {meant}?", abort=True)
    for what, count in _erased(settings, meant, number).items():
        typer.echo(f"{count:6} {what}")
    _tell_what_stays(settings, meant)


def _erased(settings: "Settings", meant: str, number: str) -> dict[str, int]:
    from consumers import caller_store, trace
    from consumers.dial_book import Book
    from consumers.dial_number import understand
    from consumers.directory import Directory

    folder = settings.site.data_folder
    with Directory(settings.database) as directory:
        choices = directory.forget_number(meant)
    audited = 0
    if (path := folder / "dial.db").exists():
        keys = {
            understand(text, settings.site.numbers, settings.dial, settings.site_key()).key
            for text in (number, meant)
        }
        with closing(Book(path, "cli")) as book:
            audited = sum(book.erase(key) for key in keys)
    return {
        "stories of calls": trace.erase(folder, meant),
        "actions and messages waiting": caller_store.erase(folder, meant),
        "choices": choices,
        "dial requests (the entry stays, without the number)": audited,
    }


def _tell_what_stays(settings: "Settings", meant: str) -> None:
    """Name what goes by itself or is somebody else's to erase."""
    from consumers.directory import Directory

    typer.echo(
        f"The gateway's event log and the broker drop calls after "
        f"{max(24.0, settings.gateway.keep_hours):g} hours at most."
    )
    with Directory(settings.database) as directory:
        match = directory.find(meant, user="")
    for one in match.candidates or ((match.contact,) if match.contact else ()):
        typer.echo(f"In the directory it belongs to {one.name}, whom the source {one.source} has.")
