"""The flows of the documents, imported into a real Node-RED."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from bus.events import CallStateName
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port
from tests.conftest import ROOT, wait_until
from tests.journeys.home import call_event, home_site, installed

FLOWS = ROOT / "docs" / "examples" / "node-red" / "flows.json"
STATES: tuple[CallStateName, ...] = ("ringing", "connected", "ended")
_HEADERS = {"Node-RED-Deployment-Type": "full"}


def _node_red() -> Path:
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node, "node is needed here: apt-get install nodejs npm"
    assert npm, "npm is needed here: apt-get install nodejs npm"
    folder = installed("node-red-4")
    program = folder / "node_modules" / "node-red" / "red.js"
    if not program.exists():
        subprocess.run(
            [npm, "install", "--no-fund", "--no-audit", "--prefix", folder, "node-red@4"],
            check=True, timeout=800, capture_output=True,
        )  # fmt: skip
    return program


@contextmanager
def _running(folder: Path, port: int) -> Iterator[Path]:
    """Run Node-RED with nothing in it; yield its log."""
    folder.mkdir()
    settings = folder / "settings.js"
    settings.write_text(
        f"module.exports = {{ uiHost: '127.0.0.1', uiPort: {port}, credentialSecret: 'x',"
        " telemetry: { enabled: false }, editorTheme: { tours: false } };"
    )
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node", _node_red(), "--userDir", folder, "--settings", settings],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is None and b"Started flows" in log.read_bytes(), 60)
        yield log
    finally:
        process.terminate()
        process.wait(20)


def _flows(broker: BrokerSettings) -> list[dict[str, object]]:
    """Return the flows as somebody imports them: broker and account set, debug to the log."""
    assert broker.password is not None
    flows: list[dict[str, object]] = json.loads(FLOWS.read_text())
    for node in flows:
        if node["type"] == "mqtt-broker":
            node["port"] = str(broker.port)
            node["credentials"] = {
                "user": broker.account, "password": broker.password.get_secret_value(),
            }  # fmt: skip
        elif node["type"] == "debug":
            node |= {"console": True, "tosidebar": True, "active": True, "complete": "payload"}
    return flows


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_flows_of_the_documents_show_a_call_and_dial(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        settings, home = stack.enter_context(home_site(tmp_path / "site"))
        log = stack.enter_context(_running(tmp_path / "node-red", port))
        gateway = stack.enter_context(Connection(settings.broker, "gateway", lasting=False))
        dial = stack.enter_context(Connection(settings.broker, "dial-number", lasting=False))
        topics = gateway.topics
        dialled: list[bytes] = []
        dial.subscribe(topics.dial_number("0011"), lambda message: dialled.append(message.payload))
        gateway.wait_connected()
        dial.wait_connected()
        httpx.post(f"{url}/flows", json=_flows(home), headers=_HEADERS).raise_for_status()
        wait_until(lambda: b"Connected to broker" in log.read_bytes(), 30)

        def shows_the_end_of_a_call() -> bool:
            for event in map(call_event, STATES):  # again: it says nothing of its subscriptions
                gateway.publish_raw(topics.calls("0011"), event.encoded())
            return "unmute" in log.read_text()

        wait_until(shows_the_end_of_a_call, 20)
        httpx.post(f"{url}/inject/press").raise_for_status()

        def arrived() -> bool:
            dial.work(0.2)
            return bool(dialled)

        wait_until(arrived, 20)

    shown = log.read_text()
    assert shown.index("Anna Meier") < shown.index("mute")
    assert dialled == [b"+41441234567"]
