"""From the fields of a source to a contact of the directory, refusing what is no contact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from bus.numbers.number import NumberProfile
from consumers.directory.changes import DERIVED, ContactRecord, Unchanged
from consumers.directory.records import ContactKind, ContactNumber
from consumers.importers.contact_text import clean
from consumers.importers.fingerprint import fingerprint
from consumers.importers.numbers.countries import country_code
from consumers.importers.numbers.fields import read_field
from consumers.importers.report import Report

_LONGEST_KEY, _LONGEST_TEXT, _LONGEST_LINK = 200, 500, 2000  # characters the directory holds


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
    """Return the contact, or only that it is unchanged where that is known.

    None, and the reason in the report, where it is refused and was not there before.
    """
    named = _named(raw)
    numbers = [tuple(entry) for entry in named.numbers]  # the plain kind is written out much faster
    read_from = fingerprint([*(vars(named) | {"numbers": numbers}).values()], profile)
    if report.known and report.known.is_read(named.key, read_from):
        return Unchanged(key=named.key)
    return _record(named, where, profile, report, read_from)


def contact_record(
    raw: RawContact, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    """Return the contact, or None and the reason to the report."""
    return _record(_named(raw), where, profile, report, b"")


def refused(raw: RawContact, where: str, reason: str, report: Report) -> ContactRecord | None:
    """Refuse a contact; what its source gave the last time is kept."""
    key = _named(raw).key if raw.key.strip() or raw.name.strip() or raw.company.strip() else ""
    kept = bool(key and report.known and report.known.contact(key))
    report.refuse_row(where, f"{reason}; kept as it was" if kept else reason)
    return Unchanged(key=key) if kept else None


def fault_of(error: ValidationError) -> str:
    """Return in one line what is wrong, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def short_key(key: str) -> str:
    """Return a key of the length the directory holds, the same for the same one."""
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:100]}~{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}"


def fitting(texts: dict[str, str], where: str, report: Report) -> dict[str, str]:
    """Return texts of the length the directory holds; what is cut or left out is reported."""
    if all(len(text) <= _LONGEST_TEXT for text in texts.values()):
        return texts
    fitted = dict(texts)
    for name, text in texts.items():
        longest = _LONGEST_LINK if name == "url" else _LONGEST_TEXT
        if len(text) > longest:
            is_whole = name in ("email", "url")  # of no use if it is cut
            fitted[name] = "" if is_whole else text[:longest]
            what = f"the {name}, which has over" if is_whole else f"what of the {name} is over"
            report.leave_out(where, f"{what} {longest} characters, left out")
    return fitted


def _record(
    raw: RawContact, where: str, profile: NumberProfile, report: Report, read_from: bytes
) -> ContactRecord | None:
    if not raw.name:
        return refused(raw, where, "neither a name nor a company", report)
    before = report.count
    texts = {name: getattr(raw, name) for name in ("name", "company", "email", "url")}
    numbers = tuple(_numbers(raw, where, profile, report))
    try:
        return ContactRecord(
            **vars(raw)
            | fitting(texts, where, report)
            | {
                "country": country_code(raw.country) or "",
                "numbers": numbers,
                # what was refused is to be reported the next time too
                "read_from": read_from if report.count == before else b"",
            }
        )
    except ValidationError as error:
        return refused(raw, where, fault_of(error), report)


def _numbers(
    raw: RawContact, where: str, profile: NumberProfile, report: Report
) -> list[ContactNumber]:
    country = country_code(raw.country)
    unknown = f"the country {raw.country[:40]!r} is not understood" if country is None else ""
    numbers: list[ContactNumber] = []
    for entry in raw.numbers:
        if len(entry.label) > _LONGEST_TEXT:
            report.leave_out(where, f"what of a label is over {_LONGEST_TEXT} characters, left out")
        found = read_field(
            entry.text,
            profile,
            country=country or "",
            label=entry.label[:_LONGEST_TEXT],
            switchboard=entry.switchboard,
            extension_digits=entry.extension_digits,
            only_international=unknown,
        )
        for unread in found.unread:
            report.refuse_number(where, unread.text, unread.reason)
        for words in found.beside:
            report.leave_out(where, f"beside a number, left out: {words[:_LONGEST_TEXT]!r}")
        numbers += found.numbers
    return list(dict.fromkeys(numbers))


def _named(raw: RawContact) -> RawContact:
    """Return a contact with clean texts, name and key; one with a company's name only is it."""
    name, company, kind = clean(raw.name), clean(raw.company), raw.kind
    if not name:
        name, company, kind = company, "", "company"
    return RawContact(
        key=short_key(clean(raw.key)) or _derived_key(kind, name, company),
        name=name,
        company=company,
        kind=kind,
        employer_key=short_key(clean(raw.employer_key)),
        country=clean(raw.country),
        email=clean(raw.email),
        url=clean(raw.url),
        active=raw.active,
        numbers=[
            entry._replace(label=clean(entry.label)) for entry in raw.numbers if entry.text.strip()
        ],
    )


def _derived_key(kind: str, name: str, company: str) -> str:
    """Return a key for a source that has none: the same contact has the same one next time."""
    text = "\x1f".join((kind, name, company))
    return DERIVED + hashlib.sha256(text.encode()).hexdigest()[:24]
