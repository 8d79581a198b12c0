"""What a newcomer sees: the demo, as a process, on ports of its own."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.demo.mosquitto import free_ports
from starface.callback import callback_path
from starface.credential import derive
from starface.simulator import DEFAULT_USERS

STEPS = (
    "the stand-in STARFACE answers",
    "process gateway is online",
    "process sessions is online",
    "process caller is online",
    "process dial is online",
    "process journal is online",
    "process panel is online",
    "Anna Beispiel (0011) is logged in",
    "Bernd Muster (0012) is logged in",
    "rings at Anna Beispiel",
    "opens the matter",
    "Anna Beispiel answers",
    "the call ends",
    "the journal has a record of it",
    "rings at Bernd Muster",
    "nothing opens on a guess",
    "the caller gives up",
    "the journal counts a missed call",
    "STARFACE takes the call",
    "own phone rings",
    "she lifts",
    "they talk",
    "the call is over",
)


def _demo(folder: Path, ports: int, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--once", "--folder", str(folder / "demo"), *more],
        env=os.environ | {"DEMO_PORTS": str(ports), "STARFACE2MQTT_SITE__LOG_LEVEL": "DEBUG"},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "broker"), [((), "Mosquitto"), (("--embedded-broker",), "iotcore")]
)
def test_the_demo_shows_every_step_and_ends(
    tmp_path: Path, more: tuple[str, ...], broker: str
) -> None:
    shown = _demo(tmp_path, free_ports(7), *more)

    assert shown.returncode == 0, shown.stdout + shown.stderr
    lines = [line for line in shown.stdout.splitlines() if re.match(r"  ok +\d+ ms  ", line)]
    assert len(lines) == len(STEPS)
    assert [step for step, line in zip(STEPS, lines, strict=True) if step not in line] == []
    assert f"broker: {broker}" in shown.stdout
    assert "\x1b" not in shown.stdout
    log = (tmp_path / "demo" / "processes.log").read_text()
    assert " DEBUG " in log
    assert [one for one in _personal(tmp_path / "demo") if one in log] == []


def _personal(folder: Path) -> Iterator[str]:
    """Yield what no log may hold: numbers, names, passwords, tokens, keys, paths that prove."""
    for number in ("441234567", "445556677", "443334455"):
        yield number
        yield f"{number[:2]} {number[2:5]} {number[5:7]} {number[7:]}"
    yield from ("Anna Meier", "Meier", "Scheidung", "M-1001")
    for person in DEFAULT_USERS:
        yield from (person.name, person.password)
        yield derive("sha512", person.login, person.password).secret.get_secret_value()
    accounts = json.loads((folder / "secrets" / "broker-accounts.json").read_text())
    yield from accounts.values()
    for key in ("site.key", "seal.key", "directory.token"):
        yield (folder / "secrets" / key).read_text().strip()
    for person in DEFAULT_USERS:
        # /starface/{who}/{session}/{mac}: whose it is may stand in a log, what proves it may not
        who = callback_path(person.login, b"k" * 32).split("/")[2]
        yield from re.findall(rf"/starface/{who}/[\w-]+/[\w-]+", _log_of(folder))


def _log_of(folder: Path) -> str:
    return (folder / "processes.log").read_text()


def test_a_taken_port_is_named_with_its_process_and_the_way_out(tmp_path: Path) -> None:
    ports = free_ports(7)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports))
        taken.listen()

        shown = _demo(tmp_path, ports)

    assert shown.returncode == 1
    assert f"port {ports} (gateway) is taken by process {os.getpid()}" in shown.stderr
    assert "DEMO_PORTS=" in shown.stderr


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "demo" / "precious"
    precious.parent.mkdir()
    precious.touch()

    shown = _demo(tmp_path, free_ports(7))

    assert shown.returncode == 1
    assert "name another --folder" in shown.stderr
    assert precious.exists()
