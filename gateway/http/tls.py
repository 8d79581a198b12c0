"""The listeners that speak TLS: asyncio decrypts, and waitress gets the plain bytes.

waitress has no TLS. So what comes is read, limited, refused and counted as on the plain ports. The
certificate is read again when its files change; open connections keep the old one.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.http.server import NO_DESCRIPTOR, connections_allowed
from runtime.log_limit import LogLimit

log = logging.getLogger(__name__)

_HANDSHAKE = 10.0  # seconds
_DEADLINE = 18.0  # seconds for all; waitress gives up before, and says so
_GOODBYE = 2.0  # seconds in which the other side may confirm the end
_PER_ADDRESS = 100  # connections; then the oldest of this address has to go
_CONNECTIONS = 200  # in all; each needs three descriptors, see gateway/http/server.py
_AT_ONCE = 65_536  # bytes
_LOOK = 1.0  # seconds between two looks at the certificate's files
_QUIET = 0.05  # seconds; a refused sender that is silent for so long reads the answer

Submit = Callable[[socket.socket, tuple[Any, ...]], None]
Admits = Callable[[str], bool]


class CertificateUnusable(Exception):
    """The certificate or its key cannot be read, or they do not belong together."""


class ServerCertificate:
    """A certificate and its key as files, and the context made of them."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._seen = self._times()
        self._trouble = ""
        self._lock = threading.Lock()  # several listeners look after one certificate
        self.context: Final = _context(chain, key)

    def renew(self) -> None:
        """Read the files again if they changed; one that cannot be used changes nothing.

        It is tried again, because who renews may let us read the key only a moment later.
        """
        with self._lock:
            seen = self._times()
            if seen == self._seen:
                return
            try:
                _context(self._chain, self._key)
                self.context.load_cert_chain(self._chain, self._key, _no_password)
            except (CertificateUnusable, OSError) as error:
                if str(error) != self._trouble:
                    log.error("certificate not renewed reason=%s", error)
                self._trouble = str(error)
                return
            self._seen, self._trouble = seen, ""
            log.info("certificate renewed")

    def _times(self) -> list[int]:
        found = []
        for path in (self._chain, self._key):
            with contextlib.suppress(OSError):
                found.append(path.stat().st_mtime_ns)
        return found


