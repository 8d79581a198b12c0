"""One spelling for every text of a contact, whichever source it comes from.

Letters are composed (NFC), signs nobody sees are left out, blanks of all kinds are one blank.
"""

from __future__ import annotations

import re
import unicodedata

_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters by their category, blank to everybody
_LINE_ENDS = "\n\r\v\f\x85\u2028\u2029"
_VARIANTS = re.compile("[\u034f\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_COMPATIBLE = re.compile("[\ufb00-\ufb06\uff01-\uff5e]")  # ligatures and wide letters
_ODD = re.compile(f"[{_FILLERS}]|{_VARIANTS.pattern}|{_COMPATIBLE.pattern}")
# A text of usual letters in one line, which needs no spelling.
_CLEAN = re.compile("(?:[!-<>-~À-ÖØ-öø-ſ][!-~À-ÖØ-öø-ſ]*(?: [!-~À-ÖØ-öø-ſ]+)*)?")
_FORMULA = re.compile(r'="(.*)"', re.DOTALL)  # how a spreadsheet is kept from counting


class _Spelling(dict[int, str]):
    """What each sign is written as; asked once for a sign."""

    def __missing__(self, code: int) -> str:
        self[code] = spelling = _spelling_of(chr(code))
        return spelling


_SPELLING = _Spelling()


def clean(text: str) -> str:
    """Return a text in one line, composed and without invisible signs."""
    if _CLEAN.fullmatch(text):
        return text
    return _unquoted(" ".join(clean_lines(text).split()))


def clean_lines(text: str) -> str:
    """Return a text as `clean` does, with a line feed wherever a line ends."""
    if not _is_plain(text):
        text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_SPELLING))
    return _unquoted(text)


def _is_plain(text: str) -> bool:
    """Return whether there is nothing to be spelled otherwise, as in most texts."""
    return text.isprintable() and (
        text.isascii() or (unicodedata.is_normalized("NFC", text) and not _ODD.search(text))
    )


def _unquoted(text: str) -> str:
    text = text.strip()
    formula = _FORMULA.fullmatch(text) if text[:1] == "=" else None
    return formula[1].strip() if formula else text


def _spelling_of(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign in _LINE_ENDS:
        return "\n"
    if category == "Zs" or sign in _FILLERS:
        return " "
    if category == "Cc":
        return "" if sign == "\0" else " "
    if category == "Cs":  # half a sign of UTF-16
        return "\ufffd"
    if category == "Cf" or _VARIANTS.fullmatch(sign) or ord(sign) & 0xFFFE == 0xFFFE:
        return ""
    return unicodedata.normalize("NFKC", sign) if _COMPATIBLE.fullmatch(sign) else sign
