"""The lines of vCard 2.1, 3.0 and 4.0, as address books and telephones really write them.

A reader of our own, because vobject 0.9.9 ends at the first line that is none and at cards that are
glued together, and takes text instead of bytes, so that a fold within a letter loses it.

The lines stay bytes until a property is whole: a fold or a soft break may stand within a letter,
and each property may have an encoding of its own. What is no line of a card is left out with its
number; nothing but its own card is touched by it.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from consumers.importers.contact_text import clean_lines
from consumers.importers.encodings import decoded

NEVER_CLOSED = "the card is never closed"
_SKIPPED = frozenset({b"PHOTO", b"LOGO", b"SOUND", b"KEY", b"NOTE"})  # long, and of no use here
_CONTINUED = frozenset({"FN", "ORG", "ADR", "TITLE", "X-ABLABEL"})  # where text may run on
_LONGEST = 100_000  # bytes of one property
_MOST = 2_000  # properties of one card
_MARKER = re.compile(rb"(BEGIN|END)[ \t]*:[ \t]*VCARD", re.I)
_MARKED = (b"B", b"b", b"E", b"e")
_BETWEEN = b" \t\v\f\0"  # what may stand beside a marker
_GLUE = re.compile(rb"(?:\\n|[ \t\v\f\0])+", re.I)
_NAME = re.compile(rb"(?:(?P<group>[\w-]+)\.)?(?P<name>[A-Za-z][\w-]*)\s*(?P<params>;[^\n]*)?")
_CUSTOM = re.compile(rb"X-CUSTOM\((?:[^()]*,)?([^(),]+)\)", re.I)  # Android's own labels
_PARAMS = re.compile(r';\s*([^=;:"]+)(?:=((?:"[^"]*"|[^;"])*))?')
_SOFT = re.compile(rb"[^:]*QUOTED-PRINTABLE", re.I)
_PROPERTY = re.compile(
    rb"(?:[\w-]+\.)?(?:N|FN|ORG|TEL|EMAIL|ADR|URL|UID|TITLE|NOTE|BDAY|PHOTO|REV|X-[A-Z-]+)[;:]",
    re.I,
)
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PART = re.compile(r"(?:\\.|[^;\\])*", re.DOTALL)
_PLAIN_TEXT = re.compile(r'[^:="]+')

Decode = Callable[[bytes, str], str]  # what a file's own encoding makes of some bytes, and where


@dataclass(frozen=True)
class CardLine:
    """One line of a card: `item1.TEL;TYPE=work,voice:+41 44 123 45 67`."""

    name: str
    value: str
    group: str = ""
    types: frozenset[str] = frozenset()
    label: str = ""

    @property
    def text(self) -> str:
        """Return the value as one text."""
        return _unescaped(self.value).strip()

    @property
    def parts(self) -> list[str]:
        """Return the parts of a structured value, such as family and given name."""
        return [_unescaped(part).strip() for part in _split(self.value)]


@dataclass
class VCard:
    """The properties of one card; `fault` says why it cannot be used."""

    line: int
    properties: list[CardLine] = field(default_factory=list)
    fault: str = ""

    def first(self, name: str) -> CardLine | None:
        """Return the first property of a name that says something."""
        return next((entry for entry in self.all(name) if entry.text.strip(";, ")), None)

    def all(self, name: str) -> list[CardLine]:
        """Return all properties of a name."""
        return [entry for entry in self.properties if entry.name == name]


@dataclass(frozen=True)
class NoLine:
    """Lines that are none of a card, or stand outside of any."""

    first: int
    last: int
    reason: str


def cards(lines: Iterable[bytes], decode: Decode) -> Iterator[VCard | NoLine]:
    """Return the cards one by one, and behind each the lines that had to be left out."""
    reader = _Reader(decode)
    for number, line in _logical(_apart(lines)):
        yield from reader.read(number, line)
    yield from reader.end()


class _Reader:
    """Reads whole lines into cards."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._card: VCard | None = None
        self._within = 0  # cards inside the card: the agent of a 2.1 card
        self._agent = False
        self._is_upper = True  # how the names of this card are written
        self._left_out: list[NoLine] = []

    def read(self, number: int, line: bytes) -> Iterator[VCard | NoLine]:
        """Read one whole line."""
        marker = _MARKER.fullmatch(line)
        if marker and marker[1].upper() == b"BEGIN":
            if self._card and (self._agent or self._within):
                self._within, self._agent = self._within + 1, False
                return
            yield from self._closed(NEVER_CLOSED)
            self._card, self._is_upper = VCard(number), marker[1].isupper()
            self._within, self._agent = 0, False
        elif marker and self._within:
            self._within -= 1
        elif marker:
            yield from self._closed("")
        elif self._card and not self._within:
            self._agent = line.upper().startswith(b"AGENT") and line.rstrip().endswith(b":")
            self._add(self._card, number, line)
        elif not self._card and re.search(rb"\w", line) and b":VADDRESSBOOK" not in line.upper():
            self._leave_out(number, "outside of any card, left out")

    def end(self) -> Iterator[VCard | NoLine]:
        """Return what is left at the end of the lines."""
        yield from self._closed(NEVER_CLOSED)

    def _closed(self, fault: str) -> Iterator[VCard | NoLine]:
        if self._card:
            self._card.fault = self._card.fault or fault
            yield self._card
        yield from self._left_out
        self._card, self._left_out = None, []

    def _add(self, card: VCard, number: int, line: bytes) -> None:
        entry = self._property(number, line)
        if entry is None:
            self._leave_out(number, "no vCard line, left out")
            self._continue(card, number, line)
        elif len(card.properties) >= _MOST:
            card.fault = f"more than {_MOST} lines"
        else:
            card.properties.append(entry)

    def _continue(self, card: VCard, number: int, line: bytes) -> None:
        """Read a line as the rest of the text before it, which was broken and not folded."""
        before = card.properties[-1] if card.properties else None
        text = self._decode(line, f"line {number}").strip()
        if before and before.name in _CONTINUED and _PLAIN_TEXT.fullmatch(text):
            value = f"{before.value} {text}"
            card.properties[-1] = CardLine(before.name, value, before.group, before.types)

    def _property(self, number: int, line: bytes) -> CardLine | None:
        head, octets = _cut(line)
        named = _NAME.fullmatch(head.rstrip())
        if named is None or octets is None:
            return None
        name = named["name"]
        is_text = self._is_upper and not (name.isupper() or name.islower())
        if is_text and not name.upper().startswith(b"X-"):  # `Tel: …` in a note of many lines
            return None
        where = f"line {number}"
        upper = name.upper().decode()
        if name.upper() in _SKIPPED:
            return CardLine(upper, "")
        head_params = named["params"] or b""
        custom = _CUSTOM.search(head_params)
        label = clean_lines(decoded(quopri.decodestring(custom[1]))) if custom else ""
        params = _params(_CUSTOM.sub(b"", head_params).decode("utf-8", "replace"))
        types = {
            word.strip(' "').upper()
            for key, text in params
            for word in (re.split(r"\\?,", text if key == "TYPE" else "" if text else key))
        }
        encodings = {text.upper() for key, text in params if key == "ENCODING"} | types
        charset = next((text for key, text in params if key == "CHARSET"), "")
        plain = _plain(octets, encodings)
        if charset or plain is not octets:
            text = decoded(plain, charset or "utf-8")
        else:
            text = self._decode(plain, where)
        group = (named["group"] or b"").decode("utf-8", "replace").lower()
        value = text if upper == "TEL" else clean_lines(text)
        return CardLine(upper, value, group, frozenset(types), label)

    def _leave_out(self, number: int, reason: str) -> None:
        last = self._left_out[-1] if self._left_out else None
        if last and last.last == number - 1 and last.reason == reason:
            self._left_out[-1] = NoLine(last.first, number, reason)
        else:
            self._left_out.append(NoLine(number, number, reason))


