"""What a country's numbering plan says, asked of the library so that no table is kept here."""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
)

_LONGEST = 15  # digits of a number with its country code, ITU E.164
_EVERYWHERE = frozenset({"112", "911"})
_NORTH_AMERICA = 1
_ITALY = 39
_ARGENTINA = 54
# Spellings of mobile numbers that are no numbers any more, though people and networks still use
# them: Mexico's 1 behind the country code and 01, 044, 045 before the area code, Argentina's 15
# behind a 9, and Brazil's mobiles before they got a ninth digit.
_FORMER = (
    (re.compile(r"\+52(?:1|01|04[45])([0-9]{10})"), r"+52\1"),
    (re.compile(r"\+549(?=[0-9]{12}$)([0-9]{2,4})15([0-9]{6,8})"), r"+549\1\2"),
    (re.compile(r"\+55([1-9]{2})([6-9][0-9]{7})"), r"+55\g<1>9\2"),
)


class _NoLock:
    """In place of the library's lock, which stays taken for ever once a table cannot be read.

    Without a descriptor left one cannot, and everybody would wait for ever. To read one twice does
    no harm.
    """

    def acquire(self) -> None:
        """Take nothing."""

    def release(self) -> None:
        """Give nothing back."""


PhoneMetadata._metadata_lock = _NoLock()  # type: ignore[assignment]


class NumberingPlan(NamedTuple):
    """The few facts of a country that reading and dialling need."""

    region: str
    code: int
    trunk: str  # digit dialled before a national number, "" where there is none
    trunk_needed: bool  # False where national numbers are written without it
    international_prefix: str
    zero_belongs: bool  # Italy: the zero in front is part of the number


@lru_cache(maxsize=256)
def plan(region: str) -> NumberingPlan:
    """Return the facts of a country; its code must be a supported one."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise ValueError(f"no country {region!r}")
    trunk = re.sub(r"\D", "", metadata.national_prefix or "")
    code = phonenumbers.country_code_for_region(region)
    return NumberingPlan(
        region=region,
        code=code,
        trunk=trunk,
        trunk_needed=bool(trunk) and _written_with(trunk, region),
        international_prefix=_international_prefix(metadata),
        zero_belongs=code == _ITALY,
    )


def is_country(region: str) -> bool:
    """Return whether the library knows the country."""
    return region in phonenumbers.SUPPORTED_REGIONS


def number_after_plus(digits: str) -> PhoneNumber | None:
    """Read digits that begin with a country code; None if they cannot be a number at all.

    The library drops one trunk zero by itself; a number that would lose another one when read
    again is none. A spelling that has been replaced is read as the number it is now.
    """
    number = _parsed(digits)
    if number is None:
        return None
    written = e164(number)
    for former, now in _FORMER:
        if former.fullmatch(written) and not is_valid(number):
            return _parsed(former.sub(now, written).removeprefix("+"))
    if written == f"+{digits}":
        return number if len(digits) <= _LONGEST else None
    again = _parsed(written.removeprefix("+"))
    return number if again == number and len(written) <= _LONGEST + 1 else None


def e164(number: PhoneNumber) -> str:
    """Return a number the way everybody in the world may write it."""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_valid(number: PhoneNumber) -> bool:
    """Return whether the tables know a range that holds this number."""
    return phonenumbers.is_valid_number(number)


def is_possible(number: PhoneNumber, *kinds: int) -> bool:
    """Return whether the length fits one of the kinds, or any: ranges are younger than tables."""
    return any(
        phonenumbers.is_possible_number_for_type_with_reason(number, kind)
        == ValidationResult.IS_POSSIBLE
        for kind in kinds or (PhoneNumberType.UNKNOWN,)
    )


def is_for_people(number: PhoneNumber) -> bool:
    """Return whether people have this number: not a voicemail box, nor Italy's 43 for machines."""
    if number.country_code == _ITALY and str(number.national_number).startswith("43"):
        return False
    return phonenumbers.number_type(number) != PhoneNumberType.VOICEMAIL


def is_written_without_trunk(number: PhoneNumber) -> bool:
    """Return whether people at home write this number without the trunk digit.

    So it is for mobiles in China, which have none, and for the 1860 numbers of India; in Russia
    and for mobiles in India it is left out or not, as one likes.
    """
    region = phonenumbers.region_code_for_number(number)
    metadata = PhoneMetadata.metadata_for_region(region) if region else None
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _ARGENTINA:
        national = national.removeprefix("9")  # a mobile is written as the numbers of its place
    for form in metadata.number_format if metadata else ():
        leading = form.leading_digits_pattern
        if leading and not re.match(leading[-1], national):
            continue
        if re.fullmatch(form.pattern or "", national):
            rule = form.national_prefix_formatting_rule or ""
            return form.national_prefix_optional_when_formatting or not re.search(
                r"^\D*\d", rule.replace("$1", "")
            )
    return True


@lru_cache(maxsize=4096)
def is_emergency(digits: str, region: str) -> bool:
    """Return whether these digits call for help in this country, or in any."""
    return digits in _EVERYWHERE or _fits(digits, region, "emergency")


@lru_cache(maxsize=4096)
def is_service(digits: str, region: str) -> bool:
    """Return whether these digits are a short number that a telephone may call.

    Numbers for text messages only are no such numbers, nor are those of one carrier: the tables
    give them as wide ranges (in Switzerland 200 to 99999) which would swallow every extension.
    """
    if plan(region).code == _NORTH_AMERICA and re.fullmatch(r"[2-9]11", digits):
        return True
    if plan(region).code != _NORTH_AMERICA and re.fullmatch(r"118[0-9]{2,3}", digits):
        return True  # directory enquiries; Austria's are missing in the tables
    if not _fits(digits, region, "short_code") or _fits(digits, region, "sms_services"):
        return False
    if _fits(digits, region, "carrier_specific"):
        return _fits(digits, region, "toll_free")
    priced = ("toll_free", "standard_rate", "premium_rate")
    return digits.startswith("1") or any(_fits(digits, region, kind) for kind in priced)


def is_premium_service(digits: str, region: str) -> bool:
    """Return whether a short number costs more than a call: directory enquiries and the like."""
    return digits.startswith("118") or _fits(digits, region, "premium_rate")


def _parsed(digits: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(f"+{digits}", None)
    except NumberParseException:
        return None


def _fits(digits: str, region: str, kind: str) -> bool:
    metadata = PhoneMetadata.short_metadata_for_region(region)
    pattern = getattr(getattr(metadata, kind, None), "national_number_pattern", None)
    return bool(pattern and re.fullmatch(pattern, digits))


def _written_with(trunk: str, region: str) -> bool:
    example = phonenumbers.example_number(region)
    if example is None:
        return False
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    significant = phonenumbers.national_significant_number(example)
    return re.sub(r"\D", "", national) == trunk + significant


def _international_prefix(metadata: PhoneMetadata) -> str:
    for written in (metadata.preferred_international_prefix, metadata.international_prefix):
        digits = re.sub(r"[~ ]", "", written or "")
        if digits.isdigit():
            return digits
    return "00"
