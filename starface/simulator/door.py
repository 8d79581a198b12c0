"""A port that answers by a WSGI app, can vanish or fall silent, and comes back.

waitress runs its loop for ever; here the loop is driven step by step, so that the port can be
taken away and given back while the process lives. The channel is put into the environment: one
trouble of a PBX is a connection that breaks.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import WSGITask

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_CHANNEL = "starface.simulator.channel"
_STEP = 0.5  # seconds


class _Task(WSGITask):  # type: ignore[misc]
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[_CHANNEL] = self.channel
        return environ


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _Task


def break_connection(environ: dict[str, Any]) -> None:
    """Reset the connection of a request; whatever is answered then reaches nobody."""
    its: socket.socket = environ[_CHANNEL].socket
    its.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    its.shutdown(socket.SHUT_RDWR)


class Door:
    """One port."""

    def __init__(self, app: App, host: str, port: int, threads: int) -> None:
        self._app = app
        self._host = host
        self._threads = threads
        self._server: TcpWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._silent = threading.Event()
        self.port = port

    @property
    def open(self) -> bool:
        """Whether the port answers."""
        return self._server is not None and not self._silent.is_set()

    def __enter__(self) -> "Door":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; raise OSError when the port is taken."""
        if self._server is not None:
            return
        self._closing.clear()
        self._silent.clear()
        self._server = create_server(
            self._app,
            map={},
            host=self._host,
            port=self.port,
            threads=self._threads,
            connection_limit=4000,
            backlog=2048,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
        )
        self._server.channel_class = _Channel
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(self._server,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None or self._thread is None:
            return
        self._closing.set()
        self._server.pull_trigger()
        self._thread.join()
        self._server.task_dispatcher.shutdown(timeout=1)
        for each in list(self._server._map.values()):
            each.close()
        self._server = self._thread = None

    def fall_silent(self) -> None:
        """Accept connections and answer nobody, as a PBX that hangs."""
        self._silent.set()

    def _run(self, server: TcpWSGIServer) -> None:
        while not self._closing.is_set():
            if self._silent.is_set():
                self._closing.wait(_STEP)
            else:
                wasyncore.loop(timeout=_STEP, use_poll=True, map=server._map, count=1)
