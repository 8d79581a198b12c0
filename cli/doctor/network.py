"""Checks of what others must reach: the broker, the PBX, our callback address."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import httpx
from pydantic import SecretStr

from bus.access.accounts import user_account
from bus.events import CallEvent
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.settings import BrokerSettings, command_accounts, read_accounts
from cli.commands.watch import HITS, LAST_NOTIFICATION, gateway_metrics
from cli.demo.mosquitto import program
from cli.doctor.findings import Finding, fail, ok, said, some, warn
from cli.doctor.local import SOON, certificate, certificate_alone, is_loopback, program_at
from cli.doctor.snapshot import Snapshot
from cli.site.broker_configuration import FILE, reads_in_place
from cli.site.files import broker_folder, intended_broker_files
from cli.site.settings import Settings
from consumers.sessions.callback_check import HttpGateway, NotTaken
from consumers.sessions.faults import detail_of
from consumers.users import Users
from runtime.addresses import here, join_address, split_address
from starface.callback import TEST_USER, callback_path
from starface.certificate import ShownCertificate, shown_certificate
from starface.request import Callback
from starface.settings import callback_host
from starface.xmlrpc.reading import Writable

_TIMEOUT = 5.0  # seconds
_ENOUGH = 3  # users whom the broker refuses
TEST_STATE = "DOCTOR"  # no state of a PBX: consumers leave it alone
_NEEDED = ("allow_anonymous false", "use_username_as_clientid true", "persistence true",
           "set_tcp_nodelay true")  # fmt: skip


def broker_files(settings: Settings) -> Iterator[Finding]:
    """Check the broker's version, and its files where they are read in place."""
    folder = broker_folder(settings)
    found = program()
    if found is not None and settings.broker.version == "5":  # no other broker of ours speaks it
        first = subprocess.run([found, "-h"], capture_output=True, text=True, check=False)
        version = (first.stdout.splitlines() or [""])[0].removeprefix("mosquitto version ")
        yield ok("broker version", "broker-version", version=version)
    if (conf := folder / FILE).exists():
        stated = [line.strip() for line in conf.read_text().splitlines()]
        for line in _NEEDED:
            if line not in stated:
                yield warn("broker files", "broker-line", path=conf, line=line)
        yield from broker_certificates(folder, stated)
    for name, text in intended_broker_files(settings).items():
        if (folder / name).exists() and (folder / name).read_text() != text:
            yield fail("broker files", "broker-file-other", path=folder / name)
    if not reads_in_place(folder):
        return
    for name in (FILE, "passwords", "acl"):
        path = folder / name
        if not path.exists():
            yield fail("broker files", "broker-file-missing", path=path)
        elif not path.stat().st_mode & 0o040:
            yield fail("broker files", "broker-file-closed", path=path)


def broker_certificates(folder: Path, lines: Iterable[str]) -> Iterator[Finding]:
    """Check what each listener shows to workstations, which stay away when it is over."""
    listeners: list[dict[str, Path]] = [{}]
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "listener":
            listeners.append({})
        elif name in ("certfile", "keyfile"):
            listeners[-1][name] = folder / value.strip()
    for files in listeners:
        if "certfile" not in files or _is_the_brokers(files["certfile"]):
            continue
        if "keyfile" in files and _is_the_brokers(files["keyfile"]):
            yield certificate_alone("broker certificate", files["certfile"])
        else:
            yield certificate("broker certificate", files["certfile"], files.get("keyfile"))


def _is_the_brokers(path: Path) -> bool:
    """Return whether a file is closed to us: it may be the broker's alone."""
    try:
        path.open("rb").close()
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def broker_node(broker: BrokerSettings, account: str) -> Finding:
    """Return whether a node of the broker lets us in, and if not whether it is away."""
    where = join_address(broker.host, broker.port)
    try:
        with Connection(broker, account, lasting=False) as connection:
            connection.wait_connected()
    except BrokerUnavailable as error:
        try:
            socket.create_connection((broker.host, broker.port), _TIMEOUT).close()
        except OSError as fault:
            return fail("broker", "broker-away", where=where, reason=said(fault))
        other = program_at(broker.port) if is_loopback(broker.host) else ""
        if other and "mosquitto" not in other:
            return fail("broker", "broker-other", where=where, program=other)
        return fail("broker", "broker-refuses", where=where, reason=error)
    return ok("broker", "broker", where=where)


