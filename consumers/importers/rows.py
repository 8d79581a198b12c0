"""From the rows of a table, wherever it comes from, to the records of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from math import isfinite
from typing import NamedTuple

from pydantic import ValidationError

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change, ContactRecord, Unchanged, UseRecord
from consumers.directory.records import DossierRecord, MatterRecord
from consumers.importers import mapping as mappings
from consumers.importers.contact_text import clean
from consumers.importers.encodings import decoded
from consumers.importers.mapping import ContactColumns, DossierColumns, Flag, MatterColumns, filled
from consumers.importers.raw_contact import (
    ContactReader,
    NumberField,
    RawContact,
    fault_of,
    fitting,
    short_key,
)
from consumers.importers.report import Report, SourceUnreadable

Row = Mapping[str, str]
_TOGETHER = 500  # rows


def check_columns(mapping: mappings.Mapping, names: Sequence[str], source: str) -> None:
    """Refuse a source without the columns that are looked for, or with one of them twice."""
    wanted = mapping.columns()
    for name in sorted(wanted):
        if names.count(name) > 1:
            raise SourceUnreadable(
                f"{source}: the column {name!r} stands there {names.count(name)} times;"
                " name them apart"
            )
    missing = sorted(wanted - set(names))
    if missing and not mapping.optional:
        raise SourceUnreadable(
            f"{source}: no column {', '.join(missing)}; it has {', '.join(names)}"
        )


def cell_text(value: object) -> str:
    """Return the value of a cell, which may be of any type, as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float | Decimal):
        return _amount_text(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return decoded(bytes(value))
    if isinstance(value, list | tuple | set):
        return "\n".join(map(cell_text, value))
    return str(value)


def _amount_text(value: float | Decimal) -> str:
    """Return an amount, which may be a telephone number or a key that was taken for one."""
    if not isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else str(value)


class SourceRow(NamedTuple):
    """A row in the order of its source's columns, its place, and why it is none if it is not."""

    where: str
    fields: Sequence[str]
    refusal: str = ""


class RowReader:
    """Reads rows by a mapping; one row may hold a contact, its dossier and a matter of it."""

    def __init__(
        self,
        mapping: mappings.Mapping,
        names: Sequence[str],
        profile: NumberProfile,
        report: Report,
    ) -> None:
        self._mapping = mapping
        self._names = names
        self._report = report
        self._contacts = ContactReader(profile, report, mapping)
        columns = mapping.model_copy(update={"dossier": None, "matter": None}).columns()
        self._places = [place for place, name in enumerate(names) if name in columns]
        key = mapping.contact.key if mapping.contact else ""
        self._key_place = names.index(key) if key in names else None

    def changes(self, rows: Iterable[SourceRow]) -> Iterator[Change]:
        """Return what rows say, or report why not; what is unchanged is found by many at once."""
        remaining = iter(rows)
        while batch := list(islice(remaining, _TOGETHER)):
            marks = [self._marked(row.fields) for row in batch]
            known = self._contacts.known([key for key, _ in marks if key])
            for row, (key, read_from) in zip(batch, marks, strict=True):
                self._report.rows += 1
                person = Unchanged(key) if known.get(key) == read_from and key else None
                if row.refusal:
                    yield from self._refused(row)
                elif person and not (self._mapping.dossier or self._mapping.matter):
                    yield person
                else:
                    yield from self._read(row, person, read_from)

    def _marked(self, fields: Sequence[str]) -> tuple[str, bytes]:
        """Return the key of a row where it has one, and the mark of what the contact is read."""
        if not self._mapping.contact:
            return "", b""
        count = len(fields)
        read_from = self._contacts.fingerprint(
            [fields[place] if place < count else "" for place in self._places]
        )
        place = self._key_place
        return ("" if place is None or place >= count else _key(fields[place])), read_from

    def _read(
        self, source: SourceRow, person: ContactRecord | None, read_from: bytes
    ) -> Iterator[Change]:
        row, where = dict(zip(self._names, source.fields, strict=False)), source.where
        contact_key = dossier_key = ""
        try:
            if self._mapping.contact:
                person = person or self._contacts.change(
                    _raw(self._mapping.contact, row), where, read_from
                )
                if person is None:
                    return
                contact_key = person.key
                yield person
            if self._mapping.dossier and filled(self._mapping.dossier.key, row):
                dossier = self._dossier(self._mapping.dossier, row, contact_key, where)
                dossier_key = dossier.key
                yield dossier
                yield from self._use(self._mapping.dossier, dossier, row, where)
            if self._mapping.matter and filled(self._mapping.matter.key, row):
                matter = self._matter(self._mapping.matter, row, dossier_key, where)
                yield matter
                yield from self._use(self._mapping.matter, matter, row, where)
        except ValidationError as error:
            self._report.refuse_row(where, fault_of(error))

    def _refused(self, source: SourceRow) -> Iterator[Change]:
        """Refuse a row; what it gave of a contact the last time is kept."""
        row = dict(zip(self._names, source.fields, strict=False))
        if not self._mapping.contact:
            self._report.refuse_row(source.where, source.refusal)
        elif kept := self._contacts.refused(
            _raw(self._mapping.contact, row), source.where, source.refusal
        ):
            yield kept

    def _matter(self, columns: MatterColumns, row: Row, dossier: str, where: str) -> MatterRecord:
        used = self._moment(clean(filled(columns.used_on, row)), where)
        return MatterRecord(
            key=_key(filled(columns.key, row)),
            dossier_key=_key(filled(columns.dossier, row)) or dossier,
            open=_flag(columns.open, row, otherwise=True),
            last_used=used[0] if used else None,
            **self._texts(columns, row, where),
        )

    def _dossier(
        self, columns: DossierColumns, row: Row, contact_key: str, where: str
    ) -> DossierRecord:
        return DossierRecord(
            key=_key(filled(columns.key, row)),
            contact_key=_key(filled(columns.contact, row)) or contact_key,
            active=_flag(columns.active, row, otherwise=True),
            **self._texts(columns, row, where),
        )

    def _texts(
        self, columns: DossierColumns | MatterColumns, row: Row, where: str
    ) -> dict[str, str]:
        names = ("reference", "title", "url")
        texts = {name: clean(filled(getattr(columns, name), row)) for name in names}
        return fitting(texts, where, self._report)

    def _use(
        self,
        columns: DossierColumns | MatterColumns,
        record: DossierRecord | MatterRecord,
        row: Row,
        where: str,
    ) -> Iterator[UseRecord]:
        user = _key(filled(columns.used_by, row))
        moment = self._moment(clean(filled(columns.used_on, row)), where) if user else None
        if moment:
            kind = "matter" if isinstance(record, MatterRecord) else "dossier"
            yield UseRecord(record=kind, key=record.key, user=user, on=moment[0], at=moment[1])

    def _moment(self, text: str, where: str) -> tuple[date, datetime | None] | None:
        """Read a day or a moment; a moment without a zone is one of this machine's."""
        if not text:
            return None
        try:
            if self._mapping.date_format:
                at = datetime.strptime(text, self._mapping.date_format).astimezone()
                return at.date(), at if "%H" in self._mapping.date_format else None
            if len(text) == len("2026-01-31"):
                return date.fromisoformat(text), None
            at = datetime.fromisoformat(text).astimezone()
        except ValueError:
            self._report.refuse_number(where, text[:40], "not a date of the expected form")
            return None
        return at.date(), at


def _raw(contact: ContactColumns, row: Row) -> RawContact:
    return RawContact(
        contact.key and filled(contact.key, row),
        "company" if _flag(contact.company_when, row, otherwise=False) else "person",
        contact.name and filled(contact.name, row),
        contact.company and filled(contact.company, row),
        contact.employer and filled(contact.employer, row),
        contact.country and filled(contact.country, row),
        contact.email and filled(contact.email, row),
        contact.url and filled(contact.url, row),
        _flag(contact.active, row, otherwise=True),
        [
            NumberField(
                text,
                (column.label_column and filled(column.label_column, row)) or column.label,
                column.switchboard,
                column.extension_digits,
            )
            for column in contact.numbers
            if (text := row.get(column.column))
        ],
    )


def _key(text: str) -> str:
    return short_key(clean(text))


def _flag(flag: Flag | None, row: Row, *, otherwise: bool) -> bool:
    return flag.read(row) if flag else otherwise
