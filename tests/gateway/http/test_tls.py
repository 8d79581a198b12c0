import contextlib
import os
import socket
import sqlite3
import ssl
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from bus.settings import BrokerSettings, SettingsRefused
from cli.demo.mosquitto import free_port
from gateway.eventlog.file import NAME
from gateway.http.server import DEADLINE
from gateway.process import _certificate
from gateway.settings import GatewaySettings
from tests.certificates import make
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess, call_state, parsed, path_of, raw

FIRST = call_state("c-first")


class SecureOnly(GatewayProcess):
    """A gateway without a plain port."""

    def answers(self) -> bool:
        try:
            with _connect(self.port) as connection:
                return _ask(connection, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 200
        except OSError:
            return False


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    plain, secure = free_port(), free_port()
    listen = (f"127.0.0.1:{plain}", f"127.0.0.1:{secure}")
    with GatewayProcess(
        tmp_path / "data", _nowhere(), plain, listen=listen, tls_port=secure,
        **_certified(tmp_path),
    ) as process:  # fmt: skip
        process.secure = secure
        yield process


def _nowhere() -> BrokerSettings:
    return BrokerSettings(port=free_port(), account="gateway", password=SecretStr("x"))


def _certified(folder: Path) -> dict[str, str]:
    chain, private = make(folder, "first")
    return {"certificate": str(chain), "private_key": str(private)}


def _connect(port: int, source: str = "127.0.0.1") -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), 5, (source, 0))
    return context.wrap_socket(plain)


