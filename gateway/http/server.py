"""waitress, made strict: one request for each connection, one length, and an end to every wait.

The server classes of waitress 3.0.2 are relied on here, so its version is pinned. What each rule
is for stands beside it; docs/gateway.md has the measurements.
"""

import contextlib
import errno
import logging
import resource
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.wasyncore import close_all

from gateway.http.batching import RequestBatch
from gateway.http.connection import Channel
from gateway.http.poller import Poller
from runtime.log_limit import LogLimit
from starface.xmlrpc.reading import CALL_BYTES

log = logging.getLogger(__name__)

DEADLINE = 15.0  # seconds from the first byte to the last, however slowly they drip
_PER_ADDRESS = 100  # connections; then the oldest unfinished one of this address has to go
# In all; with TLS a connection needs three descriptors, and all of them together must stay below
# the 1,024 that select() can watch and that systems often grant. Fewer where less is granted.
_CONNECTIONS = 500
_OWN_DESCRIPTORS = 48  # of the event log, the broker, the listeners
_FEWEST = 8
NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_REST = 1.0  # seconds without accepting where no place could be freed
_HEADER_BYTES = 8_192
_AT_ONCE = 20  # connections taken in for one round
_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 26\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nRequest Timeout: too slow\n"
)
_GOODBYE = 1.0  # seconds for requests in hand when the process is to end
_LINGER = 2.0  # seconds in which a refused sender may read why

Answered = Callable[[int], None]
MayConnect = Callable[[str], bool]
App = Callable[..., Any]
S = TypeVar("S", bound="RequestServer")


