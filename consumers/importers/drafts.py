"""From the fields of a source to a contact of the directory, refusing what is no contact."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from bus.numbers import NumberProfile
from consumers.changes import ContactRecord
from consumers.contacts import ContactKind, ContactNumber
from consumers.importers.countries import country_code
from consumers.importers.number_fields import read_field
from consumers.importers.report import Report

_INTERNATIONAL = re.compile(r"\D*?(\+|00|tel:\+)", re.IGNORECASE)


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


def contact(
    draft: Draft, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    """Give the contact, or nothing and the reason to the report."""
    name, company, kind = draft.name.strip(), draft.company.strip(), draft.kind
    if not name:
        name, company, kind = company, "", "company"
    if not name:
        report.refuse_row(where, "neither a name nor a company")
        return None
    try:
        return ContactRecord(
            key=draft.key.strip() or _derived_key(kind, name, company),
            kind=kind,
            name=name,
            company=company,
            employer_key=draft.employer_key,
            country=country_code(draft.country) or "",
            email=draft.email,
            url=draft.url,
            active=draft.active,
            numbers=tuple(_numbers(draft, where, profile, report)),
        )
    except ValidationError as error:
        report.refuse_row(where, why(error))
        return None


def why(error: ValidationError) -> str:
    """Say in one line what is wrong, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _numbers(
    draft: Draft, where: str, profile: NumberProfile, report: Report
) -> list[ContactNumber]:
    country = country_code(draft.country)
    numbers: list[ContactNumber] = []
    for one in draft.numbers:
        if not one.text.strip():
            continue
        if country is None and not _INTERNATIONAL.match(one.text):
            reason = f"the country {draft.country[:40]!r} is not understood"
            report.refuse_number(where, one.text[:200], reason)
            continue
        told = read_field(
            one.text,
            profile,
            country=country or "",
            label=one.label,
            switchboard=one.switchboard,
            extension_digits=one.extension_digits,
        )
        for unread in told.unread:
            report.refuse_number(where, unread.text, unread.reason)
        numbers += told.numbers
    return list(dict.fromkeys(numbers))


def _derived_key(kind: str, name: str, company: str) -> str:
    """Make a key for a source that has none: the same contact has the same one next time."""
    text = "\x1f".join((kind, name, company))
    return "~" + hashlib.sha256(text.encode()).hexdigest()[:24]
