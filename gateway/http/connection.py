"""One connection of a sender: a request is read strictly, answered, and that is all.

The channel, parser and task classes of waitress 3.0.2 are relied on here, so its version is pinned.
"""

import contextlib
import logging
import re
import socket
import time
from typing import Any

from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, RequestEntityTooLarge

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
    "content_length",
}  # fmt: skip
_heads: dict[bytes, dict[str, Any]] = {}
_CODINGS = re.compile(rb"(?im)^transfer-encoding[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request; whatever could be understood in two ways is refused."""

    def received(self, data: bytes) -> int:
        """Take in bytes; refuse lines that end with LF only and a too long chunk at once."""
        consumed = int(super().received(data))
        if not self.headers_finished and _BARE_LINES.search(self.header_plus):
            self.error = BadRequest("lines must end with CR LF")
            self.completed = True
        elif self.chunked and len(self.body_rcv) + self.body_rcv.chunk_remainder > CALL_BYTES:
            self.error = RequestEntityTooLarge("a chunk")
            self.completed = True
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, or take what was read of the very same ones before.

        A login's notifications differ in nothing but their bodies.
        """
        known = _heads.get(header_plus)
        if known is None:
            self._parse_strictly(header_plus)
            if len(header_plus) <= _USUAL and not self.chunked:
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
    """Answers and closes the connection at once, without a further turn of the loop."""

    def finish(self) -> None:
        """Send what is left to be sent."""
        super().finish()
        self.channel.send_all()


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
                self.server.poller.changed(self)
            else:
                self.handle_close()

    def service(self) -> None:
        """ClosingTask a request."""
        super().service()
        if self.connected:
            self.server.poller.changed(self)

    def send_all(self) -> None:
        """Send the answer and close, unless the other side takes it too slowly."""
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)
            sent = not self.total_outbufs_len
        if sent and not self.refused:
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
