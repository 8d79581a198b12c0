"""Runs the panel: the web server in the main thread, the bus beside it."""

import functools
import logging
import socket
import threading
from pathlib import Path

import uvicorn

from bus.events import DialResult
from bus.mqtt.connection import Connection
from bus.mqtt.presence import Presence
from bus.settings import BrokerSettings, SettingsRefused
from bus.topics import ANY_USER
from panel.api import create_app
from panel.applications import Applications
from panel.dial_requests import DialRequests
from panel.settings import PanelSettings
from runtime.process import stop_on_signals

log = logging.getLogger(__name__)

_AT_ONCE = 200  # connections; more are answered 503
_LAST_ANSWERS = 3  # seconds for open requests when the process is told to end


class BusThread:
    """Works through what the bus brings, in a thread of its own."""

    def __init__(self, connection: Connection, server: uvicorn.Server) -> None:
        self._connection = connection
        self._server = server
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)
        self.failure: BaseException | None = None

    def __enter__(self) -> "BusThread":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.stop()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            self._connection.run()
        except Exception as error:  # noqa: BLE001  (raised again in the main thread)
            self.failure = error
            self._server.should_exit = True


def run(
    panel: PanelSettings, broker: BrokerSettings, data_folder: Path, account: str = "panel"
) -> None:
    """Answer requests until told to stop; raise what ended the connection to the broker."""
    listening = _listening(panel)
    connection = Connection(broker, account, presence=Presence(account), lasting=False)
    dialling = DialRequests(connection)
    connection.consume(connection.topics.dial_result(ANY_USER), DialResult, dialling.receive)
    app = create_app(dialling, Applications(data_folder / "applications.db"), panel)
    server = uvicorn.Server(
        uvicorn.Config(
            app, access_log=False, log_config=None, lifespan="off",
            server_header=False, timeout_graceful_shutdown=_LAST_ANSWERS, ws="none",
            limit_concurrency=_AT_ONCE,
        )
    )  # fmt: skip
    # uvicorn raises the signal again after its end; ours makes that an orderly one.
    stop_on_signals(functools.partial(_stop, server))
    with listening, connection, BusThread(connection, server) as following:
        log.info("listening address=%s", panel.listen)
        server.run(sockets=[listening])
    if following.failure is not None:
        raise following.failure


def _listening(panel: PanelSettings) -> socket.socket:
    host, port = panel.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsRefused(
            f"the panel cannot listen on {panel.listen} ({error.strerror}); end the program that "
            f"does, or change [panel] listen"
        ) from error


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True
