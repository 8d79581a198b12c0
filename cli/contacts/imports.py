"""`starface2mqtt contacts import ...`: from each kind of source, again and again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.contacts.columns import columns_of
from cli.contacts.import_run import (
    ImportRun,
    mapping_of,
    opened,
    password_of,
    print_outcome,
    text_of,
)
from cli.site.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from consumers.directory.changes import RecordKind

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


Source = Annotated[str, typer.Option(help="The name of the source; each has its own contacts.")]
Priority = Annotated[
    int | None,
    typer.Option(
        help="The source with the higher one decides who calls; default: behind the others."
    ),
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
    """Import a CSV file; encoding, delimiter and usual headings are found out."""
    from consumers.importers.sources.csv_file import csv_records

    columns = mapping_of(mapping) if mapping else columns_of(file)
    run = ImportRun(context, source, priority, dry_run=dry_run, force=force, refused=refused)
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
    from consumers.importers.sources.vcard import vcard_records

    run = ImportRun(context, source, priority, dry_run=dry_run, force=force, refused=refused)
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
    also_host: Annotated[
        list[str] | None,
        typer.Option(help="A further server the password may go to, as dav.example.ch."),
    ] = None,
    priority: Priority = None,
    dry_run: DryRun = False,
    force: Force = False,
    refused: Refused = None,
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
    run = ImportRun(context, source, priority, dry_run=dry_run, force=force, refused=refused)
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
    run = ImportRun(context, source, priority, dry_run=dry_run, force=force, refused=refused)
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
    from consumers.importers.sources.sql import sql_records

    url = text_of(url_file).strip() if url_file else os.environ.get("CONTACTS_SQL_URL", "")
    if not url:
        raise CommandFailed("say the database's address by --url-file or CONTACTS_SQL_URL")
    statement, columns = text_of(query), mapping_of(mapping)
    run = ImportRun(context, source, priority, dry_run=dry_run, force=force, refused=refused)
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
    from consumers.importers.sources.starface_book import starface_records
    from starface import oauth
    from starface.rest import by_password, by_tokens

    pbx = settings_of(context).starface
    password = password_of(password_file)
    by_oauth = pbx.auth == "oauth" or (pbx.auth == "auto" and pbx.oauth_client_secret is not None)
    if by_oauth:
        client = by_tokens(pbx, oauth.log_in(pbx, login, password))
    else:
        client = by_password(pbx, login, password)
    run = ImportRun(context, source, priority, dry_run=dry_run, force=force, refused=refused)
    try:
        run.apply(_CONTACTS, lambda told, report: starface_records(client.contacts(), told, report))
    finally:
        client.logout()


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
