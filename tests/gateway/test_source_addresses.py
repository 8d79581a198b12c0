"""Who may notify, seen from outside: by plain HTTP and by TLS, with a proxy and without."""

import contextlib
import json
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port
from gateway.eventlog.file import NAME
from gateway.source_addresses import SourceAddresses
from tests.certificates import make
from tests.gateway.running import GatewayProcess, call_state, parsed, path_of

LISTED, UNLISTED, PROXY = "127.0.5.1", "127.0.6.1", "127.0.0.9"
NOBODY = 0  # the connection was closed without an answer


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    chain, private = make(tmp_path, "gateway")
    plain, secure = free_port(), free_port()
    return {
        "listen": (f"127.0.0.1:{plain}", f"127.0.0.1:{secure}"),
        "tls_port": secure,
        "certificate": str(chain),
        "private_key": str(private),
        # The tests themselves ask from 127.0.0.1 whether the gateway answers.
        "sources": ("127.0.5.0/24", "127.0.0.1/32"),
    }


@contextlib.contextmanager
def _gateway(folder: Path, settings: dict[str, object]) -> Iterator[GatewayProcess]:
    broker = BrokerSettings(port=free_port(), account="gateway", password=SecretStr("x"))
    ports = [int(one.rpartition(":")[2]) for one in settings["listen"]]  # type: ignore[attr-defined]
    with GatewayProcess(folder / "data", broker, ports[0], **settings) as process:
        process.secure = ports[1]
        yield process


@pytest.fixture
def alone(tmp_path: Path, settings: dict[str, object]) -> Iterator[GatewayProcess]:
    with _gateway(tmp_path, settings) as process:
        yield process


@pytest.fixture
def proxied(tmp_path: Path, settings: dict[str, object]) -> Iterator[GatewayProcess]:
    with _gateway(tmp_path, settings | {"trusted_proxy": PROXY}) as process:
        yield process


def _notify(
    port: int, source: str, call: str, *forwarded: str, tls: bool, path: str | None = None
) -> int:
    """Return the status of one notification from an address, with such header lines."""
    body = call_state(call)
    lines = [f"X-Forwarded-For: {one}" for one in forwarded]
    head = [f"POST {path or path_of('0011')} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    reported = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError), socket.socket() as connection:
        connection.settimeout(10)
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", port))
        with _secured(connection) if tls else connection as line:
            line.sendall("\r\n".join([*head, *lines, "", ""]).encode() + body)
            while part := line.recv(65_536):
                reported += part
    return parsed(reported)[0] if reported else NOBODY


def _secured(connection: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def _kept(gateway: GatewayProcess) -> set[str]:
    with contextlib.closing(sqlite3.connect(gateway.folder / NAME)) as db:
        payloads = db.execute("SELECT payload FROM events").fetchall()
    return {json.loads(payload)["data"]["call_id"] for (payload,) in payloads}


@pytest.mark.parametrize("tls", [False, True])
def test_without_a_proxy_nobody_is_believed_to_be_another(alone: GatewayProcess, tls: bool) -> None:
    port = alone.secure if tls else alone.port
    tries = {
        "listed": (LISTED,),
        "forging": (LISTED, UNLISTED),
        "unlisted": (UNLISTED,),
        "forged": (UNLISTED, LISTED),
        "twice forged": (UNLISTED, LISTED, LISTED),
        "proxy": (PROXY, LISTED),
    }

    reported = {name: _notify(port, *how, tls=tls) for name, how in _named(tries)}

    assert {name for name, status in reported.items() if status == 200} == {"listed", "forging"}
    assert {status for status in reported.values() if status != 200} == {NOBODY}
    assert _kept(alone) == {"listed", "forging"}


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_is_believed_in_what_it_said_itself(proxied: GatewayProcess, tls: bool) -> None:
    port = proxied.secure if tls else proxied.port
    tries = {
        "listed": (LISTED,),
        "for a listed one": (PROXY, LISTED),
        "for a listed one who forged": (PROXY, f"{UNLISTED}, {LISTED}"),
        "for a listed one who forged a line": (PROXY, UNLISTED, LISTED),
        "unlisted": (UNLISTED,),
        "unlisted, forging": (UNLISTED, LISTED),
        "for an unlisted one": (PROXY, UNLISTED),
        "for an unlisted one who forged": (PROXY, f"{LISTED}, {UNLISTED}"),
        "for an unlisted one who forged a line": (PROXY, LISTED, UNLISTED),
        "for nobody": (PROXY,),
        "for nonsense": (PROXY, "unknown"),
    }

    reported = {name: _notify(port, *how, tls=tls) for name, how in _named(tries)}

    taken = {name for name in tries if name == "listed" or name.startswith("for a listed")}
    assert {name for name, status in reported.items() if status == 200} == taken
    assert {status for status in reported.values() if status != 200} == {403}
    assert _kept(proxied) == {name.replace(" ", "-") for name in taken}


def _named(tries: dict[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each try with the call it reports after its source."""
    return [
        (name, (source, name.replace(" ", "-"), *forwarded))
        for name, (source, *forwarded) in tries.items()
    ]


@pytest.mark.parametrize("tls", [False, True])
def test_a_wrong_path_and_another_user_reveal_nothing(alone: GatewayProcess, tls: bool) -> None:
    port = alone.secure if tls else alone.port
    own, another = path_of("0011"), path_of("0012")
    mixed = "/".join([*own.split("/")[:3], *another.split("/")[3:]])
    paths = {mixed: 404, own[:-1]: 404, f"{own}?de.vertico.starface.user=0012": 403}

    reported = {path: _notify(port, LISTED, "c", tls=tls, path=path) for path in paths}

    assert reported == paths
    assert _kept(alone) == set()


SOME = [ip_network(one) for one in ("192.0.2.0/24", "2001:db8::/32", "::ffff:198.51.100.0/120")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("10.0.0.1", "192.0.2.5", "192.0.2.5"),
        ("::ffff:10.0.0.1", "192.0.2.5", "192.0.2.5"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.5", "192.0.2.5"),
        ("10.0.0.1", "192.0.2.5:1234", "192.0.2.5"),
        ("10.0.0.1", "::ffff:192.0.2.5", "192.0.2.5"),
        ("10.0.0.1", "2001:db8::5", "2001:db8::5"),
        ("10.0.0.1", "[2001:db8::5]", "2001:db8::5"),
        ("10.0.0.1", "[2001:db8::5]:1234", "2001:db8::5"),
        ("198.51.100.7", None, "198.51.100.7"),
    ],
)
def test_an_address_is_known_in_every_spelling(
    peer: str, forwarded: str | None, source: str
) -> None:
    for proxy in ("10.0.0.1", "::ffff:10.0.0.1"):
        sources = SourceAddresses(SOME, ip_address(proxy))

        assert str(sources.of(peer, forwarded)) == source
        assert sources.allow(sources.of(peer, forwarded))


@pytest.mark.parametrize(
    "forwarded",
    [None, "", "unknown", "192.0.2.5, 6.6.6.6", '"192.0.2.5"', "[192.0.2.5", "6.6.6.6:1"],
)
def test_what_a_proxy_does_not_state_plainly_is_nobody(forwarded: str | None) -> None:
    sources = SourceAddresses(SOME, ip_address("10.0.0.1"))

    assert not sources.allow(sources.of("10.0.0.1", forwarded))
