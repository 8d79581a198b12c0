"""From the fields of a source to a contact of the directory, refusing what is no contact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from bus.numbers.number import NumberProfile
from consumers.directory.changes import DERIVED, ContactRecord, Unchanged
from consumers.directory.records import ContactKind, ContactNumber
from consumers.importers.contact_text import clean
from consumers.importers.fingerprint import fingerprinting
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


class RawContact(NamedTuple):
    """A contact as its source has it, nothing of it checked."""

    key: str = ""
    kind: ContactKind = "person"
    name: str = ""
    company: str = ""
    employer_key: str = ""
    country: str = ""
    email: str = ""
    url: str = ""
    active: bool = True
    numbers: Iterable[NumberField] = ()


class ContactReader:
    """Reads the contacts of one source; what is refused goes to the report, with its place."""

    def __init__(self, profile: NumberProfile, report: Report, meaning: object = "") -> None:
        self._profile = profile
        self.report = report
        self.fingerprint = fingerprinting(profile, meaning)

    def change(self, raw: RawContact, where: str, read_from: bytes = b"") -> ContactRecord | None:
        """Return the contact, or only that it is unchanged where that is known.

        None where it is refused and was not there before.
        """
        named = _named(raw)
        read_from = read_from or self.fingerprint(named)
        if self.known([named.key]).get(named.key) == read_from:
            return Unchanged(named.key)
        return self._record(named, where, read_from)

    def record(self, raw: RawContact, where: str = "") -> ContactRecord | None:
        """Return the contact, or None where it is refused."""
        return self._record(_named(raw), where, b"")

    def refused(self, raw: RawContact, where: str, reason: str) -> ContactRecord | None:
        """Refuse a contact; what its source gave the last time is kept."""
        key = _named(raw).key if raw.key.strip() or raw.name.strip() or raw.company.strip() else ""
        known = self.report.known
        kept = bool(key and known and known.contact(key))
        self.report.refuse_row(where, f"{reason}; kept as it was" if kept else reason)
        return Unchanged(key) if kept else None

    def known(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return from what the contacts of some keys were read the last time."""
        return self.report.known.marks(keys) if self.report.known else {}

    def _record(self, raw: RawContact, where: str, read_from: bytes) -> ContactRecord | None:
        if not raw.name:
            return self.refused(raw, where, "neither a name nor a company")
        before = self.report.count
        numbers = self._numbers(raw, where)
        texts = {"name": raw.name, "company": raw.company, "email": raw.email, "url": raw.url}
        fitted = fitting(texts, where, self.report)
        return ContactRecord(
            raw.key,
            raw.kind,
            fitted["name"],
            fitted["company"],
            raw.employer_key,
            country_code(raw.country) or "",
            fitted["email"],
            fitted["url"],
            raw.active,
            numbers,
            # what was refused is to be reported the next time too
            read_from if self.report.count == before else b"",
        )

    def _numbers(self, raw: RawContact, where: str) -> tuple[ContactNumber, ...]:
        country = country_code(raw.country)
        unknown = f"the country {raw.country[:40]!r} is not understood" if country is None else ""
        numbers: list[ContactNumber] = []
        for entry in raw.numbers:
            label = clean(entry.label)
            if len(label) > _LONGEST_TEXT:
                beyond = f"what of a label is over {_LONGEST_TEXT} characters, left out"
                self.report.leave_out(where, beyond)
            found = read_field(
                entry.text,
                self._profile,
                country=country or "",
                label=label[:_LONGEST_TEXT],
                switchboard=entry.switchboard,
                extension_digits=entry.extension_digits,
                only_international=unknown,
            )
            for unread in found.unread:
                self.report.refuse_number(where, unread.text, unread.reason)
            for words in found.beside:
                self.report.leave_out(
                    where, f"beside a number, left out: {words[:_LONGEST_TEXT]!r}"
                )
            numbers += found.numbers
        return tuple(dict.fromkeys(numbers))


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
    if max(map(len, texts.values())) <= _LONGEST_TEXT:
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


def _named(raw: RawContact) -> RawContact:
    """Return a contact with clean texts, name and key; one with a company's name only is it."""
    name, company, kind = clean(raw.name), clean(raw.company), raw.kind
    if not name:
        name, company, kind = company, "", "company"
    # Also of a company's name twice: the key is to stay what an earlier import made it.
    key = short_key(clean(raw.key)) or _derived_key(kind, name, company)
    if kind == "company" and company == name:
        company = ""
    return RawContact(
        key,
        kind,
        name,
        company,
        raw.employer_key and short_key(clean(raw.employer_key)),
        raw.country and clean(raw.country),
        raw.email and clean(raw.email),
        raw.url and clean(raw.url),
        raw.active,
        [entry for entry in raw.numbers if entry.text.strip()],
    )


def _derived_key(kind: str, name: str, company: str) -> str:
    """Return a key for a source that has none: the same contact has the same one next time."""
    text = "\x1f".join((kind, name, company))
    return DERIVED + hashlib.sha256(text.encode()).hexdigest()[:24]
