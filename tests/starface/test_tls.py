import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from starface.failures import PbxUnreachable
from starface.transport import Transport
from starface.xmlrpc.reading import read_response
from tests.certificates import fingerprint, make, serving
from tests.starface.packet_server import (
    BODY,
    QUERY,
    Server,
    hold,
    post,
    settings_for,
    value,
)

Serve = Callable[..., Server]


@dataclass(frozen=True)
class Certificate:
    """A certificate of the PBX's own making, as many show one."""

    context: ssl.SSLContext
    fingerprint: str
    file: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return a certificate for 127.0.0.1 that nobody has signed."""
    chain, key = make(tmp_path_factory.mktemp("tls"), "pbx", ["127.0.0.1"])
    return Certificate(serving(chain, key), fingerprint(chain), chain)


def test_an_unknown_certificate_is_not_believed(serve: Serve, certificate: Certificate) -> None:
    server = serve(value("x"), context=certificate.context)

    with pytest.raises(PbxUnreachable, match="not trusted"):
        post(server, scheme="https")

    assert server.requests == []


@pytest.mark.parametrize(
    ("hosts", "ends", "trusted", "reason"),
    [
        (["127.0.0.1"], timedelta(days=1), False, "its issuer is unknown here"),
        (["127.0.0.1"], timedelta(days=-1), True, "it has expired"),
        (["pbx.example.net"], timedelta(days=1), True, "another address than host"),
    ],
)
def test_why_a_certificate_is_not_trusted_is_said_with_what_to_pin(
    serve: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hosts: list[str],
    ends: timedelta,
    trusted: bool,
    reason: str,
) -> None:
    chain, key = make(tmp_path, "pbx", hosts, may_vouch=True, ends=ends)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    server = serve(value("x"), context=serving(chain, key))

    with pytest.raises(PbxUnreachable, match=reason) as refused:
        post(server, scheme="https")

    assert f'fingerprint = "{fingerprint(chain)}"' in str(refused.value)
    pinned = {"scheme": "https", "verify": "pinned", "fingerprint": fingerprint(chain)}
    assert post(server, **pinned) == "x"


def test_a_certificate_signed_by_somebody_trusted_is_believed(
    serve: Serve, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))

    assert post(serve(value("x"), context=certificate.context), scheme="https") == "x"


def test_a_pinned_certificate_is_believed(serve: Serve, certificate: Certificate) -> None:
    server = serve(value("x"), context=certificate.context)
    pinned = {"scheme": "https", "verify": "pinned", "fingerprint": certificate.fingerprint}
    transport = Transport(settings_for(server, **pinned))

    for _ in range(3):  # the second and third may resume the session of the first
        assert read_response(transport.post(QUERY, BODY).body) == "x"


def test_another_certificate_than_the_pinned_one_gets_no_token(
    serve: Serve, certificate: Certificate
) -> None:
    server = serve(value("x"), context=certificate.context)

    with pytest.raises(PbxUnreachable, match="another certificate than the pinned one"):
        post(server, scheme="https", verify="pinned", fingerprint="00" * 32)

    assert server.requests == []


def test_an_unverified_certificate_is_said_loudly(
    serve: Serve, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(value("x"), context=certificate.context)

    assert post(server, scheme="https", verify="off") == "x"
    assert [
        record
        for record in caplog.records
        if record.levelno == logging.WARNING and "NOT verified" in record.getMessage()
    ]


def test_a_tls_handshake_that_never_ends_means_that_nothing_was_sent(serve: Serve) -> None:
    started = time.monotonic()

    with pytest.raises(PbxUnreachable, match="TLS handshake"):
        post(serve(hold), scheme="https", connect_timeout=0.4)

    assert time.monotonic() - started < 4
