import warnings

import pytest

from consumers.importers.sources.ldap_faults import sentence

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3.core import exceptions

BASE = "dc=example,dc=ch"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.LDAPInvalidCredentialsResult(49, "invalidCredentials"), "user and password"),
        (exceptions.LDAPNoSuchObjectResult(32, "noSuchObject"), f"nothing at {BASE}"),
        (exceptions.LDAPInvalidFilterError("invalid filter"), "--filter"),
        (exceptions.LDAPSizeLimitExceededResult(4, "sizeLimitExceeded"), "no more entries"),
        (exceptions.LDAPConfidentialityRequiredResult(13, "confidentialityRequired"), "TLS"),
        (exceptions.LDAPStartTLSError("startTLS failed - protocolError"), "ldaps://"),
        (exceptions.LDAPOperationsErrorResult(1, "operationsError"), "log-in first"),
        (
            exceptions.LDAPSocketOpenError(
                "('socket ssl wrapping error: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify"
                " failed: self-signed certificate (_ssl.c:1006)',)"
            ),
            "(self-signed certificate); an authority of your own: --ca-file",
        ),
        (
            exceptions.LDAPStartTLSError(
                "wrap socket error: certificate {'subject': 1} doesn't match any name in ['dc']"
            ),
            "another name",
        ),
        (exceptions.LDAPSocketReceiveError("('timed out',)"), "timed out"),
        (exceptions.LDAPUnknownResponseError(), "LDAPUnknownResponseError"),
    ],
)
def test_a_fault_says_what_to_do(error: Exception, words: str) -> None:
    told = sentence(error, BASE)

    assert words in told
    assert not told.startswith("(")
    assert len(told) <= 250