def broker_round_trip(connection: Connection) -> Iterator[Finding]:
    """Check that the broker hands a message of ours back to us."""
    user, came = TEST_USER, []

    def keep(received: ReceivedMessage) -> None:
        came.append(received.payload)

    connection.subscribe(connection.topics.switch(user), keep)
    begun = time.monotonic()
    connection.publish_raw(connection.topics.switch(user), b"off", expiry=5)
    while not came and time.monotonic() - begun < _TIMEOUT:
        connection.work(0.2)
    if came:
        milliseconds = round((time.monotonic() - begun) * 1000)
        yield ok("broker rights", "broker-rights", milliseconds=milliseconds)
    else:
        yield fail("broker rights", "broker-rights-none")


def broker_accounts(settings: Settings) -> Iterator[Finding]:
    """Check that the broker lets each user in, by an account that throws nobody off."""
    known = read_accounts(settings.broker.accounts_file)
    with Users(settings.database) as users:
        logins = [user.login for user in users.all()]
    without = [login for login in logins if user_account(login) not in known]
    if without:
        yield fail("broker accounts", "broker-account-none", user=some(without))
    refused: list[str] = []
    for login in sorted({*logins} - {*without}):
        *_, (account, derived) = command_accounts(
            user_account(login), known[user_account(login)]
        ).items()
        as_user = settings.broker.model_copy(
            update={"account": account, "password": SecretStr(derived)}
        )
        try:
            with Connection(as_user, account, lasting=False) as connection:
                connection.wait_connected()
        except BrokerUnavailable:
            refused.append(login)
            if len(refused) == _ENOUGH:  # each may take seconds, and all have one cause
                break
    if refused:
        yield fail("broker accounts", "broker-account-refused", user=some(refused))
    elif logins:
        yield ok("broker accounts", "broker-accounts", count=len(logins))


def pbx(settings: Settings) -> Iterator[Finding]:
    """Check name, ping, port, certificate and clock of the PBX."""
    starface = settings.starface
    if not starface.host:
        yield fail("pbx", "pbx-none")
        return
    try:
        [(*_, place), *_] = socket.getaddrinfo(starface.host, starface.pbx_port)
    except OSError:
        yield fail("pbx name", "pbx-name-unknown", host=starface.host)
        return
    address = ip_address(str(place[0]).partition("%")[0])
    yield ok("pbx name", "pbx-name", host=starface.host, address=address)
    yield from _location(settings, address)
    yield from _ping(starface.host)
    at = {"port": starface.pbx_port, "host": starface.host}
    try:
        with socket.create_connection((starface.host, starface.pbx_port), _TIMEOUT):
            yield ok("pbx port", "pbx-port", **at)
    except OSError as error:
        yield fail("pbx port", "pbx-port-silent", reason=said(error), **at)
        return
    if starface.scheme == "https":
        yield from _pbx_certificate(settings)
    yield from _clock(settings)


def _location(settings: Settings, pbx: IPv4Address | IPv6Address) -> Iterator[Finding]:
    """Check that the PBX is where the configuration says, and that it may send us calls."""
    starface = settings.starface
    if starface.location == "local" and pbx.is_global and not starface.callback_host:
        yield warn("pbx location", "pbx-location-public", address=pbx)
    if starface.location == "cloud" and pbx.is_private:
        yield warn("pbx location", "pbx-location-private", address=pbx)
    try:
        external = ip_address(starface.external_address)
    except ValueError:
        external = None  # a name, or none
    if starface.location == "cloud" and external is not None and external.is_private:
        yield fail("pbx location", "pbx-external-private", address=external)
    sources = settings.gateway.sources
    if sources and starface.location == "local" and not any(pbx in network for network in sources):
        shown = ", ".join(map(str, sources))
        yield fail(
            "pbx location", "pbx-source-refused",
            address=pbx, sources=shown, own=callback_host(starface),
        )  # fmt: skip


