"""Keeps the door open for those who ask in earnest: deadlines and a bound for connections.

A connection that does not send a whole request in time is closed; when all places are taken, the
one that has waited longest without a request gives up its own. Streams of events stay.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

try:
    import resource
except ImportError:  # Windows has no limit to raise
    resource = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

REQUEST_WITHIN = 10.0  # seconds for a whole request, and for the answer to be read
HANDSHAKE_WITHIN = 5.0  # seconds
_MOST = 4_000  # connections
_RESERVE = 40  # descriptors for the broker, files and what else is open
_LOG_EVERY = 30.0  # seconds


class Places:
    """All connections of a server; those that are waiting for a request first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._open = 0
        self._waiting: OrderedDict[PatientProtocol, None] = OrderedDict()

    def enter(self, protocol: "PatientProtocol") -> None:
        """Give a new connection a place, if need be that of the one that has waited longest."""
        self._open += 1
        if self._open > self.most and self._waiting:
            oldest, _ = self._waiting.popitem(last=False)
            oldest.drop()
        self._waiting[protocol] = None

    def wait(self, protocol: "PatientProtocol") -> None:
        """Note that a connection has no request in hand."""
        self._waiting.setdefault(protocol, None)

    def serve(self, protocol: "PatientProtocol") -> None:
        """Note that a whole request of a connection is being answered."""
        self._waiting.pop(protocol, None)

    def leave(self, protocol: "PatientProtocol") -> None:
        """Free the place of a connection that is over."""
        self._open -= 1
        self._waiting.pop(protocol, None)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for each request, and for each answer but a stream of events."""

    places = Places(_MOST)  # one server in a process
    request_within = REQUEST_WITHIN

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with the deadline of the first request."""
        super().connection_made(transport)
        self.places.enter(self)
        self._begin_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self._end_deadline()
        self.places.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a request that is whole has met its deadline."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            if self._deadline is None:
                self._begin_deadline()
            self.places.wait(self)
        else:
            self._end_deadline()
            self.places.serve(self)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self.places.wait(self)
        if self.transport.is_closing():  # what is not read in time is not kept for longer
            self._begin_deadline()

    def drop(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def _begin_deadline(self) -> None:
        self._end_deadline()
        self._deadline = self.loop.call_later(self.request_within, self.drop)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers give a TLS handshake seconds only, and log a full table once."""

    def __init__(self) -> None:
        super().__init__()
        self._logged = -_LOG_EVERY
        self.set_exception_handler(self._report)

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Create a server with short handshakes."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = HANDSHAKE_WITHIN
            options["ssl_shutdown_timeout"] = HANDSHAKE_WITHIN
        return await super().create_server(*args, **options)

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), OSError):
            loop.default_exception_handler(context)
        elif time.monotonic() - self._logged > _LOG_EVERY:
            self._logged = time.monotonic()
            log.error("connection not accepted reason=%s", context["exception"])


def descriptors_for_connections() -> int:
    """Return how many connections may be open at once, after raising the limit as far as it goes.

    So the process never runs out of descriptors because of its visitors.
    """
    if resource is None:
        return 400
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _RESERVE
    if hard == resource.RLIM_INFINITY or hard > soft:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(8, min(_MOST, soft - _RESERVE))
