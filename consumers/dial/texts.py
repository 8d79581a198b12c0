"""What a dial request is answered: for each stage and reason a stable code and a sentence."""

from typing import Literal, NamedTuple

import texts
from bus.events import DialState, Sentence
from texts import Language

Code = Literal[
    "not_a_number", "emergency", "premium", "international", "denied_prefix", "feature_code",
    "expired", "duplicate", "rate", "busy", "inactive", "not_allowed", "refused_by_pbx",
    "unreachable", "unknown_outcome",
]  # fmt: skip

# The code of each reason that is finer than its code; those of the policy bring theirs along.
_CODES: dict[str, Code] = {
    "unreadable": "not_a_number", "no_id": "not_a_number", "not_a_number": "not_a_number",
    "own_number": "not_allowed", "unknown_user": "not_allowed", "expired": "expired",
    "future": "expired", "no_time": "expired", "flood": "rate", "duplicate-id": "duplicate",
    "double-click": "duplicate", "busy": "busy", "minute": "rate", "hour": "rate", "site": "rate",
    "foreign": "rate", "off": "inactive", "no_credential": "inactive",
    "not_connected": "inactive", "login": "refused_by_pbx", "no_right": "refused_by_pbx",
    "no_phone": "refused_by_pbx", "other_phone": "refused_by_pbx", "pbx": "refused_by_pbx",
    "api": "refused_by_pbx", "unreachable": "unreachable", "storage": "unreachable",
}  # fmt: skip


class DialRefusal(NamedTuple):
    """Why the policy lets nothing be dialled."""

    code: Code
    reason: str  # finer than the code: which sentence
    detail: str = ""

    def sentence(self, language: Language = "en") -> str:
        """Return why, and what to do."""
        return texts.render(f"dial_result.{self.reason}", language, detail=self.detail)


class DialAnswer(NamedTuple):
    """One stage of a dial request as it is published."""

    state: DialState
    sentence: Sentence
    code: str | None = None
    final: bool = False


def stage(state: DialState, *, final: bool = False) -> DialAnswer:
    """Return what is published of a stage of the call."""
    return DialAnswer(state, texts.sentence(f"dial_result.{state}"), None, final)


def refused(reason: str, **details: object) -> DialAnswer:
    """Return what is published when no call is placed, and why."""
    return DialAnswer(
        "refused", texts.sentence(f"dial_result.{reason}", **details), _CODES[reason], final=True
    )


def unknown(reason: str, *, final: bool = False) -> DialAnswer:
    """Return what is published when nobody knows what became of the call."""
    return DialAnswer(
        "unknown", texts.sentence(f"dial_result.unknown.{reason}"), "unknown_outcome", final
    )


def by_policy(refusal: DialRefusal) -> DialAnswer:
    """Return what is published when the site's policy stands against a number."""
    sentence = texts.sentence(f"dial_result.{refusal.reason}", detail=refusal.detail)
    return DialAnswer("refused", sentence, refusal.code, final=True)
