"""The listeners that speak TLS: uvicorn serves the same application as waitress does.

waitress has no TLS. The certificate is read again when its files change; connections that are
open go on with the old one.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, ClassVar, Final

from a2wsgi import WSGIMiddleware
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.server import DEADLINE, MayConnect

log = logging.getLogger(__name__)

_HANDSHAKE = 10.0  # seconds
_PER_ADDRESS = 100  # connections; then the oldest of this address has to go
_CONNECTIONS = 400
_LOOK = 1.0  # seconds between two looks at the certificate's files

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


class CertificateUnusable(Exception):
    """The certificate or its key cannot be read, or they do not belong together."""


class Certificate:
    """A certificate and its key as files, and the context made of them."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._seen = self._times()
        self.context: Final = _context(chain, key)

    def renew(self) -> None:
        """Read the files again if they changed; one that cannot be used changes nothing."""
        seen = self._times()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            _context(self._chain, self._key)
            self.context.load_cert_chain(self._chain, self._key)
        except (CertificateUnusable, OSError) as error:
            log.error("certificate not renewed reason=%s", error)
            return
        log.info("certificate renewed")

    def _times(self) -> list[int]:
        found = []
        for path in (self._chain, self._key):
            with contextlib.suppress(OSError):
                found.append(path.stat().st_mtime_ns)
        return found


class OneRequest(H11Protocol):
    """A connection that ends after a while, whatever was said in it."""

    by_address: ClassVar[defaultdict[str, list["OneRequest"]]] = defaultdict(list)
    may_connect: MayConnect

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the connection a place and a deadline."""
        super().connection_made(transport)
        self._address = str((transport.get_extra_info("peername") or ("?",))[0])
        if not self.may_connect(self._address):
            transport.abort()
        others = self.by_address[self._address]
        others.append(self)
        if len(others) > _PER_ADDRESS:
            others[0].transport.abort()
        self._deadline = asyncio.get_running_loop().call_later(DEADLINE, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self._deadline.cancel()
        with contextlib.suppress(ValueError):
            self.by_address[self._address].remove(self)
        if not self.by_address[self._address]:
            del self.by_address[self._address]
        super().connection_lost(exc)


class TlsServer:
    """All TLS listeners of a process, in a thread of their own."""

    def __init__(
        self,
        app: Any,
        sockets: list[socket.socket],
        certificate: Certificate,
        threads: int,
        may_connect: MayConnect,
    ) -> None:
        self._sockets = sockets
        self._certificate = certificate
        self._config = Config(
            _strict(WSGIMiddleware(app, workers=threads)),
            http="h11", ws="none", lifespan="off", server_header=False, access_log=False,
            log_config=None, limit_concurrency=_CONNECTIONS, timeout_keep_alive=5,
            proxy_headers=False, h11_max_incomplete_event_size=8_192,
        )  # fmt: skip
        self._may_connect = may_connect
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; requests in hand are finished."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(3)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._config.load()
        state = ServerState()

        class Bound(OneRequest):
            may_connect = staticmethod(self._may_connect)

        servers = [
            await self._loop.create_server(
                lambda: Bound(self._config, state, {}), sock=sock,
                ssl=self._certificate.context, ssl_handshake_timeout=_HANDSHAKE,
            )
            for sock in self._sockets
        ]  # fmt: skip
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _LOOK)
            self._certificate.renew()
        for server in servers:
            server.close()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=1)
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def _strict(app: Any) -> Any:
    """Return the application with one request for each connection and one length for each body."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        names = [name for name, _ in scope["headers"]]

        async def closing(message: Scope) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message["headers"] if pair[0].lower() != b"connection"]
                message["headers"] = [*headers, (b"connection", b"close")]
            await send(message)

        if b"transfer-encoding" in names and b"content-length" in names:
            log.warning("refused status=400 source=%s reason=two lengths", scope["client"][0])
            await closing({"type": "http.response.start", "status": 400,
                           "headers": [(b"content-type", b"text/plain")]})  # fmt: skip
            await closing({"type": "http.response.body", "body": b"Bad Request: two lengths\n"})
            return
        await app(scope, receive, closing)

    return told


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(chain, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        raise CertificateUnusable(f"{chain} with {key}: {reason}") from error
    return context
