"""How the bytes of a file become text: decided by evidence, and line by line.

Valid UTF-8 is evidence by itself, so it is looked for in each line. Which of the older encodings
the other lines have is decided by what their words would look like: `JŸrg` and `Gesch„ft` are no
words of any language. Guessers such as charset-normalizer rate whole files by what is frequent in
them; for lists with a dozen umlauts they change their mind with one more row.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from consumers.importers.languages import fit
from consumers.importers.report import Report, SourceUnreadable

_WEST = ("de", "fr", "it", "es", "pt", "nl", "da", "sv", "fi", "is", "hr")
_MIDDLE = ("pl", "cs", "hu", "hr", "ro", "de")
# How much rarer than the first one the encodings are, and the languages that are written in them.
_OLDER = {
    "cp1252": (0.0, _WEST),
    "mac_roman": (-3.0, _WEST),
    "cp850": (-3.0, _WEST),
    "iso8859_15": (-3.0, _WEST),
    "cp1250": (-1.5, _MIDDLE),
    "iso8859_2": (-3.0, _MIDDLE),
    "cp852": (-5.0, _MIDDLE),
    "cp1254": (-1.5, ("tr", "de")),
    "cp1257": (-3.0, ("lt", "fi", "pl", "de")),
    "cp1251": (-1.0, ("ru", "uk", "bg")),
    "koi8_r": (-3.0, ("ru",)),
    "cp866": (-3.0, ("ru",)),
    "iso8859_5": (-4.0, ("ru", "bg")),
    "cp1253": (-1.0, ("el",)),
    "iso8859_7": (-1.5, ("el",)),
}
_USUAL = "cp1252"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_BOM = codecs.BOM_UTF8
_SAMPLE = 1 << 16  # bytes in which zeros are counted
_WORDS = 500  # different words that are looked at
_WORD = re.compile(rb"[A-Za-z'\x80-\xff]*[\x80-\xff][A-Za-z'\x80-\xff]*")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_SINGLE_BYTE = frozenset({*_OLDER, "iso8859-1", "iso8859-15", "iso8859-2", "mac-roman"})
_RARELY = 50  # one line of so many may be UTF-8 by accident
_KEPT = 0.5  # for each word: how much better another encoding than the last one has to fit


class TextFile:
    """The lines of a file as text; what cannot be read as text is left out and reported."""

    def __init__(self, path: Path, report: Report, encoding: str = "") -> None:
        self._path = path
        self._report = report
        self._decoder = _Decoder(encoding) if encoding else _evidence(path, report.encoding)
        report.encoding = self._decoder.older

    def lines(self) -> Iterator[str]:
        """Return the lines with their ends; only line feed and carriage return end one."""
        for number, line in enumerate(self.raw_lines(), 1):
            if line.isascii() and b"\0" not in line:
                yield line.decode("ascii")
            else:
                yield self.text(line, f"line {number}")

    def raw_lines(self) -> Iterator[bytes]:
        """Return the lines as bytes for `text`, whatever encoding the file has."""
        try:
            with self._path.open("rb") as file:
                self._report.total = (self._report.total or 0) or self._path.stat().st_size
                for line in _raw_lines(file, self._decoder.name):
                    self._report.done += len(line)
                    yield line
        except OSError as error:
            raise SourceUnreadable(f"{self._path}: {error.strerror}") from error

    def text(self, raw: bytes, where: str) -> str:
        """Return some bytes as text; what of them is none is reported with its place."""
        text, fault = self._decoder.decode(raw)
        if fault:
            self._report.leave_out(where, fault)
        return text


def decoded(octets: bytes, charset: str = "utf-8") -> str:
    """Return text in the encoding it is said to have, or in the one it seems to have."""
    try:
        name = codecs.lookup(charset).name
        if name in _SINGLE_BYTE and _SEQUENCE.search(octets):
            return octets.decode("utf-8")  # which nothing else is by accident
        return octets.decode(name)
    except (LookupError, UnicodeDecodeError):
        return _Decoder("utf-8", _older(_WORD.findall(octets))).decode(octets)[0]


@dataclass(frozen=True)
class _Decoder:
    name: str
    older: str = ""  # what lines are read as that are not UTF-8
    or_utf8: bool = True  # a line that is valid UTF-8 is UTF-8, whatever the others are

    def __post_init__(self) -> None:
        try:
            codecs.lookup(self.name)
        except LookupError as error:
            raise SourceUnreadable(f"{error}") from error

    def decode(self, raw: bytes) -> tuple[str, str]:
        """Return the text, and what is wrong with it."""
        if raw.isascii():
            return raw.decode("ascii").replace("\0", ""), _NUL if b"\0" in raw else ""
        if self.name.startswith("utf-"):
            return self._decode_utf8(raw)
        try:
            if self.or_utf8:
                return raw.decode("utf-8").replace("\0", ""), ""
        except UnicodeDecodeError:
            pass
        text = raw.decode(self.name, "replace").replace("\0", "")
        return text, f"a sign that is none in {self.name}, left out" if "\ufffd" in text else ""

    def _decode_utf8(self, raw: bytes) -> tuple[str, str]:
        try:
            return raw.decode("utf-8").replace("\0", ""), ""
        except UnicodeDecodeError:
            pass
        if not _SEQUENCE.search(raw):
            return raw.decode(self.older or _USUAL, "replace"), f"not UTF-8, read as {self.older}"
        pieces, start = [], 0
        for found in _SEQUENCE.finditer(raw):
            pieces += [self._stray(raw[start : found.start()]), found[0].decode("utf-8", "replace")]
            start = found.end()
        pieces.append(self._stray(raw[start:]))
        return "".join(pieces).replace("\0", ""), "a byte that is not UTF-8 in it, read as it seems"

    def _stray(self, raw: bytes) -> str:
        """Read bytes between those of UTF-8: one before a letter is a letter, others are cut."""
        spelled = _STRAY.sub(lambda _: b"\0", raw)
        return spelled.decode(self.older or _USUAL, "replace").replace("\0", "")


_NUL = "a zero byte, left out"
_STRAY = re.compile(rb"[\xc2-\xf4](?![A-Za-z])")  # the beginning of a letter that was cut off


@dataclass
class _Lines:
    """What the lines of a file with other than ASCII signs are like."""

    utf8: int = 0
    other: int = 0
    words: Counter[bytes] = field(default_factory=Counter)

    def add(self, line: bytes) -> None:
        """Look at one line."""
        if _is_utf8(line):
            self.utf8 += 1
        else:
            self.other += 1
            if len(self.words) < _WORDS:
                self.words.update(_WORD.findall(line))


def _evidence(path: Path, kept: str) -> _Decoder:
    """Return how to read a file; `kept` is the last encoding, and stays without strong evidence."""
    found = _Lines()
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
            if wide := _wide(sample):
                return _Decoder(wide)
            file.seek(0)
            for raw in file:
                line = raw.removeprefix(_UTF8_BOM)
                if not line.isascii():
                    found.add(line)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    if found.other:  # in a file of UTF-8 they may be letters that were cut in two
        older = _older(found.words.elements(), kept or (_USUAL if found.utf8 else ""))
    else:
        older = kept
    if found.other <= found.utf8:
        return _Decoder("utf-8", older)
    return _Decoder(older, older, or_utf8=found.utf8 * _RARELY > found.other)


def _is_utf8(line: bytes) -> bool:
    """Return whether a line is UTF-8, perhaps with a letter that was cut in two."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        sequences = [one.decode("utf-8", "replace") for one in _SEQUENCE.findall(line)]
        octets = sum(len(sign.encode()) for sign in sequences)
        latin = all(sign < "\u0250" or "\u2000" <= sign < "\u2100" for sign in sequences)
        return latin and octets > 0 and octets * 3 >= 2 * sum(byte > 0x7F for byte in line)
    composed = unicodedata.normalize("NFC", text.strip())  # a Mac may write an accent on its own
    return not any(
        unicodedata.category(sign) in ("Mn", "Cn", "Cc") for sign in composed if sign > "\x7f"
    )


