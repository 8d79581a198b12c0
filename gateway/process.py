"""The gateway as a process: notifications in by HTTP, events out by MQTT, until SIGTERM."""

import errno
import gc
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.mqtt.client import ClientFactory
from bus.mqtt.mqtt5_client import CodecClient
from bus.mqtt.paho_client import PahoClient
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings, SettingsRefused
from gateway.admission import Admission, RateLimits
from gateway.app import create_app
from gateway.callbacks import CallbackValidity
from gateway.calls.private_calls import PrivateCalls
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.identity import renew_if_put_back
from gateway.eventlog.writer import EventLog
from gateway.http.server import HttpServer, listening
from gateway.http.tls import CertificateUnusable, ServerCertificate, TlsServer
from gateway.operations import Operations
from gateway.publishing.leader import LOCK, PublisherLeader, PublisherSettings
from gateway.publishing.wakeup import Waker
from gateway.settings import GatewaySettings
from gateway.source_addresses import SourceAddresses
from runtime.addresses import split_address
from runtime.files import private_file
from runtime.outage import outlasting
from runtime.process import stop_on_signals

log = logging.getLogger(__name__)

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
    try:
        renew_if_put_back(data_folder, data_folder / LOCK)
    except LogUnavailable as error:
        raise SettingsRefused(str(error)) from error
    sockets = _sockets(gateway.listen)
    site = GatewayContext(gateway, broker, profile, site_key, data_folder, certificate)
    if gateway.processes == 1:
        _work(site, sockets)
    else:
        WorkerProcesses(gateway.processes, lambda: _work(site, sockets)).run()
    for sock in sockets:
        sock.close()


class WorkerProcesses:
    """Several processes behind the same listening sockets; one that dies is started again.

    The sockets belong to the parent, so a connection waits in the kernel meanwhile.
    """

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self._names = tuple(f"gateway {number}" for number in range(1, count + 1))
        self._work = work

    def run(self) -> None:
        """Keep them running until SIGTERM."""
        from runtime.child_processes import ChildProcesses  # only for systems that can fork

        children = ChildProcesses()

        def reconcile() -> None:
            for name in self._names:
                children.keep(name, self._work)

        children.run(reconcile)


@dataclass(frozen=True)
class GatewayContext:
    """All that a gateway process needs."""

    gateway: GatewaySettings
    broker: BrokerSettings
    profile: NumberProfile
    key: bytes
    folder: Path
    certificate: ServerCertificate | None


def _work(site: GatewayContext, sockets: list[socket.socket]) -> None:
    """Be one gateway process, until SIGTERM."""
    gateway, counters, waker = site.gateway, Counters(), Waker(site.folder)
    greatest = gateway.log_megabytes * 1024 * 1024
    duty = PublisherSettings(
        site.folder, gateway.account, site.broker, _clients(site),
        gateway.keep_hours * 3600, greatest,
    )  # fmt: skip
    leader = PublisherLeader(duty, counters)
    try:
        events = EventLog(
            site.folder, gateway.account, counters, _notifier(leader, waker), greatest=greatest,
            private=PrivateCalls(PrivateNumbers(site.folder, site.key)),
        )  # fmt: skip
    except LogUnavailable as error:
        raise SettingsRefused(str(error)) from error
    sources = SourceAddresses(gateway.sources, gateway.trusted_proxy)
    admission = Admission(
        site.key, sources, RateLimits(gateway.rate, gateway.burst), CallbackValidity(site.folder)
    )
    app = create_app(events, admission, site.profile)
    tls, plain = _divided(site, sockets)
    server = HttpServer(app, plain, sources.may_connect, _counting(counters), tls)
    secured = _secured(site, server, tls)
    stop_on_signals(lambda: _stop(server, secured))
    operations: list[Operations] = []
    leader.on_elected = lambda: operations.extend(_operations(gateway.operations, events, leader))
    leader.start()
    ended = threading.Event()
    counts = threading.Thread(target=_write_counts, args=(events, ended), daemon=True)
    counts.start()
    for listener in secured:
        listener.start()
    log.info("listening on=%s gateway=%s", ",".join(gateway.listen), events.gateway)
    gc.freeze()  # what exists stays; looking through it at every 700 objects costs some percent
    gc.set_threshold(10_000)
    server.run(lambda: any(listener.busy for listener in secured))
    for listener in secured:
        listener.join()
    leader.stop(_GOODBYE)
    ended.set()
    counts.join(1)
    for one in operations:
        one.stop()
    events.close()
    waker.close()
    log.info("stopped")


def _clients(site: GatewayContext) -> ClientFactory:
    codec = site.gateway.mqtt_client == "mqtt5" and site.broker.version == "5"
    return CodecClient if codec else PahoClient


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


def _operations(listen: str, events: EventLog, leader: PublisherLeader) -> list[Operations]:
    if not listen:
        return []
    try:
        return [Operations(listen, events, leader)]
    except OSError as error:
        log.error("no operations endpoint on=%s reason=%s", listen, error.strerror or error)
        return []


def _sockets(listen: Sequence[str]) -> list[socket.socket]:
    opened: list[socket.socket] = []
    for one in listen:
        host, port = split_address(one)
        try:
            opened.append(listening(host, port))
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


def _notifier(leader: PublisherLeader, waker: Waker) -> Callable[[], None]:
    def notify() -> None:
        if not leader.notify():
            waker.notify()

    return notify


def _counting(counters: Counters) -> Callable[[int], None]:
    def answered(status: int) -> None:
        counters.count(f"requests:{status}")

    return answered


def _write_counts(events: EventLog, ended: threading.Event) -> None:
    while not ended.wait(_COUNTS):
        try:
            events.write_counts()
        except LogUnavailable as error:
            log.error("counts not written reason=%s", error)
