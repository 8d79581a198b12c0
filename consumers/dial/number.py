"""What a request's text means for dialling: the decision, and how the number is kept on disk."""

import hashlib
import hmac
import re
from typing import NamedTuple

import phonenumbers

from bus.numbers.number import Number, NumberProfile
from consumers.dial.policy import Dialable, decide
from consumers.dial.refusals import DialRefusal
from consumers.dial.settings import DialSettings, Mask

_HIDDEN = 4  # digits


class NumberDecision(NamedTuple):
    """A text as dialling sees it."""

    decision: Dialable | DialRefusal
    key: str  # tells whether two numbers are the same, without telling the number
    shown: str  # for the audit
    abroad: bool


def understand(
    text: str, profile: NumberProfile, settings: DialSettings, site_key: bytes
) -> NumberDecision:
    """Decide about a text by the site's policy."""
    decision = decide(text, profile, settings.policy)
    if isinstance(decision, DialRefusal):
        key = _key(f"text {text}", site_key)
        return NumberDecision(decision, key, masked(_signs(text), settings.mask), abroad=False)
    told = decision.number.e164 or decision.dialled
    return NumberDecision(
        decision,
        _key(told, site_key),
        masked(told, settings.mask),
        _abroad(decision.number, profile),
    )


def masked(number: str, mask: Mask) -> str:
    """Return a number as the audit may show it."""
    if mask == "none":
        return number
    hidden = len(number) if mask == "all" else min(_HIDDEN, len(number))
    return number[: len(number) - hidden] + "•" * hidden


def _signs(text: str) -> str:
    """Return what is left of a text without names and whatever disturbs a terminal."""
    return re.sub(r"[^0-9+*#]", "", text[:250])[:32]


def _key(told: str, site_key: bytes) -> str:
    return hmac.new(site_key, f"dial {told}".encode(), hashlib.sha256).hexdigest()[:32]


def _abroad(number: Number, profile: NumberProfile) -> bool:
    if number.e164 is None:
        return False
    region = phonenumbers.region_code_for_number(phonenumbers.parse(number.e164, None))
    return region != profile.country
