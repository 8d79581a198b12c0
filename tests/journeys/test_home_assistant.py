"""The telephones as a real Home Assistant has them: its own core with its MQTT integration."""

import json
import os
import subprocess
import sys
import venv
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from bus.events import CallStateName
from bus.mqtt.connection import Connection
from cli.demo.mosquitto import free_port
from consumers.journal.home_assistant import HomeAssistant
from tests.conftest import wait_until
from tests.journeys.home import call_event, home_site, installed

STATES: dict[CallStateName, str] = {"ringing": "ringing", "connected": "talking", "ended": "idle"}

# Home Assistant's core with its MQTT integration and what that needs, without its page; the entry
# is the one that its dialog for MQTT makes. It writes each state as a line, and does what is
# typed: SERVICE DATA.
_HOME = """
import asyncio, json, logging, sys
from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.setup import async_setup_component

async def run(folder, broker, port):
    hass = core.HomeAssistant(folder)
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    http = {"http": {"server_host": "127.0.0.1", "server_port": port}}
    for name in ("homeassistant", "http"):
        assert await async_setup_component(hass, name, http), name
    await hass.async_start()
    def show(event):
        state = event.data["new_state"]
        if state is not None:
            print("STATE", state.entity_id, state.state, flush=True)
    hass.bus.async_listen(EVENT_STATE_CHANGED, show)
    await hass.config_entries.async_add(config_entries.ConfigEntry(
        version=1, minor_version=1, domain="mqtt", title="MQTT", data=broker, source="user"))
    print("READY", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        service, data = line.split(" ", 1)
        await hass.services.async_call(*service.split("."), json.loads(data), blocking=True)
    await hass.async_stop()

logging.basicConfig(level=logging.WARNING)
asyncio.run(run(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])))
"""


def _home_assistant() -> Path:
    """Return the Python that has the newest Home Assistant there is for this one."""
    folder = installed(f"home-assistant-{sys.version_info.major}.{sys.version_info.minor}")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--prefer-binary", "homeassistant",
             "paho-mqtt<2"],
            check=True, timeout=800,
        )  # fmt: skip
        (folder / "complete").touch()
    return python


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_home_assistant_shows_switches_and_dials(tmp_path: Path) -> None:
    python = _home_assistant()
    config = tmp_path / "config"
    config.mkdir()
    (config / "configuration.yaml").touch()
    log = tmp_path / "home.log"
    with ExitStack() as stack:
        settings, home = stack.enter_context(home_site(tmp_path / "site"))
        accounts = {
            name: stack.enter_context(Connection(settings.broker, name, lasting=False))
            for name in ("gateway", "journal", "sessions", "dial", "dial-number")
        }
        topics = accounts["gateway"].topics
        switched: list[bytes] = []
        dialled: list[bytes] = []
        accounts["sessions"].subscribe(
            topics.switch("0011"), lambda message: switched.append(message.payload)
        )
        accounts["dial-number"].subscribe(
            topics.dial_number("0011"), lambda message: dialled.append(message.payload)
        )
        for name, connection in accounts.items():
            connection.wait_connected()
            if name != "dial-number":
                connection.publish_raw(topics.process(name), b"online", retain=True)
        HomeAssistant(accounts["journal"], lambda: ["0011"])
        assert home.password is not None
        broker = {
            "broker": home.host, "port": home.port, "protocol": "5", "discovery": True,
            "username": home.account, "password": home.password.get_secret_value(),
            "client_id": home.account,
        }  # fmt: skip
        process = subprocess.Popen(
            [python, "-c", _HOME, config, json.dumps(broker), str(free_port())],
            stdin=subprocess.PIPE, stdout=log.open("wb"), stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        stack.callback(process.wait, 60)
        stack.callback(process.stdin.close)

        def shows(line: str) -> bool:
            assert process.poll() is None, log.read_text()
            for connection in accounts.values():
                connection.work(0.01)
            return f"STATE {line}" in log.read_text()

        wait_until(lambda: shows("sensor.starface_0011_call unknown"), 400)
        wait_until(lambda: shows("switch.starface_0011_interface"), 60)
        for state, shown in STATES.items():
            accounts["gateway"].publish_raw(topics.calls("0011"), call_event(state).encoded())
            wait_until(partial(shows, f"sensor.starface_0011_call {shown}"), 30)
        process.stdin.write(
            'switch.turn_off {"entity_id": "switch.starface_0011_interface"}\n'
            'text.set_value {"entity_id": "text.starface_0011_dial", "value": "044 668 18 00"}\n'
        )
        process.stdin.flush()
        wait_until(lambda: shows("") and bool(switched and dialled), 30)

    assert switched == [b"off"]
    assert dialled == [b"044 668 18 00"]
    assert "Anna Meier" not in log.read_text()
