"""From the fields of a source to a contact of the directory, refusing what is no contact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pydantic import ValidationError

from bus.numbers.number import NumberProfile
from consumers.directory.changes import DERIVED, ContactRecord, Unchanged
from consumers.directory.records import ContactKind, ContactNumber
from consumers.importers.numbers.countries import country_code
from consumers.importers.numbers.fields import read_field
from consumers.importers.report import Report


class NumberField(NamedTuple):
    """A field with telephone numbers as its source has it."""

    text: str
    label: str = ""
    switchboard: bool = False
    extension_digits: int = 0


@dataclass(frozen=True)
class RawContact:
    """A contact as its source has it, nothing of it checked."""

    key: str = ""
    name: str = ""
    kind: ContactKind = "person"
    company: str = ""
    employer_key: str = ""
    country: str = ""
    email: str = ""
    url: str = ""
    active: bool = True
    numbers: Iterable[NumberField] = field(default_factory=tuple)


def contact_change(
    raw: RawContact, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    """Give the contact, or only that it is unchanged where that is known, or the reason why not."""
    from consumers.importers.fingerprint import fingerprint  # which looks at this module

    told = _named(raw)
    numbers = [tuple(one) for one in told.numbers]  # the plain kind is written out much faster
    read_from = fingerprint([*(vars(told) | {"numbers": numbers}).values()], profile)
    if report.known and report.known.is_read(told.key, read_from):
        return Unchanged(key=told.key)
    return _record(told, where, profile, report, read_from)


def contact_record(
    raw: RawContact, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    """Give the contact, or nothing and the reason to the report."""
    return _record(_named(raw), where, profile, report, b"")


def fault_of(error: ValidationError) -> str:
    """Say in one line what is wrong, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _record(
    raw: RawContact, where: str, profile: NumberProfile, report: Report, read_from: bytes
) -> ContactRecord | None:
    if not raw.name:
        report.refuse_row(where, "neither a name nor a company")
        return None
    refused = report.refused_numbers
    numbers = tuple(_numbers(raw, where, profile, report))
    try:
        return ContactRecord(
            key=raw.key,
            kind=raw.kind,
            name=raw.name,
            company=raw.company,
            employer_key=raw.employer_key,
            country=country_code(raw.country) or "",
            email=raw.email,
            url=raw.url,
            active=raw.active,
            numbers=numbers,
            # what was refused is to be told the next time too
            read_from=read_from if report.refused_numbers == refused else b"",
        )
    except ValidationError as error:
        report.refuse_row(where, fault_of(error))
        return None


def _numbers(
    raw: RawContact, where: str, profile: NumberProfile, report: Report
) -> list[ContactNumber]:
    country = country_code(raw.country)
    unknown = f"the country {raw.country[:40]!r} is not understood" if country is None else ""
    numbers: list[ContactNumber] = []
    for one in raw.numbers:
        told = read_field(
            one.text,
            profile,
            country=country or "",
            label=one.label,
            switchboard=one.switchboard,
            extension_digits=one.extension_digits,
            only_international=unknown,
        )
        for unread in told.unread:
            report.refuse_number(where, unread.text, unread.reason)
        numbers += told.numbers
    return list(dict.fromkeys(numbers))


def _named(raw: RawContact) -> RawContact:
    """Give a draft its name and its key; what has only a company's name is the company."""
    name, company, kind = raw.name.strip(), raw.company.strip(), raw.kind
    if not name:
        name, company, kind = company, "", "company"
    return replace(
        raw,
        key=raw.key.strip() or _derived_key(kind, name, company),
        name=name,
        company=company,
        kind=kind,
        numbers=[one for one in raw.numbers if one.text.strip()],
    )


def _derived_key(kind: str, name: str, company: str) -> str:
    """Make a key for a source that has none: the same contact has the same one next time."""
    text = "\x1f".join((kind, name, company))
    return DERIVED + hashlib.sha256(text.encode()).hexdigest()[:24]
