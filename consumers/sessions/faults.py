"""What can be wrong with a user's session: the broken link, when to try again, what to do.

The codes are part of the contract, as are the links. A user reads what it means for his calls and
whom to ask; the detail is for who looks after the telephone system and this program.
"""

from dataclasses import dataclass
from typing import Literal

import texts
from bus.events import Link, Sentence
from starface.failures import (
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    UnsupportedByApi,
)

Retry = Literal["soon", "slowly", "never"]
Phase = Literal["login", "subscription", "keep-alive"]


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong; `never`: not before somebody has changed something."""

    link: Link
    retry: Retry


FAULTS: dict[str, Fault] = {
    "login-refused": Fault("login", "never"),
    "login-forbidden": Fault("login", "never"),
    "login-unclear": Fault("login", "slowly"),
    "login-doubtful": Fault("login", "slowly"),
    "not-enrolled": Fault("settings", "never"),
    "seal-broken": Fault("settings", "never"),
    "extension-differs": Fault("settings", "never"),
    "login-too-long": Fault("settings", "never"),
    "api-unsupported": Fault("settings", "never"),
    "subscription-refused": Fault("subscription", "slowly"),
    "session-lost": Fault("keep-alive", "soon"),
    "another-program": Fault("keep-alive", "soon"),
    "pbx-unreachable": Fault("pbx", "soon"),
    "pbx-certificate": Fault("pbx", "soon"),
    "pbx-silent": Fault("pbx", "soon"),
    "pbx-unreadable": Fault("pbx", "soon"),
    "gateway-offline": Fault("callback", "soon"),
    "gateway-without-broker": Fault("broker", "soon"),
    "callback-unreachable": Fault("callback", "soon"),
    "callback-refused": Fault("callback", "soon"),
    "callback-foreign": Fault("callback", "soon"),
    "callback-certificate-expired": Fault("callback", "soon"),
    "notifications-missing": Fault("callback", "soon"),
}
UNPROVEN = "callback-unproven"
NO_CALL_LIST = "no-call-list"
NOTIFICATIONS_DOUBTFUL = "notifications-doubtful"
CERTIFICATE_ENDS = "callback-certificate-ends"
_OWN_WORDS = {"another-program": "another-program"}  # others have the words of their link
NOTES = frozenset(  # of a session that works
    {UNPROVEN, NO_CALL_LIST, NOTIFICATIONS_DOUBTFUL, CERTIFICATE_ENDS}
)


def sentence_of(code: str) -> Sentence | None:
    """Return what the user reads about a fault; None for another code."""
    if code not in FAULTS:
        return None
    return texts.sentence(f"sessions.people.{_OWN_WORDS.get(code, FAULTS[code].link)}")


def detail_of(code: str) -> Sentence | None:
    """Return what is wrong and how to mend it; None for another code."""
    known = code in NOTES or code in FAULTS
    return texts.sentence(f"sessions.{code}") if known else None


_CODES: tuple[tuple[type[PbxFailure], str], ...] = (
    (PbxUnreachable, "pbx-unreachable"),
    (OutcomeUnknown, "pbx-silent"),
    (UnsupportedByApi, "api-unsupported"),
)
_REFUSALS: dict[Phase, str] = {
    "login": "login-forbidden",
    "subscription": "subscription-refused",
    "keep-alive": "session-lost",
}


def code_of(failure: PbxFailure, phase: Phase) -> str:
    """Return the code of a failure of the PBX, by what it was asked for."""
    if isinstance(failure, PbxUnreachable) and "certificate" in str(failure).lower():
        return "pbx-certificate"
    for kind, code in _CODES:
        if isinstance(failure, kind):
            return code
    if isinstance(failure, LoginRefused):
        return "login-refused" if phase == "login" else "session-lost"
    if isinstance(failure, RequestForbidden):
        return _REFUSALS[phase]
    if isinstance(failure, NotConnected) and phase != "login":
        return "session-lost"
    return "pbx-unreadable"
