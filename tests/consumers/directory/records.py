"""Contacts for a directory, and what it found."""

from typing import TypedDict, Unpack

from consumers.directory.changes import (
    KINDS,
    Change,
    Changes,
    ContactRecord,
    ImportResult,
    RecordKind,
)
from consumers.directory.directory import Directory
from consumers.directory.records import Contact, ContactKind, ContactNumber

ANNA = "+41441234567"
ALL = frozenset(KINDS)


class Fields(TypedDict, total=False):
    """What else a test may say of a contact."""

    kind: ContactKind
    company: str
    employer_key: str
    active: bool


def contact(key: str, *numbers: str, name: str = "", **fields: Unpack[Fields]) -> ContactRecord:
    reported = tuple(ContactNumber(raw=one, e164=one) for one in numbers)
    return ContactRecord(key=key, name=name or key.title(), numbers=reported, **fields)


def put(
    directory: Directory,
    *records: Change,
    source: str = "crm",
    complete: frozenset[RecordKind] = ALL,
    dry_run: bool = False,
    force: bool = False,
) -> ImportResult:
    changes = Changes(source, records, 10, complete)
    return directory.apply(changes, dry_run=dry_run, force=force)


def who(directory: Directory) -> Contact | None:
    return directory.find(ANNA, user="u").contact


def anna(directory: Directory) -> Contact:
    contact = who(directory)
    assert contact is not None
    return contact


def employer_key(directory: Directory) -> str | None:
    employer = directory.find(ANNA, user="u").employer
    return employer.key if employer else None
