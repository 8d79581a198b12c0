"""Alerts and dashboard, against Debian's Prometheus (apt-get install prometheus)."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bus.mqtt.connection import Connection
from bus.mqtt.presence import Presence
from cli.demo.mosquitto import free_port
from runtime.metrics import METRICS, Metrics
from starface.simulator import SimulatedUser, Simulator
from tests.conftest import ROOT, wait_until
from tests.gateway.running import GatewayProcess, request
from tests.journeys.sessions.sessions_running import Office, SessionsProcess, open_stage

RULES = ROOT / "deploy" / "prometheus" / "starface2mqtt.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "starface2mqtt.json"
pytestmark = pytest.mark.long


class Prometheus:
    """A Prometheus that scrapes some ports each second."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self._port = free_port()
        rules = RULES.read_text().replace("for: 1m", "for: 2s").replace("for: 2m", "for: 2s")
        (folder / "rules.yml").write_text(rules)
        targets = [f"127.0.0.1:{port}" for port in ports]
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {"job_name": "starface2mqtt", "static_configs": [{"targets": targets}]}
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(configuration))  # which is YAML too
        self._folder = folder

    @contextmanager
    def running(self) -> Iterator["Prometheus"]:
        program = shutil.which("prometheus")
        assert program, "Prometheus is not installed: apt-get install prometheus"
        words = [
            program, f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]  # fmt: skip
        with (self._folder / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
            try:
                wait_until(self._answers, 30)
                yield self
            finally:
                process.terminate()
                process.wait(20)

    def query(self, expression: str) -> list[Any]:
        quoted = urllib.parse.quote(expression)
        return list(self._get(f"/api/v1/query?query={quoted}")["data"]["result"])

    def firing(self) -> set[str]:
        return {
            alert["labels"]["alertname"]
            for alert in self._get("/api/v1/alerts")["data"]["alerts"]
            if alert["state"] == "firing"
        }

    def _answers(self) -> bool:
        try:
            return bool(self._get("/api/v1/query?query=1"))
        except OSError:
            return False

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
            return json.load(answer)


def test_each_alert_is_raised_when_it_should_be_and_only_then(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is not installed: apt-get install prometheus"
    shutil.copy(RULES, tmp_path)
    shutil.copy(Path(__file__).with_name("alerts.test.yml"), tmp_path)

    subprocess.run([program, "check", "rules", RULES.name], cwd=tmp_path, check=True)
    subprocess.run([program, "test", "rules", "alerts.test.yml"], cwd=tmp_path, check=True)


def test_an_outage_raises_an_alert_and_every_panel_shows_something(tmp_path: Path) -> None:
    person = SimulatedUser("0011", "Geheim#2024", "11", "Anna Beispiel")
    port, operations = free_port(), free_port()
    with open_stage(tmp_path, ["sessions", "gateway-2", "caller"]) as stage, ExitStack() as stack:
        gateway = stack.enter_context(
            GatewayProcess(
                tmp_path / "gateway-2", stage.broker, free_port(), account="gateway-2",
                operations=f"127.0.0.1:{operations}",
            )
        )  # fmt: skip
        caller = stack.enter_context(
            Connection(stage.broker, "caller", presence=Presence("caller", faults=("x",)))
        )
        caller.wait_connected()
        pbx = ExitStack()
        simulator = pbx.enter_context(Simulator([person], port=port))
        office = Office(tmp_path / "office", [person], port, gateway.port)
        stack.enter_context(SessionsProcess(office, stage.broker))
        others = Metrics("caller")
        prometheus = stack.enter_context(
            Prometheus(tmp_path, [operations, office.operations_port]).running()
        )
        wait_until(lambda: prometheus.query('starface2mqtt_users{state="active"} == 1'), 40)
        simulator.ring("0011", "+41441234567")
        for _ in range(3):
            for name, (kind, _text) in METRICS.items():
                if kind == "counter":
                    others.count(name, outcome="x", quality="x", result="x")
            others.set("callback_certificate_days", 90)
            others.write(office.folder)
            request(gateway.port, "GET", "/nothing")
            _scraped(prometheus)
        assert prometheus.firing() == set()

        pbx.close()

        wait_until(lambda: "Starface2mqttPbxAway" in prometheus.firing(), 60)
        for panel in json.loads(DASHBOARD.read_text())["panels"]:
            for target in panel["targets"]:
                found = prometheus.query(target["expr"])
                assert found, panel["title"]
                assert any(each["value"][1] != "NaN" for each in found), panel["title"]


def _scraped(prometheus: Prometheus) -> None:
    """Return once Prometheus has scraped all ports again."""
    latest = "min(timestamp(up))"
    before = float(prometheus.query(latest)[0]["value"][1])
    wait_until(lambda: float(prometheus.query(latest)[0]["value"][1]) > before + 1)
