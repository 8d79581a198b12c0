"""Changes which an application pushes, as JSON; pure, the door is made elsewhere.

    {"source": "crm", "contacts": [{"key": "1", "name": "Anna", "numbers": ["044 123 45 67"]}],
     "matters": [{"key": "m1", "dossier": "d1", "open": false}], "remove": {"contacts": ["2"]}}

What is named is added or replaced as a whole, the rest of the source stays as it is. A list
named in `complete` has all there is: what is missing in it is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError, field_validator

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change, Changes, RecordKind, Removal, UseRecord
from consumers.directory.records import (
    ContactKind,
    DossierRecord,
    Key,
    Link,
    MatterRecord,
    Record,
    Text,
)
from consumers.importers.contact_text import clean
from consumers.importers.raw_contact import ContactReader, NumberField, RawContact, fault_of
from consumers.importers.report import Report

_MOST = 10_000  # records of a kind in one push

Plural = Literal["contacts", "dossiers", "matters"]
_KINDS: dict[Plural, RecordKind] = {
    "contacts": "contact",
    "dossiers": "dossier",
    "matters": "matter",
}


class PushRefused(Exception):
    """A push is not what was agreed; the sentence names the field."""


class _Pushed(Record):
    """What an application writes, with clean texts."""

    @field_validator("*", mode="before")
    @classmethod
    def _clean(cls, value: object) -> object:
        return clean(value) if isinstance(value, str) else value


class PushedNumber(Record):
    """A number with what its field is called."""

    number: Text
    label: Text = ""
    switchboard: bool = False


class PushedContact(_Pushed):
    """A contact as the application has it; a number may be just a text."""

    key: Key
    name: Text = ""
    kind: ContactKind = "person"
    company: Text = ""
    employer: Text = ""
    country: Text = ""
    email: Text = ""
    url: Link = ""
    active: bool = True
    numbers: Annotated[tuple[PushedNumber | Text, ...], Field(max_length=200)] = ()


class PushedUse(_Pushed):
    """Who last worked on a matter or dossier, and when."""

    user: Key
    at: AwareDatetime


class PushedDossier(_Pushed, DossierRecord):
    """A dossier of a contact, and who used it."""

    contact_key: Key = Field(alias="contact")
    used: Annotated[tuple[PushedUse, ...], Field(max_length=1000)] = ()


class PushedMatter(_Pushed, MatterRecord):
    """A matter of a dossier, and who used it."""

    dossier_key: Key = Field(alias="dossier")
    used: Annotated[tuple[PushedUse, ...], Field(max_length=1000)] = ()


class Push(_Pushed):
    """All that one request says."""

    source: Key
    priority: int | None = None
    contacts: Annotated[tuple[PushedContact, ...], Field(max_length=_MOST)] = ()
    dossiers: Annotated[tuple[PushedDossier, ...], Field(max_length=_MOST)] = ()
    matters: Annotated[tuple[PushedMatter, ...], Field(max_length=_MOST)] = ()
    remove: dict[Plural, Annotated[tuple[Key, ...], Field(max_length=_MOST)]] = Field(
        default_factory=dict
    )
    complete: frozenset[Plural] = frozenset()


@dataclass(frozen=True)
class Pushed:
    """What `Directory.apply` is to do, and what of the request was refused."""

    changes: Changes
    report: Report


def push(body: bytes | str, profile: NumberProfile) -> Pushed:
    """Read a request; raise PushRefused where it is not what was agreed."""
    try:
        request = Push.model_validate_json(body)
    except ValidationError as error:
        raise PushRefused(fault_of(error)) from error
    report = Report()
    records = tuple(_records(request, profile, report))
    complete = frozenset(_KINDS[plural] for plural in request.complete)
    return Pushed(Changes(request.source, records, request.priority, complete), report)


def _records(request: Push, profile: NumberProfile, report: Report) -> Iterator[Change]:
    report.rows = len(request.contacts) + len(request.dossiers) + len(request.matters)
    reader = ContactReader(profile, report)
    for place, contact in enumerate(request.contacts):
        if record := reader.change(_raw(contact), f"contacts.{place}"):
            yield record
    for dossier in request.dossiers:
        yield dossier
        yield from _uses("dossier", dossier)
    for matter in request.matters:
        yield matter
        yield from _uses("matter", matter)
    for plural, keys in request.remove.items():
        for key in keys:
            yield Removal(record=_KINDS[plural], key=key)


def _raw(contact: PushedContact) -> RawContact:
    return RawContact(
        employer_key=contact.employer,
        numbers=[
            NumberField(number)
            if isinstance(number, str)
            else NumberField(number.number, number.label, number.switchboard)
            for number in contact.numbers
        ],
        **contact.model_dump(exclude={"employer", "numbers"}),
    )


def _uses(
    kind: Literal["matter", "dossier"], record: PushedDossier | PushedMatter
) -> Iterator[UseRecord]:
    for use in record.used:
        at: datetime = use.at.astimezone()
        yield UseRecord(record=kind, key=record.key, user=use.user, on=at.date(), at=at)
