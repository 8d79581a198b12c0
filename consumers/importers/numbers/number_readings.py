"""Which readings of a number are believed in an address book.

A call or a dial request has just been typed; what stands in a list may have lost its zero or its
country, and then another reading would make somebody else's number of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bus.numbers import numbering_plan as number_plan
from bus.numbers.fast_path import read_fast
from bus.numbers.number import Number, NumberProfile, read_number

Reader = Callable[[str], Number]

_LONGEST_LOCAL = 8  # digits; longer ones without a zero have lost it in a spreadsheet
_INTEGRAL = re.compile(r"\s*(\d+)\.0+\s*")

_EXTENDED = re.compile(r"(.*\d)[ ,]*(?:[-–]|[A-Za-z]+[.:]?)\s*-?\s*\d{1,3}\s*")
LOST = "it seems to have lost the zero or + in front; write it in full"


def reader(profile: NumberProfile, country: str) -> Reader:
    """Return what reads the numbers of one field."""

    def read(text: str) -> Number:
        number = read_number(without_fraction(text), profile, country=country or None)
        if number.e164 is None or number.reading == "international":
            return number
        if number.reading == "local" and _digits(number.raw) > _LONGEST_LOCAL:
            return _refused(text, "lost-front")
        sure = read_fast(number.e164, profile) is not None or is_assigned(number.e164)
        return number if sure else _refused(text, "not-assigned")

    return read


def why_not(number: Number) -> str:
    """Say why a reading is not believed, or nothing."""
    return LOST if number.reading == "lost-front" else ""


def without_fraction(text: str) -> str:
    """Take off the .0 with which a spreadsheet writes a number that it took for an amount."""
    amount = _INTEGRAL.fullmatch(text)
    return amount[1] if amount else text


def is_assigned(e164: str) -> bool:
    """Return whether the tables know a range that holds this number."""
    parsed = number_plan.number_after_plus(e164.removeprefix("+"))
    return parsed is not None and number_plan.is_valid(parsed)


def _digits(text: str) -> int:
    """Count the digits before those of an extension."""
    extended = _EXTENDED.fullmatch(text)
    return len(re.sub(r"\D", "", extended[1] if extended else text))


def _refused(text: str, reading: str) -> Number:
    return Number(raw=text, kind="unknown", reading=reading)
