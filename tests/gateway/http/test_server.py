"""waitress made strict, as a process, with raw sockets. No broker: the gateway needs none here."""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port
from gateway.eventlog.file import NAME
from gateway.http.server import DEADLINE
from tests.conftest import wait_until
from tests.fuzz.mutation import mutated
from tests.gateway.running import (
    GatewayProcess,
    call_state,
    notify,
    parsed,
    path_of,
    raw,
    request,
)

CRLF = "\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    broker = BrokerSettings(port=free_port(), account="gateway", password=SecretStr("x"))
    folder = tmp_path_factory.mktemp("server") / "data"
    with GatewayProcess(folder, broker, free_port(), rate=10_000, burst=10_000) as process:
        yield process


@pytest.fixture
def kept(gateway: GatewayProcess) -> Callable[[], list[str]]:
    """Return which calls were kept since the test began."""

    def read(after: int = 0) -> list[tuple[int, str]]:
        with contextlib.closing(sqlite3.connect(gateway.folder / NAME)) as db:
            rows = db.execute("SELECT place, payload FROM events WHERE place > ?", (after,))
            return [(place, json.loads(payload)["data"]["call_id"]) for place, payload in rows]

    before = max((place for place, _ in read()), default=0)
    return lambda: [call_id for _, call_id in read(before)]


Kept = Callable[[], list[str]]


def _head(*lines: str, version: str = "1.1") -> bytes:
    first = f"POST {path_of('0011')} HTTP/{version}"
    return CRLF.join([first, "Host: x", "Content-Type: text/xml", *lines, "", ""]).encode()


def _length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def _chunked(body: bytes, size: int = 100) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_each_connection_is_closed_after_its_answer(gateway: GatewayProcess) -> None:
    body = call_state("c")
    answer = raw(gateway.port, _head(_length(body), "Connection: keep-alive") + body)

    status, headers, _ = parsed(answer)
    assert status == 200
    assert headers["connection"] == "close"


def test_nothing_in_an_answer_names_the_software(gateway: GatewayProcess) -> None:
    for payload in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
    ):
        assert b"waitress" not in raw(gateway.port, payload).lower()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_body_with_one_length_is_read(gateway: GatewayProcess, kept: Kept, version: str) -> None:
    body = call_state("c-length")

    assert parsed(raw(gateway.port, _head(_length(body), version=version) + body))[0] == 200
    assert kept() == ["c-length"]


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_chunked_body_is_read(gateway: GatewayProcess, kept: Kept, coding: str) -> None:
    body = _chunked(call_state("c-chunked"))

    assert parsed(raw(gateway.port, _head(f"Transfer-Encoding: {coding}") + body))[0] == 200
    assert kept() == ["c-chunked"]


