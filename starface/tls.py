"""How far the PBX's certificate is believed: verified, pinned, or not at all and said loudly.

PBXs often show a certificate of their own making; pinning it is as good as verifying.
"""

import hashlib
import logging
import ssl

from starface.settings import StarfaceSettings

log = logging.getLogger(__name__)


class CertificateDiffers(ssl.SSLError):
    """The PBX shows another certificate than the pinned one."""


def tls_context(settings: StarfaceSettings) -> ssl.SSLContext | None:
    """Return what secures connections to the PBX; None for plain HTTP."""
    if settings.scheme == "http":
        return None
    context = ssl.create_default_context()
    if settings.verify == "on":
        return context
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if settings.verify == "pinned":
        context.sslsocket_class = _pinned(settings.fingerprint)
        return context
    log.warning(
        "certificate of STARFACE is NOT verified: who stands between reads the tokens of all users "
        'verify=off fix=set verify to "on" or "pinned"'
    )
    return context


def why_not_secured(fault: BaseException) -> str:
    """Return the sentence for a TLS connection that did not come about."""
    if isinstance(fault, CertificateDiffers):
        return (
            "STARFACE shows another certificate than the pinned one; if it was renewed, "
            "set its fingerprint in [starface], otherwise somebody stands between."
        )
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            "The certificate of STARFACE is not trusted; install a valid one there, or set "
            'verify = "pinned" and its fingerprint in [starface].'
        )
    if isinstance(fault, ssl.SSLError):
        return 'STARFACE does not speak TLS at this port; check port, or set scheme = "http".'
    return "STARFACE did not finish the TLS handshake; check port and scheme in [starface]."


def _pinned(fingerprint: str) -> type[ssl.SSLSocket]:
    class Pinned(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            shown = self.getpeercert(binary_form=True) or b""
            if hashlib.sha256(shown).hexdigest() != fingerprint:
                raise CertificateDiffers("not the pinned certificate")

    return Pinned
