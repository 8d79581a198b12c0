"""Checks of what others must reach: the broker, the PBX, our callback address."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from bus.events import CallEvent
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.settings import BrokerSettings, read_accounts
from cli.commands.site.hits import http_hits
from cli.demo.mosquitto import program
from cli.doctor.findings import Finding, fail, ok, warn
from cli.doctor.local import certificate_days
from cli.doctor.snapshot import Snapshot
from cli.site.broker_configuration import FILE, reads_in_place
from cli.site.files import broker_folder
from cli.site.settings import Settings
from consumers.sessions.callback_check import HttpGateway, NotTaken
from runtime.addresses import join_address, split_address
from starface.callback import TEST_USER, callback_path
from starface.certificate import shown_certificate
from starface.client import Callback
from starface.settings import callback_host
from starface.xmlrpc.reading import Writable

_SOON = 21  # days
_TIMEOUT = 5.0  # seconds
TEST_STATE = "DOCTOR"  # no state of a PBX: consumers leave it alone


def broker_files(settings: Settings) -> Iterator[Finding]:
    """Check the broker's version, and its files where they are read in place."""
    folder = broker_folder(settings)
    found = program()
    if found is not None:
        first = subprocess.run([found, "-h"], capture_output=True, text=True, check=False)
        version = (first.stdout.splitlines() or [""])[0].removeprefix("mosquitto version ")
        if version.startswith("2.0."):
            yield ok(
                "broker version",
                f"Mosquitto {version}: accounts are only changed in the order it survives",
            )
        else:
            yield ok("broker version", f"Mosquitto {version}")
    if not reads_in_place(folder):
        return
    for name in (FILE, "passwords", "acl"):
        path = folder / name
        if not path.exists():
            yield fail("broker files", f"{path} is missing", "starface2mqtt broker files")
        elif not path.stat().st_mode & 0o040:
            yield fail("broker files", f"the broker may not read {path}", f"chmod 640 {path}")
    if (folder / "passwords").exists():
        lines = (folder / "passwords").read_text().splitlines()
        given = {line.partition(":")[0] for line in lines}
        if missing := sorted(read_accounts(settings.broker.accounts_file).keys() - given):
            yield fail(
                "broker files", f"the broker does not know the account {missing[0]}",
                "starface2mqtt broker files",
            )  # fmt: skip


def broker_node(broker: BrokerSettings, account: str) -> Finding:
    """Check that a node of the broker lets us in."""
    with Connection(broker, account, lasting=False) as connection:
        try:
            connection.wait_connected()
        except BrokerUnavailable as error:
            return fail(
                "broker", str(error),
                "systemctl start starface2mqtt-broker, or correct [broker] host and port",
            )  # fmt: skip
    return ok("broker", f"{join_address(broker.host, broker.port)} lets us in")


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
        yield ok("broker rights", f"a message came back after {milliseconds} ms")
    else:
        yield fail(
            "broker rights", "the broker lets us in, but our message did not come back",
            "starface2mqtt broker files, then have the broker read them again",
        )  # fmt: skip


def pbx(settings: Settings) -> Iterator[Finding]:
    """Check name, ping, port, certificate and clock of the PBX."""
    starface = settings.starface
    if not starface.host:
        yield fail("pbx", "no STARFACE is named", 'set [starface] host = "pbx.example.lan"')
        return
    try:
        [(*_, place), *_] = socket.getaddrinfo(starface.host, starface.pbx_port)
    except OSError:
        yield fail(
            "pbx name", f"{starface.host} is no name that this machine knows",
            "correct [starface] host, or the name server of this machine",
        )  # fmt: skip
        return
    yield ok("pbx name", f"{starface.host} is {place[0]}")
    yield from _ping(starface.host)
    try:
        with socket.create_connection((starface.host, starface.pbx_port), _TIMEOUT):
            yield ok("pbx port", f"port {starface.pbx_port} answers")
    except OSError as error:
        yield fail(
            "pbx port", f"port {starface.pbx_port} of {starface.host} does not answer ({error})",
            "does STARFACE run, are [starface] port and scheme right, is a firewall between?",
        )  # fmt: skip
        return
    if starface.scheme == "https":
        yield from _pbx_certificate(settings)
    yield from _clock(settings)


