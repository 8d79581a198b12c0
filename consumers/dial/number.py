"""What a request's text means for dialling: the decision, and how the number is kept on disk."""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

import phonenumbers

from bus.numbers.number import Number, NumberProfile
from consumers.dial.policy import Dialable, decide
from consumers.dial.settings import DialSettings, Mask
from consumers.dial.texts import DialRefusal

_HIDDEN = 4  # digits


class NumberDecision(NamedTuple):
    """A text as dialling sees it."""

    decision: Dialable | DialRefusal
    key: str  # the same for the same number, from which it cannot be read
    shown: str  # for the audit
    abroad: bool


class NumberReader:
    """Decides about numbers by one site's numbering and policy."""

    def __init__(
        self,
        profile: NumberProfile,
        settings: DialSettings,
        site_key: bytes,
        is_private: Callable[[str, str], bool] = lambda _login, _number: False,
    ) -> None:
        self._profile = profile
        self._settings = settings
        self._site_key = site_key
        self._is_private = is_private

    def read(self, text: str, login: str = "") -> NumberDecision:
        """Return what a text means; of a user's private numbers the audit shows nothing."""
        decision = decide(text, self._profile, self._settings.policy)
        if isinstance(decision, DialRefusal):
            meant, shown, abroad = f"text {text}", _signs(text), False
        else:
            meant = shown = decision.number.e164 or decision.dialled
            abroad = _abroad(decision.number, self._profile)
        hidden = login and self._is_private(login, text)
        return NumberDecision(
            decision, self._key(meant), "" if hidden else masked(shown, self._settings.mask), abroad
        )

    def key(self, text: str) -> str:
        """Return what is the same for two texts that mean the same number."""
        return self.read(text).key

    def _key(self, meant: str) -> str:
        return hmac.new(self._site_key, f"dial {meant}".encode(), hashlib.sha256).hexdigest()[:32]


def masked(number: str, mask: Mask) -> str:
    """Return a number as the audit may show it."""
    if mask == "none":
        return number
    hidden = len(number) if mask == "all" else min(_HIDDEN, len(number))
    return number[: len(number) - hidden] + "•" * hidden


def _signs(text: str) -> str:
    """Return what is left of a text without names and whatever disturbs a terminal."""
    return re.sub(r"[^0-9+*#]", "", text[:250])[:32]


def _abroad(number: Number, profile: NumberProfile) -> bool:
    if number.e164 is None:
        return False
    region = phonenumbers.region_code_for_number(phonenumbers.parse(number.e164, None))
    return region != profile.country
