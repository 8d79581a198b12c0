import pytest

from consumers.sessions.faults import FAULTS, Phase, code_of
from starface.failures import (
    AnswerUnreadable,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    UnsupportedByApi,
)

CERTIFICATE = (
    "The certificate of STARFACE is not trusted: it has expired. Install a valid one there."
)


@pytest.mark.parametrize(
    ("failure", "phase", "code"),
    [
        (PbxUnreachable("no answer"), "login", "pbx-unreachable"),
        (PbxUnreachable(CERTIFICATE), "login", "pbx-certificate"),
        (OutcomeUnknown("cut"), "keep-alive", "pbx-silent"),
        (AnswerUnreadable("half"), "login", "pbx-unreadable"),
        (UnsupportedByApi("v20"), "subscription", "api-unsupported"),
        (LoginRefused("no"), "login", "login-refused"),
        (LoginRefused("no"), "keep-alive", "session-lost"),
        (RequestForbidden("no"), "login", "login-forbidden"),
        (RequestForbidden("no"), "subscription", "subscription-refused"),
        (RequestForbidden("no"), "keep-alive", "session-lost"),
        (NotConnected("who"), "keep-alive", "session-lost"),
        (NotConnected("who"), "subscription", "session-lost"),
        (NotConnected("who"), "login", "pbx-unreadable"),
        (PbxFailure("what"), "login", "pbx-unreadable"),
    ],
)
def test_every_failure_of_the_pbx_has_a_code(failure: PbxFailure, phase: Phase, code: str) -> None:
    assert code_of(failure, phase) == code
    assert code in FAULTS
