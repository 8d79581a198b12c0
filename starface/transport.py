"""One request to the PBX, sent once: a repeated one would dial twice.

`xmlrpc.client` repeats a request when the connection ends early, waits for ever, unpacks gzip
without limit and shows the URL, which holds the token, in its exceptions. Here a request has one
connection at a time, a limit for each thing and three ends: answered, surely not sent, or unknown.
"""

import contextlib
import http.client
import io
import logging
import select
import socket
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

from runtime.addresses import join_address
from starface.failures import AnswerUnreadable, OutcomeUnknown, PbxUnreachable
from starface.settings import StarfaceSettings
from starface.tls import tls_context, why_not_secured

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANSWER_BYTES = 1024 * 1024
_HEAD_BYTES = 64 * 1024
_KEPT_FOR = 5.0  # seconds; web servers close idle connections after 15 or more
_NOT_KEPT_FOR = 60.0  # seconds, after the PBX has closed one it had not said it would

_KNOWN_FOR = 60.0  # seconds

Address = tuple[int, int, int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpAnswer:
    """What came back over HTTP, whatever it is."""

    status: int
    content_type: str
    location: str
    body: bytes
    date: str = ""


class Transport:
    """The way to one PBX, shared by all users of a process: addresses and TLS context."""

    def __init__(self, settings: StarfaceSettings) -> None:
        self._open: list[tuple[socket.socket, float]] = []
        self._settings = settings
        self._context = tls_context(settings)
        self._keep_from = 0.0
        self.clock_offset: timedelta | None = None  # of the PBX, ahead of ours
        self._addresses = HostAddresses(settings.host, settings.pbx_port)
        host = join_address(settings.host, settings.port)
        self._head = (
            f"Host: {host}\r\nContent-Type: text/xml; charset=UTF-8\r\nAccept: text/xml\r\n"
            "Accept-Encoding: identity\r\nUser-Agent: starface2mqtt\r\n"
        )

    def post(self, query: str, body: bytes, *, harmless: bool = False) -> HttpAnswer:
        """Send one XML-RPC document and read the answer.

        A harmless request, one that may come twice, may use a connection of the one before it,
        because a handshake costs more than all the rest; if that one turns out to be closed it
        gets its own. Others get their own at once, and are never sent again.

        Raises PbxUnreachable when surely nothing was sent, OutcomeUnknown when it may have been,
        AnswerUnreadable when the answer is beyond the limits.
        """
        request = (
            f"POST /xml-rpc?{query} HTTP/1.1\r\n{self._head}"
            f"Connection: {'keep-alive' if harmless else 'close'}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        request_bytes = request.encode("ascii") + body
        if harmless and (connection := self._idle()):
            with contextlib.suppress(_ClosedMeanwhile):
                return self._exchange(connection, request_bytes, kept=True, keep=True)
        return self._exchange(self._connected(), request_bytes, kept=False, keep=harmless)

    def close(self) -> None:
        """Close the connections that were kept."""
        while self._open:
            self._open.pop()[0].close()

    def __del__(self) -> None:
        """Close what was kept, as nobody else can any more."""
        self.close()

    def _exchange(
        self, connection: socket.socket, request_bytes: bytes, *, kept: bool, keep: bool
    ) -> HttpAnswer:
        stream = _Limited(connection, self._settings.read_timeout, ANSWER_BYTES + _HEAD_BYTES)
        stays = False
        try:
            connection.sendall(request_bytes)
            answer, stays = _answer(stream)
            if (offset := _clock_offset(answer.date)) is not None:
                self.clock_offset = offset
        except TimeoutError:
            raise OutcomeUnknown(
                "STARFACE did not answer in time; whether it did what was asked is not known."
            ) from None
        except (OSError, http.client.IncompleteRead, http.client.RemoteDisconnected):
            if kept and not stream.begun:
                self._keep_from = time.monotonic() + _NOT_KEPT_FOR
                raise _ClosedMeanwhile from None
            raise OutcomeUnknown(
                "The connection to STARFACE was cut before it answered; "
                "whether it did what was asked is not known."
            ) from None
        except http.client.HTTPException:
            raise AnswerUnreadable(
                "What answers is not a web server; check host and port of STARFACE."
            ) from None
        finally:
            if keep and stays and time.monotonic() >= self._keep_from:
                self._open.append((connection, time.monotonic()))
            else:
                connection.close()
        return answer

    def _idle(self) -> socket.socket | None:
        """Return a connection that was kept and on which nothing has happened since."""
        while self._open:
            connection, since = self._open.pop()
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            is_young = time.monotonic() - since < _KEPT_FOR
            if is_young and not poll.poll(0):
                return connection
            if is_young:  # this PBX does not keep connections, or is going down
                self._keep_from = time.monotonic() + _NOT_KEPT_FOR
            connection.close()
        return None

    def _connected(self) -> socket.socket:
        deadline = time.monotonic() + self._settings.connect_timeout
        connection = self._dialled(deadline)
        if self._context is None:
            return connection
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.01))
            return self._context.wrap_socket(connection, server_hostname=self._settings.host)
        except OSError as fault:
            connection.close()
            raise PbxUnreachable(
                why_not_secured(fault, self._settings.host, self._settings.pbx_port)
            ) from None

    def _dialled(self, deadline: float) -> socket.socket:
        addresses = self._addresses.found(deadline)
        for position, (family, kind, protocol, address) in enumerate(addresses):
            left = max(deadline - time.monotonic(), 0.01) / (len(addresses) - position)
            try:
                connection = socket.socket(family, kind, protocol)
            except OSError as fault:  # no descriptor is left
                raise PbxUnreachable(
                    f"This machine opens no connection now: {fault.strerror}."
                ) from None
            try:
                connection.settimeout(left)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as fault:
                connection.close()
                log.debug("not connected reason=%s", type(fault).__name__)
            else:
                return connection
        self._addresses.forget()
        raise PbxUnreachable(
            "STARFACE does not answer at its address; check that it runs, "
            "host, port and scheme in [starface], and the firewall between."
        )


