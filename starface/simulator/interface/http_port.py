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
from waitress.server import BaseWSGIServer, create_server
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
    """Break the connection of a request; whatever is answered then reaches nobody."""
    its: socket.socket = environ[_CHANNEL].socket
    its.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    its.shutdown(socket.SHUT_RDWR)


class HttpPort:
    """One port."""

    def __init__(self, app: App, host: str, port: int, threads: int) -> None:
        self._app = app
        self._host = host
        self._threads = threads
        self._sockets: dict[int, Any] = {}
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._silent = threading.Event()
        self.port = port

    @property
    def open(self) -> bool:
        """Whether the port answers."""
        return self._thread is not None and not self._silent.is_set()

    def __enter__(self) -> "HttpPort":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; raise OSError when the port is taken."""
        if self._thread is not None:
            return
        self._closing.clear()
        self._silent.clear()
        create_server(
            self._app,
            map=self._sockets,
            host=self._host,
            port=self.port,
            threads=self._threads,
            connection_limit=4000,
            backlog=2048,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
        )
        for server in self._servers():
            server.channel_class = _Channel
            self.port = int(server.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._thread is None:
            return
        self._closing.set()
        server = self._servers()[0]
        server.pull_trigger()
        self._thread.join()
        server.task_dispatcher.shutdown(timeout=1)
        for each in list(self._sockets.values()):
            each.close()
        self._sockets.clear()
        self._thread = None

    def fall_silent(self) -> None:
        """Accept connections and answer nobody, as a PBX that hangs."""
        self._silent.set()

    def _servers(self) -> list[BaseWSGIServer]:
        return [each for each in self._sockets.values() if isinstance(each, BaseWSGIServer)]

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._silent.is_set():
                self._closing.wait(_STEP)
            else:
                wasyncore.loop(timeout=_STEP, use_poll=True, map=self._sockets, count=1)
