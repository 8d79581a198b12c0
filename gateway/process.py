"""The gateway as a process: notifications in by HTTP, events out by MQTT, until SIGTERM."""

import errno
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bus.mqtt.client import ClientFactory
from bus.mqtt.connection import client_for
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings, SettingsRefused
from gateway.admission import Admission, RateLimits
from gateway.app import create_app
from gateway.callbacks import CallbackValidity
from gateway.calls.private_calls import PrivateCalls
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import LogUnavailable, open_log
from gateway.eventlog.identity import renew_if_put_back
from gateway.eventlog.writer import EventLog, LogFault
from gateway.http.server import HttpServer, listening
from gateway.http.tls import CertificateUnusable, ServerCertificate, TlsServer
from gateway.publishing.leader import LOCK, PublisherLeader, PublisherSettings
from gateway.publishing.wakeup import Waker
from gateway.settings import GatewaySettings
from gateway.source_addresses import SourceAddresses
from runtime.addresses import split_address
from runtime.child_processes import ChildProcesses, compact
from runtime.files import private_file
from runtime.outage import outlasting
from runtime.process import stop_on_signals

if TYPE_CHECKING:
    from runtime.operations import OperationsServer

log = logging.getLogger(__name__)

PUBLISHER = "publisher"
_ENDING = (signal.SIGTERM, signal.SIGINT)
_MEGABYTE = 1024 * 1024
_EVERY = 60.0  # seconds between two looks at the processes; that one has ended is seen at once
_COUNTS = 1.0  # seconds between two writings of what was counted
_GOODBYE = 3.0  # seconds for the publisher to end


@outlasting("gateway")
def run(
    gateway: GatewaySettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    site_key: bytes,
    data_folder: Path,
) -> None:
    """Take notifications and publish events until SIGTERM; raise SettingsRefused."""
    private_file(data_folder / LOCK)
    broker.credentials(gateway.account)
    certificate = _certificate(gateway)
    private = PrivateCalls(PrivateNumbers(data_folder, site_key))
    try:
        renew_if_put_back(data_folder, data_folder / LOCK)
        open_log(data_folder, durable=True).close()  # what refuses every process is said once
    except LogUnavailable as error:
        raise SettingsRefused(str(error)) from error
    with ExitStack() as opened:
        sockets = _sockets(gateway.listen, opened)
        site = GatewayContext(
            gateway, broker, profile, site_key, data_folder, certificate, private, LogFault()
        )
        GatewayProcesses(site, sockets).run()


class GatewayProcesses:
    """The processes that answer the PBX, behind the same sockets, and the one that publishes.

    The publisher has an interpreter of its own, because it would else take that of the requests
    away from them. The sockets belong to the parent: while a process that died is started again,
    a connection waits in the kernel.
    """

    def __init__(self, site: "GatewayContext", sockets: list[socket.socket]) -> None:
        self._children = ChildProcesses()
        self._sockets = sockets
        self._work: dict[str, Callable[[], None]] = {PUBLISHER: partial(_publish, site, sockets)}
        for number in range(1, site.gateway.processes + 1):
            self._work[f"gateway {number}"] = partial(_serve, site, sockets)

    def run(self) -> None:
        """Keep them running until SIGTERM."""
        gc.set_threshold(10_000)  # collecting at every 700 objects costs some percent
        compact()
        self._children.run(self._reconcile, _EVERY, self._stop)

    def _reconcile(self) -> None:
        for name, work in self._work.items():
            self._children.keep(name, work)

    def _stop(self) -> None:
        """Refuse who connects from now on, and leave the publisher until all has been answered."""
        for sock in self._sockets:
            sock.close()
        self._children.end(self._work.keys() - {PUBLISHER})


@dataclass(frozen=True)
class GatewayContext:
    """All that a gateway process needs."""

    gateway: GatewaySettings
    broker: BrokerSettings
    profile: NumberProfile
    key: bytes
    folder: Path
    certificate: ServerCertificate | None
    private: PrivateCalls
    fault: LogFault


def _serve(site: GatewayContext, sockets: list[socket.socket]) -> None:
    """Be a process that answers the PBX, until SIGTERM."""
    gateway, counters, waker = site.gateway, Counters(), Waker(site.folder)
    events = _events(site, counters, waker.notify, private=site.private)
    sources = SourceAddresses(gateway.sources, gateway.trusted_proxy)
    admission = Admission(
        site.key, sources, RateLimits(gateway.rate, gateway.burst), CallbackValidity(site.folder)
    )
    app = create_app(events, admission, site.profile)
    tls, plain = _divided(site, sockets)
    server = HttpServer(app, plain, sources.may_connect, _counting(counters), tls)
    secured = _secured(site, server, tls)
    stop_on_signals(lambda: _stop(server, secured))
    with _writing_counts(events):
        for listener in secured:
            listener.start()
        log.info("listening on=%s gateway=%s", ",".join(gateway.listen), events.gateway)
        gc.freeze()  # what exists stays
        server.run(lambda: any(listener.busy for listener in secured))
        for listener in secured:
            listener.join()
    events.close()
    waker.close()
    log.info("stopped")


