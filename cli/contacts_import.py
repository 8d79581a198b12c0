"""`starface2mqtt contacts import ...`: from each kind of source, again and again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from bus.numbers import NumberProfile
    from consumers.changes import Applied, Change, ContactRecord, RecordKind
    from consumers.directory import Directory
    from consumers.importers.drafts import Draft
    from consumers.importers.mapping import Mapping
    from consumers.importers.report import Report

_SHOWN = 20  # refusals on the screen; a file has all of them

app = typer.Typer(
    help="Import contacts. What a source no longer has disappears; other sources stay.",
    no_args_is_help=True,
)

Source = Annotated[str, typer.Option(help="The name of the source; each has its own contacts.")]
Priority = Annotated[
    int | None, typer.Option(help="The source with the higher priority decides who calls.")
]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="TOML file: which column means what.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")]
Force = Annotated[bool, typer.Option(help="Even if more than half of the contacts go.")]
Refused = Annotated[Path | None, typer.Option(help="Write all refusals to this CSV file.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File with the password; else CONTACTS_PASSWORD, else you are asked."),
]


@app.command("csv")
def from_csv(
    context: typer.Context,
    file: Path,
    source: Source,
    priority: Priority = None,
    mapping: MappingFile = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
) -> None:
    """Import a CSV file; encoding and delimiter are found out."""
    from consumers.importers.csv_file import csv_records

    columns = _mapping(mapping)
    run = _Run(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    run.apply(columns.kinds, lambda told, report: csv_records(file, columns, told, report))


@app.command("vcard")
def from_vcard(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .vcf file, or a folder of them.")],
    source: Source,
    priority: Priority = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
) -> None:
    """Import vCards of version 2.1, 3.0 or 4.0."""
    from consumers.importers.vcard import vcard_records

    run = _Run(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    run.apply(_CONTACTS, lambda told, report: vcard_records(file, told, report))


@app.command("carddav")
def from_carddav(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="An address book, or the server that has them.")],
    source: Source,
    user: Annotated[str, typer.Option(help="Login at the server.")] = "",
    password_file: PasswordFile = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
    plain: Annotated[bool, typer.Option(help="Allow http, in a safe network.")] = False,
    priority: Priority = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
) -> None:
    """Import the address books of a CardDAV server."""
    from pydantic import SecretStr

    from consumers.importers.carddav import CardDavServer, carddav_records

    server = CardDavServer(
        url=url,
        user=user,
        password=SecretStr(_password(password_file) if user else ""),
        ca_file=str(ca_file) if ca_file else None,
        allow_plain=plain,
    )
    run = _Run(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    run.apply(_CONTACTS, lambda told, report: carddav_records(server, told, report))


@app.command("ldap")
def from_ldap(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="As in ldaps://dc.example.ch")],
    base: Annotated[str, typer.Option(help="As in ou=people,dc=example,dc=ch")],
    source: Source,
    ldap_filter: Annotated[str, typer.Option("--filter", help="Which entries.")] = "",
    user: Annotated[str, typer.Option(help="DN, or name@domain at Active Directory.")] = "",
    password_file: PasswordFile = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
    plain: Annotated[bool, typer.Option(help="Without StartTLS, and without a password.")] = False,
    mapping: MappingFile = None,
    priority: Priority = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
) -> None:
    """Import people from LDAP or Active Directory."""
    from pydantic import SecretStr

    from consumers.importers.ldap import DEFAULT, LdapServer, connected, ldap_records

    server = LdapServer(
        url=url,
        base=base,
        user=user,
        password=SecretStr(_password(password_file) if user else ""),
        start_tls=not plain,
        ca_file=str(ca_file) if ca_file else None,
        **({"filter": ldap_filter} if ldap_filter else {}),
    )
    columns = _mapping(mapping) if mapping else DEFAULT
    run = _Run(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    run.apply(
        columns.kinds,
        lambda told, report: ldap_records(connected(server), server, columns, told, report),
    )


@app.command("sql")
def from_sql(
    context: typer.Context,
    query: Annotated[Path, typer.Argument(help="File with the SELECT.")],
    source: Source,
    url_file: Annotated[
        Path | None, typer.Option(help="File with the database's address; else CONTACTS_SQL_URL.")
    ] = None,
    mapping: MappingFile = None,
    priority: Priority = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
) -> None:
    """Import the rows of a query on any database SQLAlchemy knows."""
    from consumers.importers.sql import sql_records

    url = _text(url_file).strip() if url_file else os.environ.get("CONTACTS_SQL_URL", "")
    if not url:
        raise CommandFailed("say the database's address by --url-file or CONTACTS_SQL_URL")
    statement, columns = _text(query), _mapping(mapping)
    run = _Run(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    run.apply(
        columns.kinds, lambda told, report: sql_records(url, statement, columns, told, report)
    )


@app.command("starface")
def from_starface(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="A STARFACE user who sees the address book.")],
    source: Source = "starface",
    password_file: PasswordFile = None,
    priority: Priority = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
) -> None:
    """Import the address book of the STARFACE itself."""
    from consumers.importers.starface_book import starface_records
    from starface import oauth
    from starface.rest import by_password, by_tokens

    pbx = settings_of(context).starface
    password = _password(password_file)
    by_oauth = pbx.auth == "oauth" or (pbx.auth == "auto" and pbx.oauth_client_secret is not None)
    if by_oauth:
        client = by_tokens(pbx, oauth.log_in(pbx, login, password))
    else:
        client = by_password(pbx, login, password)
    run = _Run(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    try:
        run.apply(_CONTACTS, lambda told, report: starface_records(client.contacts(), told, report))
    finally:
        client.logout()


@app.command("json")
def from_json(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What an application would push.")],
    force: Force = False,
) -> None:
    """Apply changes as an application pushes them; the file names its source."""
    from consumers.importers.push import PushRefused, push

    try:
        pushed = push(_text(file), settings_of(context).site.numbers)
    except PushRefused as error:
        raise CommandFailed(f"{file}: {error}") from error
    with opened(context) as directory:
        _tell(pushed.changes.source, directory.apply(pushed.changes, force=force), pushed.report)


_CONTACTS: frozenset[RecordKind] = frozenset({"contact"})


class _Run:
    """One import: asks a source, applies what it says, and tells what came of it."""

    def __init__(
        self,
        context: typer.Context,
        source: str,
        priority: int | None,
        *,
        dry_run: bool,
        force: bool,
        refused: Path | None,
    ) -> None:
        self._context = context
        self._source = source
        self._priority = priority
        self._dry_run = dry_run
        self._force = force
        self._refused = refused

    def apply(
        self,
        kinds: frozenset[RecordKind],
        records: Callable[[NumberProfile, Report], Iterable[Change]],
    ) -> None:
        """Import all of it or nothing."""
        from consumers.changes import Changes
        from consumers.importers.report import Report

        profile = settings_of(self._context).site.numbers
        with opened(self._context) as directory, _refusals(self._refused) as told:
            report = Report(told)
            counted = _shown(records(profile, report), report, self._source)
            changes = Changes(self._source, counted, self._priority, kinds)
            applied = directory.apply(changes, dry_run=self._dry_run, force=self._force)
        _tell(self._source, applied, report, dry_run=self._dry_run)
        if report.rows and report.refused_rows == report.rows:
            raise CommandFailed("every row was refused")


@contextmanager
def opened(context: typer.Context) -> Iterator[Directory]:
    """Open the site's directory; what goes wrong in it is one line for a person."""
    from consumers.directory import (
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


def checked(draft: Draft, context: typer.Context) -> ContactRecord:
    """Make a contact of what was typed; every number of it has to be one."""
    from consumers.importers.drafts import contact
    from consumers.importers.report import Report

    report = Report()
    record = contact(draft, "", settings_of(context).site.numbers, report)
    if record is None or report.refusals:
        raise CommandFailed("; ".join(one.reason for one in report.refusals))
    return record


def _mapping(file: Path | None) -> Mapping:
    from consumers.importers.mapping import read_mapping
    from consumers.importers.report import SourceUnreadable
    from consumers.importers.sample import default_mapping

    try:
        return read_mapping(file) if file else default_mapping()
    except SourceUnreadable as error:
        raise CommandFailed(str(error)) from error


def _password(file: Path | None) -> str:
    if file:
        return _text(file).strip("\r\n")
    if told := os.environ.get("CONTACTS_PASSWORD"):
        return told
    if not sys.stdin.isatty():
        raise CommandFailed("say the password by --password-file or CONTACTS_PASSWORD")
    return str(typer.prompt("Password", hide_input=True, err=True))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{file}: not UTF-8") from error


def _shown(records: Iterable[Change], report: Report, source: str) -> Iterator[Change]:
    """Show the progress, if there is a terminal to show it on."""
    if not sys.stderr.isatty():
        yield from records
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(source, total=None)
        for count, record in enumerate(records):
            if count % 100 == 0:
                what = f"{source}: {report.rows} rows"
                progress.update(task, description=what, completed=report.done, total=report.total)
            yield record


@contextmanager
def _refusals(file: Path | None) -> Iterator[Callable[..., None] | None]:
    if file is None:
        yield None
        return
    import csv

    from consumers.importers.report import Refusal

    try:
        handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as opened_file:
        writer = csv.writer(opened_file)
        writer.writerow(["where", "refused", "reason"])

        def note(refusal: Refusal) -> None:
            writer.writerow([refusal.where, "row" if refusal.row else "number", refusal.reason])

        yield note


def _tell(source: str, applied: Applied, report: Report, *, dry_run: bool = False) -> None:
    for kind in ("contacts", "dossiers", "matters"):
        tally = getattr(applied, kind)
        if any((tally.added, tally.changed, tally.removed, tally.kept)):
            typer.echo(
                f"{source}: {kind}: {tally.added} added, {tally.changed} changed, "
                f"{tally.removed} removed, {tally.kept} unchanged"
            )
    if report.refusals:
        typer.echo(f"{report.refused_rows} rows and {report.refused_numbers} numbers refused:")
    for refusal in report.refusals[:_SHOWN]:
        typer.echo(f"  {refusal.where}: {refusal.reason}")
    total = report.refused_rows + report.refused_numbers
    if total > _SHOWN:
        typer.echo(f"  and {total - _SHOWN} more; --refused FILE has all of them")
    for conflict in applied.conflicts[:_SHOWN]:
        typer.echo(f"  {conflict}")
    if dry_run:
        typer.echo("Nothing was changed (dry run).")
