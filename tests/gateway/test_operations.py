import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bus.settings import BrokerSettings
from cli.mosquitto import Mosquitto, free_port
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess, call_state, notify, path_of, request

PREFIX = "starface2mqtt_gateway_"


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    port = free_port()
    with GatewayProcess(
        tmp_path / "data", broker_settings, free_port(), operations=f"127.0.0.1:{port}"
    ) as process:
        process.operations = port
        wait_until(lambda: _ready(process)[0] == 200)
        yield process


def _ready(gateway: GatewayProcess) -> tuple[int, dict[str, str]]:
    try:
        status, _, body = request(gateway.operations, "GET", "/readyz")
    except OSError:
        return 0, {}
    return status, json.loads(body)["dependencies"]


def _metrics(gateway: GatewayProcess) -> dict[str, float]:
    _, _, body = request(gateway.operations, "GET", "/metrics")
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_readiness_names_the_broker_when_it_is_away(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    assert _ready(gateway)[1]["broker"] == "ok"

    broker.stop()
    wait_until(lambda: _ready(gateway)[0] == 503)
    assert _ready(gateway)[1]["event_log"] == "ok"
    assert request(gateway.operations, "GET", "/healthz")[0] == 200

    broker.start()
    wait_until(lambda: _ready(gateway)[0] == 200)


def test_metrics_count_and_name_nobody(gateway: GatewayProcess) -> None:
    assert notify(gateway.port, path_of("0011"), call_state("c-1")) == 200
    assert notify(gateway.port, path_of("0011"), b"nonsense") == 400

    wait_until(lambda: _metrics(gateway).get(f"{PREFIX}refused_publishes_total0x10"))
    counted = _metrics(gateway)
    assert counted[f"{PREFIX}notifications_total"] == 1
    assert counted[f"{PREFIX}http_requests_total400"] == 1
    assert counted[f"{PREFIX}log_depth"] == 1
    assert counted[f"{PREFIX}broker_connected"] == 1
    text = request(gateway.operations, "GET", "/metrics")[2].decode()
    for planted in ("0011", "1234567", "Grace"):
        assert planted not in text


def test_notification_ports_have_no_metrics(gateway: GatewayProcess) -> None:
    assert request(gateway.port, "GET", "/metrics")[0] == 404
