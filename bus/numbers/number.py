"""One reading of telephone numbers for everything that comes in: calls, contacts and dial requests.

Pure and cached. A text that is no number stays what it is; nothing here ever raises on a text.
"""

import re
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import BaseModel, ConfigDict

from bus.numbers import numbering_plan
from bus.numbers.fast_path import is_fixed_line, read_fast
from bus.numbers.profile import NumberProfile
from bus.numbers.reading import Kind, Read, ReadingStep, read, short_code
from bus.numbers.spelling import LONGEST, Spelled, Unwrapped, spelled, unwrap

__all__ = [
    "DialForm",
    "Kind",
    "Number",
    "NumberProfile",
    "ReadingStep",
    "dial_form",
    "explain",
    "profile_for",
    "read_number",
    "same_subscriber_keys",
    "short_code",
]

DialForm = Literal["national", "e164", "international"]

_DIRECT_DIAL = ("+43", "+49")  # country codes where a stem and its -0 are one subscriber
_ITALY = "+39"
_LATIN_AMERICA = ("+52", "+54", "+55")
# A mobile as it is written now and as networks and address books still write it.
_MOBILE_SPELLINGS = (
    (re.compile(r"\+52([2-9][0-9]{9})"), r"+521\1"),
    (re.compile(r"\+521([2-9][0-9]{9})"), r"+52\1"),
    (re.compile(r"\+54([1-8][0-9]{9})"), r"+549\1"),
    (re.compile(r"\+549([1-8][0-9]{9})"), r"+54\1"),
    (re.compile(r"\+55([1-9]{2})9([6-9][0-9]{7})"), r"+55\1\2"),
    (re.compile(r"\+55([1-9]{2})([6-9][0-9]{7})"), r"+55\g<1>9\2"),
)
_PERHAPS_WITHOUT_TRUNK = (
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
)


class Number(BaseModel):
    """A text as it came, and the number it was read as."""

    model_config = ConfigDict(frozen=True)

    raw: str
    kind: Kind
    e164: str | None = None
    reading: str  # stable code of the reading that counted, or of the reason why none did
    short: str | None = None  # digits of an extension, an emergency or a service number
    dialable: bool = False  # False too for an address at another telephone system


def read_number(text: str, profile: NumberProfile, *, country: str | None = None) -> Number:
    """Read a number by the site's profile, or its national form by the contact's own country."""
    if len(text) > LONGEST:
        return Number(raw=text, kind="unknown", reading="too-long")
    if found := read_fast(text, profile_for(profile, country)):
        kind, reading, e164, _ = found
        return Number(raw=text, kind=kind, e164=e164, reading=reading, dialable=True)
    return _cached(text, profile, country)


def profile_for(
    profile: NumberProfile, country: str | None, steps: list[ReadingStep] | None = None
) -> NumberProfile:
    """Return by which profile national numbers are read: that of the contact's own country."""
    if not country or country == profile.country:
        return profile
    steps = [] if steps is None else steps
    wanted = country.strip().upper()
    if not wanted or wanted == profile.country:
        return profile
    if not numbering_plan.is_country(wanted):
        steps.append(ReadingStep("country-unknown", {"country": _shown(wanted)}))
        return profile
    steps.append(ReadingStep("country", {"country": wanted}))
    return _abroad(wanted)


def explain(
    text: str, profile: NumberProfile, *, country: str | None = None
) -> tuple[ReadingStep, ...]:
    """Explain step by step what `read_number` makes of a text, and why."""
    steps: list[ReadingStep] = [ReadingStep("received", {"text": _shown(text)})]
    number = _read(text, profile, country, steps)
    if number.kind == "unknown":
        steps.append(ReadingStep("no-number", {"reason": number.reading}))
    digits = number.e164 or number.short
    values = {"kind": number.kind, "e164": digits or ""}
    steps.append(ReadingStep("result-e164" if digits else "result", values))
    return tuple(steps)


def dial_form(number: Number, profile: NumberProfile, form: DialForm = "national") -> str:
    """Return what the PBX is to dial; raise ValueError for what cannot be dialled."""
    if not number.dialable:
        raise ValueError(f"a number of the kind {number.kind} cannot be dialled")
    if number.kind == "internal":
        return number.short or ""
    if number.e164 is None:
        return profile.outside_line + (number.short or "")
    if form == "e164":
        return number.e164
    digits = number.e164.removeprefix("+")
    parsed = numbering_plan.number_after_plus(digits)
    own = numbering_plan.plan(profile.country)
    if form == "national" and parsed is not None and parsed.country_code == own.code:
        return profile.outside_line + _national(parsed, own)
    return profile.outside_line + profile.international_prefix + digits


