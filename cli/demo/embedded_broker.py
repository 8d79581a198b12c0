"""The broker of the demo where Mosquitto is missing: iotcore, for trying out only.

It keeps nothing on disk and knows no access rules; production needs Mosquitto.
"""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

_CONFIGURATION = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 100
dynamic_filters = true
[v5.1.connections.auth]
{accounts}
"""


def installed() -> bool:
    """Return whether the package iotcore is installed."""
    return importlib.util.find_spec("iotcore") is not None


class EmbeddedBroker:
    """An MQTT 5 broker as a child process, with the same accounts as Mosquitto has."""

    def __init__(self, folder: Path, port: int, passwords: Mapping[str, str]) -> None:
        from iotcore import Broker

        accounts = "\n".join(
            f"{json.dumps(name)} = {json.dumps(password)}" for name, password in passwords.items()
        )
        path = folder / "iotcore.toml"
        path.touch(mode=0o600)
        path.write_text(_CONFIGURATION.format(port=port, accounts=accounts))
        self.port = port
        self._broker: Any = Broker(config_path=str(path))

    def __enter__(self) -> Self:
        self._broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._broker.stop()