def _apart(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Return the lines with each BEGIN and END in a line of its own, however they are glued."""
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip(b"\r\n")
        while b":" in line and b"VCARD" in line.upper() and (marker := _glued(line)):
            if before := line[: marker.start()].rstrip(_BETWEEN):
                yield number, before
            yield number, marker[0].replace(b" ", b"").replace(b"\t", b"")
            glue = _GLUE.match(line, marker.end())
            line = line[glue.end() if glue else marker.end() :]
            if not line:
                break
        else:
            yield number, line


def _glued(line: bytes) -> re.Match[bytes] | None:
    """Return the first marker that begins or ends a card, and is no part of a text."""
    marker = _MARKER.search(line)
    if not marker or not line[: marker.start()].strip(_BETWEEN):
        return marker
    if line[:5].upper() in (b"AGENT", b"NOTE:", b"NOTE;"):
        return None
    ends = not line[marker.end() :].strip(_BETWEEN)
    return marker if ends or marker[1].upper() == b"END" else None


def _logical(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Join folded lines and soft line breaks; of what is skipped anyway only the front is held."""
    start, joined, soft, room, at_marker = 0, b"", False, 0, False
    for number, line in lines:
        is_marker = line[:1] in _MARKED and _MARKER.fullmatch(line) is not None
        folded = line[:1] in (b" ", b"\t")
        if joined and soft and not is_marker and not _PROPERTY.match(line):
            joined = _softly_joined(joined, line)[:_LONGEST]
        elif joined and folded and not at_marker:
            if len(joined) < room:
                joined += line[1:][: room - len(joined)]
        else:
            if joined:
                yield start, joined
            start, joined, at_marker = number, line[:_LONGEST] if line.strip() else b"", is_marker
            name = re.split(rb"[;:]", joined, maxsplit=1)[0].rpartition(b".")[2]
            room = 2_000 if name.upper() in _SKIPPED else _LONGEST
        soft = line.endswith(b"=") and _SOFT.match(joined) is not None
    if joined:
        yield start, joined


def _softly_joined(before: bytes, line: bytes) -> bytes:
    """Join a line behind a soft break; a blank in front is a fold, unless a new word begins."""
    if line[:1] in (b" ", b"\t") and not (line[1:2].isupper() or line[1:2].isdigit()):
        line = line[1:]
    return before.removesuffix(b"=") + line


def _cut(line: bytes) -> tuple[bytes, bytes | None]:
    """Cut at the first colon that is not within quotation marks."""
    within = False
    for place, sign in enumerate(line):
        if sign == ord('"'):
            within = not within
        elif sign == ord(":") and not within:
            return line[:place], line[place + 1 :]
    head, colon, value = line.partition(b":")  # a quotation mark is never closed
    return head, value if colon else None


def _params(text: str) -> list[tuple[str, str]]:
    return [(key.strip().upper(), value.strip('" ')) for key, value in _PARAMS.findall(text)]


def _plain(octets: bytes, encodings: set[str]) -> bytes:
    """Return the bytes of a value, or the value itself where they are written as they are."""
    if "QUOTED-PRINTABLE" in encodings:
        return quopri.decodestring(octets)
    if encodings & {"B", "BASE64"}:
        try:
            return base64.b64decode(b"".join(octets.split()), validate=True)
        except binascii.Error:
            return octets
    return octets


def _split(value: str) -> list[str]:
    parts, place = [], 0
    while place <= len(value):
        found = _PART.match(value, place)
        parts.append(found[0] if found else "")
        place += len(parts[-1]) + 1
    return parts


def _unescaped(value: str) -> str:
    return _UNESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)
