"""The directory as a file: CSV that can be imported again, or JSON with everything in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any, TextIO

from consumers.directory.directory import Directory
from consumers.directory.records import Contact, ContactNumber, Dossier, Matter

_LABELLED = ("work", "mobile", "home", "fax")
_CONTACT = ("key", "kind", "name", "company", "employer", "country", "email", "url", "active")
_NUMBERS = ("switchboard", *_LABELLED, "numbers")
_DOSSIER = ("dossier", "dossier reference", "dossier title", "dossier url", "dossier active")
_MATTER = ("matter", "matter reference", "matter title", "matter url", "matter open")
COLUMNS = (*_CONTACT, *_NUMBERS, *_DOSSIER, *_MATTER)


def export_csv(directory: Directory, file: TextIO, source: str | None = None) -> int:
    """Write one row for each matter, dossier without matters, or contact without dossiers."""
    writer = csv.DictWriter(file, COLUMNS, restval="")
    writer.writeheader()
    count = 0
    for contact in directory.contacts(source):
        row = _contact_row(directory, contact)
        for fields in _rows(directory.dossiers(contact.id)):
            writer.writerow(row | fields)
        count += 1
    return count


def export_json(directory: Directory, file: TextIO, source: str | None = None) -> int:
    """Write an array of contacts, each with its numbers, dossiers and matters."""
    count = 0
    for contact in directory.contacts(source):
        file.write(",\n" if count else "[\n")
        json.dump(as_json(directory, contact), file, ensure_ascii=False)
        count += 1
    file.write("\n]\n" if count else "[]\n")
    return count


def as_json(directory: Directory, contact: Contact) -> dict[str, Any]:
    """Return all that is kept for a contact."""
    employer = directory.employer(contact)
    return {
        **contact.model_dump(mode="json"),
        "employer": employer.key if employer else "",
        "numbers": [
            {
                "number": number.raw,
                "label": number.label,
                "switchboard": bool(number.stem),
                "e164": number.e164,
            }
            for number in directory.numbers(contact.id)
        ],
        "dossiers": [one.model_dump(mode="json") for one in directory.dossiers(contact.id)],
    }


def _contact_row(directory: Directory, contact: Contact) -> dict[str, str]:
    row = {name: str(getattr(contact, name, "")) for name in _CONTACT}
    employer = directory.employer(contact)
    row |= {"employer": employer.key if employer else "", "active": _yes(contact.active)}
    columns: dict[str, list[str]] = {}
    for number in directory.numbers(contact.id):
        column, text = _number_field(number)
        columns.setdefault(column, []).append(text)
    return row | {name: "; ".join(texts) for name, texts in columns.items()}


def _number_field(number: ContactNumber) -> tuple[str, str]:
    """Keep how a switchboard is written: its extensions are behind the hyphen."""
    if number.stem:
        return "switchboard", number.raw
    label = number.label if number.label in _LABELLED else "numbers"
    return label, number.e164 or number.raw


def _rows(dossiers: tuple[Dossier, ...]) -> Iterator[dict[str, str]]:
    if not dossiers:
        yield {}
    for dossier in dossiers:
        row = _fields(_DOSSIER, dossier, dossier.active)
        for matter in dossier.matters:
            yield row | _fields(_MATTER, matter, matter.open)
        if not dossier.matters:
            yield row


def _fields(names: tuple[str, ...], record: Dossier | Matter, state: bool) -> dict[str, str]:
    values = (record.key, record.reference, record.title, record.url, _yes(state))
    return dict(zip(names, values, strict=True))


def _yes(state: bool) -> str:
    return "yes" if state else "no"
