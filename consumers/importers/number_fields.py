"""What people write into a field for telephone numbers: labels, and sometimes two numbers.

A field is split only where each part is a whole number by itself; what remains unclear is told
with its reason and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest

from bus.numbers import Number, NumberProfile, read_number
from consumers.contacts import ContactNumber
from consumers.importers.second_lines import Piece, in_full, is_tail, parts
from consumers.matching import stem_of

SWITCHBOARD = "switchboard"
_LONGEST = 200  # characters of one number as written

# Words of German, English, French and Italian address books, and what they mean here.
_WORDS = {
    "switchboard": "switchboard|zentrale|telefonzentrale|hauptzentrale|centrale|central|centralino"
    "|standard|standard téléphonique|operator",
    "mobile": "mobil|mobile|mobiltelefon|mob|handy|natel|natel-nr|cell|cell phone|cellular|m"
    "|portable|cellulare|iphone",
    "fax": "fax|telefax|tfax|facsimile|télécopie|fax-nr|f",
    "home": "privat|private|priv|home|zuhause|domicile|casa|p",
    "direct": "direkt|direct|direkte nummer|direktwahl|ligne directe|diretto|d",
    "work": "büro|buero|office|work|geschäft|geschaeft|geschäftlich|gesch|business|firma|kanzlei"
    "|bureau|prof|professionnel|ufficio|g|w",
    "": "tel|telefon|telephon|telephone|phone|téléphone|tél|telefono|fon|ph|t|nr|tel-nr|telnr"
    "|rufnummer|nummer|number|numero|numéro|no",
}
_MEANS = {word: label for label, words in _WORDS.items() for word in words.split("|")}
_WORD = "|".join(sorted((re.escape(word) for word in _MEANS), key=len, reverse=True))
_LABEL = re.compile(
    rf"(?<![^\W_])(?P<word>{_WORD})(?![^\W\d_])[\s.:]*(?=[+(\d]|(?:{_WORD})\b)", re.I
)
_TRAILING = re.compile(rf"[\s,]*[(\[]?\s*(?<![^\W_])(?P<word>{_WORD})\.?\s*[)\]]?\s*$", re.I)
_STRONG = re.compile(
    r"([\r\n;|]+|(?<=[\s\d])(?:oder|od\.|or|und|u\.|and|&|ou|et|bzw\.?|resp\.?|o|e)(?=\s))", re.I
)
_WEAK = re.compile(r"[,/]|\s[-–—]\s")
_PLAIN = re.compile(r"\+?[\d ().'\u00a0\u202f]*-?[\d ]*")  # most fields: nothing to split
_WHOLE = re.compile(r"\s*(\+|\(?0)")  # what may begin a number that is complete by itself


@dataclass(frozen=True)
class Unread:
    """A piece of a field that is no number, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class ReadField:
    """The numbers of one field, and what of it could not be read."""

    numbers: tuple[ContactNumber, ...] = ()
    unread: tuple[Unread, ...] = ()


def read_field(
    text: str,
    profile: NumberProfile,
    *,
    country: str = "",
    label: str = "",
    switchboard: bool = False,
    extension_digits: int = 0,
) -> ReadField:
    """Read the numbers of one field; its own country reads its national numbers."""

    def read(piece: str) -> Number:
        return read_number(piece, profile, country=country or None)

    numbers: list[ContactNumber] = []
    unread: list[Unread] = []
    for word, piece, fault in _pieces(text, read):
        raw = piece.strip(" ,.:/").strip()
        if not raw:
            continue
        meaning = _MEANS.get(word.casefold(), "") or label_meaning(label)
        told = read(raw) if len(raw) <= _LONGEST and not fault else None
        if told is None or told.kind in ("unknown", "withheld"):
            unread.append(Unread(raw[:_LONGEST], fault or _reason(raw, read)))
            continue
        marked = switchboard or meaning == SWITCHBOARD
        e164 = told.e164 or ""
        stem = stem_of(raw, e164, marked=marked, extension_digits=extension_digits)
        numbers.append(ContactNumber(raw=raw, e164=e164, label=meaning, stem=stem))
    return ReadField(tuple(dict.fromkeys(numbers)), tuple(unread))


def label_meaning(label: str) -> str:
    """Give our word for a label if it has one, otherwise the label as it is."""
    return _MEANS.get(label.strip(" .:").casefold(), label.strip())


def _pieces(text: str, read: Callable[[str], Number]) -> list[Piece]:
    """Give label and text of each number of a field."""
    if _PLAIN.fullmatch(text):
        return [Piece("", text)]
    return [
        piece
        for part in _apart(text)
        for piece in in_full(
            [
                one._replace(label=one.label or word)
                for word, labelled in _labelled(part)
                for one in _complete_numbers(labelled, read)
            ],
            read,
        )
    ]


def _apart(text: str) -> list[str]:
    """Split where one number surely ends; the last digits of a second line stay behind a word."""
    first, *rest = _STRONG.split(text)
    apart = [first]
    for between, part in zip(rest[::2], rest[1::2], strict=True):
        if is_tail(part) and between.strip("\r\n;|"):
            apart[-1] = f"{apart[-1].rstrip()}, {part.strip()}"
        else:
            apart.append(part)
    return apart


def _labelled(part: str) -> list[tuple[str, str]]:
    """Cut before each label; of labels in a row the one with a meaning counts."""
    found = list(_LABEL.finditer(part))
    cut: list[tuple[str, str]] = [("", part[: found[0].start()] if found else part)]
    word = ""
    for here, after in zip_longest(found, found[1:]):
        word = here["word"] if not _MEANS.get(word.casefold()) else word
        text = part[here.end() : after.start() if after else len(part)]
        if text.strip(" ,/"):
            cut.append((word, text))
            word = ""
    return cut


def _complete_numbers(text: str, read: Callable[[str], Number]) -> list[Piece]:
    """Split at commas and slashes only if each part is a complete number, or a second line."""
    if lines := parts(text, read):
        return lines
    cut = [_unlabelled(part) for part in _WEAK.split(text) if part.strip()]
    complete = [_is_complete(one.text, read) for one in cut]
    return cut if len(cut) > 1 and all(complete) else [_unlabelled(text)]


def _is_complete(text: str, read: Callable[[str], Number]) -> bool:
    return bool(_WHOLE.match(text) and read(text.strip()).e164)


def _unlabelled(text: str) -> Piece:
    """Take off a label that stands behind the number, as in `044 123 45 67 (mobile)`."""
    trailing = _TRAILING.search(text)
    if trailing and re.search(r"\d", text[: trailing.start()]):
        return Piece(trailing["word"], text[: trailing.start()])
    return Piece("", text)


def _reason(raw: str, read: Callable[[str], Number]) -> str:
    if not re.search(r"\d", raw):
        return "no digits"
    first, *others = _WEAK.split(raw)
    two = any(re.search(r"\d", one) for one in others) and _is_complete(first, read)
    if two or read(raw).reading == "two-numbers":
        return "two numbers; write each in full, with ; between them"
    if len(re.findall(r"\d", raw)) > 15:
        return "more than 15 digits, or several numbers that cannot be told apart"
    return "not a telephone number here; a national number needs its area code or its country"