def _ping(host: str) -> Iterator[Finding]:
    ping = shutil.which("ping")
    if ping is None:
        yield warn("pbx ping", "ping is not installed", "apt install iputils-ping")
        return
    answer = subprocess.run(
        [ping, "-c", "1", "-W", "2", "--", host], capture_output=True, check=False
    )
    if answer.returncode == 0:
        yield ok("pbx ping", f"{host} answers")
    else:
        yield warn("pbx ping", f"{host} does not answer to ping; some firewalls forbid it")


def _pbx_certificate(settings: Settings) -> Iterator[Finding]:
    starface = settings.starface
    try:
        shown = shown_certificate(starface.host, starface.pbx_port)
    except OSError as error:
        yield fail(
            "pbx certificate", f"STARFACE does not speak TLS at port {starface.pbx_port} ({error})",
            'correct [starface] port, or set scheme = "http" in a LAN you trust',
        )  # fmt: skip
        return
    days = (shown.expires - datetime.now(UTC)).days
    if starface.verify == "off":
        yield warn(
            "pbx certificate", "it is not verified: who stands between reads all tokens",
            f'set [starface] verify = "pinned" and fingerprint = "{shown.fingerprint}"',
        )  # fmt: skip
    elif starface.verify == "pinned" and shown.fingerprint != starface.fingerprint:
        yield fail(
            "pbx certificate", "STARFACE shows another certificate than the pinned one",
            f'if it was renewed, set [starface] fingerprint = "{shown.fingerprint}"',
        )  # fmt: skip
    elif starface.verify == "on" and shown.problem:
        yield fail(
            "pbx certificate", f"it is not trusted: {shown.problem}",
            f'set [starface] verify = "pinned" and fingerprint = "{shown.fingerprint}"',
        )  # fmt: skip
    elif days < _SOON:
        yield warn("pbx certificate", f"it expires in {days} days", "renew it at STARFACE")
    else:
        yield ok("pbx certificate", f"{shown.subject}, {days} days left")


def _clock(settings: Settings) -> Iterator[Finding]:
    try:
        answer = httpx.head(settings.starface.origin, timeout=_TIMEOUT, verify=False)  # noqa: S501
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, KeyError, ValueError):
        return  # not every PBX says what time it is
    seconds = round((datetime.now(UTC) - theirs).total_seconds())
    if abs(seconds) > 30:
        yield warn(
            "clock", f"this machine and STARFACE differ by {abs(seconds)} s",
            "let both use the same time server: timedatectl set-ntp true",
        )  # fmt: skip
    else:
        yield ok("clock", "this machine and STARFACE agree")


