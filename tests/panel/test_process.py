import socket
from pathlib import Path

import pytest

from bus.settings import BrokerSettings, SettingsRefused
from panel.process import run
from panel.settings import PanelSettings
from runtime.secret_box import new_key


def test_a_taken_port_is_named_with_the_fix(tmp_path: Path) -> None:
    broker = BrokerSettings(port=1, account="panel", password="x")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        panel = PanelSettings(listen=f"127.0.0.1:{taken.getsockname()[1]}")

        with pytest.raises(SettingsRefused) as refused:
            run(panel, broker, tmp_path, new_key())

    assert panel.listen in str(refused.value)
    assert "[panel] listen" in str(refused.value)
