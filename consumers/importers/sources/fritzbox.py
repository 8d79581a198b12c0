"""Contacts from the telephone book of a FRITZ!Box, as it exports it in XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.raw_contact import ContactReader, NumberField, RawContact
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.xml_text import readable

_LABELS = {"home": "home", "mobile": "mobile", "work": "work", "fax_work": "fax", "fax_home": "fax"}
_INTERNAL = re.compile(r"\*\*|.*@hd-telefonie")  # telephones of the FRITZ!Box itself


def fritzbox_records(path: Path, profile: NumberProfile, report: Report) -> Iterator[ContactRecord]:
    """Return the contacts of a file; raise SourceUnreadable where it is no telephone book."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    book = _Book()
    try:
        book.read(octets)
    except expat.ExpatError as error:
        raise SourceUnreadable(f"{path}: not the XML of a telephone book: {error}") from error
    if not book.is_one:
        raise SourceUnreadable(f"{path}: XML, but not the telephone book of a FRITZ!Box")
    reader = ContactReader(profile, report)
    for line, raw in book.contacts:
        report.rows += 1
        if record := reader.change(raw, f"line {line}"):
            yield record


class _Book:
    """Reads the elements of a telephone book; a document type is not accepted."""

    def __init__(self) -> None:
        self.is_one = False
        self.contacts: list[tuple[int, RawContact]] = []
        self._texts: list[str] = []
        self._fields: dict[str, str] = {}
        self._numbers: list[NumberField] = []
        self._label = ""
        self._line = 0
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = lambda text: self._texts.append(text)

    def read(self, octets: bytes) -> None:
        """Read a whole file."""
        self._parser.Parse(readable(octets, ""), True)

    def _refuse(self, *_: object) -> None:
        raise expat.ExpatError("a document type is not accepted")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._texts = []
        if name == "phonebook":
            self.is_one = True
        elif name == "contact":
            self._fields, self._numbers = {}, []
            self._line = self._parser.CurrentLineNumber
        elif name == "number":
            self._label = _LABELS.get(attributes.get("type", ""), attributes.get("type", ""))

    def _end(self, name: str) -> None:
        text, self._texts = "".join(self._texts).strip(), []
        if name == "number" and text and not _INTERNAL.match(text):
            self._numbers.append(NumberField(text, self._label.removeprefix("label:")))
        elif name in ("realName", "email", "uniqueid"):
            self._fields.setdefault(name, text)
        elif name == "contact":
            raw = RawContact(
                key=self._fields.get("uniqueid", ""),
                name=self._fields.get("realName", ""),
                email=self._fields.get("email", ""),
                numbers=self._numbers,
            )
            self.contacts.append((self._line, raw))
