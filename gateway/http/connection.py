"""One connection of a sender: a request is read strictly, answered, and that is all.

The channel, parser and task classes of waitress 3.0.2 are relied on here, so its version is pinned.
"""

import contextlib
import logging
import re
import socket
import time
from email.utils import formatdate
from functools import lru_cache
from io import BytesIO
from typing import Any

from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, RequestEntityTooLarge
from waitress.wasyncore import dispatcher

from starface.xmlrpc.reading import CALL_BYTES

log = logging.getLogger(__name__)

_DISCARDED = 1_000_000  # bytes a refused sender may still send
_BARE_LINES = re.compile(rb"(?<!\r)\n\r?\n")
# The origin form, or the absolute one that proxies may send, in one spelling only.
_TARGET = re.compile(r"(?:https?://[^/?#]+)?(?:/[^/%?#\\]+)*/?(?:\?[^#]*)?\Z")
_REMEMBERED, _USUAL = 1_000, 1_024  # heads that are kept in memory, and bytes of the longest
_OF_A_HEAD = {
    "headers", "first_line", "command", "request_uri", "version", "proxy_scheme", "proxy_netloc",
    "path", "query", "fragment", "url_scheme", "connection_close", "expect_continue",
    "content_length", "environment",
}  # fmt: skip
_heads: dict[bytes, dict[str, Any]] = {}
_CODINGS = re.compile(rb"(?im)^transfer-encoding[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request; whatever could be understood in two ways is refused."""

    _body: bytes | None = None  # of a request that came whole, with a head that is known

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.environment: dict[str, Any] = {}  # of all requests with this head, once one was made

    def received(self, data: bytes) -> int:
        """Take in bytes; refuse lines that end with LF only and a too long chunk at once."""
        if self.body_rcv is None and not self.header_plus and self._is_whole(data):
            return len(data)
        consumed = int(super().received(data))
        if not self.headers_finished and _BARE_LINES.search(self.header_plus):
            self.error = BadRequest("lines must end with CR LF")
            self.completed = True
        elif self.chunked and len(self.body_rcv) + self.body_rcv.chunk_remainder > CALL_BYTES:
            self.error = RequestEntityTooLarge("a chunk")
            self.completed = True
        return consumed

    def get_body_stream(self) -> Any:
        """Return the body as a file."""
        return super().get_body_stream() if self._body is None else BytesIO(self._body)

    def _is_whole(self, data: bytes) -> bool:
        """Take a whole request with a head that is known, and nothing after it."""
        end = data.find(b"\r\n\r\n") + 4
        known = _heads.get(data[:end])
        if (
            known is None
            or known.get("expect_continue")
            or known["content_length"] != len(data) - end
        ):
            return False
        self.__dict__.update(known, headers=known["headers"].copy())
        self.completed = self.headers_finished = True
        self.header_bytes_received, self._body = end, data[end:]
        self.body_bytes_received = len(self._body)
        return True

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, or take what was read of the very same ones before.

        A login's notifications differ in nothing but their bodies.
        """
        known = _heads.get(header_plus)
        if known is None:
            self._parse_strictly(header_plus)
            if (
                len(header_plus) <= _USUAL
                and self.content_length <= CALL_BYTES
                and not self.chunked
            ):
                if len(_heads) >= _REMEMBERED:
                    _heads.clear()
                read = {**vars(self), "headers": self.headers.copy()}.items()
                _heads[header_plus] = {name: value for name, value in read if name in _OF_A_HEAD}
            return
        self.__dict__.update(known, headers=known["headers"].copy())
        if self.content_length:
            buffer = OverflowableBuffer(self.adj.inbuf_overflow)
            self.body_rcv = FixedStreamReceiver(self.content_length, buffer)

    def _parse_strictly(self, header_plus: bytes) -> None:
        """Read the headers: exactly one Content-Length or one chunked coding, never both."""
        codings = _CODINGS.findall(header_plus)
        super().parse_header(header_plus)
        if codings and ([one.lower() for one in codings] != [b"chunked"] or self.version != "1.1"):
            raise ParsingError("Transfer-Encoding other than chunked, once")
        if codings and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
        if "," in self.headers.get("HOST", ""):  # waitress joins what stands there twice
            raise ParsingError("two Host headers")
        if self.version == "1.1" and "HOST" not in self.headers:
            raise ParsingError("no Host header")
        if not _TARGET.match(self.request_uri):
            raise ParsingError("a path in an unusual spelling")
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("another version of HTTP")
        # A second request in the same connection could be one that somebody smuggled in.
        self.headers["CONNECTION"] = "close"
        self.connection_close = True


class ClosingTask(WSGITask):  # type: ignore[misc]
    """Answers in one piece and closes the connection at once, without a further turn of the loop.

    waitress's own task allows for answers in pieces, of unknown length or kept open, none of which
    there is here; that took as long as the application.
    """

    def execute(self) -> None:
        """Run the application and send its answer."""
        body = b"".join(self.channel.server.application(self.get_environment(), self._begin))
        self.wrote_header = self.close_on_finish = True
        self.channel.server.answered(int(self.status[:3]))
        self.channel.answer(_head(self.version, self.status, *self.response_headers) + body)

    def finish(self) -> None:
        """Do nothing more."""

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment; what follows from the head alone is made once for a head."""
        channel, common = self.channel, self.request.environment
        if not common:
            once = dict.fromkeys(("wsgi.input", "waitress.client_disconnected"))
            common.update({**super().get_environment(), **once})
        address, port = channel.addr[:2]
        return {
            **common,
            "REMOTE_ADDR": address,
            "REMOTE_HOST": address,
            "REMOTE_PORT": str(port),
            "SERVER_PORT": str(channel.server.effective_port),
            "wsgi.input": self.request.get_body_stream(),
            "waitress.client_disconnected": channel.check_client_disconnected,
        }

    def _begin(self, status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        self.status, self.response_headers = status, headers


@lru_cache(maxsize=100)
def _lines(version: str, status: str, *headers: tuple[str, str]) -> str:
    """Return a head without its date, which alone differs from answer to answer."""
    if any(sign in text for header in headers for text in header for sign in "\r\n"):
        raise ValueError("a line break in a header")
    named = [(name.title(), value) for name, value in headers]
    named += [("Cache-Control", "no-store"), ("Connection", "close")]
    lines = [f"{name}: {value}\r\n" for name, value in sorted(named)]
    return f"HTTP/{version} {status}\r\n{''.join(lines)}"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _head(version: str, status: str, *headers: tuple[str, str]) -> bytes:
    lines = _lines(version, status, *headers)
    return f"{lines}Date: {_date(int(time.time()))}\r\n\r\n".encode("latin-1")


class PlainTextErrorTask(ErrorTask):  # type: ignore[misc]
    """Answers what is no proper HTTP with one line of text, which repeats nothing of it."""

    def execute(self) -> None:
        """Write the answer and a line in the log."""
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        fault = f"larger than {CALL_BYTES} bytes" if error.code == 413 else _harmless(error.body)
        body = f"{error.reason}: {fault}\n".encode()
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


class _Unlocked(contextlib.nullcontext[None]):
    """The locks of a connection: only the loop's thread has anything to do with it."""

    def acquire(self, *_: object) -> bool:
        """Return at once."""
        return True

    def release(self) -> None:
        """Do nothing."""

    notify = release


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection.

    A refused sender may still be sending; closing at once would reset the connection and take
    the answer away from under it. So what it sends is thrown away for a moment.
    """

    parser_class = StrictParser
    task_class = ClosingTask
    error_task_class = PlainTextErrorTask
    refused = False
    lingers_since = 0.0
    _discarded = 0

    requests_lock = outbuf_lock = _Unlocked()
    sendbuf_len = 65_536  # bytes sent at once

    def __init__(
        self, server: Any, sock: socket.socket, address: tuple[Any, ...], adj: Any,
        map: dict[int, Any],
    ) -> None:  # fmt: skip
        # Instead of waitress's own, which makes two locks and asks the system about the socket.
        self.server, self.adj, self.addr = server, adj, address
        self.outbufs = [OverflowableBuffer(adj.outbuf_overflow)]
        self.creation_time = self.last_activity = time.time()
        self.requests: list[StrictParser] = []
        dispatcher.__init__(self, sock, map=map)
        self.connected = True

    def begin(self) -> None:
        """Read at once what has come with the connection; most often that is all."""
        try:
            data = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            self.server.poller.changed(self)
        except OSError:
            self.handle_close()
        else:
            if data:
                self.received(data)
                if not self.requests:  # else it is looked at when it is served
                    self.server.poller.changed(self)
            else:
                self.handle_close()

    def service(self) -> None:
        """Answer a request."""
        super().service()
        if self.connected:
            self.server.poller.changed(self)

    def answer(self, data: bytes) -> None:
        """Send an answer and close; the loop sends what the other side does not take at once."""
        sent = 0
        try:
            if not self.total_outbufs_len:
                sent = self.socket.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.will_close = True
            return
        if sent < len(data):
            self.write_soon(data[sent:])
        else:
            super().handle_close()

    def del_channel(self, map: dict[int, Any] | None = None) -> None:
        """Free the place."""
        if self._fileno is not None:
            self.server.poller.gone(self._fileno, self.addr[0])
        super().del_channel(map)

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
            self.server.poller.changed(self)
            return
        super().handle_close()

    def drop(self) -> None:
        """Close at once."""
        self.refused = False
        self.handle_close()


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


def _harmless(line: str) -> str:
    return re.sub(r'["(].*', "", line, flags=re.DOTALL).strip()[:120]