HIDDEN = call_state("c-hidden")
SECOND = _head(_length(HIDDEN)) + HIDDEN
FIRST = call_state("c-first")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(
            _head(_length(FIRST), "Transfer-Encoding: chunked") + b"0\r\n\r\n" + SECOND, id="CL+TE"
        ),
        pytest.param(
            _head("Transfer-Encoding: chunked", _length(FIRST)) + _chunked(FIRST) + SECOND,
            id="TE+CL",
        ),
        pytest.param(_head(_length(FIRST), "Content-Length: 0") + FIRST + SECOND, id="CL+CL"),
        pytest.param(_head(_length(FIRST), _length(FIRST)) + FIRST + SECOND, id="CL twice"),
        pytest.param(
            _head("Transfer-Encoding: chunked, chunked") + _chunked(FIRST), id="chunked twice"
        ),
        pytest.param(
            _head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + _chunked(FIRST),
            id="TE twice",
        ),
        pytest.param(_head("Host: y", _length(FIRST)) + FIRST, id="Host twice"),
        pytest.param(_head("Transfer-Encoding: gzip, chunked") + _chunked(FIRST), id="gzip"),
        pytest.param(_head("Transfer-Encoding: xchunked") + _chunked(FIRST), id="xchunked"),
        pytest.param(
            _head("Transfer-Encoding: chunked", version="1.0") + _chunked(FIRST), id="TE in 1.0"
        ),
        pytest.param(_head("Content-Length: +5") + b"abcde", id="signed"),
        pytest.param(_head("Content-Length: -5") + b"abcde", id="negative"),
        pytest.param(_head("Content-Length: 0x5") + b"abcde", id="hexadecimal"),
        pytest.param(_head("Transfer-Encoding: chunked") + b"zz\r\nab\r\n0\r\n\r\n", id="no chunk"),
        pytest.param(_head("Transfer-Encoding: chunked") + b"2\r\nabc\r\n0\r\n\r\n", id="overrun"),
        pytest.param((_head(_length(FIRST)) + FIRST).replace(b"\r\n", b"\n"), id="LF only"),
        pytest.param(b"POST / HTTP/1.1\nHost: x\r\n\r\n", id="LF within"),
        pytest.param(_head(" folded: x") + FIRST, id="folded"),
        pytest.param(_head("Bad Header: x") + FIRST, id="space in a name"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", id="TLS"),
        pytest.param(b"GET /\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", id="HTTP/2"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 preface"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        *(
            pytest.param(_head(_length(FIRST)).replace(b"/starface/", path) + FIRST, id=str(path))
            for path in (
                b"//starface/",
                b"/starface%2F",
                b"/%73tarface/",
                b"/starface//",
                b"\\starface/",
                b"http://x//starface/",
                b"/starface/%2e/",
                b"starface/",
                b"/#/starface/",
            )
        ),
        pytest.param(
            _head(_length(FIRST)).replace(b" HTTP", b"// HTTP") + FIRST, id="two slashes at the end"
        ),
    ],
)
def test_framing_that_can_be_read_in_two_ways_is_refused(
    gateway: GatewayProcess, kept: Kept, payload: bytes
) -> None:
    answer = raw(gateway.port, payload)

    status, headers, body = parsed(answer)
    assert 400 <= status < 502
    assert headers["content-type"].startswith("text/plain")
    assert body.count(b"\n") == 1
    assert answer.count(b"HTTP/1.") == 1
    assert kept() == []


def test_a_request_behind_another_in_the_same_connection_is_not_read(
    gateway: GatewayProcess, kept: Kept
) -> None:
    answer = raw(gateway.port, _head(_length(FIRST)) + FIRST + SECOND)

    assert answer.count(b"HTTP/1.") == 1
    assert kept() == ["c-first"]


@pytest.mark.parametrize(("size", "status"), [(65_535, 400), (65_536, 400), (65_537, 413)])
def test_64_kib_are_the_limit_of_a_body(gateway: GatewayProcess, size: int, status: int) -> None:
    assert parsed(raw(gateway.port, _head(f"Content-Length: {size}") + b" " * size))[0] == status


@pytest.mark.parametrize("start", [b"POST http://x", b"POST https://x:8080"])
def test_the_absolute_form_means_the_same(
    gateway: GatewayProcess, kept: Kept, start: bytes
) -> None:
    payload = (_head(_length(FIRST)) + FIRST).replace(b"POST ", start, 1)

    assert parsed(raw(gateway.port, payload))[0] == 200
    assert kept() == ["c-first"]


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (_head("Transfer-Encoding: chunked") + b"FFFFFFFFFFFFFFFF\r\n", 413),
        (_head("Transfer-Encoding: chunked") + b"f" * 5_000 + b"\r\nabc", 413),
        (_head("Transfer-Encoding: chunked") + b"5\r\nabcde\r\nffff\r\nabc", 413),
        (_head("Content-Length: 10000000000"), 413),
        (_head("Content-Length: 3000000"), 413),
        (_head("Content-Length: " + "9" * 30), 413),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", 431),
        (_head("Transfer-Encoding: chunked") + b"10000\r\n" + b" " * 65_536 + b"\r\n5\r\n", 413),
    ],
)
def test_what_is_too_large_is_refused_at_once(
    gateway: GatewayProcess, payload: bytes, status: int
) -> None:
    started = time.monotonic()
    answer = _until_closed(gateway.port, payload)

    assert parsed(answer)[0] == status
    assert time.monotonic() - started < 5  # not at the deadline


def _until_closed(port: int, payload: bytes) -> bytes:
    """Send what can be sent, and return what came back before the other side closed."""
    reported = b""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(payload)
        with contextlib.suppress(OSError):
            while part := connection.recv(65_536):
                reported += part
    return reported


def test_endless_chunks_end(gateway: GatewayProcess) -> None:
    before = _memory(gateway.workers()[0])
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as connection:
        connection.sendall(_head("Transfer-Encoding: chunked"))
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 50_000_000:
                connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
                sent += 1024

    assert sent < 50_000_000
    assert _memory(gateway.workers()[0]) - before < 32_000_000


