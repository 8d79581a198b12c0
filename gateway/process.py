"""The gateway as a process: notifications in by HTTP, events out by MQTT, until SIGTERM."""

import errno
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from bus.numbers import NumberProfile
from bus.process import private_folder, stop_on_signals
from bus.settings import BrokerSettings, SettingsRefused
from gateway.app import create_app
from gateway.bell import Bell
from gateway.doorkeeper import Doorkeeper
from gateway.eventlog import EventLog
from gateway.logfile import LogUnavailable
from gateway.rates import Rates
from gateway.server import HttpServer, listening
from gateway.settings import GatewaySettings, address
from gateway.sources import Sources
from gateway.station import Duty, Station
from gateway.tally import HITS, Tally

log = logging.getLogger(__name__)

_COUNTS = 1.0  # seconds between two writings of what was counted
_GOODBYE = 3.0  # seconds for the publisher to end


def run(
    gateway: GatewaySettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    site_key: bytes,
    data_folder: Path,
) -> None:
    """Take notifications and publish events until SIGTERM; raise SettingsRefused."""
    private_folder(data_folder)
    broker.credentials(gateway.account)
    _run_one(gateway, broker, profile, site_key, data_folder)


def _run_one(
    gateway: GatewaySettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    site_key: bytes,
    folder: Path,
) -> None:
    tally = Tally()
    greatest = gateway.log_megabytes * 1024 * 1024
    duty = Duty(folder, gateway.account, broker, gateway.keep_hours * 3600, greatest)
    station = Station(duty, tally)
    bell = Bell(folder)
    try:
        events = EventLog(
            folder, gateway.account, tally, _ringing(station, bell), greatest=greatest
        )
    except LogUnavailable as error:
        raise SettingsRefused(str(error)) from error
    sources = Sources(gateway.sources, gateway.trusted_proxy)
    door = Doorkeeper(site_key, sources, Rates(gateway.rate, gateway.burst))
    sockets = _sockets(gateway.listen, shared=gateway.processes > 1)
    server = HttpServer(
        create_app(events, door, profile), sockets, gateway.threads,
        sources.may_connect, _counting(tally),
    )  # fmt: skip
    stop_on_signals(server.stop)
    station.start()
    ended = threading.Event()
    counts = threading.Thread(target=_write_counts, args=(events, ended), daemon=True)
    counts.start()
    log.info("listening on=%s gateway=%s", ",".join(gateway.listen), events.gateway)
    server.run()
    station.stop(_GOODBYE)
    ended.set()
    counts.join(1)
    events.close()
    log.info("stopped")


def _sockets(listen: Sequence[str], *, shared: bool) -> list[socket.socket]:
    opened: list[socket.socket] = []
    for one in listen:
        host, port = address(one)
        try:
            opened.append(listening(host, port, shared=shared))
        except OSError as error:
            for sock in opened:
                sock.close()
            raise SettingsRefused(f"[gateway] listen: {_trouble(one, port, error)}") from error
    return opened


def _trouble(listen: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken by another program; find it with: ss -ltnp 'sport = :{port}', "
            f"or choose another port instead of {listen!r}"
        )
    return f"cannot listen on {listen!r}: {error.strerror or error}"


def _ringing(station: Station, bell: Bell) -> Callable[[], None]:
    def ring() -> None:
        if not station.rung():
            bell.ring()

    return ring


def _counting(tally: Tally) -> Callable[[int], None]:
    def answered(status: int) -> None:
        tally.count(HITS, f"requests:{status}")

    return answered


def _write_counts(events: EventLog, ended: threading.Event) -> None:
    while not ended.wait(_COUNTS):
        try:
            events.write_counts()
        except LogUnavailable as error:
            log.error("counts not written reason=%s", error)
