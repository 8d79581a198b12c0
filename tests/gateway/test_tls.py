import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from bus.settings import BrokerSettings, SettingsRefused
from cli.mosquitto import free_port
from gateway.process import _certificate
from gateway.settings import GatewaySettings
from tests.conftest import wait_until
from tests.gateway.certificates import make
from tests.gateway.running import GatewayProcess, call_state, parsed, path_of


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    chain, private = make(tmp_path, "first")
    broker = BrokerSettings(port=free_port(), account="gateway", password=SecretStr("x"))
    plain, secure = free_port(), free_port()
    with GatewayProcess(
        tmp_path / "data",
        broker,
        plain,
        listen=(f"127.0.0.1:{plain}", f"127.0.0.1:{secure}"),
        tls_port=secure,
        certificate=str(chain),
        private_key=str(private),
    ) as process:
        process.secure = secure
        yield process


def _connect(port: int) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5))


def _name(connection: ssl.SSLSocket) -> str:
    told = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    return str(told.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _ask(connection: ssl.SSLSocket, payload: bytes) -> tuple[int, dict[str, str], bytes]:
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


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (_post(b"nonsense"), 400),
        (_post(b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
        (_post(b" " * 65_537), 413),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_nonsense_by_tls_is_refused(gateway: GatewayProcess, payload: bytes, status: int) -> None:
    with _connect(gateway.secure) as connection:
        assert _ask(connection, payload)[0] == status


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
