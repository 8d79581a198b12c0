"""Reads the few shapes in which most numbers are written without going through all readings.

An import reads a million of them. Whatever is not beyond doubt here is None, and is then read in
full; the tests hold both ways to the same answer.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

from bus.numbers import numbering_plan
from bus.numbers.profile import NumberProfile
from bus.numbers.reading import Read

_SHAPE = re.compile(r"(?P<front>\+|00|0)(?P<rest>[1-9][0-9]*(?: [0-9]+)*)")
_SHORTEST, _LONGEST = 9, 15  # digits; shorter ones may be an extension or a service number
_LONGEST_ONE = 11  # digits; in a longer field a zero behind a blank may begin a second number
_OTHER_KINDS = (
    *("mobile", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager"),
    *("uan", "voicemail"),
)  # other than fixed lines
_NEVER = "(?!)"


class _Code(NamedTuple):
    """A country code, and expressions for the national numbers that the library leaves as is."""

    digits: str
    unchanged: re.Pattern[str]
    valid: re.Pattern[str]
    fixed: re.Pattern[str] | None  # nothing but a fixed line; None where regions share the code


def read_fast(text: str, profile: NumberProfile) -> Read | None:
    """Read a number that is beyond doubt, None for any other text."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    front, rest = shape.groups()
    digits = rest.replace(" ", "")
    length = len(digits) if front == "+" else len(front) + len(digits)
    if not _SHORTEST <= length <= _LONGEST or (length > _LONGEST_ONE and " 0" in rest):
        return None
    if front == "+":
        return _valid(digits, "international")
    if profile.international_prefix != "00":
        return None
    if front == "00":
        return _valid(digits, "international")
    own = _national_code(profile.country)
    return _valid(own + digits, "national") if own else None


def is_fixed_line(e164: str) -> bool | None:
    """Return whether a number is a valid one of the fixed network; None where that is in doubt."""
    code = _code_of(e164[1:4])
    if code is None or code.fixed is None:
        return None
    national = e164[1 + len(code.digits) :]
    return code.fixed.match(national) is not None if code.unchanged.match(national) else None


def _valid(digits: str, reading: str) -> Read | None:
    code = _code_of(digits[:3])
    if code is None or len(digits) > _LONGEST or not code.valid.match(digits[len(code.digits) :]):
        return None
    return Read("external", reading, f"+{digits}")


@lru_cache(maxsize=256)
def _national_code(country: str) -> str:
    """Return the code of a country whose numbers are written with a zero at home, or nothing."""
    own = numbering_plan.plan(country)
    return str(own.code) if own.trunk_needed and own.trunk == "0" else ""


@lru_cache(maxsize=1024)
def _code_of(front: str) -> _Code | None:
    """Return the country code with which digits begin; no code begins with another one."""
    for length in (1, 2, 3):
        if names := COUNTRY_CODE_TO_REGION_CODE.get(int(front[:length] or 0)):
            return _code(front[:length], names)
    return None


@lru_cache(maxsize=256)
def _code(digits: str, names: tuple[str, ...]) -> _Code:
    found = (PhoneMetadata.metadata_for_region_or_calling_code(int(digits), one) for one in names)
    tables = [table for table in found if table is not None]
    changed = tables[0].national_prefix_for_parsing  # what the library takes off or replaces
    unchanged = f"(?!0{f'|{changed}' if changed else ''})"
    valid = _NEVER
    for table in reversed(tables):
        kinds = "|".join(_numbers(getattr(table, kind)) for kind in ("fixed_line", *_OTHER_KINDS))
        holds = f"(?={_numbers(table.general_desc)})(?:{kinds})"
        if len(names) > 1 and (leading := table.leading_digits) is not None:
            valid = f"(?:(?={leading})(?:{holds})|(?!{leading})(?:{valid}))"
        else:
            valid = f"(?:{holds}|{valid})"
    others = "|".join(_numbers(getattr(tables[0], kind)) for kind in _OTHER_KINDS)
    general, line = (_numbers(desc) for desc in (tables[0].general_desc, tables[0].fixed_line))
    fixed = None if len(names) > 1 else re.compile(f"(?={general})(?!{others}){line}")
    return _Code(digits, re.compile(unchanged), re.compile(unchanged + valid), fixed)


def _numbers(desc: PhoneNumberDesc | None) -> str:
    """Return the expression for whole numbers of one form, of its lengths where some are said."""
    if desc is None or not desc.national_number_pattern:
        return _NEVER
    lengths = "|".join(f"[0-9]{{{length}}}" for length in desc.possible_length)
    front = f"(?=(?:{lengths})\\Z)" if lengths else ""
    return f"{front}(?:{desc.national_number_pattern})\\Z"