def _closed(connection: ssl.SSLSocket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(1_000):
            pass
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True
    return True


def _name(connection: ssl.SSLSocket) -> str:
    reported = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    return str(reported.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _ask(connection: ssl.SSLSocket, payload: bytes) -> tuple[int, dict[str, str], bytes]:
    with contextlib.suppress(OSError):  # it may be refused before all is sent
        connection.sendall(payload)
    answer = b""
    while part := connection.recv(65_536):
        answer += part
    return parsed(answer)


def _post(body: bytes, *lines: str) -> bytes:
    length = f"Content-Length: {len(body)}"
    head = [f"POST {path_of('0011')} HTTP/1.1", "Host: x", "Content-Type: text/xml", length]
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


def test_a_notification_by_tls_is_taken_and_the_connection_closed(gateway: GatewayProcess) -> None:
    with _connect(gateway.secure) as connection:
        status, headers, _ = _ask(connection, _post(call_state("c")))

    assert status == 200
    assert headers["connection"] == "close"
    assert "server" not in headers


def test_a_chunked_body_by_tls_is_read(gateway: GatewayProcess) -> None:
    body = call_state("c")
    head = _post(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")

    with _connect(gateway.secure) as connection:
        status, _, _ = _ask(connection, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    assert status == 200


def test_a_client_that_waits_to_be_asked_for_the_body_is_asked_for_it(
    gateway: GatewayProcess,
) -> None:
    head, _, body = _post(call_state("c"), "Expect: 100-continue").partition(b"\r\n\r\n")

    with _connect(gateway.secure) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        assert _ask(connection, body)[0] == 200


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (_post(b"nonsense"), 400),
        (_post(b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
        (_post(FIRST, f"Content-Length: {len(FIRST)}"), 400),
        (_post(FIRST).replace(b"\r\n", b"\n"), 400),
        (_post(b" " * 65_537), 413),
        (_post(b" " * 3_000_000), 413),
        (_post(FIRST).replace(b"Content-Length: ", b"Content-Length: 100000"), 413),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
    ],
    ids=["body", "CL+TE", "CL twice", "LF only", "65 KiB", "3 MB", "announced", "head", "HTTP"],
)
def test_nonsense_by_tls_is_refused_as_without(
    gateway: GatewayProcess, payload: bytes, status: int
) -> None:
    with _connect(gateway.secure) as connection:
        reported, headers, body = _ask(connection, payload)

    assert reported == status
    assert headers["connection"] == "close"
    assert body.count(b"\n") == 1
    refusals = [line for line in gateway.log.read_text().splitlines() if "refused status" in line]
    assert len(refusals) == 1
    assert f"status={status} source=127.0.0.1 reason=" in refusals[0]
    with closing(sqlite3.connect(gateway.folder / NAME)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (0,)


@pytest.mark.timeout(90)
def test_300_idle_and_300_dripping_connections_by_tls_do_not_keep_the_pbx_waiting(
    gateway: GatewayProcess,
) -> None:
    idle = [_connect(gateway.secure, f"127.0.2.{number % 50 + 1}") for number in range(300)]
    drips = [_connect(gateway.secure, f"127.0.1.{number % 50 + 1}") for number in range(300)]
    started = time.monotonic()
    for connection in drips:
        connection.sendall(_post(call_state("c"))[:200])
    took = []
    while time.monotonic() - started < DEADLINE + 3:
        # What arrives after the end takes an answer away that nobody has read.
        dripping = drips[:-1] if time.monotonic() - started > DEADLINE - 2 else drips
        for connection in dripping:
            with contextlib.suppress(OSError):
                connection.send(b"x")
        before = time.monotonic()
        with _connect(gateway.secure) as honest:
            assert _ask(honest, _post(call_state("canary")))[0] == 200
        took.append(time.monotonic() - before)
        threading.Event().wait(0.2)

    assert statistics.median(took) < DEADLINE / 10
    assert drips[-1].recv(1_000).startswith(b"HTTP/1.1 408 ")
    wait_until(lambda: all(_closed(connection) for connection in [*idle, *drips]), 5)


def _descriptors(gateway: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{gateway.workers()[0]}/fd").iterdir()))


def test_however_many_connect_at_once_from_an_address_it_has_its_places_and_no_more(
    gateway: GatewayProcess,
) -> None:
    before = _descriptors(gateway)
    flood = [socket.create_connection(("127.0.0.1", gateway.secure), 5) for _ in range(400)]

    with _connect(gateway.secure, "127.0.0.2") as honest:
        assert _ask(honest, _post(call_state("c")))[0] == 200
    assert _descriptors(gateway) - before < 110
    for one in flood:
        one.close()


def test_a_sender_who_resets_leaves_his_places_at_once(gateway: GatewayProcess) -> None:
    before = _descriptors(gateway)
    senders = [_connect(gateway.secure, f"127.0.1.{number + 1}") for number in range(50)]
    for sender in senders:
        sender.sendall(_post(call_state("c"))[:100])
    wait_until(lambda: _descriptors(gateway) - before >= 150)

    for sender in senders:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sender.close()

    wait_until(lambda: _descriptors(gateway) - before <= 5, DEADLINE / 2)


def test_who_is_connected_when_the_gateway_ends_has_his_answer(gateway: GatewayProcess) -> None:
    senders = [_connect(gateway.secure) for _ in range(20)]
    with ThreadPoolExecutor(21) as pool:
        ended = pool.submit(gateway.stop)
        wait_until(lambda: not _is_taken_in(gateway.port))
        posts = [_post(call_state(f"c-{number}")) for number in range(20)]
        answers = list(pool.map(_ask, senders, posts))

    assert [status for status, _, _ in answers] == [200] * 20
    assert ended.result() == 0


def _is_taken_in(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def test_who_speaks_no_tls_is_named_in_the_log(gateway: GatewayProcess) -> None:
    raw(gateway.secure, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    wait_until(lambda: "refused source=127.0.0.1 reason=TLS: HTTP" in gateway.log.read_text())


def test_a_gateway_may_have_nothing_but_tls(tmp_path: Path) -> None:
    secure = free_port()
    with SecureOnly(
        tmp_path / "data", _nowhere(), secure, listen=(f"127.0.0.1:{secure}",), tls_port=secure,
        **_certified(tmp_path),
    ) as process:  # fmt: skip
        with _connect(secure) as connection:
            assert _ask(connection, _post(call_state("c")))[0] == 200
        assert process.stop() == 0
        process.start()


def test_a_foreign_address_gets_no_tls_and_one_line_in_the_log(tmp_path: Path) -> None:
    plain, secure = free_port(), free_port()
    with GatewayProcess(
        tmp_path / "data", _nowhere(), plain,
        listen=(f"127.0.0.1:{plain}", f"127.0.0.1:{secure}"), tls_port=secure,
        sources=("127.0.0.1/32",), **_certified(tmp_path),
    ) as process:  # fmt: skip
        for port in (secure, plain):
            with pytest.raises(OSError):  # noqa: PT011, reset or end of file
                _connect(port, "127.0.0.2")

        lines = [line for line in process.log.read_text().splitlines() if "127.0.0.2" in line]
        assert len(lines) == 2
        assert all("refused status=403" in line and "sources" in line for line in lines)


def test_a_renewed_certificate_is_used_without_losing_a_connection(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    with _connect(gateway.secure) as early:
        assert _name(early) == "first"
        make(tmp_path, "second")

        def renewed() -> bool:
            with _connect(gateway.secure) as late:
                return _name(late) == "second"

        wait_until(renewed)
        assert _ask(early, _post(call_state("c")))[0] == 200


def test_half_a_renewal_changes_nothing(gateway: GatewayProcess, tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("half of a certi")
    wait_until(lambda: "certificate not renewed" in gateway.log.read_text())

    with _connect(gateway.secure) as connection:
        assert _name(connection) == "first"


def test_a_renewal_is_tried_again_until_the_key_fits(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    make(tmp_path, "second")
    right = key.read_bytes()
    key.write_bytes(b"not yet there")
    seen = key.stat()
    wait_until(lambda: "certificate not renewed" in gateway.log.read_text())

    key.write_bytes(right)
    os.utime(key, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # as after chmod: no newer than before

    wait_until(lambda: "certificate renewed" in gateway.log.read_text())
    with _connect(gateway.secure) as connection:
        assert _name(connection) == "second"
    assert gateway.log.read_text().count("certificate not renewed") <= 2


def test_a_silent_connection_does_not_keep_others_waiting(gateway: GatewayProcess) -> None:
    silent = [socket.create_connection(("127.0.0.1", gateway.secure), 5) for _ in range(50)]
    with _connect(gateway.secure) as connection:
        assert _ask(connection, _post(call_state("c")))[0] == 200
    for one in silent:
        one.close()


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = GatewaySettings(certificate=tmp_path / "none.pem", private_key=tmp_path / "k.pem")

    with pytest.raises(SettingsRefused, match=r"none\.pem"):
        _certificate(settings)


def test_an_encrypted_key_is_named_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    chain, private = make(tmp_path, "first")
    key = load_pem_private_key(private.read_bytes(), None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    private.write_bytes(locked)

    with pytest.raises(SettingsRefused, match=r"private_key: .*encrypted"):
        _certificate(GatewaySettings(certificate=chain, private_key=private))


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    chain, _ = make(tmp_path, "first")
    (tmp_path / "other").mkdir()
    _, other = make(tmp_path / "other", "second")

    with pytest.raises(SettingsRefused, match=r"private_key: .*mismatch"):
        _certificate(GatewaySettings(certificate=chain, private_key=other))
