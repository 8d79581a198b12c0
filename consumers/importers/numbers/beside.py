"""What stands beside a number in its field: signs, words, tones, and when it cannot be separated.

A word beside a number is taken off only where one whole number is left, and no digit of the rest
could belong to it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from consumers.importers.contact_text import clean_lines
from consumers.importers.numbers.number_readings import Reader

_OVERRIDES = re.compile("[\u202d\u202e]")  # they turn the digits round, so nothing is read
_KEPT = frozenset("⁄∕⁽⁾．․（）＋＊＃℃")  # signs that are read as spelling
_URI = re.compile(r"\s*(?:tel|callto|sips?):(?! )|[^<>]*<[^<>]*>\s*(?:;|\Z)", re.I)
_PARAMETERS = re.compile(r"[^;]*;\s*(?:ext|isub|tsp|phone-context)=", re.I)
# Digits that are sent when somebody has answered: `,,1234#`, `p99`, `w2`.
_TONES = re.compile(
    r"(?<=\d)\s*(?:,+\d{1,8}#|,,+[\d*#,]+|[pw]\d{1,8}#?(?:[pw,]+\d{1,8}#?)*)\s*$", re.I
)
_RUN = re.compile(r"(?<![^\W_])(?:\+\s?\(?|\()?\d[\d\s()./'’–-]*\d(?![^\W_])")
_DIGITS = re.compile(r"\d[\d\s./:-]*")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ODD_ASCII = re.compile(r"[=#,pw\"]", re.I)
_QUOTES = ' "“”„«»'
_FEWEST = 6  # digits of a number that may have words beside it
_MOST_BESIDE = 4  # digits of a time or a code
# Words behind which digits are something else than a telephone number.
_NO_NUMBER = re.compile(
    r"\b(?:kd|iban|bic|mwst|ust(?:id)?|vat|tva|iva|uid|ahv|id|plz|siren|siret|client|account|compte"
    r"|conto|geb|date|pass(?:nr|nummer|eport|port)?)\b|kunden|konto|rechnung|invoice|auftrag"
    r"|vertrag|police[- ]?n|versicher|steuer|postfach|gebor|datum|birth",
    re.I,
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Beside(NamedTuple):
    """The one number of a text, and the words beside it."""

    number: str
    words: str


def number_text(text: str) -> str:
    """Return a field without signs that say nothing: pictures, footnotes, tones to be sent."""
    if text.isascii() and text.isprintable() and not _ODD_ASCII.search(text):
        return text
    if _OVERRIDES.search(text) or uri(text):
        return text
    kept = "".join(_sign(sign) for sign in clean_lines(text.replace("\t", "  "))).strip(_QUOTES)
    return _TONES.sub("", kept).removeprefix("=")


def uri(text: str) -> str:
    """Return the URI or SIP address of a number that is written as one, otherwise nothing."""
    if _URI.match(text):
        return text.strip() if "\n" not in text.strip() else ""
    return f"tel:{text.strip()}" if _PARAMETERS.match(text) else ""


def beside(text: str, read: Reader) -> Beside | None:
    """Return the one number of a text and the words beside it; None where that is not certain."""
    plain = _MAIL.sub(lambda mail: "x" * len(mail[0]), text)
    runs = [run for run in _RUN.finditer(plain) if _count(run[0]) >= _FEWEST]
    number = read(runs[0][0].strip(" .-/(")) if len(runs) == 1 else None
    if number is None or not number.e164 or number.reading not in ("international", "national"):
        return None
    start, end = runs[0].span()
    before, after = plain[:start], plain[end:]
    if re.search(r"[*#+@]", before + after) or _NO_NUMBER.search(before):
        return None
    for rest, near in ((before, False), (after, True)):
        for digits in _DIGITS.finditer(rest):
            between = rest[: digits.start()] if near else rest[digits.end() :]
            if _count(digits[0]) > _MOST_BESIDE or not _WORD.search(between):
                return None
    words = " ".join(re.sub(r"[()\[\]:;,/]", " ", f"{text[:start]} {text[end:]}").split())
    return Beside(runs[0][0].strip(" .-/"), words) if _WORD.search(words) else None


def why_odd(text: str) -> str:
    """Return what of a text belongs to no spelling of a number, as the reason it is refused."""
    if _OVERRIDES.search(text):
        return "a sign that turns the digits round"
    odd = " ".join("".join(sign if _is_odd(sign) else " " for sign in text).split())
    return f"what is beside the number is not understood: {odd[:40]!r}" if odd else ""


def _sign(sign: str) -> str:
    if sign.isascii():
        return sign
    category = unicodedata.category(sign)
    if category in ("Mn", "Me"):  # a frame around a digit
        return ""
    if category == "No" or (category in ("So", "Sk", "Co") and sign not in _KEPT):
        return "  "  # which may stand between two numbers
    return sign


def _is_odd(sign: str) -> bool:
    return not (sign.isdigit() or sign.isspace() or sign in "+()./-–'")


def _count(text: str) -> int:
    return sum(sign.isdigit() for sign in text)