def _ping(host: str) -> Iterator[Finding]:
    ping = shutil.which("ping")
    if ping is None:
        yield warn("pbx ping", "pbx-ping-missing")
        return
    answer = subprocess.run(
        [ping, "-c", "1", "-W", "2", "--", host], capture_output=True, check=False
    )
    if answer.returncode == 0:
        yield ok("pbx ping", "pbx-ping", host=host)
    else:
        yield warn("pbx ping", "pbx-ping-silent", host=host)


def _pbx_certificate(settings: Settings) -> Iterator[Finding]:
    starface, check = settings.starface, "pbx certificate"
    try:
        shown = shown_certificate(starface.host, starface.pbx_port)
    except OSError as error:
        yield fail(check, "pbx-tls", port=starface.pbx_port, reason=said(error))
        return
    days = (shown.expires - datetime.now(UTC)).days
    fingerprint = shown.fingerprint
    if starface.verify == "off":
        yield warn(check, "pbx-certificate-off", fingerprint=fingerprint)
    elif starface.verify == "pinned" and fingerprint != starface.fingerprint:
        yield fail(check, "pbx-certificate-other", fingerprint=fingerprint)
    elif starface.verify == "on" and shown.problem:
        yield untrusted(shown, starface.host)
    elif shown.problem == "expired":  # the pinned one is taken all the same
        yield replace(untrusted(shown, starface.host), level="warn")
    elif days < SOON:
        yield warn(check, "pbx-certificate-ends", days=days)
    else:
        yield ok(check, "pbx-certificate", subject=shown.subject, days=days)


def untrusted(shown: ShownCertificate, host: str) -> Finding:
    """Return why this machine does not trust what the PBX shows."""
    return fail(
        "pbx certificate", f"pbx-certificate-{shown.problem}", host=host, issuer=shown.issuer,
        names=some(shown.names) or shown.subject, expires=f"{shown.expires:%Y-%m-%d}",
        reason=shown.reason, fingerprint=shown.fingerprint,
    )  # fmt: skip


def _clock(settings: Settings) -> Iterator[Finding]:
    try:
        answer = httpx.head(settings.starface.origin, timeout=_TIMEOUT, verify=False)  # noqa: S501
    except httpx.HTTPError as error:
        if settings.starface.scheme == "http":
            yield fail("pbx port", "pbx-http", port=settings.starface.pbx_port, reason=error)
        return
    if answer.status_code == httpx.codes.BAD_REQUEST and settings.starface.scheme == "http":
        yield fail("pbx port", "pbx-http", port=settings.starface.pbx_port, reason=400)
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return  # not every PBX says what time it is
    seconds = round((datetime.now(UTC) - theirs).total_seconds())
    if abs(seconds) > 30:
        yield warn("clock", "clock-differs", seconds=abs(seconds))
    else:
        yield ok("clock", "clock")


def callback(settings: Settings) -> Iterator[Finding]:
    """Ask the gateway at the address that the PBX is given; check its own certificate."""
    starface, gateway = settings.starface, settings.gateway
    try:
        host = callback_host(starface)
    except OSError as error:
        yield fail("callback", "callback-no-way", reason=said(error))
        return
    secured = starface.callback_scheme == "https"
    if gateway.certificate is not None:
        yield certificate(
            "own certificate", gateway.certificate, gateway.private_key, host if secured else ""
        )
    elif secured:
        yield fail("own certificate", "certificate-none")
    own = Callback(
        starface.callback_scheme, host, starface.callback_port,
        callback_path(TEST_USER, settings.site_key()),
    )  # fmt: skip
    where = f"{starface.callback_scheme}://{join_address(host, starface.callback_port)}/"
    try:
        HttpGateway().post(own, "starface2mqtt.callback.check", [])
    except NotTaken as error:
        if starface.location == "cloud":
            yield warn("callback", "callback-unproven", where=where, fault=error.code)
        else:
            sentence = detail_of(error.code)
            yield fail(
                "callback", "callback-silent", where=where, fault=error.code, sentence=sentence
            )
    else:
        yield ok("callback", "callback", where=where)
    last = gateway_metrics(gateway.operations).get(LAST_NOTIFICATION)
    if last:
        at = datetime.fromtimestamp(last).isoformat(" ", "seconds")  # noqa: DTZ006 - for a person here
        yield ok("notifications", "notifications", at=at)
    elif last is not None:
        yield warn("notifications", "notifications-none")


