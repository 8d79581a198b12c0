"""What people write into a field for telephone numbers: labels, and sometimes two numbers.

A field is split only where each part is a whole number by itself; what remains unclear is reported
with its reason and never guessed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from bus.numbers.fast_path import read_fast
from bus.numbers.number import Number, NumberProfile, profile_for
from consumers.directory.records import ContactNumber, stem_of
from consumers.importers.numbers.beside import beside, number_text, uri, why_odd
from consumers.importers.numbers.number_readings import (
    LOST,
    Reader,
    reader,
    why_not,
    without_fraction,
)
from consumers.importers.numbers.second_lines import Piece, in_full, is_tail, is_valid

SWITCHBOARD = "switchboard"
TWO = "two numbers; write each in full, with ; between them"
NOT_HERE = "not a telephone number here; a national number needs its area code or its country"
NOT_THERE = "no telephone number of that country"
_LONGEST = 200  # characters of one number as written

# Words of German, English, French and Italian address books, and what they mean here.
_WORDS = {
    "switchboard": "switchboard|zentrale|telefonzentrale|hauptzentrale|centrale|central|centralino"
    "|standard|standard téléphonique|operator",
    "mobile": "mobil|mobile|mobiltelefon|mob|handy|natel|natel-nr|cell|cell phone|cellular|m"
    "|port|portable|cellulare|iphone",
    "fax": "fax|telefax|tfax|facsimile|télécopie|fax-nr|f",
    "home": "privat|private|priv|privé|privato|persönlich|home|zuhause|domicile|casa|p",
    "direct": "direkt|direct|dir|direkte nummer|direktwahl|ligne directe|diretto|d",
    "work": "büro|buero|office|work|geschäft|geschaeft|geschäftlich|gesch|business|firma|kanzlei"
    "|bureau|prof|professionnel|ufficio|g|w",
    "": "tel|telefon|telephon|telephone|phone|téléphone|tél|telefono|fon|ph|t|nr|tel-nr|telnr"
    "|rufnummer|nummer|number|numero|numéro|no",
}
RANK = ("fax", "mobile", SWITCHBOARD, "home", "direct", "work")  # of the words of one label
MEANS = {word: label for label, words in _WORDS.items() for word in words.split("|")}
_WORD = "|".join(sorted((re.escape(word) for word in MEANS), key=len, reverse=True))
_LABEL = re.compile(
    rf"(?<![^\W_])(?<![^\W\d_]-)(?P<word>{_WORD})(?![^\W\d_])[\s.:]*(?=[+(\d]|[-–]\s?\d|(?:{_WORD})\b)",
    re.I,
)
_TRAILING = re.compile(rf"[\s,]*[(\[]?\s*(?<![^\W_])(?P<word>{_WORD})\.?\s*[)\]]?\s*$", re.I)
_STRONG = re.compile(
    r"[\r\n;|]+|:{3}|(?<=[\s\d])(?:oder|od\.|or|sowie|und|u\.|and|&|ou|et|bzw\.?|resp\.?|o|e)(?=\s)",
    re.I,
)
_WEAK = re.compile(r"(\s*[,/•]\s*|\s[-–—]\s|\s\+\s(?=0)|\s{2,}|\s(?=\+|00))")
_MOST_CUT = 20  # parts between commas and slashes; a number itself has a few
# Most fields, in which is nothing to split.
_PLAIN = re.compile(r"(?!.* (?:[ -]|00))\+?[\d ().'\u00a0\u202f]*-?[\d ]*")
_ONLY_NUMBERS = re.compile(r"[\d\s+()./,–—-]*\d[\d\s+()./,–—-]*")
_WHOLE = re.compile(r"\s*(\+|\(?0)")  # what may begin a number that is complete by itself


class Unread(NamedTuple):
    """A piece of a field that is no number, and why."""

    text: str
    reason: str


class ReadField(NamedTuple):
    """The numbers of one field, and what of it could not be read."""

    numbers: tuple[ContactNumber, ...] = ()
    unread: tuple[Unread, ...] = ()
    beside: tuple[str, ...] = ()  # words beside the numbers that no label is made of


def read_field(
    text: str,
    profile: NumberProfile,
    *,
    country: str = "",
    label: str = "",
    switchboard: bool = False,
    extension_digits: int = 0,
    only_international: str = "",
) -> ReadField:
    """Read the numbers of one field; its own country reads its national numbers.

    `only_international` is the reason why national ones cannot be read.
    """
    plain = text.strip(" ")
    found = read_fast(plain, profile_for(profile, country))
    if found is None or (only_international and found.reading != "international"):
        return read_in_full(
            text, profile, country, label, switchboard, extension_digits, only_international
        )
    meaning = label_meaning(label)
    e164 = found.e164 or ""
    stem = ""
    if switchboard or meaning == SWITCHBOARD:
        stem = stem_of(plain, e164, marked=True, extension_digits=extension_digits)
    return ReadField((ContactNumber(plain, e164, meaning, stem),))


@lru_cache(maxsize=1024)
def label_meaning(label: str, otherwise: str | None = None) -> str:
    """Return our word for a label if it has one, otherwise the label as it is."""
    word = label.strip(" .:").casefold()
    if word.endswith("fax"):  # Apple's HomeFAX and WorkFAX
        return "fax"
    if word in MEANS:
        return MEANS[word]
    words = re.findall(r"\w+", word)
    if words and MEANS.keys() >= {*words}:  # `Fax Geschäft`
        meanings = {MEANS[each] for each in words}
        return next((meaning for meaning in RANK if meaning in meanings), "")
    return label.strip() if otherwise is None else otherwise


def read_in_full(
    text: str,
    profile: NumberProfile,
    country: str,
    label: str,
    switchboard: bool,
    extension_digits: int,
    only_international: str,
) -> ReadField:
    """Read a field with all that people write into one, of which most have nothing."""
    read = reader(profile, country)
    numbers: list[ContactNumber] = []
    unread: list[Unread] = []
    left: list[str] = []
    for word, piece, fault, _ in _pieces(number_text(text), read):
        raw = without_fraction(piece.strip(" ,.:/").strip())
        if not raw:
            continue
        meaning = MEANS.get(word.casefold(), "") or label_meaning(label)
        number = read(raw) if len(raw) <= _LONGEST and not fault else None
        if not _is_read(number) and not fault and (found := beside(raw, read)):
            raw, number = found.number, read(found.number)
            meaning = meaning or label_meaning(found.words)
            if meaning != label_meaning(found.words):
                left.append(found.words)
        if number and only_international and number.reading != "international":
            number = None
        if number is None or not _is_read(number):
            if (number and number.kind == "withheld") or label_meaning(raw, "?") != "?":
                continue  # nothing is said, or there is only a label
            reason = fault or _reason(raw, read, only_international)
            unread.append(Unread(raw[:_LONGEST], reason))
            continue
        marked = switchboard or meaning == SWITCHBOARD
        e164 = number.e164 or ""
        stem = stem_of(raw, e164, marked=marked, extension_digits=extension_digits)
        numbers.append(ContactNumber(raw=raw, e164=e164, label=meaning, stem=stem))
    return ReadField(tuple(dict.fromkeys(numbers)), tuple(unread), tuple(left))


def _is_read(number: Number | None) -> bool:
    return number is not None and number.kind not in ("unknown", "withheld")


def _pieces(text: str, read: Reader) -> list[Piece]:
    """Return label and text of each number of a field."""
    if _PLAIN.fullmatch(text):
        return [Piece("", text)]
    if written := uri(text):
        return [Piece("", written)]
    return in_full(
        (
            piece._replace(label=piece.label or word)
            for part in _STRONG.split(text)
            for word, labelled in _labelled(part)
            for piece in _cut(labelled, read)
        ),
        read,
    )


def _labelled(part: str) -> list[tuple[str, str]]:
    """Cut before each label; of labels in a row the one with a meaning counts."""
    found = list(_LABEL.finditer(part))
    cut: list[tuple[str, str]] = [("", part[: found[0].start()] if found else part)]
    word = ""
    for here, after in zip_longest(found, found[1:]):
        word = here["word"] if not MEANS.get(word.casefold()) else word
        text = part[here.end() : after.start() if after else len(part)]
        if text.strip(" ,/"):
            cut.append((word, text))
            word = ""
    return cut


def _cut(text: str, read: Reader) -> list[Piece]:
    """Cut at commas and slashes if each part is a whole number, or last digits behind one."""
    text = text.strip(" ,.:/")
    first, *rest = _WEAK.split(text)
    parts = [("", first)]
    parts += [part for part in zip(rest[::2], rest[1::2], strict=True) if part[1].strip()]
    if len(parts) == 1 or len(parts) > _MOST_CUT:
        return [_unlabelled(text)]
    if cut := _numbers_from(0, parts, read):
        return cut
    if all(_is_complete(part, read) or beside(part, read) for _, part in parts):
        return [_unlabelled(part) for _, part in parts]  # each with words of its own
    for end in range(1, len(parts)):
        behind = _unlabelled(_joined(parts, end, len(parts))).text
        if _ONLY_NUMBERS.fullmatch(behind) and _ends(parts, 0, end, read):
            return [Piece("", text, TWO)]
    return [_unlabelled(text)]


def _numbers_from(
    start: int, parts: list[tuple[str, str]], read: Reader, *, valid: bool = False
) -> list[Piece] | None:
    """Return all parts from one on as whole numbers and last digits; None if they are not."""
    if start == len(parts):
        return []
    between = parts[start][0]
    for end in range(start + 1, len(parts) + 1):
        piece = _unlabelled(_joined(parts, start, end))._replace(between=between)
        known = is_valid(read(piece.text))
        if (known and start == 0) or _is_complete(piece.text, read):
            after = _numbers_from(end, parts, read, valid=valid or known)
            if after is not None:
                return [piece, *after]
        if end < len(parts) and _ends(parts, start, end, read):
            break
    tail = _unlabelled(parts[start][1])._replace(between=between)
    if valid and between.strip() in (",", "/") and is_tail(tail.text):
        after = _numbers_from(start + 1, parts, read, valid=True)
        return None if after is None else [tail, *after]
    return None


def _ends(parts: list[tuple[str, str]], start: int, end: int, read: Reader) -> bool:
    """Return whether a valid number ends before a comma or slash, which then is no spelling."""
    text = _unlabelled(_joined(parts, start, end)).text
    return parts[end][0].strip() in (",", "/") and is_valid(read(text))


def _joined(parts: list[tuple[str, str]], start: int, end: int) -> str:
    text = "".join(f"{between}{part}" for between, part in parts[start:end])
    return text[len(parts[start][0]) :]


def _is_complete(text: str, read: Reader) -> bool:
    return bool(_WHOLE.match(text) and read(text.strip()).e164)


def _unlabelled(text: str) -> Piece:
    """Take off a label that stands behind the number, as in `044 123 45 67 (mobile)`."""
    trailing = _TRAILING.search(text)
    if trailing and re.search(r"\d", text[: trailing.start()]):
        return Piece(trailing["word"], text[: trailing.start()])
    return Piece("", text)


def _reason(raw: str, read: Reader, only_international: str) -> str:
    if not re.search(r"\d", raw):
        return "no digits"
    if only_international and not re.match(r"\s*(?:\+|00)", raw):
        return only_international
    first, *others = _WEAK.split(raw)
    two = any(re.search(r"\d", part) for part in others) and _is_complete(first, read)
    if two or read(raw).reading == "two-numbers":
        return TWO
    if len(re.findall(r"\d", raw)) > 15:
        return "more than 15 digits, or several numbers that cannot be separated"
    lost = raw[:1] in "123456789" and is_valid(read(f"0{raw}"))
    return (
        why_odd(raw)
        or (LOST if lost else why_not(read(raw)))
        or (NOT_THERE if raw.startswith("+") else NOT_HERE)
    )
