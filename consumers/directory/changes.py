"""What a source says of its contacts: the records an importer brings to the directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

from consumers.directory.records import (
    ContactKind,
    ContactNumber,
    DossierRecord,
    Key,
    MatterRecord,
    Record,
)

RecordKind = Literal["contact", "dossier", "matter"]
DERIVED = "~"  # what the key of a contact begins with that has none but its name
KINDS: tuple[RecordKind, ...] = ("contact", "dossier", "matter")


class ContactRecord(NamedTuple):
    """A contact as its source knows it; a person's employer is named by key or by name.

    No model, for a million of them are made at once: who makes one has checked what is in it.
    """

    key: str
    kind: ContactKind = "person"
    name: str = ""
    company: str = ""
    employer_key: str = ""
    country: str = ""
    email: str = ""
    url: str = ""
    active: bool = True
    numbers: tuple[ContactNumber, ...] = ()
    read_from: bytes = b""  # mark of what it was read from, where all of it could be read


class Unchanged(ContactRecord):
    """A contact which its source has just as it had the last time; only its key is given."""

    __slots__ = ()


class UseRecord(Record):
    """Who last used a matter or dossier, if the source knows it."""

    record: Literal["matter", "dossier"]
    key: Key
    user: Key
    on: date
    at: datetime | None = None


class Removal(Record):
    """A record which its source no longer has."""

    record: RecordKind
    key: Key


Change = ContactRecord | DossierRecord | MatterRecord | UseRecord | Removal


@dataclass(frozen=True)
class Changes:
    """All that one source says at one time.

    Of the kinds in `complete`, whatever is not among the records disappears; otherwise only
    what is named changes. No priority keeps the one the source has.
    """

    source: str
    records: Iterable[Change]
    priority: int | None = None
    complete: frozenset[RecordKind] = frozenset()


@dataclass(frozen=True)
class RecordCounts:
    """How many records of one kind an import adds, changes, removes and leaves as they are."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    kept: int = 0


@dataclass(frozen=True)
class ImportResult:
    """What came of some changes, or would come of them."""

    contacts: RecordCounts = field(default_factory=RecordCounts)
    dossiers: RecordCounts = field(default_factory=RecordCounts)
    matters: RecordCounts = field(default_factory=RecordCounts)
    conflicts: tuple[str, ...] = ()
