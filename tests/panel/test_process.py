import contextlib
import multiprocessing
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from bus.settings import BrokerSettings, SettingsRefused
from cli.demo.mosquitto import free_port
from panel.process import run
from panel.settings import PanelSettings
from runtime.secret_box import new_key
from tests.certificates import make
from tests.conftest import wait_until


def test_a_taken_port_is_named_with_the_fix(tmp_path: Path) -> None:
    broker = BrokerSettings(port=1, account="panel", password="x")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        panel = PanelSettings(listen=f"127.0.0.1:{taken.getsockname()[1]}")

        with pytest.raises(SettingsRefused) as refused:
            run(panel, broker, tmp_path, new_key())

    assert panel.listen in str(refused.value)
    assert "[panel] listen" in str(refused.value)


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "panel.pem").write_text("no certificate")
    broker = BrokerSettings(port=1, account="panel", password="x")
    panel = PanelSettings(
        listen=f"127.0.0.1:{free_port()}",
        certificate=tmp_path / "panel.pem",
        private_key=tmp_path / "panel.pem",
    )

    with pytest.raises(SettingsRefused, match="both are PEM files"):
        run(panel, broker, tmp_path, new_key())


def test_it_speaks_https_by_itself(tmp_path: Path, broker_settings: BrokerSettings) -> None:
    chain, private = make(tmp_path, "panel", ("127.0.0.1",), may_vouch=True)
    listen = f"127.0.0.1:{free_port()}"
    panel = PanelSettings(listen=listen, certificate=chain, private_key=private)
    arguments = (panel, broker_settings, tmp_path, new_key())
    process = multiprocessing.get_context("spawn").Process(target=run, args=arguments)
    process.start()
    trust = ssl.create_default_context(cafile=str(chain))

    def answer() -> httpx.Response | None:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"https://{listen}/session", verify=trust, timeout=2)
        return None

    try:
        wait_until(answer, 40)
        found = answer()
        assert found is not None
        assert found.json() == {"user": None}
        assert "strict-transport-security" in found.headers
    finally:
        process.terminate()
        process.join(10)
    assert process.exitcode == 0
