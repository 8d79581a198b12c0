"""The lines of vCard 2.1, 3.0 and 4.0, as address books and telephones really write them.

A reader of our own because vobject loses text at the soft line breaks of 2.1, ignores its
charsets, refuses a card for a broken picture and stops a whole file at the first fault.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_SKIPPED = frozenset({"PHOTO", "LOGO", "SOUND", "KEY", "NOTE"})  # long, and of no use here
_LONGEST = 100_000  # characters of one property
_MOST = 2_000  # properties of one card
_NAME = re.compile(r"(?:(?P<group>[\w-]+)\.)?(?P<name>[A-Za-z][\w-]*)(?P<params>[^:]*)", re.ASCII)
_PARAMS = re.compile(r';\s*([^=;:"]+)(?:=((?:"[^"]*"|[^;"])*))?')
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Property:
    """One line of a card: `item1.TEL;TYPE=work,voice:+41 44 123 45 67`."""

    name: str
    value: str
    group: str = ""
    types: frozenset[str] = frozenset()
    quoted: bool = False  # it was quoted-printable, where a backslash may be just one

    @property
    def text(self) -> str:
        """Give the value as one text."""
        return _unescaped(self.value).strip()

    @property
    def parts(self) -> list[str]:
        """Give the parts of a structured value, such as family and given name."""
        return [_unescaped(part).strip() for part in re.split(r"(?<!\\);", self.value)]


@dataclass
class VCard:
    """The properties of one card; `fault` says why it cannot be used."""

    line: int
    properties: list[Property] = field(default_factory=list)
    fault: str = ""

    def first(self, name: str) -> Property | None:
        """Give the first property of a name that says something."""
        return next((one for one in self.all(name) if one.text.strip(";, ")), None)

    def all(self, name: str) -> list[Property]:
        """Give all properties of a name."""
        return [one for one in self.properties if one.name == name]


def cards(lines: Iterable[str]) -> Iterator[VCard]:
    """Give the cards one by one; a broken one has a fault and does not end the others."""
    card: VCard | None = None
    within = 0  # cards inside the card: the agent of a 2.1 card
    agent = False
    for number, line in _logical(lines):
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            if card and (agent or within):
                within, agent = within + 1, False
                continue
            if card:
                yield _broken(card, "the card is never closed")
            card, within = VCard(number), 0
        elif card and word == "END:VCARD":
            if within:
                within -= 1
                continue
            yield card
            card = None
        elif card and not within and line.strip():
            agent = word.startswith("AGENT") and word.endswith(":")
            _take(card, line, number)
    if card:
        yield _broken(card, "the card is never closed")


def _take(card: VCard, line: str, number: int) -> None:
    told = property_of(line)
    if told is None:
        _broken(card, f"line {number} is no vCard line")
    elif len(card.properties) >= _MOST:
        _broken(card, f"more than {_MOST} lines")
    elif told.name not in _SKIPPED:
        card.properties.append(told)


def property_of(line: str) -> Property | None:
    """Read one unfolded line, or nothing."""
    head, value = _cut(line)
    named = _NAME.match(head)
    if named is None or value is None:
        return None
    params = [(key.strip().upper(), told.strip('" ')) for key, told in _PARAMS.findall(head)]
    types = {
        one.strip(' "').upper()
        for key, told in params
        for one in (told.split(",") if key == "TYPE" else [] if told else [key])
    }
    encodings = {told.upper() for key, told in params if key == "ENCODING"} | types
    quoted = "QUOTED-PRINTABLE" in encodings
    if quoted:
        charset = next((told for key, told in params if key == "CHARSET"), "utf-8")
        value = _decoded(value, charset)
    return Property(
        named["name"].upper(), value, (named["group"] or "").lower(), frozenset(types), quoted
    )


def _logical(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Join folded lines; what is skipped anyway is not held."""
    start, joined, soft, skipping = 1, "", False, False
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n")
        if number == 1:
            line = line.removeprefix("\ufeff")
        if soft or (line[:1] in (" ", "\t") and joined):
            room = 0 if skipping else max(0, _LONGEST - len(joined))
            joined = (joined[:-1] if soft else joined) + (line if soft else line[1:])[:room]
        else:
            if joined:
                yield start, joined
            start, joined = number, line[:_LONGEST]
            skipping = re.split(r"[;:]", joined.split(".")[-1], maxsplit=1)[0].upper() in _SKIPPED
        soft = line.endswith("=") and "QUOTED-PRINTABLE" in joined[:200].upper()
    if joined:
        yield start, joined


def _cut(line: str) -> tuple[str, str | None]:
    """Cut at the first colon that is not within quotation marks."""
    within = False
    for place, sign in enumerate(line):
        if sign == '"':
            within = not within
        elif sign == ":" and not within:
            return line[:place], line[place + 1 :]
    return line, None


def _decoded(value: str, charset: str) -> str:
    octets = quopri.decodestring(value.encode("utf-8"))
    for encoding in (charset, "utf-8", "cp1252"):
        try:
            return octets.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return octets.decode("latin-1")


def _unescaped(value: str) -> str:
    return _UNESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _broken(card: VCard, fault: str) -> VCard:
    card.fault = card.fault or fault
    return card
