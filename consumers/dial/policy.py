"""What a machine may dial, so that nobody's telephone bill is made by a script.

Everything is refused that is not allowed: a text must read as one number, and what is dialled is
rebuilt from that number, so no trick of spelling passes a check. Emergency, premium, satellite and
call-by-call numbers cannot be allowed at all; people dial them by hand.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, field_validator

from bus.numbers import numbering_plan as number_plan
from bus.numbers.number import DialForm, Number, NumberProfile, dial_form, read_number, short_code
from bus.numbers.spelling import only_digits, plain, unwrap
from consumers.dial.texts import DialRefusal

NumberType = Literal[
    "fixed",
    "mobile",
    "fixed-or-mobile",
    "toll-free",
    "company",
    "voip",
    "shared-cost",
    "personal",
    "pager",
    "voicemail",
]
_Prefix = Annotated[
    str,
    BeforeValidator(lambda text: re.sub(r"[\s()/.-]", "", text) if isinstance(text, str) else text),
    StringConstraints(pattern=r"^\+?[0-9]{1,15}$"),
]
_Short = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,8}$")]

_TEXT = re.compile(r"\+?[0-9()/. -]{2,32}")
_TYPES: dict[int, NumberType] = {
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed-or-mobile",
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.UAN: "company",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
_NO_COUNTRY = ("870", "878", "881", "882", "883", "888", "979")  # satellites, world-wide premium
_COSTLY = {  # beginnings which the tables call shared cost, or do not know at all
    41: ("90",),
    43: ("118", "90", "93"),
    49: ("118", "12", "137", "138", "190", "900"),
}
_LONGEST_SERVICE = 6  # digits of a short number
_CALL_BY_CALL = {41: "10", 43: "10", 49: "10", 423: "10"}  # then the carrier's digits


class DialPolicy(BaseModel):
    """What may be dialled: part of `[dial]` in the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    countries: tuple[str, ...] = ("DE", "AT", "CH")  # regions, and always the site's own
    types: tuple[NumberType, ...] = (
        "fixed",
        "mobile",
        "fixed-or-mobile",
        "toll-free",
        "company",
        "voip",
    )
    denied_prefixes: tuple[_Prefix, ...] = ()  # "+4181", "004181", "081", of extensions "99"
    allow_internal: bool = True
    allow_service: tuple[_Short, ...] = ()  # short numbers such as 116117, never an emergency
    form: DialForm = "national"

    @field_validator("countries")
    @classmethod
    def _known(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
        for country in countries:
            if not number_plan.is_country(country.upper()):
                raise ValueError(f"{country[:20]!r} is no country; two letters such as CH or DE")
        return tuple(country.upper() for country in countries)


class Dialable(NamedTuple):
    """A number that may be dialled, and the digits for the PBX."""

    number: Number
    dialled: str


def decide(text: str, profile: NumberProfile, policy: DialPolicy) -> Dialable | DialRefusal:
    """Say what would be dialled for a text, or why nothing would."""
    refused = _refused_as_text(text, profile)
    if refused:
        return refused
    number = read_number(text, profile)
    if not number.dialable:
        return DialRefusal("not_a_number", "not_a_number")
    policy = _with_plain_prefixes(policy, profile)
    refused = (
        _refused_as_short(number, profile, policy)
        if number.e164 is None
        else _refused_as_number(number.e164, profile, policy)
    )
    return refused or Dialable(number, dial_form(number, profile, policy.form))


@lru_cache(maxsize=64)
def _with_plain_prefixes(policy: DialPolicy, profile: NumberProfile) -> DialPolicy:
    """Return the policy with its denied prefixes as numbers are compared with them."""
    plain = (one for prefix in policy.denied_prefixes for one in plain_prefixes(prefix, profile))
    return policy.model_copy(update={"denied_prefixes": tuple(dict.fromkeys(plain))})


def plain_prefixes(prefix: str, profile: NumberProfile) -> tuple[str, ...]:
    """Return how the numbers begin that a denied prefix means, `+4179` for `004179` and `079`.

    Where it may mean several, all are denied. Raises ValueError where it can mean none.
    """
    own = number_plan.plan(profile.country)
    found = [prefix] if prefix.startswith("+") else _abroad_or_at_home(prefix, profile)
    if not found and len(prefix) > profile.internal_digits:
        found = [f"+{prefix}"]
    begin = f"+{own.code}{own.trunk}" if own.trunk_needed and not own.zero_belongs else "-"
    found = [  # without the zero of +41 (0)79
        f"+{own.code}{one.removeprefix(begin)}" if one.startswith(begin) else one for one in found
    ]
    short = len(prefix) <= max(profile.internal_digits, _LONGEST_SERVICE)
    possible = [one for one in found if _begins_with_a_country(one[1:])]
    if begin.rstrip("-") in (prefix, *found) or (found and not possible):
        possible, short = [], False
    if not possible and not (short and not prefix.startswith(("+", "0"))):
        raise ValueError(f"denied_prefixes: no number begins with {prefix!r}; write it as +4179")
    return (*possible, prefix) if short and not prefix.startswith("+") else tuple(possible)


def _abroad_or_at_home(prefix: str, profile: NumberProfile) -> list[str]:
    """Return how the numbers begin that are dialled with these digits in front."""
    own = number_plan.plan(profile.country)
    found = []
    for digits in dict.fromkeys((prefix, prefix.removeprefix(profile.outside_line))):
        abroad = _abroad(digits, plus=False, profile=profile)
        if abroad:
            found.append(f"+{abroad}")
        elif own.zero_belongs or not own.trunk:
            found.append(f"+{own.code}{digits}")
        elif digits.startswith(own.trunk):
            national = digits.removeprefix(own.trunk)
            found += [f"+{own.code}{national}"] if national.lstrip("0") == national != "" else []
        elif not own.trunk_needed:
            found.append(f"+{own.code}{digits}")
    return found


def _begins_with_a_country(digits: str) -> bool:
    """Return whether digits begin with the code of a country, or are the beginning of one."""
    codes = [str(code) for code in COUNTRY_CODE_TO_REGION_CODE]
    return any(digits.startswith(code) or code.startswith(digits or "-") for code in codes)


def _refused_as_text(text: str, profile: NumberProfile) -> DialRefusal | None:
    inner = unwrap(text)
    if inner is None or len(text) > 250:
        return DialRefusal("not_a_number", "not_a_number")
    if set(plain(inner.text) or "") & {"*", "#"}:
        return DialRefusal("feature_code", "feature_code")
    if inner.domain and inner.domain not in profile.sip_domains:
        return DialRefusal("not_allowed", "foreign_domain")
    signs = _with_plain_gaps(inner.text)
    if not _TEXT.fullmatch(signs):
        return _refused_as_written(read_number(text, profile))
    return _refused_as_digits(only_digits(signs), "+" in signs, inner.context, profile)


def _refused_as_written(number: Number) -> DialRefusal:
    """Refuse what people may read as a number, though nothing is dialled from such a spelling."""
    if len(number.short or "") == 1:
        return DialRefusal("not_allowed", "one_digit", number.short or "")
    if number.dialable and number.e164:
        return DialRefusal("not_a_number", "not_plain", number.e164)
    return DialRefusal("not_a_number", "not_a_number")


def _refused_as_digits(
    digits: str, plus: bool, context: str, profile: NumberProfile
) -> DialRefusal | None:
    """Refuse what is dangerous even where it is no whole number: 0112, 010 33 …, 00 870 1."""
    if any(_is_emergency(one, region) for one, region in _tails(digits, plus, profile)):
        return DialRefusal("emergency", "emergency")
    if short_code(digits, profile) == "emergency":
        return DialRefusal("emergency", "emergency")
    abroad = context + digits if context else _abroad(digits, plus, profile)
    if abroad and abroad.startswith(_NO_COUNTRY):
        return DialRefusal("premium", "satellite")
    own = number_plan.plan(profile.country).code
    begins = _CALL_BY_CALL.get(own)
    at_home = digits.removeprefix(profile.outside_line).removeprefix("0")
    if begins and not abroad and at_home.startswith(begins) and len(at_home) > 7:
        return DialRefusal("denied_prefix", "call_by_call")
    return None


def _tails(digits: str, plus: bool, profile: NumberProfile) -> Iterator[tuple[str, str]]:
    """Yield what an exchange could make of some digits, with the country whose exchange it is."""
    outside = digits.removeprefix(profile.outside_line)
    for digits_sent in {digits, outside, digits.lstrip("0"), outside.lstrip("0")}:
        yield digits_sent, profile.country
    abroad = _abroad(digits, plus, profile) or ""
    for length in (1, 2, 3):
        code = abroad[:length]
        if code.isdigit() and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            region = COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
            yield abroad[length:].lstrip("0"), region


def _is_emergency(digits: str, region: str) -> bool:
    return number_plan.is_emergency(digits, region)


def _abroad(digits: str, plus: bool, profile: NumberProfile) -> str:
    """Return the digits from the country code on, "" for what is not written with one."""
    if plus:
        return digits.lstrip("0")
    for line in dict.fromkeys(("", profile.outside_line)):
        for prefix in (profile.international_prefix, "00"):
            if digits.startswith(line + prefix):
                return digits.removeprefix(line + prefix).lstrip("0")
    return ""


def _refused_as_short(
    number: Number, profile: NumberProfile, policy: DialPolicy
) -> DialRefusal | None:
    short = number.short or ""
    if len(short) == 1:
        return DialRefusal("not_allowed", "one_digit", short)
    if number.kind == "internal":
        if not policy.allow_internal:
            return DialRefusal("not_allowed", "internal")
        return _denied(short, policy)
    if short_code(short, profile) == "emergency":
        return DialRefusal("emergency", "emergency")
    if short in policy.allow_service:
        return _denied(short, policy)
    if number_plan.is_premium_service(short, profile.country):
        return DialRefusal("premium", "premium")
    return DialRefusal("not_allowed", "service", short)


def _refused_as_number(e164: str, profile: NumberProfile, policy: DialPolicy) -> DialRefusal | None:
    number = phonenumbers.parse(e164, None)
    significant = phonenumbers.national_significant_number(number)
    code = number.country_code or 0
    kind = phonenumbers.number_type(number)
    if str(code) in _NO_COUNTRY:
        return DialRefusal("premium", "satellite")
    if kind == PhoneNumberType.PREMIUM_RATE or significant.startswith(_COSTLY.get(code, ("-",))):
        return DialRefusal("premium", "premium")
    if kind == PhoneNumberType.SHARED_COST and "shared-cost" not in policy.types:
        return DialRefusal("premium", "shared_cost")
    if significant.startswith(_CALL_BY_CALL.get(code, "-")):
        return DialRefusal("denied_prefix", "call_by_call")
    return (
        _denied(e164, policy)
        or _refused_as_foreign(number, code, profile, policy)
        or _refused_as_type(kind, policy)
    )


def _denied(digits: str, policy: DialPolicy) -> DialRefusal | None:
    for prefix in policy.denied_prefixes:
        if digits.startswith(prefix):
            return DialRefusal("denied_prefix", "denied_prefix", prefix)
    return None


def _refused_as_foreign(
    number: phonenumbers.PhoneNumber, code: int, profile: NumberProfile, policy: DialPolicy
) -> DialRefusal | None:
    allowed = {*policy.countries, profile.country}
    region = phonenumbers.region_code_for_number(number)
    if region in allowed:
        return None
    if region is None and allowed & set(phonenumbers.region_codes_for_country_code(code)):
        return None  # no range of that country, so its type is unknown and refuses it
    named = region if region and region.isalpha() else f"+{code}"
    return DialRefusal("international", "international", named)


def _refused_as_type(kind: int, policy: DialPolicy) -> DialRefusal | None:
    name = _TYPES.get(kind)
    if name is None:
        return DialRefusal("not_allowed", "unknown_type")
    return None if name in policy.types else DialRefusal("not_allowed", "type", name)


def _with_plain_gaps(text: str) -> str:
    """Write the spaces and dashes of web pages and address books as ASCII ones."""
    gaps = {"Zs": " ", "Pd": "-"}
    return "".join(gaps.get(unicodedata.category(one), one) for one in text)