def _wide(sample: bytes) -> str:
    """Return the encoding of a file whose signs have two or four bytes each."""
    zeros = sample[:2048].count(0)
    for bom, encoding in _BOMS:
        if sample.startswith(bom) and zeros * 8 > len(sample[:2048]):
            return encoding
    if zeros * 4 < len(sample[:2048]):
        return ""
    return "utf-16-be" if sample[:2048:2].count(0) > zeros / 2 else "utf-16-le"


def _raw_lines(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    if encoding.startswith(("utf-16", "utf-32")):
        with TextIOWrapper(file, encoding, errors="replace", newline="") as text:
            for wide in text:
                yield wide.removeprefix("\ufeff").encode("utf-8", "replace")
        return
    for block in file:
        for line in block.splitlines(keepends=True):
            yield line.removeprefix(_UTF8_BOM)


def _older(words: Iterable[bytes], kept: str = "") -> str:
    """Return in which of the older encodings some words look like words."""
    different = list(dict.fromkeys(words))[:_WORDS]
    fits = {
        name: (0.0 if kept else rarer)
        + sum(fit(word.decode(name, "replace"), languages) for word in different)
        for name, (rarer, languages) in _OLDER.items()
    }
    best = max(fits, key=lambda name: fits[name])
    if kept in fits and fits[best] - fits[kept] <= max(4.0, _KEPT * len(different)):
        return kept
    return best
