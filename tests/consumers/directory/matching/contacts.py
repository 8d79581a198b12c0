"""Contacts that are looked for, and what is found."""

from typing import TypedDict, Unpack

from consumers.directory.changes import KINDS, Change, Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import Contact, ContactKind, ContactNumber, Match

ANNA = "+41441234567"
MUSTER = "+41445550200"
STEM = "+414455502"


class Fields(TypedDict, total=False):
    """What else a test may say of a contact."""

    kind: ContactKind
    employer_key: str
    email: str
    active: bool


def contact(key: str, *numbers: str | ContactNumber, **fields: Unpack[Fields]) -> ContactRecord:
    return ContactRecord(
        key=key,
        name=key.title(),
        numbers=tuple(
            one if isinstance(one, ContactNumber) else ContactNumber(raw=one, e164=one)
            for one in numbers
        ),
        **fields,
    )


def company(key: str, *numbers: str | ContactNumber) -> ContactRecord:
    return contact(key, *numbers, kind="company")


def switchboard(e164: str, stem: str) -> ContactNumber:
    return ContactNumber(raw=e164, e164=e164, stem=stem)


def put(directory: Directory, *records: Change, source: str = "crm", priority: int = 10) -> None:
    directory.apply(Changes(source, records, priority, frozenset(KINDS)), force=True)


def name(contact: Contact | None) -> str | None:
    return contact.name if contact else None


def names(match: Match) -> list[str]:
    return [one.name for one in match.candidates]
