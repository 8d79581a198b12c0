"""Our own way to the gateway: proves the callback address and hands in what was missed.

The gateway is asked at the very address that the PBX is given, and with a path like the PBX's; so
what can be wrong between shows here. The gateway stays the only one who writes call events.
"""

import http.client
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from consumers.sessions.faults import CERTIFICATE_ENDS, NOTES, UNPROVEN
from starface import wire
from starface.request import Callback
from starface.xmlrpc.reading import Faulted, Unreadable, Writable, read_response, write_call

log = logging.getLogger(__name__)

CHECK = "starface2mqtt.callback.check"
RESYNC = "starface2mqtt.resync.receiveCallState"
_TIMEOUT = 4.0  # seconds
_WARN_BEFORE = timedelta(days=21)
_LONGEST = 64 * 1024
_LOCAL = "127.0.0.1"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0  # seconds


class NotTaken(Exception):
    """The gateway did not take a message; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """What takes a method call at a callback address."""

    @property
    def certificate_ends(self) -> datetime | None:
        """When the certificate ends that was shown last; None where there is no TLS."""

    def post(self, callback: Callback, method: str, params: list[Writable]) -> None:
        """Hand in a call; raise NotTaken."""


class HttpGateway:
    """The gateway behind its HTTP door."""

    certificate_ends: datetime | None = None

    def post(self, callback: Callback, method: str, params: list[Writable]) -> None:
        """Hand in a call; raise NotTaken."""
        connection = _connection(callback)
        try:
            connection.request(
                "POST", callback.path, write_call(method, params), {"Content-Type": "text/xml"}
            )
            if isinstance(connection.sock, ssl.SSLSocket):
                self.certificate_ends = _end_of(connection.sock)
            answer = connection.getresponse()
            status, body = answer.status, answer.read(_LONGEST)
        except (OSError, http.client.HTTPException) as fault:
            log.debug("gateway not reached reason=%s", type(fault).__name__)
            foreign = isinstance(fault, http.client.HTTPException)
            raise NotTaken("callback-foreign" if foreign else "callback-unreachable") from None
        finally:
            connection.close()
        _judge(status, body)


@dataclass(frozen=True)
class Proof:
    """What a check of the callback found; `local`: only the short way to the gateway works."""

    code: str | None
    local: bool = False


def prove(gateway: Gateway, callback: Callback, location: Literal["local", "cloud"]) -> Proof:
    """Call ourselves as the PBX will; for a PBX in the cloud the short way is a half proof."""
    try:
        gateway.post(callback, CHECK, [])
    except NotTaken as fault:
        if location == "cloud" and _answers(gateway, locally(callback)):
            return Proof(UNPROVEN, local=True)
        return Proof(fault.code)
    if gateway.certificate_ends is None:
        return Proof(None)
    left = gateway.certificate_ends - datetime.now(UTC)
    if left <= timedelta():
        return Proof("callback-certificate-expired")
    return Proof(CERTIFICATE_ENDS if left < _WARN_BEFORE else None)


def locally(callback: Callback) -> Callback:
    """Return the same door on this machine."""
    return Callback(callback.scheme, _LOCAL, callback.port, callback.path)


class CallbackWatch:
    """Whether notifications can arrive: what the last check found, and how long that holds."""

    def __init__(self, every: float) -> None:
        self.code: str | None = None
        self.local = False
        self.known = False
        self._every = every
        self._fails = 0
        self._proven_by_call = False

    @property
    def failing(self) -> bool:
        """Whether notifications surely cannot arrive, or nobody knows yet."""
        return not self.known or not (self.code is None or self.code in NOTES)

    def found(self, proof: Proof) -> bool:
        """Note what a check found; True when the way works and did not before."""
        was_failing = self.known and self.failing
        self.known = True
        self.local = proof.local
        self.code = None if proof.code == UNPROVEN and self._proven_by_call else proof.code
        self._fails = self._fails + 1 if self.failing else 0
        if self.failing:
            self._proven_by_call = False
        return was_failing and not self.failing

    def proven_by_call(self) -> bool:
        """Note a call from the PBX, which proves the way; True when that is news."""
        self._proven_by_call = True
        if self.code == UNPROVEN:
            self.code = None
            return True
        return False

    def pause(self, jitter: Callable[[float, float], float]) -> float:
        """Return the seconds until the next check."""
        if not self.failing:
            return self._every * jitter(0.8, 1.0)
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * 1.5 ** min(self._fails, 10)) * jitter(0.5, 1.0)


def _end_of(shown: ssl.SSLSocket) -> datetime:
    from cryptography import x509  # only where there is TLS

    return x509.load_der_x509_certificate(shown.getpeercert(True) or b"").not_valid_after_utc


def _answers(gateway: Gateway, callback: Callback) -> bool:
    try:
        gateway.post(callback, CHECK, [])
    except NotTaken:
        return False
    return True


def _connection(callback: Callback) -> http.client.HTTPConnection:
    if callback.scheme == "http":
        return http.client.HTTPConnection(callback.host, callback.port, timeout=_TIMEOUT)
    context = ssl.create_default_context()
    # It is our own gateway, often under an address its certificate does not name; the path, which
    # is all there is to steal, is of use only there.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(
        callback.host, callback.port, timeout=_TIMEOUT, context=context
    )


def _judge(status: int, body: bytes) -> None:
    if status in (401, 403, 404):
        raise NotTaken("callback-refused")
    if status >= 500 or status in (408, 429):
        raise NotTaken("callback-unreachable")
    try:
        taken = status == 200 and wire.truth(read_response(body))
    except (Unreadable, Faulted):
        taken = False
    if not taken:
        raise NotTaken("callback-foreign")
