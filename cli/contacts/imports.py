"""`starface2mqtt contacts import ...`: from each kind of source, again and again."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.completion import complete_sources
from cli.contacts.columns import columns_of
from cli.contacts.import_run import (
    ImportRun,
    logged_in,
    mapping_of,
    opened,
    password_of,
    print_outcome,
    text_of,
)
from cli.site.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from consumers.directory.changes import RecordKind

_NAMED = inspect.Parameter.KEYWORD_ONLY
_CONTACTS: frozenset[RecordKind] = frozenset({"contact"})

app = typer.Typer(
    help="Import contacts. What a source no longer has disappears; other sources stay.",
    no_args_is_help=True,
)


@app.callback()
def _office(
    context: typer.Context,
    office: Annotated[
        str | None, typer.Option(help="The office whose numbers these are, as in [offices.NAME].")
    ] = None,
) -> None:
    context.find_root().obj["office"] = office


MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="TOML file: which column means what.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
Force = Annotated[bool, typer.Option("--force", help="Even if more than half is removed.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File with the password; else CONTACTS_PASSWORD, else you are asked."),
]


def _shared(
    source: Annotated[
        str,
        typer.Option(
            help="The name of the source; each has its own contacts.",
            autocompletion=complete_sources,
        ),
    ],
    priority: Annotated[
        int | None,
        typer.Option(
            help="The source with the higher one decides who calls; default: behind the others."
        ),
    ] = None,
    *,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Annotated[
        Path | None, typer.Option(help="Write all refusals to this CSV file.")
    ] = None,
) -> None:
    """Have the options of every import."""


def _importing(name: str, source: str | None = None) -> Callable[[Callable[..., None]], None]:
    """Add a command; the options of every import reach it together, as `importing`."""
    options = list(inspect.signature(_shared, eval_str=True).parameters.values())
    if source:
        options[0] = options[0].replace(default=source)

    def added(function: Callable[..., None]) -> None:
        @functools.wraps(function)
        def command(context: typer.Context, **values: Any) -> None:
            shared = {option.name: values.pop(option.name) for option in options}
            importing = ImportRun(context, **shared)
            with_context = {"context": context} if "context" in own else {}
            function(**with_context, **values, importing=importing)

        own = inspect.signature(function, eval_str=True).parameters
        context = inspect.Parameter("context", _NAMED, annotation=typer.Context)
        taken = [own[name] for name in own if name not in ("context", "importing")]
        parameters = [context, *taken, *options]
        signature = inspect.Signature([entry.replace(kind=_NAMED) for entry in parameters])
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {}
        del command.__wrapped__
        app.command(name)(command)

    return added


@_importing("csv")
def from_csv(file: Path, importing: ImportRun, mapping: MappingFile = None) -> None:
    """Import a CSV file or spreadsheet; encoding, delimiter and usual headings are found out."""
    _from_file(file, importing, mapping)


@_importing("vcard")
def from_vcard(
    file: Annotated[Path, typer.Argument(help="A .vcf file, or a folder of them.")],
    importing: ImportRun,
) -> None:
    """Import vCards of version 2.1, 3.0 or 4.0."""
    _from_file(file, importing)


@_importing("fritzbox")
def from_fritzbox(
    file: Annotated[Path, typer.Argument(help="Its telephone book, exported as XML.")],
    importing: ImportRun,
) -> None:
    """Import the telephone book of a FRITZ!Box."""
    _from_file(file, importing)


def import_file(context: typer.Context, file: Path, source: str, *, dry_run: bool = False) -> None:
    """Import a file into a source."""
    _from_file(file, ImportRun(context, source, dry_run=dry_run))


def _from_file(file: Path, importing: ImportRun, mapping: Path | None = None) -> None:
    """Import a file as what it is, whatever it is called."""
    from consumers.importers.report import SourceUnreadable
    from consumers.importers.sources.csv_file import csv_records
    from consumers.importers.sources.file_kind import file_kind
    from consumers.importers.sources.fritzbox import fritzbox_records
    from consumers.importers.sources.vcard import vcard_records

    try:
        kind = file_kind(file)
    except SourceUnreadable as error:
        raise CommandFailed(str(error)) from error
    if kind == "table":
        columns = mapping_of(mapping) if mapping else columns_of(file, importing.encoding())
        importing.apply(
            columns.kinds, lambda profile, report: csv_records(file, columns, profile, report)
        )
        return
    read = vcard_records if kind == "vcard" else fritzbox_records
    importing.apply(_CONTACTS, lambda profile, report: read(file, profile, report))


@_importing("carddav")
def from_carddav(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="An address book, or the server that has them.")],
    importing: ImportRun,
    user: Annotated[str, typer.Option(help="Login at the server.")] = "",
    password_file: PasswordFile = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
    plain: Annotated[bool, typer.Option(help="Allow http, in a safe network.")] = False,
    also_host: Annotated[
        list[str] | None,
        typer.Option(help="A further server the password may go to, as dav.example.ch."),
    ] = None,
) -> None:
    """Import the address books of a CardDAV server."""
    from pydantic import SecretStr

    from consumers.importers.sources.carddav import CardDavServer, carddav_records
    from consumers.importers.sources.dav_hosts import is_host

    for host in also_host or ():
        if not is_host(host):
            raise CommandFailed(
                f"--also-host {host}: as in dav.example.ch, *.example.ch or x.ch:8443"
            )
    server = CardDavServer(
        url=url,
        user=user,
        password=SecretStr(password_of(password_file) if user else ""),
        ca_file=str(ca_file) if ca_file else None,
        allow_plain=plain,
        also_hosts=tuple(also_host or ()),
    )
    importing.apply(_CONTACTS, lambda profile, report: carddav_records(server, profile, report))


@_importing("ldap")
def from_ldap(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="As in ldaps://dc.example.ch")],
    base: Annotated[str, typer.Option(help="As in ou=people,dc=example,dc=ch")],
    importing: ImportRun,
    ldap_filter: Annotated[str, typer.Option("--filter", help="Which entries.")] = "",
    user: Annotated[str, typer.Option(help="DN, or name@domain at Active Directory.")] = "",
    password_file: PasswordFile = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
    plain: Annotated[bool, typer.Option(help="Without StartTLS, and without a password.")] = False,
    mapping: MappingFile = None,
) -> None:
    """Import people from LDAP or Active Directory."""
    from pydantic import SecretStr

    from consumers.importers.sources.ldap import DEFAULT, LdapServer, connected, ldap_records

    server = LdapServer(
        url=url,
        base=base,
        user=user,
        password=SecretStr(password_of(password_file) if user else ""),
        start_tls=not plain,
        ca_file=str(ca_file) if ca_file else None,
        **({"filter": ldap_filter} if ldap_filter else {}),
    )
    columns = mapping_of(mapping) if mapping else DEFAULT
    importing.apply(
        columns.kinds,
        lambda profile, report: ldap_records(connected(server), server, columns, profile, report),
    )


@_importing("sql")
def from_sql(
    context: typer.Context,
    query: Annotated[Path, typer.Argument(help="File with the SELECT.")],
    importing: ImportRun,
    url_file: Annotated[
        Path | None, typer.Option(help="File with the database's address; else CONTACTS_SQL_URL.")
    ] = None,
    mapping: MappingFile = None,
) -> None:
    """Import the rows of a query on any database SQLAlchemy knows."""
    from consumers.importers.sources.sql import sql_records

    url = text_of(url_file).strip() if url_file else os.environ.get("CONTACTS_SQL_URL", "")
    if not url:
        raise CommandFailed("say the database's address by --url-file or CONTACTS_SQL_URL")
    statement, columns = text_of(query), mapping_of(mapping)
    importing.apply(
        columns.kinds, lambda profile, report: sql_records(url, statement, columns, profile, report)
    )


@_importing("starface", source="starface")
def from_starface(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="A STARFACE user who sees the address book.")],
    importing: ImportRun,
    password_file: PasswordFile = None,
) -> None:
    """Import the address book of the STARFACE itself."""
    from consumers.importers.sources.starface_book import starface_records

    with opened(context) as directory:
        ours = directory.published_entries()
    with logged_in(context, login, password_of(password_file)) as book:
        importing.apply(
            _CONTACTS,
            lambda profile, report: starface_records(book.contacts(), profile, report, ours),
        )


@app.command("json")
def from_json(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What an application would push.")],
    dry_run: DryRun = False,
    force: Force = False,
) -> None:
    """Apply changes as an application pushes them; the file names its source."""
    from consumers.importers.push import PushRefused, push

    try:
        pushed = push(text_of(file), settings_of(context).site.numbers)
    except PushRefused as error:
        raise CommandFailed(f"{file}: {error}") from error
    with opened(context) as directory:
        applied = directory.apply(pushed.changes, dry_run=dry_run, force=force)
    print_outcome(pushed.changes.source, applied, pushed.report, dry_run=dry_run)
