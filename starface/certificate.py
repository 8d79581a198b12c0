"""The certificate a PBX shows, and whether this machine trusts it: for people who set up a site."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True)
class ShownCertificate:
    """What the PBX shows; `problem` is why it is not trusted, empty if it is."""

    fingerprint: str
    subject: str
    issuer: str
    expires: datetime
    problem: str


def shown_certificate(host: str, port: int) -> ShownCertificate:
    """Return the certificate at an address; raise OSError when none is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with _connected(host, port, context) as connection:
        raw = connection.getpeercert(binary_form=True) or b""
    certificate = x509.load_der_x509_certificate(raw)
    return ShownCertificate(
        fingerprint=hashlib.sha256(raw).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        expires=certificate.not_valid_after_utc,
        problem=_problem(host, port),
    )


def _problem(host: str, port: int) -> str:
    try:
        with _connected(host, port, ssl.create_default_context()):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message


@contextmanager
def _connected(host: str, port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((host, port), _TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        yield secured
