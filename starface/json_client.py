"""JSON from the PBX's web server within limits, for REST and OAuth."""

import contextlib
import json
import logging
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from starface.failures import AnswerUnreadable, PbxUnreachable
from starface.settings import StarfaceSettings
from starface.tls import tls_context, why_not_secured
from starface.transport import ANSWER_BYTES

# httpx logs every URL at INFO, and a search for a contact has the number in its URL.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

_REDIRECTS = 5


@dataclass(frozen=True)
class Reply:
    """A status and the JSON that came with it, or None when there was no JSON."""

    status: int
    json: Any


class JsonClient:
    """The PBX's web server; every request has a deadline and a greatest size."""

    def __init__(self, settings: StarfaceSettings) -> None:
        self._settings = settings
        self._origin = settings.origin

    def ask(
        self,
        verb: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Reply:
        """Send one request and read its JSON; a redirect is an answer like others.

        The target is a path at the PBX or a whole address. Raises PbxUnreachable or
        AnswerUnreadable.
        """
        status, _, content = self._sent(verb, target, headers or {}, params, form, body)
        return Reply(status, _json(content))

    def discover(self, path: str) -> Any:
        """Get a public document, following redirects; no token goes with it."""
        target = path
        for _ in range(_REDIRECTS):
            status, location, content = self._sent("GET", target, {}, None, None, None)
            if not 300 <= status < 400:
                return _json(content) if status == 200 else None
            target = str(httpx.URL(self._absolute(target)).join(location))
            if self._settings.scheme == "https" and urlsplit(target).scheme != "https":
                break
        raise AnswerUnreadable(
            "STARFACE's login service redirects without end or away from TLS; "
            "check host and scheme in [starface]."
        )

    def _absolute(self, target: str) -> str:
        return f"{self._origin}{target}" if target.startswith("/") else target

    def _sent(
        self,
        verb: str,
        target: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
        body: object,
    ) -> tuple[int, str, bytes]:
        limit = _Limit(self._settings.connect_timeout + self._settings.read_timeout)
        timeout = httpx.Timeout(self._settings.read_timeout, connect=self._settings.connect_timeout)
        try:
            with (
                limit,
                httpx.Client(
                    verify=_verification(self._settings),
                    timeout=timeout,
                    trust_env=False,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                ) as web,
                web.stream(
                    verb,
                    self._absolute(target),
                    headers=dict(headers),
                    params=dict(params) if params else None,
                    data=dict(form) if form else None,
                    json=body,
                    extensions={"trace": limit.watch},
                ) as answer,
            ):
                return answer.status_code, answer.headers.get("Location", ""), _content(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            raise PbxUnreachable(_why(fault, self._absolute(target))) from None


class _Limit:
    """Cuts a connection that is not done in time; httpx's own limits restart with each byte."""

    def __init__(self, seconds: float) -> None:
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, details: Mapping[str, Any]) -> None:
        """Note the connection; httpx reports every step of a request here."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = details["return_value"].get_extra_info("socket")

    def _cut(self) -> None:
        if self._socket:
            with contextlib.suppress(OSError):  # already gone
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _content(answer: httpx.Response) -> bytes:
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise AnswerUnreadable("STARFACE's web server compresses answers nobody asked for.")
    content = bytearray()
    for chunk in answer.iter_raw():
        content += chunk
        if len(content) > ANSWER_BYTES:
            raise AnswerUnreadable("STARFACE's answer is larger than 1 MiB and was not read.")
    return bytes(content)


def _why(fault: BaseException, url: str) -> str:
    cause: BaseException | None = fault
    while cause:
        if isinstance(cause, ssl.SSLError):
            where = urlsplit(url)
            return why_not_secured(cause, where.hostname or "", where.port or 443)
        cause = cause.__cause__ or cause.__context__
    return (
        "STARFACE's web server does not answer in time; check host, port and scheme in "
        "[starface], and the firewall between."
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=8)
def _verification(settings: StarfaceSettings) -> ssl.SSLContext | bool:
    return tls_context(settings) or False
