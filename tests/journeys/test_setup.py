"""An integrator: from an empty folder to the first call that opens a file, by setup alone."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cli.demo.mosquitto import free_port, program
from cli.site.settings import read
from tests.conftest import wait_until

_CLI = [sys.executable, "-m", "cli"]
_ANSWERS = """
language = "de"
pbx = "127.0.0.1"
scheme = "http"
port = {pbx}
location = "local"
country = "CH"
area_code = "044"
own_number = "044 123 45 67"
broker_port = {broker}
login = "0011"
name = "Anna Beispiel"
contacts = "csv"
contacts_file = "{contacts}"
contacts_source = "cms"
opens_card = "https://cases.example/contacts/{{id}}"
test_call = 60
"""


@contextmanager
def _running(
    log: Path, *words: str | Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(240)
def test_setup_leads_from_nothing_to_a_call_that_opens(tmp_path: Path) -> None:
    pbx, control, broker = free_port(), free_port(), free_port()
    gateway = free_port()
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("Name;Telefon\nMeier Anna;044 123 45 67\n")
    answers = tmp_path / "answers.toml"
    answers.write_text(_ANSWERS.format(pbx=pbx, broker=broker, contacts=contacts))
    site = tmp_path / "site"
    log = tmp_path / "setup.log"
    ports = {
        "STARFACE2MQTT_GATEWAY__LISTEN": f'["127.0.0.1:{gateway}"]',
        "STARFACE2MQTT_GATEWAY__OPERATIONS": "",
        "STARFACE2MQTT_STARFACE__CALLBACK_PORT": str(gateway),
        "STARFACE2MQTT_PANEL__LISTEN": f"127.0.0.1:{free_port()}",
    }
    simulator: list[str | Path] = [
        *_CLI, "simulate", "run", "--port", str(pbx), "--control-port", str(control)
    ]  # fmt: skip
    setting_up: list[str | Path] = [*_CLI, "setup", site, "--answers", answers]
    with ExitStack() as running:
        running.enter_context(_running(tmp_path / "simulator.log", *simulator))
        wait_until(lambda: _answers(control), 40)
        password = {"STARFACE_PASSWORD": "Geheim#2024", "PYTHONUNBUFFERED": "1"}
        setup = running.enter_context(_running(log, *setting_up, **password, **ports))

        def said(text: str) -> bool:
            assert setup.poll() in (None, 0), log.read_text()
            return text in log.read_text()

        wait_until(lambda: said("Bitte den Broker starten"), 90)
        conf = site / "mosquitto" / "mosquitto.conf"
        with _running(tmp_path / "broker.log", str(program()), "-c", conf):
            wait_until(lambda: said("Bitte die Prozesse starten"), 120)
            up: list[str | Path] = [*_CLI, "--config", site / "starface2mqtt.toml", "up"]
            with _running(tmp_path / "up.log", *up, **ports):
                wait_until(lambda: said("Bitte jetzt das Telefon von 0011 anrufen"), 90)
                ring = [
                    *_CLI, "simulate", "ring", "0011", "--from", "+41441234567",
                    "--control", f"http://127.0.0.1:{control}",
                ]  # fmt: skip
                subprocess.run(ring, check=True, capture_output=True)
                assert setup.wait(60) == 0, log.read_text()

    said_at_the_end = log.read_text()
    assert "044 123 45 67 wird gelesen als +41441234567" in said_at_the_end
    assert "Meier Anna" in said_at_the_end
    assert "Der Anruf kam durch alle Stationen" in said_at_the_end
    settings = read(site / "starface2mqtt.toml")
    assert settings.caller.card.startswith("https://cases.example/")
    assert settings.site.extensions == ("00xx",)  # 0011 calls a colleague: an internal call
    wording = settings.file.read_text()
    assert wording.index('language = "de"') < wording.index("# [offices.vienna]")
