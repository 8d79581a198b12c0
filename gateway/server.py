"""waitress, made strict: one request for each connection, one length, and an end to every wait.

The channel, parser and server classes of waitress 3.0.2 are relied on here, so its version is
pinned. What each rule is for stands beside it; docs/gateway.md has the measurements.
"""

import contextlib
import logging
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import BadRequest
from waitress.wasyncore import close_all, loop

from starface.xmlrpc import CALL_BYTES

log = logging.getLogger(__name__)

DEADLINE = 15.0  # seconds from the first byte to the last, however slowly they drip
_PER_ADDRESS = 100  # connections; then the oldest unfinished one of this address has to go
_CONNECTIONS = 800  # in all; descriptors must stay below the 1,024 that select() can watch
_HEADER_BYTES = 8_192
_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 26\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nRequest Timeout: too slow\n"
)
_LINGER = 2.0  # seconds in which a refused sender may read why
_DISCARDED = 1_000_000  # bytes he may still send
_BARE_LINES = re.compile(rb"(?<!\r)\n\r?\n")
_CODINGS = re.compile(rb"(?im)^transfer-encoding[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")

Answered = Callable[[int], None]
MayConnect = Callable[[str], bool]
App = Callable[..., Any]


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request; whatever could be understood in two ways is refused."""

    def received(self, data: bytes) -> int:
        """Take in bytes, and answer at once those who end lines with LF only."""
        consumed = int(super().received(data))
        if not self.headers_finished and _BARE_LINES.search(self.header_plus):
            self.error = BadRequest("lines must end with CR LF")
            self.completed = True
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers: exactly one Content-Length or one chunked coding, never both."""
        codings = _CODINGS.findall(header_plus)
        super().parse_header(header_plus)
        if codings and (codings != [b"chunked"] or self.version != "1.1"):
            raise ParsingError("Transfer-Encoding other than chunked, once")
        if codings and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("another version of HTTP")
        # A second request in the same connection could be one that somebody smuggled in.
        self.headers["CONNECTION"] = "close"
        self.connection_close = True


class OneLine(ErrorTask):  # type: ignore[misc]
    """Answers what is no proper HTTP with one line of text, which repeats nothing of it."""

    def execute(self) -> None:
        """Write the answer and a line in the log."""
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        body = f"{error.reason}: {_harmless(error.body)}\n".encode()
        log.warning(
            "refused status=%s source=%s reason=%s",
            error.code, self.channel.addr[0], body.decode().strip(),
        )  # fmt: skip
        self.response_headers.append(("Content-Type", "text/plain; charset=utf-8"))
        self.channel.server.answered(error.code)
        self.channel.refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection.

    Whoever was refused may still be sending; closing at once would reset the connection and take
    the answer away from under him. So what he sends is thrown away for a moment.
    """

    parser_class = StrictParser
    error_task_class = OneLine
    refused = False
    lingers_since = 0.0
    _discarded = 0

    def handle_read(self) -> None:
        """Read what came, or throw it away."""
        if not self.lingers_since:
            super().handle_read()
            return
        self._discarded += len(self.recv(65_536))
        if self._discarded > _DISCARDED:
            self.handle_close()

    def handle_close(self) -> None:
        """Close; after a refusal only the sending half at first."""
        if self.refused and not self.lingers_since and self.connected:
            self.lingers_since = time.time()
            self.will_close = False
            # On the instance, because the loop asks every connection each time it goes round.
            self.readable, self.writable = _yes, _no
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()

    def drop(self) -> None:
        """Close at once."""
        self.refused = False
        self.handle_close()


class Server(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket."""

    channel_class = Channel

    def __init__(
        self,
        app: App,
        sock: socket.socket,
        adj: Adjustments,
        dispatcher: ThreadedTaskDispatcher,
        channels: dict[int, Any],
        may_connect: MayConnect,
        answered: Answered,
    ) -> None:
        super().__init__(
            app, channels, True, sock, dispatcher=dispatcher, adj=adj, bind_socket=False,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
        )  # fmt: skip
        self.answered = answered
        self._may_connect = may_connect

    def handle_accept(self) -> None:
        """Give a connection a place, and take it from whoever has too many."""
        try:
            accepted = self.accept()
            if accepted is None:
                return
            connection, address = accepted
            self.set_socket_options(connection)
        except OSError as error:
            log.warning("a connection was gone before it began reason=%s", error.strerror)
            return
        if not self._may_connect(address[0]):
            connection.close()  # foreign addresses must not take up the places
            self.answered(403)
            return
        self._make_room(address[0])
        Channel(self, connection, address, self.adj, map=self._map)

    def maintenance(self, now: float) -> None:
        """Close what has not come to an end in time; slow senders and readers alike."""
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
        channels = [one for one in self._map.values() if isinstance(one, Channel)]
        held = Counter(channel.addr[0] for channel in channels)
        if held[address] >= _PER_ADDRESS:
            self._drop_oldest(channels, address)
        elif len(channels) >= _CONNECTIONS:
            self._drop_oldest(channels, held.most_common(1)[0][0])

    def _drop_oldest(self, channels: list[Channel], address: str) -> None:
        waiting = [one for one in channels if one.addr[0] == address and not one.requests]
        if waiting:
            min(waiting, key=lambda channel: channel.creation_time).drop()
            self.answered(408)


class HttpServer:
    """All plain listeners of a process: one loop, one pool of threads."""

    def __init__(
        self,
        app: App,
        sockets: list[socket.socket],
        threads: int,
        may_connect: MayConnect,
        answered: Answered,
    ) -> None:
        self._channels: dict[int, Any] = {}
        self._stopping = False
        self._adj = Adjustments(
            sockets=[],
            threads=threads,
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
            send_bytes=18_000,  # else its loop spins while an answer is written; costs half
        )
        self._dispatcher = ThreadedTaskDispatcher()
        # It would write a line for each request that has to wait for a thread.
        self._dispatcher.queue_logger.setLevel(logging.ERROR)
        self._dispatcher.set_thread_count(threads)
        self._servers = [
            Server(app, sock, self._adj, self._dispatcher, self._channels, may_connect, answered)
            for sock in sockets
        ]

    def run(self) -> None:
        """Serve until `stop`; requests in hand are finished."""
        while not self._stopping and self._channels:
            loop(timeout=1, map=self._channels, use_poll=True, count=1)
        for server in self._servers:
            server.accepting = False
            server.socket.close()
        limit = time.monotonic() + 1.0
        while self._in_hand() and time.monotonic() < limit:
            loop(timeout=0.05, map=self._open(), use_poll=True, count=1)
        self._dispatcher.shutdown(cancel_pending=True, timeout=1)
        close_all(self._channels, ignore_all=True)

    def stop(self) -> None:
        """Have `run` come to its end; may be called from any thread."""
        self._stopping = True
        for server in self._servers:
            server.pull_trigger()

    def _in_hand(self) -> bool:
        return any(
            channel.requests or channel.total_outbufs_len
            for channel in self._channels.values()
            if isinstance(channel, Channel)
        )

    def _open(self) -> dict[int, Any]:
        return {fd: one for fd, one in self._channels.items() if not isinstance(one, Server)}


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


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


def _harmless(line: str) -> str:
    return re.sub(r'["(].*', "", line, flags=re.DOTALL).strip()[:120]