class TlsServer:
    """One TLS listener of a process, in a thread of its own.

    `admits` says whether an address may connect, `submit` takes what is left without TLS.
    """

    def __init__(
        self, sock: socket.socket, certificate: ServerCertificate, admits: Admits, submit: Submit
    ) -> None:
        self._sock = sock
        self._certificate = certificate
        self._admits = admits
        self._submit = submit
        self._visits: dict[asyncio.Task[None], str] = {}  # with the address, the oldest first
        self._held = Counter[str]()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._greatest = max(2, min(_CONNECTIONS, connections_allowed() // 3))
        self._trouble = LogLimit(log)
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Take in nobody any more; a signal handler may call it."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)

    @property
    def busy(self) -> bool:
        """Whether somebody who was taken in may still ask something."""
        return self._thread.is_alive() and bool(self._visits)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join(3)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        accepting = self._loop.create_task(self._accept())
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _LOOK)
            self._certificate.renew()
            if accepting.done():
                log.error("no connections taken in for a second kind=%s", _kind_of(accepting))
                accepting = self._loop.create_task(self._accept())
        accepting.cancel()
        if self._visits:
            await asyncio.wait(self._visits, timeout=1)
        for visit in list(self._visits):
            visit.cancel()
        await asyncio.gather(accepting, *self._visits, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            try:
                connection, address = await self._loop.sock_accept(self._sock)
            except OSError as error:
                reason = error.strerror
                self._trouble.log(
                    logging.WARNING, "a connection was not accepted reason=%s", reason
                )
                if error.errno in NO_DESCRIPTOR and self._visits:
                    self._drop(next(iter(self._visits)))
                await asyncio.sleep(_QUIET)
                continue
            if not self._admits(address[0]):
                connection.close()
                continue
            # At once, else the end of a connection would wait for an acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._make_room(address[0])
            visit = self._loop.create_task(self._visit(connection, address))
            self._visits[visit] = address[0]
            self._held[address[0]] += 1
            visit.add_done_callback(self._left)
            await asyncio.sleep(0)  # connected senders have their turn, however many wait

    def _left(self, visit: asyncio.Task[None]) -> None:
        self._give_back(visit)
        if not visit.cancelled() and visit.exception() is not None:
            log.error("a connection failed kind=%s", _kind_of(visit))

    def _give_back(self, visit: asyncio.Task[None]) -> None:
        """Free a place, once for each visit."""
        address = self._visits.pop(visit, None)
        if address is None:
            return
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]

    def _make_room(self, address: str) -> None:
        if self._held[address] < _PER_ADDRESS:
            if len(self._visits) < self._greatest:
                return
            address = self._held.most_common(1)[0][0]
        self._drop(next(visit for visit, of in self._visits.items() if of == address))

    def _drop(self, visit: asyncio.Task[None]) -> None:
        visit.cancel()
        self._give_back(visit)  # now, as it ends only in a later turn of the loop

    async def _visit(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        try:
            async with asyncio.timeout(_DEADLINE):
                await self._converse(connection, address)
        except ssl.SSLError as error:  # no TLS at all, or our certificate is not trusted
            log.warning("refused source=%s reason=TLS: %s", address[0], error.reason)
        except (OSError, TimeoutError) as error:
            log.debug("a connection ended source=%s kind=%s", address[0], type(error).__name__)

    async def _converse(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        reader = asyncio.StreamReader(_AT_ONCE)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self._loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=self._certificate.context,
            ssl_handshake_timeout=_HANDSHAKE, ssl_shutdown_timeout=_GOODBYE,
        )  # fmt: skip
        writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        try:
            await self._pass_on(reader, writer, address)
        except BaseException:
            transport.abort()
            raise
        writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: tuple[Any, ...]
    ) -> None:
        """Pass the plain bytes on to waitress, where a silent sender holds no place."""
        first = await reader.read(_AT_ONCE)
        if not first:
            return
        ours, theirs = socket.socketpair()
        self._submit(theirs, address)
        answer = _ResponseRelay(writer)
        inward, _ = await self._loop.create_connection(lambda: answer, sock=ours)
        inward.write(first)
        asking = self._loop.create_task(_ask(reader, inward))
        try:
            await answer.given.wait()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            inward.abort()
        if not answer.last.startswith(b"HTTP/1.1 200 "):
            await _let_finish(reader)


class _ResponseRelay(asyncio.Protocol):
    """What waitress says, on its way out."""

    def __init__(self, outward: asyncio.StreamWriter) -> None:
        self.last = b""  # the last of it
        self.given = asyncio.Event()
        self._outward = outward

    def data_received(self, data: bytes) -> None:
        self.last = data
        self._outward.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.given.set()


async def _ask(reader: asyncio.StreamReader, inward: asyncio.WriteTransport) -> None:
    try:
        while data := await reader.read(_AT_ONCE):
            inward.write(data)
            while inward.get_write_buffer_size() > _AT_ONCE:
                await asyncio.sleep(_QUIET)
    except OSError:  # the sender is gone, so nobody waits for an answer
        inward.abort()
    else:
        inward.write_eof()


async def _let_finish(reader: asyncio.StreamReader) -> None:
    """Throw away what a refused sender still sends, else he would never read why."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE):
            while await asyncio.wait_for(reader.read(_AT_ONCE), _QUIET):
                pass


def _kind_of(task: asyncio.Task[None]) -> str:
    """Return what ended a task; its text may hold what somebody sent."""
    error = None if task.cancelled() else task.exception()
    return type(error).__name__


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(chain, key, _no_password)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        raise CertificateUnusable(f"{chain} with {key}: {reason}") from error
    return context


def _no_password() -> str:
    # Else OpenSSL asks at the terminal, and the whole process waits for the answer.
    raise CertificateUnusable("the private key is encrypted; store it without a password")
