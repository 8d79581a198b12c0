"""Runs the panel: the web server in the main thread, the bus beside it."""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from bus.mqtt.connection import Connection
from bus.mqtt.presence import Presence
from bus.mqtt.requests import Requests
from bus.settings import BrokerSettings, SettingsRefused
from panel.api import Entrance, PeoplePorts, create_app
from panel.applications import Applications
from panel.bus_feed import BusFeed
from panel.bus_port import BusPort
from panel.connections import PatientLoop, PatientProtocol, descriptors_for_connections
from panel.dial_requests import DialRequests
from panel.login import AccessList, LoginCookies
from panel.settings import PanelSettings
from panel.streams import Streams
from runtime.outage import outlasting
from runtime.process import stop_on_signals
from runtime.secret_box import SecretBox

log = logging.getLogger(__name__)

_DATE_EVERY = 1.0  # seconds
_END_AGAIN = 0.2  # seconds until streams are ended again that began meanwhile
_LAST_ANSWERS = 3  # seconds for open requests when the process is asked to end


class PanelServer(uvicorn.Server):
    """uvicorn that a request to end wakes, instead of looking for one ten times a second."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def end(self) -> None:
        """End in an orderly way; any thread may call it."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End on a signal; at once if it is the second SIGINT."""
        super().handle_exit(sig, frame)
        self.end()

    async def main_loop(self) -> None:
        """Wait for the end; keep the time of the answers' header until then."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _DATE_EVERY)
        self._on_end()


class BusThread:
    """Works through what the bus brings, in a thread of its own."""

    def __init__(
        self, connection: Connection, feed: BusFeed, streams: Streams, server: PanelServer
    ) -> None:
        self._connection = connection
        self._feed = feed
        self._streams = streams
        self._server = server
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)
        self.failure: BaseException | None = None

    def __enter__(self) -> "BusThread":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.stop()
        self._thread.join(5)

    def _tick(self) -> float:
        if self._server.should_exit:
            self._streams.end_all()
            return _END_AGAIN
        return self._feed.tick()

    def _run(self) -> None:
        try:
            self._connection.run(self._tick)
        except Exception as error:  # noqa: BLE001  (raised again in the main thread)
            self.failure = error
            self._server.end()


@outlasting("panel")
def run(
    panel: PanelSettings,
    broker: BrokerSettings,
    data_folder: Path,
    key: bytes,
    account: str = "panel",
) -> None:
    """Answer requests until asked to stop; raise what ended the connection to the broker.

    `key` signs the cookies and seals passwords on their way to the sessions process.
    """
    PatientProtocol.places.most = descriptors_for_connections()
    listening = _listening(panel)
    account = broker.account_of(account)
    applications = Applications(data_folder / "applications.db")
    presence = Presence(account, faults=_faults(applications), machine=broker.machine)
    connection = Connection(broker, account, presence=presence, lasting=False)
    dialling = DialRequests(connection)
    access = AccessList(connection.topics)
    streams = Streams()
    feed = BusFeed(connection, access, streams, presence.name)
    feed.subscribe(dialling.receive)
    people = PeoplePorts(
        BusPort(connection, Requests(connection)), feed, streams, LoginCookies(key, access),
        SecretBox(key),
    )  # fmt: skip
    app = create_app(dialling, applications, panel, people)
    server = _server(app, panel, lambda: connection.post(streams.end_all))
    # uvicorn raises the signal again after its end; ours makes that an orderly one.
    stop_on_signals(server.end)
    with listening, connection, BusThread(connection, feed, streams, server) as bus_thread:
        log.info("listening address=%s", panel.listen)
        with asyncio.Runner(loop_factory=PatientLoop) as runner:
            runner.run(server.serve(sockets=[listening]))
    if bus_thread.failure is not None:
        raise bus_thread.failure


def _server(app: Any, panel: PanelSettings, on_end: Callable[[], None]) -> PanelServer:
    entrance: Any = Entrance(app, panel.prefix, tls=panel.certificate is not None)
    config = uvicorn.Config(
        entrance, access_log=False, log_config=None, lifespan="off", http=PatientProtocol,
        server_header=False, timeout_graceful_shutdown=_LAST_ANSWERS, ws="none",
        proxy_headers=bool(panel.trusted_proxy), forwarded_allow_ips=list(panel.trusted_proxy),
        ssl_certfile=panel.certificate, ssl_keyfile=panel.private_key,
    )  # fmt: skip
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise SettingsRefused(
            f"[panel] certificate {panel.certificate} and private_key {panel.private_key} cannot "
            f"be used ({error.strerror or error}); both are PEM files, and the key is the "
            "certificate's"
        ) from error
    return PanelServer(config, on_end)


def _faults(applications: Applications) -> tuple[str, ...]:
    """Return what goes wrong without stopping the pages of people, and log it."""
    if (fault := applications.fault) is None:
        return ()
    log.error("applications cannot dial reason=%s", fault)
    return (f"applications cannot dial: {fault}",)


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
