"""How an import of contacts runs, and how a person sees it: progress, refusals, what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from cli.site.context import CommandFailed, settings_of
from cli.site.languages import say, text
from runtime.configuration import SettingsRefused, read_text

if TYPE_CHECKING:
    from bus.numbers.number import NumberProfile
    from consumers.directory.changes import Change, ContactRecord, ImportResult, RecordKind
    from consumers.directory.directory import Directory
    from consumers.importers.mapping import Mapping
    from consumers.importers.raw_contact import RawContact
    from consumers.importers.report import Report
    from starface.rest import RestClient

T = TypeVar("T")
_SHOWN = 20  # refusals on the screen; a file has all of them


class ImportRun:
    """One import: reads a source, applies what it says, and reports what came of it."""

    def __init__(
        self,
        context: typer.Context,
        source: str,
        priority: int | None = None,
        *,
        dry_run: bool = False,
        force: bool = False,
        refused: Path | None = None,
    ) -> None:
        self._context = context
        self._source = source
        self._priority = priority
        self._dry_run = dry_run
        self._force = force
        self._refused = refused

    def encoding(self) -> str:
        """Return the encoding of the file that was imported last."""
        with opened(self._context) as directory:
            return directory.encoding(self._source)

    def apply(
        self,
        kinds: frozenset[RecordKind],
        records: Callable[[NumberProfile, Report], Iterable[Change]],
    ) -> None:
        """Import all of it or nothing."""
        from consumers.directory.changes import Changes
        from consumers.importers.report import Report

        office = (self._context.find_root().obj or {}).get("office")
        profile = settings_of(self._context).office(office)
        with (
            opened(self._context) as directory,
            directory.known(self._source) as known,
            _refusals(self._refused) as on_refusal,
        ):
            report = Report(on_refusal, known, encoding=directory.encoding(self._source))
            shown = _read_rows(records(profile, report), report, self._source)
            changes = Changes(self._source, known.while_read(shown), self._priority, kinds)
            applied = directory.apply(changes, dry_run=self._dry_run, force=self._force)
            if not self._dry_run:
                directory.keep_encoding(self._source, report.encoding)
            equal = directory.deciding_with(self._source)
        print_outcome(self._source, applied, report, dry_run=self._dry_run)
        if equal:
            say("import.equal", source=self._source, others=", ".join(equal))
        if report.rows and report.refused_rows == report.rows:
            raise CommandFailed(text("import.all-refused"))


@contextmanager
def opened(context: typer.Context) -> Iterator[Directory]:
    """Open the site's directory; what goes wrong in it is one line for a person."""
    from consumers.directory.directory import (
        Directory,
        DirectoryRefused,
        DirectoryUnavailable,
        ImportRefused,
    )
    from consumers.importers.report import SourceUnreadable

    settings = settings_of(context)
    settings.database.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Directory(settings.database) as directory:
            yield directory
    except (DirectoryRefused, DirectoryUnavailable, ImportRefused, SourceUnreadable) as error:
        raise CommandFailed(str(error)) from error


def checked(raw: RawContact, context: typer.Context) -> ContactRecord:
    """Make a contact of what was typed; every number of it has to be one."""
    from consumers.importers.raw_contact import ContactReader
    from consumers.importers.report import Report

    report = Report()
    record = ContactReader(settings_of(context).site.numbers, report).record(raw)
    if record is None or report.refusals:
        raise CommandFailed("; ".join(one.reason for one in report.refusals))
    return record


def mapping_of(file: Path | None) -> Mapping:
    """Read a mapping; without one, the headings are those of our own export."""
    from consumers.importers.mapping import read_mapping
    from consumers.importers.report import SourceUnreadable
    from consumers.importers.sample import default_mapping

    try:
        return read_mapping(file) if file else default_mapping()
    except SourceUnreadable as error:
        raise CommandFailed(str(error)) from error


def password_of(file: Path | None) -> str:
    """Return the password, which never stands on the command line."""
    if file:
        return text_of(file).strip("\r\n")
    if password := os.environ.get("CONTACTS_PASSWORD"):
        return password
    if not sys.stdin.isatty():
        raise CommandFailed("say the password by --password-file or CONTACTS_PASSWORD")
    return str(typer.prompt("Password", hide_input=True, err=True))


def text_of(file: Path) -> str:
    """Read a small file."""
    try:
        return read_text(file)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    except SettingsRefused as error:
        raise CommandFailed(f"{error}") from error


@contextmanager
def logged_in(context: typer.Context, login: str, password: str) -> Iterator[RestClient]:
    """Log a user in at the REST interface of the STARFACE."""
    from starface import oauth
    from starface.rest import by_password, by_tokens

    pbx = settings_of(context).starface
    by_oauth = pbx.auth == "oauth" or (pbx.auth == "auto" and pbx.oauth_client_secret is not None)
    if by_oauth:
        client = by_tokens(pbx, oauth.log_in(pbx, login, password))
    else:
        client = by_password(pbx, login, password)
    try:
        yield client
    finally:
        client.logout()


def progress(steps: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Show how many of some steps are done, if there is a terminal to show it on."""
    return _shown(steps, lambda done: (f"{what}: {done} of {total}", done, total))


def _read_rows(records: Iterable[T], report: Report, source: str) -> Iterator[T]:
    def state(_: int) -> tuple[str, int, int | None]:
        return text("import.rows", source=source, count=report.rows), report.done, report.total

    return _shown(records, state, every=100)


def _shown(
    items: Iterable[T], state: Callable[[int], tuple[str, int, int | None]], every: int = 1
) -> Iterator[T]:
    """Show the progress, if there is a terminal to show it on."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        for count, item in enumerate(items):
            if count % every == 0:
                description, done, total = state(count)
                bar.update(task, description=description, completed=done, total=total)
            yield item


@contextmanager
def _refusals(file: Path | None) -> Iterator[Callable[..., None] | None]:
    if file is None:
        yield None
        return
    import csv

    from consumers.importers.report import ReadRefusal

    try:
        handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as opened_file:
        writer = csv.writer(opened_file)
        writer.writerow(["where", "refused", "reason"])

        def note(refusal: ReadRefusal) -> None:
            writer.writerow([refusal.where, refusal.what, refusal.reason])

        yield note


def print_outcome(
    source: str, applied: ImportResult, report: Report, *, dry_run: bool = False
) -> None:
    """Say what an import changed and what it refused."""
    from consumers.directory.changes import ImportResult

    if applied == ImportResult(conflicts=applied.conflicts):
        say("import.empty", source=source)
    for kind in ("contacts", "dossiers", "matters"):
        counts = getattr(applied, kind)
        if any((counts.added, counts.changed, counts.removed, counts.kept)):
            say(
                "import.counts", source=source, what=text(f"import.{kind}"), added=counts.added,
                changed=counts.changed, removed=counts.removed, kept=counts.kept,
            )  # fmt: skip
    if report.count:
        say(
            "import.refused", rows=report.refused_rows, numbers=report.refused_numbers,
            left=report.left_out,
        )  # fmt: skip
    for refusal in report.refusals[:_SHOWN]:
        typer.echo(f"  {refusal.where}: {refusal.reason}")
    if report.count > _SHOWN:
        typer.echo(f"  {text('import.more', count=report.count - _SHOWN)}")
    for conflict in applied.conflicts[:_SHOWN]:
        typer.echo(f"  {conflict}")
    if dry_run:
        say("import.dry")