class HostAddresses:
    """The addresses of one name, asked for once a minute."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._known: list[Address] = []
        self._known_until = 0.0

    def found(self, deadline: float) -> list[Address]:
        """Return the addresses; raise PbxUnreachable when there are none by the deadline."""
        if time.monotonic() < self._known_until:
            return self._known
        found: list[Address] = []
        asking = threading.Thread(target=self._ask, args=(found,), daemon=True)
        asking.start()
        asking.join(max(deadline - time.monotonic(), 0.01))
        if not found:
            raise PbxUnreachable(
                "The name of STARFACE is not known to the name server; check host in [starface]."
            )
        self._known, self._known_until = found, time.monotonic() + _KNOWN_FOR
        return found

    def forget(self) -> None:
        """Ask again at the next request."""
        self._known_until = 0.0

    def _ask(self, found: list[Address]) -> None:
        try:
            answers = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # found stays empty, which says it
        found.extend(
            (family, kind, protocol, address) for family, kind, protocol, _, address in answers
        )


class _ClosedMeanwhile(Exception):
    """A connection that was kept has been closed by the PBX before it said a word."""


class _Limited(io.RawIOBase):
    """What is read from a socket until a deadline and up to a size; dripping prolongs nothing."""

    def __init__(self, connection: socket.socket, seconds: float, limit: int) -> None:
        self._socket = connection
        self._deadline = time.monotonic() + seconds
        self._left = limit
        self.begun = False
        self.ended = False
        connection.settimeout(seconds)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        count = self._socket.recv_into(buffer)
        self.begun = self.begun or count > 0
        self.ended = count == 0
        self._left -= count
        if self._left < 0:
            raise _too_large()
        return count


class _Readable:
    """As much of a socket as http.client wants of it."""

    def __init__(self, stream: _Limited) -> None:
        self._stream = stream

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self._stream, 16 * 1024)


def _answer(stream: _Limited) -> tuple[HttpAnswer, bool]:
    with http.client.HTTPResponse(
        cast(socket.socket, _Readable(stream)), method="POST"
    ) as response:
        response.begin()
        if stream.ended:  # http.client takes a head that is cut for a whole one
            raise ConnectionAbortedError
        if response.getheader("Content-Encoding", "identity").strip().lower() not in (
            "",
            "identity",
        ):
            raise AnswerUnreadable(
                "STARFACE, or a proxy before it, sends compressed answers nobody asked for; "
                "switch that off."
            )
        if (response.length or 0) > ANSWER_BYTES:
            raise _too_large()
        body = response.read(ANSWER_BYTES + 1)
        if len(body) > ANSWER_BYTES:
            raise _too_large()
        if response.length:  # read() of a size gives less without a word
            raise http.client.IncompleteRead(b"", response.length)
        answer = HttpAnswer(
            status=response.status,
            content_type=response.getheader("Content-Type", "").lower(),
            location=response.getheader("Location", ""),
            body=body,
            date=response.getheader("Date", ""),
        )
        return answer, not response.will_close


def _clock_offset(date: str) -> timedelta | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC) - datetime.now(UTC)
    except (ValueError, OverflowError):
        return None


def _too_large() -> AnswerUnreadable:
    return AnswerUnreadable(
        "STARFACE's answer is larger than 1 MiB and was not read; check that host is the STARFACE."
    )
