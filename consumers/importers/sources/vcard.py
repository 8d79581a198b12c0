"""Contacts from vCards of any version, in files, folders or an address book on the net."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.raw_contact import NumberField, RawContact, contact_change
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.csv_file import encoding_of
from consumers.importers.sources.vcard_lines import Property, VCard, cards

_LABELS = {  # the type of a number and what it means here; the first that fits counts
    "FAX": "fax",
    "CELL": "mobile",
    "IPHONE": "mobile",
    "HOME": "home",
    "WORK": "work",
    "MAIN": "main",
    "PAGER": "pager",
}
_APPLE = re.compile(r"_\$!<(.*)>!\$_")


def vcard_records(path: Path, profile: NumberProfile, report: Report) -> Iterator[ContactRecord]:
    """Give the contacts of a file, or of all `.vcf` files in a folder."""
    files = sorted(path.glob("*.vcf")) if path.is_dir() else [path]
    if not files:
        raise SourceUnreadable(f"{path}: no .vcf files")
    report.total = sum(file.stat().st_size for file in files if file.exists())
    for file in files:
        encoding = encoding_of(file)
        try:
            with file.open(encoding=encoding) as lines:
                name = f"{file.name} " if len(files) > 1 else ""
                yield from contacts_of(_counted(lines, report), profile, report, name)
        except OSError as error:
            raise SourceUnreadable(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SourceUnreadable(f"{file}: not written in {encoding}: {error}") from error


def contacts_of(
    lines: Iterable[str], profile: NumberProfile, report: Report, where: str = ""
) -> Iterator[ContactRecord]:
    """Give the contacts of the lines of some cards; refused ones go to the report."""
    for card in cards(lines):
        report.rows += 1
        place = f"{where}line {card.line}"
        if card.fault:
            report.refuse_row(place, card.fault)
        elif not _is_group(card) and (record := _contact(card, place, profile, report)):
            yield record


def _counted(lines: Iterable[str], report: Report) -> Iterator[str]:
    for line in lines:
        report.done += len(line)
        yield line


def _contact(
    card: VCard, where: str, profile: NumberProfile, report: Report
) -> ContactRecord | None:
    name, company = _name(card), _company(card)
    is_company = _is_company(card, name, company)
    raw = RawContact(
        key=_value(card, "UID").removeprefix("urn:uuid:"),
        name=(company or name) if is_company else name,
        kind="company" if is_company else "person",
        company="" if is_company else company,
        country=_country(card),
        email=_value(card, "EMAIL"),
        url=_value(card, "URL"),
        numbers=[NumberField(told.text, _label(card, told)) for told in card.all("TEL")],
    )
    return contact_change(raw, where, profile, report)


def _name(card: VCard) -> str:
    formatted = _value(card, "FN")
    if formatted or not (structured := card.first("N")):
        return " ".join(formatted.split()) or _value(card, "NICKNAME")
    family, given, middle, title = [*structured.parts, "", "", "", ""][:4]
    return " ".join(part for part in (title, given, middle, family) if part)


def _company(card: VCard) -> str:
    organisation = card.first("ORG")
    return organisation.parts[0] if organisation else ""


def _is_company(card: VCard, name: str, company: str) -> bool:
    if _value(card, "KIND").lower() == "org" or _value(card, "X-ABSHOWAS").upper() == "COMPANY":
        return True
    structured = card.first("N")
    return bool(company) and name in ("", company) and structured is None


def _is_group(card: VCard) -> bool:
    kinds = (_value(card, "KIND"), _value(card, "X-ADDRESSBOOKSERVER-KIND"))
    return "group" in (kind.lower() for kind in kinds)


def _country(card: VCard) -> str:
    """Give the country of the addresses, unless they are in several."""
    told = {one.parts[6] for one in card.all("ADR") if len(one.parts) > 6 and one.parts[6]}
    return told.pop() if len(told) == 1 else ""


def _label(card: VCard, number: Property) -> str:
    """Give what the owner calls the number, otherwise its type."""
    if number.group:
        for one in card.all("X-ABLABEL"):
            if one.group == number.group:
                apple = _APPLE.fullmatch(one.text)
                return apple[1] if apple else one.text
    return next((label for kind, label in _LABELS.items() if kind in number.types), "")


def _value(card: VCard, name: str) -> str:
    told = card.first(name)
    return told.text if told else ""
