"""How the bytes of a file become text: decided by evidence, and line by line.

Valid UTF-8 is evidence by itself, so it is looked for in each line. Which of the older encodings
the other lines have is decided by what their words would look like: `JŸrg` and `Gesch„ft` are no
words of any language. Guessers such as charset-normalizer rate whole files by what is frequent in
them; for lists with a dozen umlauts they change their mind with one more row.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from consumers.importers.report import Report, SourceUnreadable

# In the order in which they are believed where nothing distinguishes them.
_OLDER = (
    *("cp1252", "mac_roman", "cp850", "cp1250", "cp1254", "iso8859_2", "cp1251", "cp1253"),
    *("koi8_r", "cp866", "iso8859_15"),
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_BOM = codecs.BOM_UTF8
_SAMPLE = 1 << 16  # bytes in which zeros are counted
_WORDS = 5_000  # different words that are looked at
_WORD = re.compile(rb"[A-Za-z'\x80-\xff]*[\x80-\xff][A-Za-z'\x80-\xff]*")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_SINGLE_BYTE = frozenset({*_OLDER, "iso8859-1", "iso8859-15", "iso8859-2", "mac-roman"})
_RARELY = 50  # one line of so many may be UTF-8 by accident
_HEAD_START = 1.5  # points of the encoding that is most usual
_KEPT = 0.2  # of a word's points: how much better another encoding than the last one has to be

# Points of letters as they are frequent in names of the neighbourhood; other letters cost one.
_POINTS = (
    dict.fromkeys("äöüßÄÖÜ", 3.0)
    | dict.fromkeys("éèàçêâîôûëïÉÈÀÇ", 2.0)
    | dict.fromkeys("ñáíóúìòùãõåøæœÁÍÓÚØÅÆÑÊÎÔ’", 0.5)
    | dict.fromkeys("łśżźćńąęŁŚŻŹĆřšěžůčýőűťďňľĺŕŘŠŽČĎŤĽ", 1.0)
    | dict.fromkeys("ğışĞİŞ", 1.0)
)
_VOWELS = frozenset("aeiouyäöüáéíóúýěů")
_VOWELS_BEFORE_G = frozenset("aeıioöuüAEIİOÖUÜ")  # in Turkish
_VOWELS_ELSEWHERE = frozenset("аеёиоуыэюяіїєαεηιουωάέήίόύώϊϋ")  # of Greek and Cyrillic
_BEFORE_NO_VOWEL = frozenset("àèêâîôûìòùÀÈÊÂÎÔÛ")  # in French and Italian
_LAST_ONLY = frozenset("ìòù")  # in Italian
_POLISH = frozenset("ąćęłńóśźż")  # many stand side by side there
_BEFORE_NO_LETTER, _AFTER_NO_LETTER = frozenset("©®™°º"), frozenset("§")
_AT_THE_EDGE = frozenset("«»„“”‘’–—…€§°®©™ºª·•")


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
        return _Decoder("utf-8", _older([octets])).decode(octets)[0]


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
            return raw.decode(
                self.older or _OLDER[0], "replace"
            ), f"not UTF-8, read as {self.older}"
        pieces, start = [], 0
        for found in _SEQUENCE.finditer(raw):
            pieces += [self._stray(raw[start : found.start()]), found[0].decode("utf-8", "replace")]
            start = found.end()
        pieces.append(self._stray(raw[start:]))
        return "".join(pieces).replace("\0", ""), "a byte that is not UTF-8 in it, read as it seems"

    def _stray(self, raw: bytes) -> str:
        """Read bytes between those of UTF-8: one before a letter is a letter, others are cut."""
        spelled = _STRAY.sub(lambda _: b"\0", raw)
        return spelled.decode(self.older or _OLDER[0], "replace").replace("\0", "")


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
        signs = sum(len(sequence) for sequence in _SEQUENCE.findall(line))
        if signs and signs * 3 >= 2 * sum(byte > 0x7F for byte in line):
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
    older = _older(found.words.elements(), kept) if found.other else kept
    if found.other <= found.utf8:
        return _Decoder("utf-8", older)
    return _Decoder(older, older, or_utf8=found.utf8 * _RARELY > found.other)


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
    counted = Counter(words)
    points = {name: sum(_points(word, name) for word in counted) for name in _OLDER}
    points[_OLDER[0]] += 0.0 if kept else _HEAD_START
    best = max(_OLDER, key=lambda name: points[name])
    if kept in points and points[best] - points[kept] <= max(2.0, _KEPT * len(counted)):
        return kept
    return best


def _points(word: bytes, encoding: str) -> float:
    text = word.decode(encoding, "replace")
    letters = [sign for sign in text if sign.isalpha()]
    foreign = [sign for sign in letters if sign > "\u036f"]
    if foreign:  # Greek or Cyrillic, which nobody mixes with Latin letters
        vowels = sum(sign in _VOWELS_ELSEWHERE for sign in text.lower())
        whole = len(foreign) == len(letters) > 2 and _is_cased(text) and vowels * 5 >= len(letters)
        return (len(letters) if len(letters) > 4 else 1.0) if whole else -4.0
    points = sum(_sign_points(text, place) for place in range(len(text)) if text[place] > "\x7f")
    points -= 2.0 * text.count("ý") if text.count("ý") > 1 else 0.0  # `Yıldız`
    points -= 2.0 * text.count("ı") if encoding == "mac_roman" else 0.0  # `Győr`
    accented = [sign.lower() for sign in letters if sign > "\x7f"]
    dense = len(accented) > 3 and len(accented) * 2 > len(letters) and not {*accented} <= _POLISH
    return points - (2.0 * len(accented) if dense else 0.0)


def _sign_points(text: str, place: int) -> float:
    sign = text[place]
    before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
    if not sign.isalpha():
        if sign == "’":
            return 0.5 if before and after else 0.0
        between = before.isalpha() and after.isalpha()
        if (sign in _BEFORE_NO_LETTER and after.isalpha()) or (
            sign in _AFTER_NO_LETTER and before.isalpha()
        ):
            return -2.0
        return -4.0 if between or sign == "\ufffd" else 0.0 if sign in _AT_THE_EDGE else -2.0
    points = _POINTS.get(sign, -1.0)
    if sign.isupper() and (before.islower() or (before and after.islower())):
        points = -4.0
    elif sign.islower() and sign != "ß" and (before + after).isupper() and len(text) > 2:
        points = -3.0 if before and after else points
    elif sign in "øř":
        near_a_vowel = before in _VOWELS or after in _VOWELS
        points = 1.0 if near_a_vowel == (sign == "ř") else -1.0
    elif sign in "æ" and before in _VOWELS:
        points = -2.0
    elif sign == "ß" and before.lower() not in _VOWELS:
        points = -4.0
    elif sign == "Œ":
        points = 1.0 if after in ("u", "i", "n") else -3.0
    elif sign == "ğ" and before not in _VOWELS_BEFORE_G:
        points = -2.0
    elif (
        (sign in _BEFORE_NO_VOWEL and after in _VOWELS)
        or (sign in _LAST_ONLY and after.isalpha())
        or (sign == "õ" and after != "e")  # `Simões`, but `Tőkés`
        or (sign == "ñ" and after not in _VOWELS)  # `Muñoz`, but `Czerwiński`
        or (sign == "û" and (before in ("z", "y") or after in ("", "s")))  # `Szűcs`, `Hegedűs`
        or (sign == "ï" and before not in _VOWELS)
    ):
        points = -1.0
    return points


def _is_cased(text: str) -> bool:
    return text.islower() or text.isupper() or text.istitle()
