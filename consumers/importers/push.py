"""Changes which an application tells by itself, as JSON; pure, the door is made elsewhere.

    {"source": "crm", "contacts": [{"key": "1", "name": "Anna", "numbers": ["044 123 45 67"]}],
     "matters": [{"key": "m1", "dossier": "d1", "open": false}], "remove": {"contacts": ["2"]}}

What is named is added or replaced as a whole, the rest of the source stays as it is. A list
named in `complete` has all there is: what is missing in it is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bus.numbers.number import NumberProfile
from consumers.directory.changes import (
    Change,
    Changes,
    DossierRecord,
    MatterRecord,
    RecordKind,
    Removal,
    UseRecord,
)
from consumers.directory.records import ContactKind, Key, Link, Text
from consumers.importers.raw_contact import NumberField, RawContact, contact_change, fault_of
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


class _PushModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class PushedNumber(_PushModel):
    """A number with what its field is called."""

    number: Text
    label: Text = ""
    switchboard: bool = False


class PushedContact(_PushModel):
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


class PushedUse(_PushModel):
    """Who last worked on a matter or dossier, and when."""

    user: Key
    at: AwareDatetime


class PushedDossier(_PushModel):
    """A dossier of a contact."""

    key: Key
    contact: Key
    reference: Text = ""
    title: Text = ""
    url: Link = ""
    active: bool = True
    used: Annotated[tuple[PushedUse, ...], Field(max_length=1000)] = ()


class PushedMatter(_PushModel):
    """A matter of a dossier."""

    key: Key
    dossier: Key
    reference: Text = ""
    title: Text = ""
    url: Link = ""
    open: bool = True
    last_used: date | None = None
    used: Annotated[tuple[PushedUse, ...], Field(max_length=1000)] = ()


class Push(_PushModel):
    """All that one request says."""

    source: Key
    priority: int | None = None
    contacts: Annotated[tuple[PushedContact, ...], Field(max_length=_MOST)] = ()
    dossiers: Annotated[tuple[PushedDossier, ...], Field(max_length=_MOST)] = ()
    matters: Annotated[tuple[PushedMatter, ...], Field(max_length=_MOST)] = ()
    remove: dict[Plural, Annotated[tuple[Key, ...], Field(max_length=_MOST)]] = {}
    complete: frozenset[Plural] = frozenset()


@dataclass(frozen=True)
class Pushed:
    """What `Directory.apply` is to do, and what of the request was refused."""

    changes: Changes
    report: Report


def push(body: bytes | str, profile: NumberProfile) -> Pushed:
    """Read a request; raise PushRefused where it is not what was agreed."""
    try:
        told = Push.model_validate_json(body)
    except ValidationError as error:
        raise PushRefused(fault_of(error)) from error
    report = Report()
    records = tuple(_records(told, profile, report))
    complete = frozenset(_KINDS[plural] for plural in told.complete)
    return Pushed(Changes(told.source, records, told.priority, complete), report)


def _records(told: Push, profile: NumberProfile, report: Report) -> Iterator[Change]:
    for place, one in enumerate(told.contacts):
        report.rows += 1
        if record := contact_change(_raw(one), f"contacts.{place}", profile, report):
            yield record
    for dossier in told.dossiers:
        report.rows += 1
        yield DossierRecord(contact_key=dossier.contact, **_same(dossier))
        yield from _uses("dossier", dossier)
    for matter in told.matters:
        report.rows += 1
        yield MatterRecord(dossier_key=matter.dossier, **_same(matter))
        yield from _uses("matter", matter)
    for plural, keys in told.remove.items():
        for key in keys:
            yield Removal(record=_KINDS[plural], key=key)


def _raw(told: PushedContact) -> RawContact:
    return RawContact(
        employer_key=told.employer,
        numbers=[
            NumberField(one) if isinstance(one, str) else NumberField(*dict(one).values())
            for one in told.numbers
        ],
        **told.model_dump(exclude={"employer", "numbers"}),
    )


def _same(told: PushedDossier | PushedMatter) -> dict[str, object]:
    return told.model_dump(exclude={"contact", "dossier", "used"})


def _uses(
    kind: Literal["matter", "dossier"], told: PushedDossier | PushedMatter
) -> Iterator[UseRecord]:
    for use in told.used:
        at: datetime = use.at.astimezone()
        yield UseRecord(record=kind, key=told.key, user=use.user, on=at.date(), at=at)
