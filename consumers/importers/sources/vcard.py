"""Contacts from vCards of any version, in files, folders or an address book on the net."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.contact_text import clean
from consumers.importers.encodings import TextFile
from consumers.importers.numbers.fields import label_meaning
from consumers.importers.raw_contact import ContactReader, NumberField, RawContact
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.vcard_lines import CardLine, Decode, NoLine, VCard, cards

_LABELS = {  # the type of a number and what it means here; the first that fits counts
    "FAX": "fax",
    "CELL": "mobile",
    "IPHONE": "mobile",
    "CAR": "mobile",
    "HOME": "home",
    "WORK": "work",
    "MAIN": "main",
    "PAGER": "pager",
}
_LEGAL_FORM = re.compile(
    r"\b(?:AG|SA|GmbH|mbH|KG|OHG|GbR|UG|SE|eG|Sàrl|Sarl|SARL|SAS|S\.?p\.?A|S\.?r\.?l|Ltd|LLC|Inc"
    r"|Limited|Stiftung|Verein|e\. ?V|Genossenschaft|Partner)\b"
)
_OWN = re.compile(r"X-([^\W\d_]{3,})")  # a label as a type, such as `X-Ferienhaus`
_APPLE = re.compile(r"_\$!<(.*)>!\$_")


def vcard_records(path: Path, profile: NumberProfile, report: Report) -> Iterator[ContactRecord]:
    """Return the contacts of a file, or of all `.vcf` files in a folder."""
    files = _files(path, report)
    contacts = ContactReader(profile, report)
    report.total = sum(file.stat().st_size for file in files if file.exists())
    for file in files:
        text = TextFile(file, report)
        where = f"{file.name} " if len(files) > 1 else ""
        yield from _contacts(text.raw_lines(), text.text, contacts, where)


def contacts_of(card: str, contacts: ContactReader, where: str = "") -> Iterator[ContactRecord]:
    """Return the contacts of a text with cards; refused ones go to the report."""
    lines = card.encode("utf-8", "replace").splitlines(keepends=True)
    yield from _contacts(lines, lambda raw, _: raw.decode("utf-8"), contacts, where)


def _contacts(
    lines: Iterable[bytes], decode: Decode, contacts: ContactReader, where: str
) -> Iterator[ContactRecord]:
    report = contacts.report
    for found in cards(lines, decode):
        if isinstance(found, NoLine):
            place = f"lines {found.first}-{found.last}" if found.last > found.first else ""
            report.leave_out(f"{where}{place or f'line {found.first}'}", found.reason)
            continue
        report.rows += 1
        if not _is_group(found):
            raw, place = _raw_contact(found), f"{where}line {found.line}"
            if found.fault:
                record = contacts.refused(raw, place, found.fault)
            else:
                record = contacts.change(raw, place)
            if record:
                yield record


def _files(path: Path, report: Report) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".vcf", ".vcard"))
    for folder in sorted(file.name for file in path.iterdir() if file.is_dir()):
        report.leave_out(f"{folder}/", "a folder within the folder, left out; import it by itself")
    if not files:
        raise SourceUnreadable(f"{path}: no .vcf files")
    return files


def _raw_contact(card: VCard) -> RawContact:
    name, company = clean(_name(card)), clean(_company(card))
    is_company = _is_company(card, name, company)
    return RawContact(
        key=_value(card, "UID").removeprefix("urn:uuid:"),
        name=(company or name) if is_company else name,
        kind="company" if is_company else "person",
        company="" if is_company else company,
        country=_country(card),
        email=_value(card, "EMAIL"),
        url=_value(card, "URL"),
        numbers=[NumberField(entry.text, _label(card, entry)) for entry in card.all("TEL")],
    )


def _name(card: VCard) -> str:
    formatted = _value(card, "FN")
    if formatted or not (structured := card.first("N")):
        return formatted or _value(card, "NICKNAME")
    family, given, middle, title, suffix = [*structured.parts, "", "", "", "", ""][:5]
    return " ".join(part for part in (title, given, middle, family, suffix) if part)


def _company(card: VCard) -> str:
    organisation = card.first("ORG")
    return organisation.parts[0] if organisation else ""


def _is_company(card: VCard, name: str, company: str) -> bool:
    """Return whether the card is a company's: also where its name stands in a field for persons."""
    if (
        _value(card, "KIND").lower() in ("org", "organization")
        or _value(card, "X-ABSHOWAS").upper() == "COMPANY"
    ):
        return True
    structured = card.first("N")
    parts = [part for part in structured.parts[:2] if part] if structured else []
    alike = bool(company) and name.casefold() in ("", company.casefold())
    return alike and (len(parts) < 2 or _LEGAL_FORM.search(company) is not None)


def _is_group(card: VCard) -> bool:
    kinds = (_value(card, "KIND"), _value(card, "X-ADDRESSBOOKSERVER-KIND"))
    return "group" in (kind.lower() for kind in kinds)


def _country(card: VCard) -> str:
    """Return the country of the addresses, unless they are in several."""
    addresses = [entry.parts for entry in card.all("ADR")]
    countries = {parts[6] for parts in addresses if len(parts) > 6 and parts[6]}
    return countries.pop() if len(countries) == 1 else ""


def _label(card: VCard, number: CardLine) -> str:
    """Return what the owner calls the number, otherwise its type."""
    if number.group:
        for entry in card.all("X-ABLABEL"):
            if entry.group == number.group:
                apple = _APPLE.fullmatch(entry.text)
                return apple[1] if apple else entry.text
    if number.label:
        return number.label
    label = next((label for kind, label in _LABELS.items() if kind in number.types), "")
    meanings = (
        label_meaning(kind.lower().removeprefix("x-"), otherwise="")
        for kind in sorted(number.types)
    )
    own = (
        found[1].capitalize() for kind in sorted(number.types) if (found := _OWN.fullmatch(kind))
    )
    return label or next(filter(None, meanings), "") or next(own, "")


def _value(card: VCard, name: str) -> str:
    entry = card.first(name)
    return entry.text if entry else ""