def test_event(settings: Settings, connection: Connection) -> Iterator[Finding]:
    """Send a notification through the gateway to the broker, and say how long each part took."""
    events: list[CallEvent] = []
    connection.consume(
        connection.topics.calls(TEST_USER), CallEvent, lambda event, _message: events.append(event)
    )
    host, port = "127.0.0.1", settings.starface.callback_port
    own = Callback(
        settings.starface.callback_scheme, host, port,
        callback_path(TEST_USER, settings.site_key()),
    )  # fmt: skip
    call: dict[str, Writable] = {
        "id": f"doctor-{time.time_ns()}",
        "state": TEST_STATE,
        "timestamp": datetime.now(UTC),
    }
    begun = time.monotonic()
    try:
        HttpGateway().post(own, "ucp.v22.events.call.receiveCallState", [call])
    except NotTaken as error:
        yield fail("test event", "test-event-refused", fault=error.code)
        return
    stored = time.monotonic()
    while not events and time.monotonic() - stored < _TIMEOUT:
        connection.work(0.2)
    if events:
        yield ok(
            "test event", "test-event", disk=round((stored - begun) * 1000),
            bus=round((time.monotonic() - begun) * 1000),
        )  # fmt: skip
    else:
        yield fail("test event", "test-event-lost")


def panel(settings: Settings) -> Iterator[Finding]:
    """Ask for the panel's page as a browser on this machine would."""
    scheme = "https" if settings.panel.certificate else "http"
    host, port = split_address(settings.panel.listen)
    where = f"{scheme}://{join_address(here(host), port)}{settings.panel.prefix}/"
    try:
        status = httpx.get(where, timeout=_TIMEOUT, verify=False).status_code  # noqa: S501
    except httpx.HTTPError as error:
        yield fail("panel", "panel-silent", where=where, reason=error)
        return
    if status != httpx.codes.OK:
        yield fail("panel", "panel-silent", where=where, reason=status)
    else:
        yield ok("panel", "panel", where=where)
    if settings.panel.certificate is not None:
        yield certificate("panel", settings.panel.certificate, settings.panel.private_key)
    elif not settings.panel.trusted_proxy:
        yield ok("panel", "panel-local")


def configuration_since(settings: Settings, found: Snapshot) -> Iterator[Finding]:
    """Check that what runs has read the configuration as it is now."""
    written = datetime.fromtimestamp(settings.file.stat().st_mtime, UTC)
    for detail in found.details.values():
        if found.online(detail.name) and detail.since < written:
            yield warn("processes", "processes-stale", name=detail.name, path=settings.file)
            return


def processes(found: Snapshot, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Check that what should run is connected to the broker, and what it says cannot work."""
    running = {name.partition("-")[0] for name in found.processes if found.online(name)}
    nobody = not any(user.state == "active" for user in found.users.values())
    away = [name for name in wanted if name not in running]
    if nobody and "caller" in away:  # it may run for active users only
        away.remove("caller")
    if away:
        yield fail("processes", "processes-away", name=", ".join(away))
    if here := [name for name in wanted if name in running]:
        yield ok("processes", "processes", name=", ".join(here))
    for detail in found.details.values():
        for fault in detail.faults:
            yield fail("processes", "processes-fault", name=detail.name, fault=fault)


def visits(settings: Settings, seconds: int) -> Iterator[Finding]:
    """Wait for somebody to open the gateway's page from outside."""
    before = gateway_metrics(settings.gateway.operations).get(HITS)
    if before is None:
        yield warn("visit", "visit-no-counter")
        return
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = gateway_metrics(settings.gateway.operations).get(HITS)
        if now is not None and now > before:
            yield ok("visit", "visit", before=int(before), now=int(now))
            return
        time.sleep(0.5)
    yield fail(
        "visit", "visit-none", seconds=seconds, hits=int(before),
        port=settings.starface.callback_port,
    )  # fmt: skip