def same_subscriber_keys(e164: str) -> tuple[str, ...]:
    """Return other numbers behind which the same subscriber answers, never the number itself.

    The Italian zero, kept or dropped, where only one of the two is a number at all; and in Germany
    and Austria a fixed line's stem with and without its -0. No number can begin with another
    subscriber's whole number, so these are never somebody else's. Mobiles of Mexico, Argentina and
    Brazil have the digit that the network puts in or leaves out.
    """
    if e164.startswith(_LATIN_AMERICA):
        return tuple(
            form.sub(other, e164) for form, other in _MOBILE_SPELLINGS if form.fullmatch(e164)
        )
    if e164.startswith(_ITALY):
        number = numbering_plan.number_after_plus(e164.removeprefix("+"))
        return _other_zero(e164, number) if number else ()
    if not e164.startswith(_DIRECT_DIAL) or not _is_fixed(e164):
        return ()
    return tuple(one for one in _with_and_without_zero(e164) if _is_fixed(one))


@lru_cache(maxsize=16384)
def _cached(text: str, profile: NumberProfile, country: str | None) -> Number:
    return _read(text, profile, country, [])


@lru_cache(maxsize=256)
def _abroad(country: str) -> NumberProfile:
    """Return how a contact's country reads its own national numbers."""
    return NumberProfile(country=country, internal_digits=0)


def _read(
    text: str, profile: NumberProfile, country: str | None, steps: list[ReadingStep]
) -> Number:
    unwrapped = unwrap(text) if len(text) <= LONGEST else None
    if unwrapped is None:
        reading = "too-long" if len(text) > LONGEST else "text"
        return Number(raw=text, kind="unknown", reading=reading)
    local = profile_for(profile, country, steps)
    foreign = bool(unwrapped.domain) and unwrapped.domain not in profile.sip_domains
    _trace_uri(unwrapped, foreign, steps)
    written = _within(unwrapped, spelled(unwrapped.text))
    found = _judged(written, local, not foreign, steps)
    dialable = found.kind in ("external", "internal") and not foreign
    return Number(raw=text, dialable=dialable, **found._asdict())


def _trace_uri(unwrapped: Unwrapped, foreign: bool, steps: list[ReadingStep]) -> None:
    if unwrapped.scheme:
        values = {"scheme": unwrapped.scheme, "text": _shown(unwrapped.text)}
        steps.append(ReadingStep("uri", values))
    if unwrapped.context:
        steps.append(ReadingStep("context", {"context": unwrapped.context}))
    if foreign:
        steps.append(ReadingStep("foreign-domain", {"domain": _shown(unwrapped.domain)}))


def _within(unwrapped: Unwrapped, written: Spelled) -> Spelled:
    """Put the digits of a URI's context in front."""
    if unwrapped.extension and not written.extension:
        written = written._replace(extension=unwrapped.extension)
    if not unwrapped.context or not written.digits:
        return written
    digits = unwrapped.context + written.digits
    return written._replace(digits=digits, plus=True, bare="", head="", stem=digits)


def _judged(
    written: Spelled, profile: NumberProfile, at_home: bool, steps: list[ReadingStep]
) -> Read:
    if written.withheld:
        steps.append(ReadingStep("withheld", {}))
        return Read("withheld", "withheld")
    if written.fault:
        return Read("unknown", written.fault)
    digits = ("+" if written.plus else "") + written.digits
    steps.append(ReadingStep("vanity" if written.vanity else "spelled", {"digits": digits}))
    if written.extension:
        steps.append(ReadingStep("extension-dropped", {"extension": _shown(written.extension)}))
    return read(written, profile, at_home, steps.append)


def _national(number: phonenumbers.PhoneNumber, own: numbering_plan.NumberingPlan) -> str:
    significant = phonenumbers.national_significant_number(number)
    if own.code == 1:
        return f"1{significant}"
    if own.trunk_needed and phonenumbers.number_type(number) in _PERHAPS_WITHOUT_TRUNK:
        shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        if "".join(one for one in shown if one.isdigit()) == significant:
            return significant  # such as 1300 in Australia
    return (own.trunk if own.trunk_needed else "") + significant


def _other_zero(e164: str, number: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    other = f"+39{e164[4:]}" if e164.startswith("+390") else f"+390{e164[3:]}"
    twin = numbering_plan.number_after_plus(other.removeprefix("+"))
    if twin is None or numbering_plan.is_valid(twin) == numbering_plan.is_valid(number):
        return ()
    return (other,)


def _with_and_without_zero(e164: str) -> tuple[str, ...]:
    return (e164 + "0", e164[:-1]) if e164.endswith("0") else (e164 + "0",)


def _is_fixed(e164: str) -> bool:
    if (sure := is_fixed_line(e164)) is not None:
        return sure
    number = numbering_plan.number_after_plus(e164.removeprefix("+"))
    return number is not None and phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE


def _shown(text: str) -> str:
    """Cut a text to what fits a line, without signs that would disturb a terminal."""
    signs = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:80])
    return signs + ("…" if len(text) > 80 else "")
