"""From the rows of a table, wherever it comes from, to the records of the directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from pydantic import ValidationError

from bus.numbers.number import NumberProfile
from consumers.directory.changes import (
    Change,
    ContactRecord,
    DossierRecord,
    MatterRecord,
    UseRecord,
)
from consumers.importers import mapping as columns
from consumers.importers.mapping import ContactColumns, DossierColumns, Flag, MatterColumns, filled
from consumers.importers.raw_contact import NumberField, RawContact, contact_change, fault_of
from consumers.importers.report import Report

Row = Mapping[str, str]


class Rows:
    """Reads rows by a mapping; one row may tell a contact, its dossier and a matter of it."""

    def __init__(self, mapping: columns.Mapping, profile: NumberProfile, report: Report) -> None:
        self._mapping = mapping
        self._profile = profile
        self._report = report

    def records(self, row: Row, where: str) -> Iterator[Change]:
        """Give what one row says, or tell the report why not."""
        self._report.rows += 1
        try:
            yield from self._read(row, where)
        except ValidationError as error:
            self._report.refuse_row(where, fault_of(error))

    def _read(self, row: Row, where: str) -> Iterator[Change]:
        contact_key = dossier_key = ""
        if self._mapping.contact:
            person = self._contact(self._mapping.contact, row, where)
            if person is None:
                return
            contact_key = person.key
            yield person
        if self._mapping.dossier and filled(self._mapping.dossier.key, row):
            dossier = _dossier(self._mapping.dossier, row, contact_key)
            dossier_key = dossier.key
            yield dossier
            yield from self._use(self._mapping.dossier, dossier, row, where)
        if self._mapping.matter and filled(self._mapping.matter.key, row):
            matter = self._matter(self._mapping.matter, row, dossier_key, where)
            yield matter
            yield from self._use(self._mapping.matter, matter, row, where)

    def _contact(self, told: ContactColumns, row: Row, where: str) -> ContactRecord | None:
        raw = RawContact(
            key=filled(told.key, row),
            name=filled(told.name, row),
            kind="company" if _flag(told.company_when, row, otherwise=False) else "person",
            company=filled(told.company, row),
            employer_key=filled(told.employer, row),
            country=filled(told.country, row),
            email=filled(told.email, row),
            url=filled(told.url, row),
            active=_flag(told.active, row, otherwise=True),
            numbers=[
                NumberField(
                    row.get(one.column, ""),
                    filled(one.label_column, row) or one.label,
                    one.switchboard,
                    one.extension_digits,
                )
                for one in told.numbers
            ],
        )
        return contact_change(raw, where, self._profile, self._report)

    def _matter(self, told: MatterColumns, row: Row, dossier: str, where: str) -> MatterRecord:
        used = self._moment(filled(told.used_on, row), where)
        return MatterRecord(
            key=filled(told.key, row),
            dossier_key=filled(told.dossier, row) or dossier,
            reference=filled(told.reference, row),
            title=filled(told.title, row),
            url=filled(told.url, row),
            open=_flag(told.open, row, otherwise=True),
            last_used=used[0] if used else None,
        )

    def _use(
        self,
        told: DossierColumns | MatterColumns,
        record: DossierRecord | MatterRecord,
        row: Row,
        where: str,
    ) -> Iterator[UseRecord]:
        user = filled(told.used_by, row)
        moment = self._moment(filled(told.used_on, row), where) if user else None
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


def _dossier(told: DossierColumns, row: Row, contact_key: str) -> DossierRecord:
    return DossierRecord(
        key=filled(told.key, row),
        contact_key=filled(told.contact, row) or contact_key,
        reference=filled(told.reference, row),
        title=filled(told.title, row),
        url=filled(told.url, row),
        active=_flag(told.active, row, otherwise=True),
    )


def _flag(flag: Flag | None, row: Row, *, otherwise: bool) -> bool:
    return flag.read(row) if flag else otherwise