def callback(settings: Settings) -> Iterator[Finding]:
    """Ask the gateway at the address that the PBX is given; check its own certificate."""
    starface, gateway = settings.starface, settings.gateway
    if gateway.certificate is not None:
        try:
            days = certificate_days(gateway.certificate)
        except (OSError, ValueError) as error:
            yield fail("own certificate", f"{gateway.certificate}: {error}", "correct the file")
        else:
            if days < 0:
                yield fail(
                    "own certificate", f"{gateway.certificate} expired {-days} days ago",
                    "renew it; the gateway reads it again by itself",
                )  # fmt: skip
            elif days < _SOON:
                yield warn("own certificate", f"it expires in {days} days", "renew it")
            else:
                yield ok("own certificate", f"{days} days left")
    elif starface.callback_scheme == "https":
        yield fail(
            "own certificate", "the PBX is to call by https, but the gateway has no certificate",
            "set [gateway] certificate and private_key",
        )  # fmt: skip
    try:
        host = callback_host(starface)
    except OSError as error:
        yield fail("callback", f"there is no way to the PBX ({error})", "see pbx name above")
        return
    own = Callback(
        starface.callback_scheme, host, starface.callback_port,
        callback_path(TEST_USER, settings.site_key()),
    )  # fmt: skip
    where = f"{starface.callback_scheme}://{join_address(host, starface.callback_port)}/"
    try:
        HttpGateway().post(own, "starface2mqtt.callback.check", [])
    except NotTaken as error:
        level = warn if starface.location == "cloud" else fail
        yield level(
            "callback", f"the gateway cannot be asked at {where} ({error.code})",
            "does it run, is the firewall open? From inside, a forwarded address often cannot be "
            "asked: then open it in a browser outside, and watch HTTP hits total rise",
        )  # fmt: skip
    else:
        yield ok("callback", f"the gateway answers at {where}")


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
        yield fail("test event", f"the gateway did not take it ({error.code})", "see callback")
        return
    stored = time.monotonic()
    while not events and time.monotonic() - stored < _TIMEOUT:
        connection.work(0.2)
    if events:
        yield ok(
            "test event", f"on disk after {round((stored - begun) * 1000)} ms, "
            f"on MQTT after {round((time.monotonic() - begun) * 1000)} ms",
        )  # fmt: skip
    else:
        yield fail(
            "test event", "the gateway took it, but no event came from the broker",
            "journalctl -u starface2mqtt | grep publishing",
        )  # fmt: skip


def panel(settings: Settings) -> Iterator[Finding]:
    """Ask for the panel's page as a browser on this machine would."""
    scheme = "https" if settings.panel.certificate else "http"
    host, port = split_address(settings.panel.listen)
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    where = f"{scheme}://{join_address(local, port)}{settings.panel.prefix}/"
    try:
        status = httpx.get(where, timeout=_TIMEOUT, verify=False).status_code  # noqa: S501
    except httpx.HTTPError as error:
        yield fail("panel", f"{where} does not answer ({error})", "journalctl -u starface2mqtt")
        return
    if status != httpx.codes.OK:
        yield fail("panel", f"{where} answers {status}", "journalctl -u starface2mqtt")
    elif settings.panel.certificate is None:
        yield ok("panel", f"{where} answers; other machines reach it by a proxy with TLS only")
    else:
        days = certificate_days(settings.panel.certificate)
        if days < _SOON:
            yield warn("panel", f"its certificate expires in {days} days", "renew it")
        else:
            yield ok("panel", f"{where} answers; {days} days of its certificate left")


def processes(found: Snapshot, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Check that what should run is connected to the broker, and what it says cannot work."""
    for name in wanted:
        serving = [each for each in found.processes if each == name or each.startswith(f"{name}-")]
        if any(found.online(each) for each in serving):
            yield ok("processes", f"{name} runs")
        else:
            yield fail(
                "processes", f"{name} does not run", "systemctl start starface2mqtt; "
                "journalctl -u starface2mqtt",
            )  # fmt: skip
    for detail in found.details.values():
        for fault in detail.faults:
            yield fail("processes", f"{detail.name}: {fault}", "correct it and restart")


def visits(settings: Settings, seconds: int) -> Iterator[Finding]:
    """Wait for somebody to open the gateway's page from outside."""
    before = http_hits(settings.gateway.operations)
    if before is None:
        yield warn("visit", "the counter of HTTP hits cannot be read", "set [gateway] operations")
        return
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = http_hits(settings.gateway.operations)
        if now is not None and now > before:
            yield ok("visit", f"HTTP hits total rose from {before} to {now}")
            return
        time.sleep(0.5)
    yield fail(
        "visit", f"nobody reached the gateway's page within {seconds} s; hits stay at {before}",
        f"open http://ADDRESS:{settings.starface.callback_port}/ from the PBX's network; "
        "no page: firewall or forwarding",
    )  # fmt: skip
