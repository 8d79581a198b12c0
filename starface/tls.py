"""How far the PBX's certificate is believed: verified, pinned, or not at all and said loudly.

PBXs often show a certificate of their own making; pinning it is as good as verifying.
"""

import hashlib
import logging
import socket
import ssl
import time
from functools import lru_cache

from starface.settings import StarfaceSettings

log = logging.getLogger(__name__)

_LOOK = 3.0  # seconds
_REASONS = {  # by OpenSSL's codes
    9: "it is not valid yet (check the clocks)",
    10: "it has expired",
    18: "it is signed by itself, so its issuer is unknown here",
    19: "its issuer is unknown here",
    20: "its issuer is unknown here",
    21: "its issuer is unknown here",
    62: "it is for another name than host in [starface]",
    64: "it is for another address than host in [starface]",
}


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


def why_not_secured(fault: BaseException, host: str, port: int) -> str:
    """Return the sentence for a TLS connection that did not come about."""
    if isinstance(fault, CertificateDiffers):
        return (
            "STARFACE shows another certificate than the pinned one; if it was renewed, "
            f"set {_pin(host, port)} in [starface], otherwise somebody stands between."
        )
    if isinstance(fault, ssl.SSLCertVerificationError):
        reason = _REASONS.get(fault.verify_code, fault.verify_message)
        return (
            f"The certificate of STARFACE is not trusted: {reason}. Install a valid one there, or "
            f'set verify = "pinned" and {_pin(host, port)} in [starface].'
        )
    if isinstance(fault, ssl.SSLError):
        return 'STARFACE does not speak TLS at this port; check port, or set scheme = "http".'
    return "STARFACE did not finish the TLS handshake; check port and scheme in [starface]."


def _pin(host: str, port: int) -> str:
    """Return the setting that pins what is shown now; asked for once a minute at most."""
    shown = _shown_fingerprint(host, port, int(time.monotonic() // 60))
    return f'fingerprint = "{shown}"' if shown else "its fingerprint"


@lru_cache(maxsize=8)
def _shown_fingerprint(host: str, port: int, _minute: int) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), _LOOK) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
    except OSError:
        return ""


def _pinned(fingerprint: str) -> type[ssl.SSLSocket]:
    class Pinned(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            shown = self.getpeercert(binary_form=True) or b""
            if hashlib.sha256(shown).hexdigest() != fingerprint:
                raise CertificateDiffers("not the pinned certificate")

    return Pinned