def _publish(site: GatewayContext, sockets: list[socket.socket]) -> None:
    """Be the process that publishes, or waits until it may, until SIGTERM."""
    for sock in sockets:  # else who connects at the end would be left waiting, not refused
        sock.close()
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # for the threads too
    gateway, counters = site.gateway, Counters()
    leader = PublisherLeader(
        PublisherSettings(
            site.folder, gateway.account, site.broker, _clients(site),
            gateway.keep_hours * 3600, gateway.log_megabytes * _MEGABYTE,
        ), counters,
    )  # fmt: skip
    events = _events(site, counters)
    with ExitStack() as operations:
        leader.on_elected = lambda: operations.enter_context(
            _operations(gateway.operations, events, leader)
        )
        leader.start()
        with _writing_counts(events):
            signal.sigwait(_ENDING)
        leader.stop(_GOODBYE)
    events.close()


def _events(
    site: GatewayContext,
    counters: Counters,
    committed: Callable[[], object] = bool,
    private: PrivateCalls | None = None,
) -> EventLog:
    try:
        return EventLog(
            site.folder, site.gateway.account, counters, committed, site.fault,
            greatest=site.gateway.log_megabytes * _MEGABYTE, private=private,
        )  # fmt: skip
    except LogUnavailable as error:  # the parent starts it again
        log.error("a gateway process cannot begin reason=%s", error)
        raise SystemExit(1) from error


def _clients(site: GatewayContext) -> ClientFactory:
    if site.gateway.mqtt_client == "mqtt5":
        return client_for(site.broker)
    from bus.mqtt.paho_client import PahoClient  # costs memory, so only where it is wished

    return PahoClient


def _certificate(gateway: GatewaySettings) -> ServerCertificate | None:
    if gateway.certificate is None or gateway.private_key is None:
        return None
    try:
        return ServerCertificate(gateway.certificate, gateway.private_key)
    except CertificateUnusable as error:
        raise SettingsRefused(f"[gateway] certificate, private_key: {error}") from error


def _divided(
    site: GatewayContext, sockets: list[socket.socket]
) -> tuple[list[socket.socket], list[socket.socket]]:
    """Return the listeners with TLS and those without."""
    wanted = site.gateway.tls_port if site.certificate else 0
    tls = [sock for sock in sockets if sock.getsockname()[1] == wanted]
    return tls, [sock for sock in sockets if sock not in tls]


def _secured(
    site: GatewayContext, server: HttpServer, sockets: list[socket.socket]
) -> list[TlsServer]:
    if site.certificate is None:
        return []
    pairs = zip(sockets, server.handoff_servers, strict=True)
    return [TlsServer(sock, site.certificate, one.admits, one.submit) for sock, one in pairs]


def _stop(server: HttpServer, secured: list[TlsServer]) -> None:
    for listener in secured:
        listener.close()
    server.stop()


def _operations(listen: str, events: EventLog, leader: PublisherLeader) -> "OperationsServer":
    # costs memory, so only in the process that has it
    from gateway.operations import operations_server

    return operations_server(listen, events, leader)


def _sockets(listen: Sequence[str], opened: ExitStack) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for one in listen:
        host, port = split_address(one)
        try:
            sockets.append(opened.enter_context(listening(host, port)))
        except OSError as error:
            raise SettingsRefused(f"[gateway] listen: {_trouble(one, port, error)}") from error
    return sockets


def _trouble(listen: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken by another program; find it with: ss -ltnp 'sport = :{port}', "
            f"or choose another port instead of {listen!r}"
        )
    return f"cannot listen on {listen!r}: {error.strerror or error}"


def _counting(counters: Counters) -> Callable[[int], None]:
    def answered(status: int) -> None:
        counters.count(f"requests:{status}")

    return answered


@contextmanager
def _writing_counts(events: EventLog) -> Iterator[None]:
    ended = threading.Event()
    counts = threading.Thread(target=_write_counts, args=(events, ended), daemon=True)
    counts.start()
    try:
        yield
    finally:
        ended.set()
        counts.join(1)


def _write_counts(events: EventLog, ended: threading.Event) -> None:
    while not ended.wait(_COUNTS):
        try:
            events.write_counts(ended)
        except LogUnavailable as error:
            log.error("counts not written reason=%s", error)
