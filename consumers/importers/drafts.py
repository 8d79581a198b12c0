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
class Draft:
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


def change(
    draft: Draft, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    """Give the contact, or only that it is unchanged where that is known, or the reason why not."""
    from consumers.importers.fingerprint import fingerprint  # which looks at this module

    told = _named(draft)
    numbers = [tuple(one) for one in told.numbers]  # the plain kind is written out much faster
    read_from = fingerprint([*(vars(told) | {"numbers": numbers}).values()], profile)
    if report.known and report.known.is_read(told.key, read_from):
        return Unchanged(key=told.key)
    return _record(told, where, profile, report, read_from)


def contact(
    draft: Draft, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    """Give the contact, or nothing and the reason to the report."""
    return _record(_named(draft), where, profile, report, b"")


def why(error: ValidationError) -> str:
    """Say in one line what is wrong, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _record(
    draft: Draft, where: str, profile: NumberProfile, report: Report, read_from: bytes
) -> ContactRecord | None:
    if not draft.name:
        report.refuse_row(where, "neither a name nor a company")
        return None
    refused = report.refused_numbers
    numbers = tuple(_numbers(draft, where, profile, report))
    try:
        return ContactRecord(
            key=draft.key,
            kind=draft.kind,
            name=draft.name,
            company=draft.company,
            employer_key=draft.employer_key,
            country=country_code(draft.country) or "",
            email=draft.email,
            url=draft.url,
            active=draft.active,
            numbers=numbers,
            # what was refused is to be told the next time too
            read_from=read_from if report.refused_numbers == refused else b"",
        )
    except ValidationError as error:
        report.refuse_row(where, why(error))
        return None


def _numbers(
    draft: Draft, where: str, profile: NumberProfile, report: Report
) -> list[ContactNumber]:
    country = country_code(draft.country)
    unknown = f"the country {draft.country[:40]!r} is not understood" if country is None else ""
    numbers: list[ContactNumber] = []
    for one in draft.numbers:
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


def _named(draft: Draft) -> Draft:
    """Give a draft its name and its key; what has only a company's name is the company."""
    name, company, kind = draft.name.strip(), draft.company.strip(), draft.kind
    if not name:
        name, company, kind = company, "", "company"
    return replace(
        draft,
        key=draft.key.strip() or _derived_key(kind, name, company),
        name=name,
        company=company,
        kind=kind,
        numbers=[one for one in draft.numbers if one.text.strip()],
    )


def _derived_key(kind: str, name: str, company: str) -> str:
    """Make a key for a source that has none: the same contact has the same one next time."""
    text = "\x1f".join((kind, name, company))
    return DERIVED + hashlib.sha256(text.encode()).hexdigest()[:24]
