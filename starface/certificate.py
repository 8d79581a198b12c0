"""The certificate a PBX shows, and whether this machine trusts it: for people who set up a site."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509

Problem = Literal["", "expired", "name", "issuer", "untrusted"]
_TIMEOUT = 5.0  # seconds
_PROBLEMS: dict[int, Problem] = {  # by OpenSSL's X509_V_ERR_…
    10: "expired", 18: "issuer", 19: "issuer", 20: "issuer", 21: "issuer", 62: "name", 64: "name",
}  # fmt: skip


@dataclass(frozen=True)
class ShownCertificate:
    """What the PBX shows; `problem`: why it is not trusted, or empty; `reason`: OpenSSL's words."""

    fingerprint: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    expires: datetime
    problem: Problem
    reason: str


def shown_certificate(host: str, port: int) -> ShownCertificate:
    """Return the certificate at an address; raise OSError when none is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with _connected(host, port, context) as connection:
        raw = connection.getpeercert(binary_form=True) or b""
    certificate = x509.load_der_x509_certificate(raw)
    problem, reason = _problem(host, port)
    if problem and certificate.not_valid_after_utc < datetime.now(UTC):
        problem = "expired"  # which OpenSSL does not say of one that vouches for itself
    return ShownCertificate(
        fingerprint=hashlib.sha256(raw).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=names_of(certificate),
        expires=certificate.not_valid_after_utc,
        problem=problem,
        reason=reason,
    )


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names and addresses a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _problem(host: str, port: int) -> tuple[Problem, str]:
    try:
        with _connected(host, port, ssl.create_default_context()):
            return "", ""
    except ssl.SSLCertVerificationError as error:
        return _PROBLEMS.get(error.verify_code, "untrusted"), error.verify_message


@contextmanager
def _connected(host: str, port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((host, port), _TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        yield secured
