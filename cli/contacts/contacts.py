"""`starface2mqtt contacts ...`: who is in the directory, and where they come from."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from cli.commands.completion import complete_sources
from cli.commands.json_output import Json
from cli.contacts import columns as contacts_columns
from cli.contacts import imports as contacts_import
from cli.contacts import publish as contacts_publish
from cli.contacts import sources as contacts_sources
from cli.contacts.import_run import checked, opened
from cli.contacts.sources import line
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import text as said

if TYPE_CHECKING:
    from consumers.directory.changes import Changes
    from consumers.directory.directory import Directory
    from consumers.directory.records import Contact, ContactNumber

OWN = "own"  # the source of what is typed in here
_OWN_PRIORITY = 100

app = typer.Typer(
    help="The directory: find, import, add and export contacts.", no_args_is_help=True
)
app.add_typer(contacts_import.app, name="import")
app.command()(contacts_columns.mapping)
app.command()(contacts_publish.publish)
app.command("list")(contacts_sources.list_contacts)
app.command()(contacts_sources.sources)
app.command()(contacts_sources.source)
app.command()(contacts_sources.choices)

Id = Annotated[int, typer.Argument(help="The contact's id, as `find` shows it.")]
Anyway = Annotated[bool, typer.Option(help="Also where the next import undoes it.")]


@app.command()
def find(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="A number, or part of a name, company or reference.")],
    user: Annotated[str, typer.Option(help="Whose remembered choices count.")] = "",
    as_json: Json = False,
) -> None:
    """Find who a number belongs to, or contacts by a part of what they are called."""
    from bus.numbers.number import read_number

    number = read_number(text, settings_of(context).site.numbers)
    with opened(context) as directory:
        if number.e164 is None:
            found = directory.search(text)
            found_json: dict[str, Any] = {
                "contacts": [contact.model_dump(mode="json") for contact in found]
            }
            lines = [line(contact) for contact in found] or [said("command.find.nobody")]
        else:
            match = directory.find(number.e164, user=user)
            near = [] if match.quality != "none" else directory.nearest(number.e164)
            found_json = {"e164": number.e164, **match.model_dump(mode="json")}
            found_json["nearest"] = [{"e164": e164, "contact": other.name} for e164, other in near]
            quality = "remembered" if match.remembered else match.quality
            lines = [f"{number.e164}: {said(f'panel.quality.{quality}')}"]
            shown = match.candidates or ((match.contact,) if match.contact else ())
            lines += [line(contact) for contact in shown]
            lines += [
                said("command.find.near", number=e164, contact=line(contact))
                for e164, contact in near
            ]
    typer.echo(
        json.dumps(found_json, ensure_ascii=False, indent=2) if as_json else "\n".join(lines)
    )


@app.command()
def show(context: typer.Context, contact_id: Id, as_json: Json = False) -> None:
    """Show all that is kept for a contact."""
    from consumers.importers.export import as_json as in_full

    with opened(context) as directory:
        contact = _get(directory, contact_id)
        record = in_full(directory, contact)
    if as_json:
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return
    for name in ("name", "kind", "company", "source", "key", "country", "email", "url", "active"):
        typer.echo(f"{name:8} {record[name]}")
    for number in record["numbers"]:
        mark = " (switchboard)" if number["switchboard"] else ""
        typer.echo(f"number   {number['e164'] or number['number']} {number['label']}{mark}")
    for dossier in record["dossiers"]:
        typer.echo(f"dossier  {dossier['reference']} {dossier['title']}".rstrip())
        for matter in dossier["matters"]:
            state = "open" if matter["open"] else "closed"
            typer.echo(f"  matter {matter['reference']} {matter['title']} ({state})")


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What the contact is called.")],
    number: Annotated[list[str] | None, typer.Option(help="A number; may be repeated.")] = None,
    company: Annotated[bool, typer.Option(help="The contact is a company.")] = False,
    switchboard: Annotated[
        bool, typer.Option(help="Behind the numbers there are extensions; see docs/directory.md.")
    ] = False,
    employer: Annotated[str, typer.Option(help="The company a person works for.")] = "",
    country: Annotated[str, typer.Option(help="Reads the contact's national numbers.")] = "",
    email: Annotated[str, typer.Option()] = "",
    url: Annotated[str, typer.Option()] = "",
) -> None:
    """Add a contact by hand; it counts at the next call."""
    import secrets

    from consumers.importers.raw_contact import NumberField, RawContact

    key = secrets.token_hex(8)
    raw = RawContact(
        key=key,
        name=name,
        kind="company" if company else "person",
        company=employer,
        country=country,
        email=email,
        url=url,
        numbers=[NumberField(text, switchboard=switchboard) for text in number or ()],
    )
    with opened(context) as directory:
        known = any(source.name == OWN for source in directory.sources())
        record = checked(raw, context)
        directory.apply(_changes(OWN, record, None if known else _OWN_PRIORITY))
        added = directory.contact_of(OWN, key)
    typer.echo(f"added {line(added)}" if added else "not added")


@app.command()
def edit(
    context: typer.Context,
    contact_id: Id,
    name: Annotated[str | None, typer.Option()] = None,
    number: Annotated[
        list[str] | None, typer.Option(help="All numbers from now on; may be repeated.")
    ] = None,
    add_number: Annotated[list[str] | None, typer.Option(help="One more number.")] = None,
    employer: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option()] = None,
    email: Annotated[str | None, typer.Option()] = None,
    url: Annotated[str | None, typer.Option()] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive")] = None,
    anyway: Anyway = False,
) -> None:
    """Change a contact; what is not named stays."""
    from consumers.importers.raw_contact import NumberField, RawContact

    given = {"name": name, "company": employer, "country": country, "email": email, "url": url}
    changed = {key: value for key, value in given.items() if value is not None}
    if active is not None:
        changed["active"] = active  # type: ignore[assignment]
    with opened(context) as directory:
        contact = _own(directory, contact_id, anyway=anyway)
        fields = contact.model_dump(exclude={"id", "source"}) | changed
        texts = [NumberField(text) for text in [*(number or ()), *(add_number or ())]]
        record = checked(RawContact(numbers=texts, **fields), context)
        kept = () if number else directory.numbers(contact_id)
        record = record._replace(numbers=_together(kept, record.numbers))
        directory.apply(_changes(contact.source, record))
    typer.echo(f"changed {contact.name}")


@app.command()
def remove(context: typer.Context, contact_id: Id, anyway: Anyway = False) -> None:
    """Remove a contact with its dossiers."""
    from consumers.directory.changes import Removal

    with opened(context) as directory:
        contact = _own(directory, contact_id, anyway=anyway)
        directory.apply(_changes(contact.source, Removal(record="contact", key=contact.key)))
    typer.echo(f"removed {contact.name}")


@app.command()
def export(
    context: typer.Context,
    form: Annotated[Literal["csv", "json"], typer.Argument()],
    output: Annotated[Path | None, typer.Option(help="A file only you can read.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Only this source.", autocompletion=complete_sources)
    ] = None,
) -> None:
    """Write all contacts; the CSV can be imported again."""
    from consumers.importers.export import export_csv, export_json

    write = export_csv if form == "csv" else export_json
    with opened(context) as directory, _writing(output) as file:
        count = write(directory, file, source)
    if output:
        typer.echo(f"{count} contacts written to {output}")


@app.command()
def sample(context: typer.Context) -> None:
    """Load a small invented law office to try everything out."""
    from consumers.importers.sample import SOURCE
    from consumers.importers.sample import sample as sample_changes

    profile = settings_of(context).site.numbers
    with opened(context) as directory:
        applied = directory.apply(sample_changes(profile), force=True)
    count = applied.contacts.added + applied.contacts.kept + applied.contacts.changed
    typer.echo(
        f"{count} contacts are in the source {SOURCE!r}; +41 44 123 45 67 is one of them. "
        f"Remove them with: starface2mqtt contacts source {SOURCE} --remove"
    )


def _get(directory: Directory, contact_id: int) -> Contact:
    contact = directory.contact(contact_id)
    if contact is None:
        raise CommandFailed(f"there is no contact {contact_id}; see: starface2mqtt contacts find")
    return contact


def _own(directory: Directory, contact_id: int, *, anyway: bool) -> Contact:
    contact = _get(directory, contact_id)
    if contact.source != OWN and not anyway:
        raise CommandFailed(
            f"{contact.name} comes from {contact.source}, whose next import would undo this; "
            "change it there, or say --anyway"
        )
    return contact


def _changes(name: str, record: Any, priority: int | None = None) -> Changes:
    from consumers.directory.changes import Changes

    return Changes(name, [record], priority)


def _together(
    kept: tuple[ContactNumber, ...], more: tuple[ContactNumber, ...]
) -> tuple[ContactNumber, ...]:
    return tuple(dict.fromkeys([*kept, *more]))


@contextmanager
def _writing(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        handle = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    except OSError as error:
        raise CommandFailed(f"{output}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        yield file
