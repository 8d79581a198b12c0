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


class _Range(NamedTuple):
    """Numbers of one form: of these lengths, or of any where none is said."""

    lengths: tuple[int, ...]
    pattern: re.Pattern[str]

    def holds(self, national: str) -> bool:
        fits = not self.lengths or len(national) in self.lengths
        return fits and self.pattern.fullmatch(national) is not None


_NOTHING = _Range((), re.compile(r"(?!)"))


class _Region(NamedTuple):
    """One of the regions that share a country code."""

    leading: re.Pattern[str] | None
    all_numbers: _Range
    fixed: _Range
    others: tuple[_Range, ...]

    def holds(self, national: str) -> bool:
        return self.all_numbers.holds(national) and (
            self.fixed.holds(national) or self._holds_other(national)
        )

    def holds_fixed(self, national: str) -> bool:
        return (
            self.all_numbers.holds(national)
            and self.fixed.holds(national)
            and not self._holds_other(national)
        )

    def _holds_other(self, national: str) -> bool:
        return any(one.holds(national) for one in self.others)


class _Code(NamedTuple):
    """What the tables say about a country code."""

    changed: re.Pattern[str] | None  # what the library would take off or write otherwise
    regions: tuple[_Region, ...]


def read_fast(text: str, profile: NumberProfile) -> Read | None:
    """Read a number that is beyond doubt, None for any other text."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    rest = shape["rest"].replace(" ", "")
    length = len(shape["front"].lstrip("+")) + len(rest)
    if not _SHORTEST <= length <= _LONGEST or (length > _LONGEST_ONE and " 0" in text):
        return None
    if shape["front"] == "+":
        return _valid(rest, "international")
    if profile.international_prefix != "00":
        return None
    if shape["front"] == "00":
        return _valid(rest, "international")
    own = numbering_plan.plan(profile.country)
    return (
        _valid(f"{own.code}{rest}", "national") if own.trunk_needed and own.trunk == "0" else None
    )


def is_fixed_line(e164: str) -> bool | None:
    """Return whether a number is a valid one of the fixed network; None where that is in doubt."""
    code, national = _split(e164.removeprefix("+"))
    if code is None or len(code.regions) != 1 or _is_changed(code, national):
        return None
    return code.regions[0].holds_fixed(national)


def _valid(digits: str, reading: str) -> Read | None:
    code, national = _split(digits)
    if code is None or len(digits) > _LONGEST or not _holds(code, national):
        return None
    return Read("external", reading, f"+{digits}")


def _split(digits: str) -> tuple[_Code | None, str]:
    """Take the country code off; no code begins with another one."""
    for length in (1, 2, 3):
        if code := _code(digits[:length]):
            return code, digits[length:]
    return None, ""


def _is_changed(code: _Code, national: str) -> bool:
    """Return whether the library would perhaps not leave the digits as they are."""
    return national.startswith("0") or bool(code.changed and code.changed.match(national))


def _holds(code: _Code, national: str) -> bool:
    if _is_changed(code, national):
        return False
    for region in code.regions:
        if region.leading is not None:
            if region.leading.match(national):
                return region.holds(national)
        elif region.holds(national):
            return True
    return False


@lru_cache(maxsize=1024)
def _code(digits: str) -> _Code | None:
    names = COUNTRY_CODE_TO_REGION_CODE.get(int(digits))
    if not names:
        return None
    tables = [PhoneMetadata.metadata_for_region_or_calling_code(int(digits), one) for one in names]
    changed = tables[0] and tables[0].national_prefix_for_parsing
    regions = tuple(_region(one, shared=len(names) > 1) for one in tables if one is not None)
    return _Code(re.compile(changed) if changed else None, regions)


def _region(table: PhoneMetadata, *, shared: bool) -> _Region:
    leading = table.leading_digits if shared else None
    others = [_range(getattr(table, kind)) for kind in _OTHER_KINDS]
    fixed = _range(table.fixed_line)
    return _Region(
        re.compile(leading) if leading is not None else None,
        _range(table.general_desc),
        fixed,
        tuple(one for one in others if one is not _NOTHING),
    )


def _range(desc: PhoneNumberDesc | None) -> _Range:
    if desc is None or not desc.national_number_pattern:
        return _NOTHING
    return _Range(tuple(desc.possible_length), re.compile(desc.national_number_pattern))
