"""Certificates for the tests, good for a day; each vouches for itself."""

import ssl
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make(
    folder: Path,
    name: str,
    hosts: Collection[str] = (),
    *,
    may_vouch: bool = False,
    ends: timedelta = timedelta(days=1),
) -> tuple[Path, Path]:
    """Return the files of a certificate and its key; `may_vouch`: as a CA's own, to be trusted.

    `ends`: in how long it is over, or since when.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + ends)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_host(one) for one in hosts])
        made = made.add_extension(names, critical=False)
    if may_vouch:
        limits = x509.BasicConstraints(ca=True, path_length=None)
        made = made.add_extension(limits, critical=True)
    chain, private = folder / "chain.pem", folder / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    signed = made.sign(key, hashes.SHA256())
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return chain, private


def serving(chain: Path, private: Path) -> ssl.SSLContext:
    """Return what a server shows the certificate with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context


def fingerprint(chain: Path) -> str:
    """Return the SHA-256 by which a certificate is pinned."""
    return x509.load_pem_x509_certificate(chain.read_bytes()).fingerprint(hashes.SHA256()).hex()


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
