"""Whose a number is, and what is open for them: the records of the directory.

A record is written by one process and read by another, so fields are added, never renamed.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, StringConstraints

from bus.events import Quality

Text = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Link = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True)]
ContactKind = Literal["person", "company"]
SHORTEST_STEM = 7  # digits with the country code; anything shorter would be half a country
# A lone zero behind a hyphen is how a switchboard is written; "-00" may be mere grouping.
_WRITTEN_ZERO = re.compile(r"\d(?:\s*[-\u2010-\u2015\u2212]\s*|[ ,]*DW\.?\s*)(0)\s*$", re.I)
_WRITTEN_ZEROS = re.compile(r"\d(?:\s*[-\u2010-\u2015\u2212]\s*|[ ,]*DW\.?\s*)(0{1,4})\s*$", re.I)


class Record(BaseModel):
    """What the models here have in common: frozen, tolerant of unknown members."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ContactNumber(NamedTuple):
    """One number of a contact as its source writes it, and what it means.

    `e164` is empty for an internal or service number; `stem` is the part before the extension and
    given only where there is evidence that the number is a switchboard.
    """

    raw: str
    e164: str = ""
    label: str = ""
    stem: str = ""


class Contact(Record):
    """A person or a company; `id` is ours and stable, `key` is the source's own."""

    id: int
    source: str
    key: Key
    kind: ContactKind = "person"
    name: Text
    company: Text = ""
    employer_key: Text = ""
    country: str = ""
    email: Text = ""
    url: Link = ""
    active: bool = True


class DossierRecord(Record):
    """What is kept for the contact with `contact_key`, as its source says it."""

    key: Key
    contact_key: Key
    reference: Text = ""
    title: Text = ""
    url: Link = ""
    active: bool = True


class MatterRecord(Record):
    """One case within the dossier with `dossier_key`, as its source says it."""

    key: Key
    dossier_key: Key
    reference: Text = ""
    title: Text = ""
    url: Link = ""
    open: bool = True
    last_used: date | None = None


class Matter(MatterRecord):
    """One case within a dossier, as the directory has it."""

    id: int


class Dossier(DossierRecord):
    """What is kept for one contact, with its matters, as the directory has it."""

    id: int
    matters: tuple[Matter, ...] = ()


class Use(Record):
    """When a user last used a matter or a dossier; `at` is unknown where a source has days only."""

    record: Literal["matter", "dossier"]
    record_id: int
    on: date
    at: datetime | None = None


class Match(Record):
    """Who a number belongs to and how sure that is.

    `contact` is set only where it is certain enough to act on; `candidates` are offered otherwise,
    and stay beside a remembered choice so that it can be changed.
    """

    quality: Quality = "none"
    remembered: bool = False
    contact: Contact | None = None
    employer: Contact | None = None
    candidates: tuple[Contact, ...] = ()


class Source(Record):
    """Where contacts come from; the higher priority decides."""

    name: Key
    priority: int = 0
    active: bool = True
    imported_at: datetime | None = None
    contacts: int = 0
    numbers: int = 0
    dossiers: int = 0
    matters: int = 0


class ChosenContact(Record):
    """Which contact a user means by a number that several have."""

    e164: str
    contact: Contact
    chosen_at: datetime


def moment(at: datetime) -> str:
    """Return a moment as the directory writes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def stem_of(raw: str, e164: str, *, marked: bool, extension_digits: int = 0) -> str:
    """Return what comes before the extensions of a switchboard, or nothing without evidence.

    Evidence is a number written with `-0`, or one that is marked or labelled; that it ends in
    zeros is none. How many zeros stand for the extension is said by the hyphen or by the source,
    and is otherwise one: a longer block of numbers may be shared with a neighbour.
    """
    written = (_WRITTEN_ZEROS if marked else _WRITTEN_ZERO).search(raw)
    zeros = written[1] if written else "0" * (extension_digits or 1)
    if marked and not written and not e164.endswith(zeros):
        zeros = ""
    if not e164 or not (written or marked) or not e164.endswith(zeros):
        return ""
    stem = e164.removesuffix(zeros) if zeros else e164
    return stem if len(stem) > SHORTEST_STEM else ""
