"""The second line of an office, written by its last digits alone: `044 123 45 67 / 68`.

A habit of Germany, Austria and Switzerland. It is taken for one only on evidence; otherwise the
last digits are reported as unclear, for they may as well be an extension. Where a number may be
longer, as in Germany and Austria, only a hyphen is evidence: `030 12345-67/68`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from phonenumbers import PhoneNumber, PhoneNumberType, number_type

from bus.numbers import numbering_plan as number_plan
from bus.numbers.number import Number
from consumers.importers.numbers.number_readings import Reader, is_assigned

NOT_COMPLETE = "two numbers, and the second is not complete; write it in full"
TWO_OR_ONE = "two numbers, or one with its extension; write both in full, or `-` before it"

_TAIL = re.compile(r"[-–]?\s?\d(?: ?\d){0,3}")
_EXTENSION = re.compile(r"(?P<stem>.*\d)(?P<hyphen>\s*[-–]\s*)(?P<digits>\d{1,4})\s*")
_LINES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.UAN, PhoneNumberType.VOIP)


class Piece(NamedTuple):
    """What of a field may be one number, its label, and why it is none if that is known."""

    label: str
    text: str
    fault: str = ""
    between: str = ""  # the comma or slash before it; nothing where it surely stands alone


def is_tail(text: str) -> bool:
    """Return whether this may be the last digits of a number: one to four."""
    return _TAIL.fullmatch(text.strip(" ,.:/")) is not None


def in_full(pieces: Iterable[Piece], read: Reader) -> list[Piece]:
    """Write last digits out as the number they stand for, or say that they are not complete.

    Behind a whole number they are never taken for an extension of ours.
    """
    read_pieces: list[Piece] = []
    before, seen, first = "", False, -1
    for piece in pieces:
        if piece.fault or not seen or not is_tail(piece.text):
            number = None if piece.fault else read(piece.text)
            seen = seen or bool(number and number.e164)
            before = piece.text if number and is_valid(number) else ""
            read_pieces.append(piece)
            first = len(read_pieces)
            continue
        tail = piece.text.strip(" ,.:/")
        if before and (whole := _second_line(before, tail, read)):
            piece, before = piece._replace(text=whole), whole
        elif before and _may_continue(before, tail, read):
            if piece.between and first == len(read_pieces):
                first_piece = read_pieces.pop()
                piece = first_piece._replace(text=f"{first_piece.text}{piece.between}{tail}")
                before = ""
            piece = piece._replace(fault=TWO_OR_ONE)
        else:
            piece = piece._replace(fault=NOT_COMPLETE)
        read_pieces.append(piece)
    return read_pieces


def is_valid(number: Number) -> bool:
    """Return whether this is a whole number which the tables know."""
    return number.e164 is not None and is_assigned(number.e164)


def _second_line(first: str, tail: str, read: Reader) -> str:
    """Return the number whose last digits are the tail, or nothing without evidence."""
    second = _by_hyphen(first, tail)
    if not second and not _may_continue(first, tail, read):
        second = _by_last_digits(first, re.sub(r"\D", "", tail))
    return second if second and _is_line(read(first)) and _is_line(read(second)) else ""


def _by_hyphen(first: str, tail: str) -> str:
    """Put the tail in place of the extension: `-67/68`, `-67/-58`, `-0/-12`."""
    extension = _EXTENSION.fullmatch(first)
    if not extension:
        return ""
    digits, hyphened = re.sub(r"\D", "", tail), tail[0] in "-–"
    alike = len(digits) == len(extension["digits"])
    higher = int(digits) > int(extension["digits"])
    if (alike and (hyphened or higher)) or (hyphened and not extension["digits"].strip("0")):
        return f"{extension['stem']}{extension['hyphen']}{digits}"
    return ""


def _by_last_digits(first: str, tail: str) -> str:
    """Put the tail in place of the last digits.

    Evidence: the second is higher; and the tail has one or two digits, or as many as the groups in
    which the first one is written. Both have to be valid numbers of lines, not mobiles.
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
    return "".join(signs)


def _may_continue(first: str, tail: str, read: Reader) -> bool:
    """Return whether the number and the last digits together would be a number too."""
    digits = re.sub(r"\D", "", tail)
    return is_assigned(f"{read(first).e164}{digits}")


def _is_line(number: Number) -> bool:
    parsed = _parsed(number)
    return parsed is not None and number_type(parsed) in _LINES


def _parsed(number: Number) -> PhoneNumber | None:
    if number.e164 is None:
        return None
    parsed = number_plan.number_after_plus(number.e164.removeprefix("+"))
    return parsed if parsed is not None and number_plan.is_valid(parsed) else None