DRIPS = [
    (b"POST / HTTP/1.1\r\nX: ", b"x"),
    (_head("Content-Length: 60000"), b"x"),
    (_head("Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
]


@pytest.mark.timeout(90)
def test_300_idle_and_300_dripping_connections_do_not_keep_the_pbx_waiting(
    gateway: GatewayProcess,
) -> None:
    descriptors = _descriptors(gateway)
    idle = [_open(gateway.port) for _ in range(300)]
    drips = [_open(gateway.port, f"127.0.1.{number % 50 + 1}") for number in range(300)]
    for number, connection in enumerate(drips):
        connection.sendall(DRIPS[number % 3][0])
    started = time.monotonic()
    took: list[float] = []
    while time.monotonic() - started < DEADLINE + 4:
        # What arrives after the end takes an answer away that nobody has read.
        dripping = drips[:-1] if time.monotonic() - started > DEADLINE - 2 else drips
        for number, connection in enumerate(dripping):
            with contextlib.suppress(OSError):
                connection.send(DRIPS[number % 3][1])
        for _ in range(5):
            before = time.monotonic()
            assert notify(gateway.port, path_of("0011"), call_state("canary")) == 200
            took.append(time.monotonic() - before)
        threading.Event().wait(0.1)

    assert statistics.median(took) < DEADLINE / 10
    assert drips[-1].recv(1_000).startswith(b"HTTP/1.1 408 ")
    assert all(_closed(connection) for connection in [*idle, *drips])
    wait_until(lambda: abs(_descriptors(gateway) - descriptors) <= 5)


def _descriptors(gateway: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{gateway.workers()[0]}/fd").iterdir()))


def _open(port: int, source: str = "127.0.0.1") -> socket.socket:
    connection = socket.socket()
    connection.settimeout(5)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    return connection


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(1_000):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _fuzz(gateway: GatewayProcess, seed: int, count: int) -> set[int]:
    chance = random.Random(seed)
    codes: set[int] = set()
    valid = _head(_length(FIRST)) + FIRST
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", gateway.port), 5) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(mutated(chance, valid))
                connection.shutdown(socket.SHUT_WR)
            reported = b""
            with contextlib.suppress(OSError):
                while part := connection.recv(65_536):
                    reported += part
            if reported:
                codes.add(parsed(reported)[0])
    return codes


def _survives(gateway: GatewayProcess, codes: set[int], before: int) -> None:
    assert {code for code in codes if code >= 500} <= {501, 503}
    assert _memory(gateway.workers()[0]) - before < 10_000_000
    assert notify(gateway.port, path_of("0011"), call_state("canary")) == 200
    assert "Traceback" not in gateway.log.read_text()


def test_mutated_requests_never_harm_the_gateway(gateway: GatewayProcess) -> None:
    request(gateway.port, "GET", "/")
    before = _memory(gateway.workers()[0])

    codes = _fuzz(gateway, 7, 1_500)

    assert {200, 400} <= codes
    _survives(gateway, codes, before)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_many_mutated_requests_never_harm_the_gateway(gateway: GatewayProcess, seed: int) -> None:
    before = _memory(gateway.workers()[0])

    _survives(gateway, _fuzz(gateway, 100 + seed, 10_000), before)


class _FewDescriptors(GatewayProcess):
    COMMAND = ("sh", "-c", f'ulimit -n 64; exec {sys.executable} -c "$@"', "sh")


def test_without_descriptors_it_frees_places_and_says_so_in_few_lines(
    tmp_path: Path,
) -> None:
    broker = BrokerSettings(port=free_port(), account="gateway", password=SecretStr("x"))
    gateway = _FewDescriptors(tmp_path / "few", broker, free_port())
    with gateway, contextlib.ExitStack() as silent:
        for _ in range(200):
            silent.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 5))

        assert notify(gateway.port, path_of("0011"), call_state("c")) == 200
        assert len(gateway.log.read_text().splitlines()) < 50


def test_a_gateway_asked_twice_to_stop_stops_once_and_in_order(gateway: GatewayProcess) -> None:
    os.kill(gateway.pid, signal.SIGTERM)
    wait_until(lambda: "stopping signal" in gateway.log.read_text())
    for _ in range(5):
        with contextlib.suppress(ProcessLookupError):
            os.kill(gateway.pid, signal.SIGTERM)

    assert gateway.stop() == 0
    assert "Traceback" not in gateway.log.read_text()
