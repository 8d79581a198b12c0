"""The second line of an office, written by its last digits alone: `044 123 45 67 / 68`.

A habit of Germany, Austria and Switzerland. It is taken for one only on evidence; otherwise the
last digits are told as unclear, for they may as well be an extension.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from phonenumbers import PhoneNumber, PhoneNumberType, number_type

from bus import number_plan
from bus.numbers import Number

Reader = Callable[[str], Number]

NOT_COMPLETE = "two numbers, and the second is not complete; write it in full"
TWO_OR_ONE = "two numbers, or one with its extension; write both in full, or `-` before it"

_TAIL = re.compile(r"\d(?: ?\d){0,3}")
_BETWEEN = re.compile(r"\s*[/,]\s*")
_LINES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.UAN, PhoneNumberType.VOIP)


class Piece(NamedTuple):
    """What of a field may be one number, its label, and why it is none if that is known."""

    label: str
    text: str
    fault: str = ""


def is_tail(text: str) -> bool:
    """Tell whether this may be the last digits of a number: one to four, not only zeros."""
    return _TAIL.fullmatch(text.strip()) is not None and text.strip("0 ") != ""


def parts(text: str, read: Reader) -> list[Piece] | None:
    """Split a whole number and the last digits of others; None where it is nothing of the kind."""
    first, *tails = _BETWEEN.split(text.strip(" ,/"))
    if not tails or not all(is_tail(one) for one in tails) or _valid(read(first)) is None:
        return None
    if _valid(whole := read(text)) is not None and _continues(whole, read(first)):
        spelling = not re.search(r"\s/|/\s", text)
        return None if spelling else [Piece("", text, TWO_OR_ONE)]
    return [Piece("", one) for one in (first, *tails)]


def in_full(pieces: list[Piece], read: Reader) -> list[Piece]:
    """Write last digits out as the number they stand for, or say that they are not complete."""
    told: list[Piece] = []
    before = ""
    for piece in pieces:
        if before and not piece.fault and is_tail(piece.text):
            whole = _second_line(before, re.sub(r"\D", "", piece.text), read)
            piece = piece._replace(text=whole) if whole else piece._replace(fault=NOT_COMPLETE)
        if not piece.fault:
            before = piece.text if _valid(read(piece.text)) is not None else ""
        told.append(piece)
    return told


def _second_line(first: str, tail: str, read: Reader) -> str:
    """Give the number whose last digits are the tail, or nothing without evidence.

    Evidence: both are valid numbers of lines, not mobiles; the second is higher; and the tail has
    one or two digits, or as many as the groups in which the first one is written.
    """
    digits = [place for place, sign in enumerate(first) if sign.isdecimal()]
    cut = digits[-len(tail)] if len(digits) > len(tail) else 0
    replaced = "".join(first[place] for place in digits[-len(tail) :])
    if not cut or int(tail) <= int(replaced):
        return ""
    if len(tail) > 2 and first[cut - 1].isdecimal():
        return ""
    signs = list(first)
    for place, digit in zip(digits[-len(tail) :], tail, strict=True):
        signs[place] = digit
    second = "".join(signs)
    return second if _is_line(read(first)) and _is_line(read(second)) else ""


def _is_line(number: Number) -> bool:
    parsed = _valid(number)
    return parsed is not None and number_type(parsed) in _LINES


def _valid(number: Number) -> PhoneNumber | None:
    if number.e164 is None:
        return None
    parsed = number_plan.number_after_plus(number.e164.removeprefix("+"))
    return parsed if parsed is not None and number_plan.is_valid(parsed) else None


def _continues(whole: Number, first: Number) -> bool:
    """Tell whether the whole text is the first number with more digits, not one of elsewhere."""
    return (whole.e164 or "").startswith(first.e164 or "-")
