"""Request admission: the proof in the path, the token, the source address, the rate."""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import falcon
from falcon.uri import parse_query_string

from gateway.callbacks import CallbackValidity
from gateway.source_addresses import SourceAddress, SourceAddresses
from starface.callback import CallbackIdentity, PathRefused, read_path

log = logging.getLogger(__name__)

_USER = ("de.vertico.starface.user", "de_vertico_starface_user")
_AUTH = ("de.vertico.starface.auth", "de_vertico_starface_auth")
_FORM = "application/x-www-form-urlencoded"
# Senders name XML as they like; the path has proved the user by then.
_XML = re.compile(
    rf"(?:(?:text|application)/(?:[\w.+-]+\+)?xml|application/octet-stream|text/plain|{_FORM})\Z"
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_STRANGERS = 5.0, 20.0  # wrong paths per second and address, and at once
_REMEMBERED = 10_000  # buckets; one that was forgotten is full again
NOTHING_HERE = "there is nothing here"  # for a wrong path and a wrong proof alike


class RequestRefused(Exception):
    """A request that is not accepted; the line names the fault and repeats nothing of it."""

    def __init__(self, status: int, line: str, *, retry_after: int | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.retry_after = retry_after


class RateLimits:
    """Buckets by name; safe for many threads."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, name: str) -> bool:
        """Take one from a bucket; False if it is empty."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(name, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            allowed = left >= 1
            self._buckets[name] = (left - 1 if allowed else left, now)
            if len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        return allowed


class Admission:
    """Checks a request before anything of it is read."""

    def __init__(
        self,
        site_key: bytes,
        sources: SourceAddresses,
        rates: RateLimits,
        callbacks: CallbackValidity,
    ) -> None:
        self.sources = sources
        self._key = site_key
        self._rates = rates
        self._callbacks = callbacks
        self._strangers = RateLimits(*_STRANGERS)
        # A path comes again with each notification of a login; only genuine ones are remembered.
        self._proof = lru_cache(maxsize=10_000)(partial(read_path, key=site_key))

    def source(self, req: falcon.Request) -> SourceAddress | None:
        """Return the address a request came from."""
        return self.sources.of(req.remote_addr, req.env.get("HTTP_X_FORWARDED_FOR"))

    def user(self, req: falcon.Request, who: str, session: str, mac: str) -> str:
        """Return whose call it is; raise RequestRefused."""
        source = self.source(req)
        if not self.sources.allow(source):
            raise self._stranger(
                source, RequestRefused(403, "this address may not send notifications")
            )
        try:
            proof = self._proof(who, session, mac)
        except PathRefused as error:
            raise self._stranger(source, RequestRefused(404, NOTHING_HERE)) from error
        if not self._callbacks.holds(proof):
            raise self._stranger(source, RequestRefused(404, "this callback address is over"))
        if not self._rates.allows(proof.session):
            raise RequestRefused(429, "too many notifications at once", retry_after=1)
        if req.query_string:
            self._check_parameters(self.single(req.params), proof)
        return proof.user

    def _check_parameters(self, parameters: dict[str, str], proof: CallbackIdentity) -> None:
        """Raise RequestRefused where a query names another user or another login's token."""
        spellings = ("", proof.user, proof.user.replace("+", " "))  # `+` left as it is reads so
        if any(parameters.get(name, "") not in spellings for name in _USER):
            raise RequestRefused(403, "the user is another than the path's")
        tokens = [parameters[name] for name in _AUTH if parameters.get(name)]
        if not all(proof.fits(token, self._key) for token in tokens):
            raise RequestRefused(403, "the token is not the one of this login")

    def single(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return parameters that are each given once; raise RequestRefused."""
        if any(not isinstance(value, str) for value in params.values()):
            raise RequestRefused(400, "a parameter twice")
        return {name: str(value) for name, value in params.items()}

    def xml_charset(self, req: falcon.Request) -> str | None:
        """Return the charset the header names; raise RequestRefused unless the body may be XML."""
        charset = _xml_charset(req.content_type or "text/xml")
        self._check_plain(req)
        return charset

    def form(self, req: falcon.Request, body: bytes) -> dict[str, str]:
        """Return the parameters of a form; raise RequestRefused."""
        if not body:
            return {}
        kind = (req.content_type or "").partition(";")[0].strip().lower()
        if kind != _FORM:
            raise RequestRefused(415, f"{_FORM} is expected")
        self._check_plain(req)
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise RequestRefused(400, "the form is not UTF-8") from error
        return self.single(parse_query_string(text, keep_blank=True, csv=False))

    def _check_plain(self, req: falcon.Request) -> None:
        if req.env.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("identity", ""):
            raise RequestRefused(415, "a body without content coding is expected")

    def _stranger(self, source: SourceAddress | None, refused: RequestRefused) -> RequestRefused:
        if self._strangers.allows(str(source)):
            return refused
        return RequestRefused(429, "too many requests", retry_after=5)


@lru_cache(maxsize=100)
def _xml_charset(content_type: str) -> str | None:
    kind, _, options = content_type.partition(";")
    if not _XML.match(kind.strip().lower()):
        raise RequestRefused(415, "an XML content type is expected")
    charset = _CHARSET.search(options)
    return charset[1] if charset else None
