import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from starface.simulator import Simulator
from tests.certificates import make
from tests.starface.simulator.fixtures import TLS

BODY = b"<methodCall><methodName>ucp.v30.requests.system.getServerVersion</methodName></methodCall>"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate of one's own, as PBXs have."""
    return make(tmp_path_factory.mktemp("tls"), "pbx.example")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with httpx.Client(verify=trusting, timeout=30) as client:
        yield client


def test_the_pbx_answers_behind_a_certificate_of_its_own(
    certificate: tuple[Path, Path], client: httpx.Client
) -> None:
    with Simulator(certificate=certificate) as simulator:
        assert simulator.url.startswith("https://")
        assert "9.0.1.4" in client.post(f"{simulator.url}/xml-rpc", content=BODY).text
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(simulator.url, verify=TLS)


def test_an_outage_takes_the_tls_port_too(
    certificate: tuple[Path, Path], client: httpx.Client
) -> None:
    with Simulator(certificate=certificate) as simulator:
        url = f"{simulator.url}/xml-rpc"
        assert client.post(url, content=BODY).status_code == 200
        simulator.outage(on=True)
        with pytest.raises(httpx.TransportError):
            client.post(url, content=BODY)
        simulator.outage(on=False)

        assert client.post(url, content=BODY).status_code == 200


def test_a_connection_breaks_behind_tls_too(
    certificate: tuple[Path, Path], client: httpx.Client
) -> None:
    with Simulator(certificate=certificate) as simulator:
        simulator.set(trouble="drop_after")

        with pytest.raises(httpx.TransportError):
            client.post(f"{simulator.url}/xml-rpc", content=BODY)
