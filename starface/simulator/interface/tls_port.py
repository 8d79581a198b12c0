"""The port of the PBX behind TLS, as most show it; the plain one stays on loopback."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from starface.simulator.interface.http_port import App, HttpPort

_PIECE = 64 * 1024


class TlsPort:
    """One port that speaks TLS with a certificate of its own."""

    def __init__(
        self, app: App, host: str, port: int, threads: int, certificate: tuple[Path, Path]
    ) -> None:
        self._inner = HttpPort(app, "127.0.0.1", 0, threads)
        self._host = host
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self.port = port

    @property
    def open(self) -> bool:
        """Whether the port answers."""
        return self._inner.open

    def __enter__(self) -> "TlsPort":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; raise OSError when the port is taken."""
        if self._loop is not None:
            return
        self._inner.start()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._run(self._listen())
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._loop is None or self._thread is None:
            return
        self._run(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None
        self._inner.stop()

    def fall_silent(self) -> None:
        """Accept connections and answer nobody."""
        self._inner.fall_silent()

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None  # noqa: S101  (asked by the callers)
        asyncio.run_coroutine_threadsafe(step, self._loop).result()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._talk, self._host, self.port, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _talk(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._talks.add(task)
            task.add_done_callback(self._talks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far, back = await asyncio.open_connection("127.0.0.1", self._inner.port)
            ways = [asyncio.create_task(_pass(near, back)), asyncio.create_task(_pass(far, out))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                back.close()
        out.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