class RequestServer(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket."""

    channel_class = Channel

    def __init__(
        self,
        app: App,
        sock: socket.socket,
        adj: Adjustments,
        rounds: RequestBatch,
        channels: dict[int, Any],
        poller: Poller,
        may_connect: MayConnect,
        answered: Answered,
    ) -> None:
        super().__init__(
            app, channels, True, sock, dispatcher=rounds, adj=adj, bind_socket=False,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
        )  # fmt: skip
        self.poller = poller
        self.answered = answered
        self._may_connect = may_connect
        self._greatest = connections_allowed()
        self._rests_until = 0.0
        self._trouble = LogLimit(log)

    def readable(self) -> bool:
        """Return whether to accept; see to the connections meanwhile."""
        return bool(super().readable()) and time.monotonic() >= self._rests_until

    def handle_accept(self) -> None:
        """Accept what waits, some at once: they share a round, and so a write to disk."""
        for _ in range(_AT_ONCE):
            try:
                accepted = self.accept()
                if accepted is None:
                    return
            except OSError as error:
                reason = error.strerror
                self._trouble.log(
                    logging.WARNING, "a connection was not accepted reason=%s", reason
                )
                if error.errno in NO_DESCRIPTOR and not self._drop_oldest():
                    self._rests_until = time.monotonic() + _REST
                    return
            else:
                self._begin(*accepted)

    def _begin(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        try:
            self._admit(connection, address)
        except (OSError, MemoryError) as error:  # else waitress would close the listener
            connection.close()
            kind = type(error).__name__
            self._trouble.log(logging.WARNING, "a connection failed at its start kind=%s", kind)

    def admits(self, address: str) -> bool:
        """Return whether an address may connect; foreign ones must not hold places."""
        if self._may_connect(address):
            return True
        log.warning("refused status=403 source=%s reason=not among [gateway] sources", address)
        self.answered(403)
        return False

    def _admit(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        """Serve a connection whose address may connect, and close any other."""
        if not self.admits(address[0]):
            connection.close()
            return
        self.enter(connection, address)

    def enter(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        """Serve a connection that was admitted."""
        self._make_room(address[0])
        channel = Channel(self, connection, address, self.adj, map=self._map)
        self.poller.held[address[0]] += 1
        channel.begin()

    def maintenance(self, now: float) -> None:
        """Close what is not finished in time; slow senders and readers alike."""
        for channel in list(self.active_channels.values()):
            if channel.lingers_since:
                if channel.lingers_since < now - _LINGER:
                    channel.drop()
            elif not channel.requests and channel.creation_time < now - DEADLINE:
                self._give_up(channel)

    def _give_up(self, channel: Channel) -> None:
        if channel.request is not None and not channel.will_close:
            log.warning("refused status=408 source=%s reason=too slow", channel.addr[0])
            self.answered(408)
            with contextlib.suppress(OSError):
                channel.socket.send(_TOO_SLOW)
        channel.will_close = True

    def _make_room(self, address: str) -> None:
        held = self.poller.held
        if held[address] >= _PER_ADDRESS:
            self._drop_oldest(address)
        elif held.total() >= self._greatest:
            self._drop_oldest()

    def _drop_oldest(self, address: str | None = None) -> bool:
        """Close the oldest unfinished connection of an address, or of the one that has most."""
        held = self.poller.held
        address = address or next((most for most, _ in held.most_common(1)), None)
        channels = [one for one in list(self._map.values()) if isinstance(one, Channel)]
        waiting = [one for one in channels if one.addr[0] == address and not one.requests]
        if waiting:
            min(waiting, key=lambda channel: channel.creation_time).drop()
            self.answered(408)
        return bool(waiting)


class HandoffServer(RequestServer):
    """A listening socket that others accept at: they take off TLS and hand over what is left."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._submitted: deque[tuple[socket.socket, tuple[Any, ...]]] = deque()

    def readable(self) -> bool:
        """Look after the connections, and accept none here."""
        super().readable()
        return False

    def submit(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        """Serve a connection; may be called from any thread."""
        self._submitted.append((connection, address))
        self.pull_trigger()

    @property
    def has_submitted(self) -> bool:
        """Whether a submitted connection is not served yet."""
        return bool(self._submitted)

    def accept_submitted(self) -> None:
        """Serve those that were submitted."""
        while self._submitted:
            self.enter(*self._submitted.popleft())


class HttpServer:
    """All listeners of a process: one loop in one thread.

    `secured` are those whose TLS somebody else takes off; `inlets` take what is left.
    """

    def __init__(
        self,
        app: App,
        sockets: list[socket.socket],
        may_connect: MayConnect,
        answered: Answered,
        secured: Sequence[socket.socket] = (),
    ) -> None:
        self._channels: dict[int, Any] = {}
        self._poller = Poller(self._channels)
        self._stopping = False
        self._adj = Adjustments(
            sockets=[],
            ident=None,
            channel_request_lookahead=0,
            connection_limit=_CONNECTIONS + 200,
            cleanup_interval=1,
            channel_timeout=int(DEADLINE),
            max_request_body_size=CALL_BYTES + 1,
            max_request_header_size=_HEADER_BYTES,
            asyncore_use_poll=True,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=False,
            send_bytes=18_000,  # else the head and the body of a refusal are sent one by one
        )
        self._rounds = RequestBatch()

        def served(kind: type[S], sock: socket.socket) -> S:
            return kind(
                app, sock, self._adj, self._rounds, self._channels, self._poller,
                may_connect, answered,
            )  # fmt: skip

        self.handoff_servers = [served(HandoffServer, sock) for sock in secured]
        self._servers = [*(served(RequestServer, sock) for sock in sockets), *self.handoff_servers]

    def run(self, more_to_come: Callable[[], bool] = lambda: False) -> None:
        """Serve until `stop`; requests in hand are finished, and those that are still to come in.

        `more_to_come` returns whether a connection may still be submitted.
        """
        while not self._stopping and self._channels:
            self._turn(1)
        for server in self._servers:
            self._poller.leave(server.socket.fileno())
            server.accepting = False
            if server not in self.handoff_servers:  # whose sockets others accept at
                server.socket.close()
        limit = time.monotonic() + _GOODBYE
        while (self._in_hand() or more_to_come()) and time.monotonic() < limit:
            self._turn(0.05)
        close_all(self._channels, ignore_all=True)
        self._poller.close()

    def stop(self) -> None:
        """End `run`; may be called from any thread."""
        if self._stopping:
            return
        self._stopping = True
        for server in self._servers:
            server.pull_trigger()

    def _turn(self, timeout: float) -> None:
        self._poller.once(timeout)
        for handoff in self.handoff_servers:
            handoff.accept_submitted()
        self._rounds.serve()

    def _in_hand(self) -> bool:
        return any(one.has_submitted for one in self.handoff_servers) or any(
            channel.requests or channel.total_outbufs_len
            for channel in list(self._channels.values())
            if isinstance(channel, Channel)
        )


def connections_allowed() -> int:
    """Return how many connections the system's limit of descriptors leaves room for."""
    granted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_FEWEST, min(_CONNECTIONS, granted - _OWN_DESCRIPTORS))


def listening(host: str, port: int) -> socket.socket:
    """Return a listening socket; processes forked later share it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock
