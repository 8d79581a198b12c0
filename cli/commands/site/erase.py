"""`starface2mqtt erase`: forget all that is kept about one telephone number."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.site.context import CommandFailed, settings_of
from cli.site.languages import require_consent, text
from cli.site.progress import with_progress

if TYPE_CHECKING:
    from cli.site.settings import Settings

Gone = tuple[int, bool]  # how much, and whether every byte of it


def erase(
    context: typer.Context,
    number: Annotated[
        str | None, typer.Argument(help="The number, in any spelling; asked for if left out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase all that is kept about a number: events, stories, records, choices, the dial audit."""
    from bus.numbers.number import read_number

    settings = settings_of(context)
    number = number or typer.prompt("Number", hide_input=True)
    read = read_number(number, settings.site.numbers)
    meant = read.e164 or read.short
    if not meant:
        raise CommandFailed(text("command.no-number"))
    if not yes:
        require_consent(text("command.erase-number", number=meant))
    failed = [*_erase_all(settings, meant, number)]
    _show_what_stays(settings, meant)
    if failed:
        raise CommandFailed(
            f"not all is erased, as other processes held it: {', '.join(failed)}; erase"
            " again, and while they are stopped if this stays"
        )


def _erase_all(settings: "Settings", meant: str, number: str) -> Iterator[str]:
    """Erase one kind after the other, report each, and yield what could not be erased."""
    import sqlite3

    from consumers.caller import store as caller_store
    from consumers.caller import trace_store as trace
    from consumers.directory.directory import Directory, DirectoryUnavailable
    from consumers.journal import erasure as journal
    from gateway.eventlog.file import LogUnavailable

    folder = settings.site.data_folder

    def choices() -> Gone:
        with Directory(settings.database) as directory:
            return directory.forget_number(meant), True

    kinds: dict[str, Callable[[], Gone]] = {
        "events in the gateway's log (each stays, without the party)": lambda: _events(
            folder, meant
        ),
        "stories of calls": lambda: trace.erase(folder, meant),
        "actions, messages waiting and set aside": lambda: caller_store.erase(folder, meant),
        "choices": choices,
        "dial requests (the entry stays, without the number)": lambda: _audit(
            settings, meant, number
        ),
        "records of the journal, with what was written about them": lambda: journal.erase(
            folder, meant, settings.site_key()
        ),
        "numbers handed to the desktop process": lambda: _spooled(settings, meant),
    }
    for what, remove in with_progress(kinds.items(), "erase", len(kinds)):
        try:
            count, clean = remove()
        except (sqlite3.Error, LogUnavailable, DirectoryUnavailable):
            yield what
            continue
        typer.echo(f"{count:6} {what}")
        if not clean:
            yield what


def _events(folder: Path, meant: str) -> Gone:
    from gateway.eventlog.erasure import erase

    done = erase(folder, meant)
    return (done.events, done.clean) if done else (0, True)


def _audit(settings: "Settings", meant: str, number: str) -> Gone:
    from consumers.dial.number import NumberReader
    from consumers.dial.store import DialStore
    from runtime.erasure import traces_of

    path = settings.site.data_folder / "dial.db"
    if not path.exists():
        return 0, True
    numbers = NumberReader(settings.site.numbers, settings.dial, settings.site_key())
    keys = {numbers.key(text) for text in (number, meant)}
    with closing(DialStore(path, "cli")) as book:
        gone = [book.erase(key, traces_of(meant)) for key in keys]
    return sum(count for count, _ in gone), all(clean for _, clean in gone)


def _spooled(settings: "Settings", meant: str) -> Gone:
    """Erase what waits to be dialled on this workstation, if it is one."""
    from platformdirs import user_state_path

    from bus.numbers.number import read_number
    from consumers.desktop.instance import Spool

    def means(text: str) -> bool:
        read = read_number(text, settings.site.numbers)
        return meant in (read.e164, read.short)

    folders = user_state_path("starface2mqtt").glob("desktop-*")
    return sum(Spool(one).erase(means) for one in folders), True


def _show_what_stays(settings: "Settings", meant: str) -> None:
    """Name what goes by itself or is somebody else's to erase."""
    from consumers.directory.directory import Directory

    typer.echo(
        "Not reached: event logs and data folders of other machines (erase there too), calls under"
        " way at this moment, and what the broker holds for absent processes, at most 24 hours."
    )
    if (settings.site.data_folder / "private-numbers.json").exists():
        typer.echo("Private numbers stay private: their list holds no numbers.")
    with Directory(settings.database) as directory:
        match = directory.find(meant, user="")
    for one in match.candidates or ((match.contact,) if match.contact else ()):
        typer.echo(f"In the directory it belongs to {one.name}, whom the source {one.source} has.")
