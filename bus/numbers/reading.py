"""The order in which a number is read; the first valid reading counts, then the first possible one.

Every reading is written as digits behind a plus and put to the library's tables. A foreign number
is foreign whatever area code the site has; digits that fit no reading stay unknown, never a guess.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberType

from bus.numbers import numbering_plan
from bus.numbers.profile import NumberProfile
from bus.numbers.spelling import Spelled, only_digits

Kind = Literal["external", "internal", "withheld", "unknown"]

_DIRECT_DIAL = (43, 49)  # country codes where direct-dial digits belong to the number
_LONGEST_LOCAL = 10  # digits; with more, the digits in front are a country code
_LONGEST_LOCAL_BEHIND_LINE = 8  # with more, its zero is the one of a national number
_OWN_CODE_FROM, _FOREIGN_CODE_FROM = 10, 9  # digits, when the plus is missing
_SURELY_FOREIGN_FROM = 11  # digits; fewer may be a national number that lost its zero
_BY_KEYS = (
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER,
)
_FIXED, _MOBILE = PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE
_BEFORE_BRACKET = re.compile(r"[^0-9]*([0-9]+) ?\(")
_BETWEEN = re.compile(r" *[/-] +| +[/-] *|/|  +| (?=\(?0)")


class ReadingStep(NamedTuple):
    """One thing that was found or done, by its code; the sentence is below `number.step`."""

    code: str
    values: dict[str, str]


Trail = Callable[[ReadingStep], None]


class Read(NamedTuple):
    """What a text was read as."""

    kind: Kind
    reading: str
    e164: str | None = None
    short: str | None = None  # digits of an extension, an emergency or a service number


class _Candidate(NamedTuple):
    reading: str
    digits: str  # behind the plus
    sure: bool = True  # False: only as a valid number
    short: str = ""
    kinds: tuple[int, ...] = ()  # whose length must fit where the number is not valid
    without_trunk: bool = False
    how: tuple[ReadingStep, ...] = ()  # what was done to the digits


def read(text: Spelled, profile: NumberProfile, at_home: bool, trace: Trail) -> Read:
    """Read what is written; at a foreign domain nothing is short, local or internal."""
    if at_home and (short := _short(text, profile, trace)):
        return short
    if _is_two(text, profile):
        return Read("unknown", "two-numbers")
    if text.direct_dial:
        whole = text._replace(digits=text.stem + text.direct_dial, bare="")
        counted = _best(whole, profile, at_home, trace, only=_DIRECT_DIAL)
        if counted:
            trace(ReadingStep("direct-dial", {"digits": text.direct_dial}))
            return counted
        trace(ReadingStep("extension-dropped", {"extension": text.direct_dial}))
    return _best(text, profile, at_home, trace) or Read("unknown", _reason(text, profile))


def short_code(digits: str, profile: NumberProfile) -> Literal["emergency", "service"] | None:
    """Return whether digits are an emergency or a short service number at this site."""
    if digits in profile.emergency or numbering_plan.is_emergency(digits, profile.country):
        return "emergency"
    if profile.names_extension(digits):
        return None
    if digits in profile.service or numbering_plan.is_service(digits, profile.country):
        return "service"
    return None


def _short(text: Spelled, profile: NumberProfile, trace: Trail) -> Read | None:
    digits = text.digits
    if text.plus or text.extension or text.direct_dial or text.vanity or len(digits) > 8:
        return None
    if code := short_code(digits, profile):
        trace(ReadingStep(code, {"digits": digits, "country": profile.country}))
        return Read("external", code, short=digits)
    if profile.names_extension(digits):
        trace(ReadingStep("own-extension", {"digits": digits}))
        return Read("internal", "extension", short=digits)
    if len(digits) > profile.internal_digits or digits.startswith("0"):
        return None
    if profile.outside_line and digits.startswith(profile.outside_line):
        return None
    trace(ReadingStep("extension", {"digits": digits, "most": str(profile.internal_digits)}))
    return Read("internal", "extension", short=digits)


def _best(
    text: Spelled,
    profile: NumberProfile,
    at_home: bool,
    trace: Trail,
    only: tuple[int, ...] = (),
) -> Read | None:
    possible: Read | None = None  # counts only where no reading at all is a valid number
    for one in _candidates(text, profile, at_home):
        if one.short:
            trace(
                ReadingStep(
                    "short-behind-outside-line",
                    {"digits": one.short, "country": profile.country},
                )
            )
            return Read("external", one.reading, short=one.short)
        number = numbering_plan.number_after_plus(one.digits)
        if only and (number is None or number.country_code not in only):
            continue
        for step in one.how:
            trace(step)
        verdict = _verdict(one, number, text.vanity)
        e164 = numbering_plan.e164(number) if number else ""
        trace(ReadingStep(verdict, {"reading": one.reading, "e164": e164, "digits": one.digits}))
        if verdict == "valid":
            return Read("external", one.reading, e164)
        if verdict == "possible":
            possible = possible or Read("external", one.reading, e164)
    if possible:
        trace(ReadingStep("first-possible", {"e164": possible.e164 or ""}))
    return possible


def _verdict(one: _Candidate, number: PhoneNumber | None, vanity: bool) -> str:
    if number is None:
        return "impossible"
    if numbering_plan.is_valid(number):
        if vanity and phonenumbers.number_type(number) not in _BY_KEYS:
            return "unsure"
        doubtful = one.without_trunk and not numbering_plan.is_for_people(number)
        return "possible" if doubtful else "valid"
    if not numbering_plan.is_possible(number, *one.kinds):
        return "impossible"
    return "possible" if one.sure and not vanity else "unsure"


def _candidates(text: Spelled, profile: NumberProfile, at_home: bool) -> Iterator[_Candidate]:
    yield from _international(text, profile)
    if text.plus:
        return
    yield from _national(text.digits, profile)
    if at_home:
        yield from _local(text.digits, profile)
    yield from _without_plus(text, profile)
    if at_home:
        yield from _behind_outside_line(text, profile)


def _international(text: Spelled, profile: NumberProfile) -> Iterator[_Candidate]:
    prefixes = list(dict.fromkeys((profile.international_prefix, "00")))
    if text.plus:
        prefixes.insert(0, "")  # behind which some write another one: `+0041`
    for prefix in prefixes:
        if _bracket_cuts_code(text, len(prefix)):
            continue
        if text.digits.startswith(prefix) and len(text.digits) > len(prefix):
            plus = (ReadingStep("prefix", {"prefix": prefix}),) if prefix else ()
            for digits, zero in _without_trunk_zero(text, len(prefix)):
                kinds = () if text.plus else (_FIXED, _MOBILE)
                yield _Candidate("international", digits, kinds=kinds, how=plus + zero)


def _bracket_cuts_code(text: Spelled, skip: int) -> bool:
    """Return whether a bracket opens within a country code: the 8 of Russia, `8 (495) 123-45-67`.

    Which would be read as 84, Vietnam.
    """
    found = _BEFORE_BRACKET.match(text.signs)
    front = found[1][skip:] if found else ""
    return bool(front) and not any(
        int(front[:length]) in COUNTRY_CODE_TO_REGION_CODE for length in (1, 2, 3)
    )


def _without_trunk_zero(text: Spelled, skip: int) -> Iterator[tuple[str, tuple[ReadingStep, ...]]]:
    """Return the digits behind the prefix, those without a bracketed (0) first; in Italy last."""
    code = text.head[skip:]
    whole = text.digits[skip:]
    if not text.bare or not code.isdigit() or int(code) not in COUNTRY_CODE_TO_REGION_CODE:
        yield whole, ()
        return
    dropped = ReadingStep("trunk-zero", {"code": code})
    ways: list[tuple[str, tuple[ReadingStep, ...]]] = [(text.bare[skip:], (dropped,)), (whole, ())]
    yield from reversed(ways) if code == "39" else ways


def _national(digits: str, profile: NumberProfile) -> Iterator[_Candidate]:
    own = numbering_plan.plan(profile.country)
    if digits.startswith(("00", profile.international_prefix)):
        return
    if not own.trunk_needed:
        sure = own.zero_belongs or not digits.startswith("0")
        fixed = digits.startswith("0") or not own.zero_belongs
        kinds = (_FIXED, _MOBILE) if fixed else (_MOBILE,)
        yield _Candidate("national", f"{own.code}{digits}", sure, kinds=kinds, without_trunk=True)
    elif digits.startswith(own.trunk):
        rest = digits.removeprefix(own.trunk)
        if not rest.startswith("0"):
            step = ReadingStep("trunk", {"trunk": own.trunk, "code": str(own.code)})
            kinds = (_FIXED, _MOBILE)
            yield _Candidate("national", f"{own.code}{rest}", kinds=kinds, how=(step,))
    elif (number := _valid_at(own, digits)) and numbering_plan.is_written_without_trunk(number):
        yield _Candidate("national", f"{own.code}{digits}")


def _local(digits: str, profile: NumberProfile) -> Iterator[_Candidate]:
    own = numbering_plan.plan(profile.country)
    looks_whole = len(digits) >= _OWN_CODE_FROM and digits.startswith(str(own.code))
    if not profile.area_code or looks_whole or not 3 <= len(digits) <= _LONGEST_LOCAL:
        return
    if not digits.startswith("0"):
        whole = f"{own.code}{profile.area_code}{digits}"
        values = {"code": str(own.code), "area_code": profile.area_code}
        step = ReadingStep("area-code", values)
        yield _Candidate("local", whole, kinds=(_FIXED,), how=(step,))


def _without_plus(text: Spelled, profile: NumberProfile) -> Iterator[_Candidate]:
    skip = 1 if text.digits.startswith("0") else 0  # one zero of a lost 00
    plan = numbering_plan.plan(profile.country)
    if _bracket_cuts_code(text, skip):
        return
    for digits, zero in _without_trunk_zero(text, skip):
        if digits.startswith(str(plan.code)) and len(digits) >= _OWN_CODE_FROM:
            yield _Candidate("country-code", digits, how=zero)
        elif _may_be_foreign(plan, digits):
            yield _Candidate("country-code", digits, sure=False, how=zero)


def _may_be_foreign(plan: numbering_plan.NumberingPlan, digits: str) -> bool:
    """Return whether this is no national number whose zero a table program took off."""
    if digits.startswith("0") or len(digits) < _FOREIGN_CODE_FROM:
        return False
    return len(digits) >= _SURELY_FOREIGN_FROM or not (
        plan.trunk_needed and _valid_at(plan, digits)
    )


def _valid_at(plan: numbering_plan.NumberingPlan, digits: str) -> PhoneNumber | None:
    number = numbering_plan.number_after_plus(f"{plan.code}{digits}")
    return number if number is not None and numbering_plan.is_valid(number) else None


def _behind_outside_line(text: Spelled, profile: NumberProfile) -> Iterator[_Candidate]:
    line = profile.outside_line
    if not line or not text.digits.startswith(line) or text.digits == line:
        return
    skip = len(line)
    rest = text._replace(
        digits=text.digits[skip:], head=text.head[skip:], bare=text.bare[skip:], signs=""
    )
    if not text.extension and not text.direct_dial and short_code(rest.digits, profile):
        yield _Candidate("outside-line", "", short=rest.digits)
        return
    inside = profile.model_copy(update={"outside_line": ""})
    for one in _candidates(rest, inside, at_home=True):
        if one.reading != "local" or len(rest.digits) <= _LONGEST_LOCAL_BEHIND_LINE:
            step = ReadingStep("outside-line", {"line": line})
            yield one._replace(reading="outside-line", how=(step, *one.how))


def _is_two(text: Spelled, profile: NumberProfile) -> bool:
    """Return whether a field holds two whole numbers, which together look like a long one."""
    if len(text.digits) < 12 or text.bare:
        return False
    for gap in _BETWEEN.finditer(text.signs):
        left, right = only_digits(text.signs[: gap.start()]), only_digits(text.signs[gap.end() :])
        if min(len(left), len(right)) < 6:
            continue
        plus = text._replace(digits=left)
        if _is_whole(plus, profile) and _is_whole(Spelled(digits=right), profile):
            return True
    return False


def _is_whole(part: Spelled, profile: NumberProfile) -> bool:
    ways = [*_international(part, profile)]
    if not part.plus:
        ways += _national(part.digits, profile)
    numbers = (numbering_plan.number_after_plus(one.digits) for one in ways)
    return any(number is not None and numbering_plan.is_valid(number) for number in numbers)


def _reason(text: Spelled, profile: NumberProfile) -> str:
    local = not text.plus and not text.digits.startswith("0") and len(text.digits) <= 10
    return "no-area-code" if local and not profile.area_code else "impossible"
