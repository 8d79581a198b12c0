import configparser
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bus.settings import BrokerSettings, read_accounts
from cli.demo.mosquitto import free_port
from cli.run.up import PROGRAMS, supervisor_configuration
from cli.site.files import broker_folder, make_site
from cli.site.settings import Settings
from consumers.caller.settings import CallerSettings
from tests.conftest import wait_until


def test_each_process_is_started_again_when_it_dies(tmp_path: Path) -> None:
    settings = Settings(file=tmp_path / "a %b" / "starface2mqtt.toml")
    document = configparser.ConfigParser()
    document.read_string(supervisor_configuration(settings, PROGRAMS))

    assert document["supervisord"]["directory"] == str(tmp_path / "a %b")
    assert {f"program:{name}" for name in PROGRAMS} < set(document.sections())
    for name in PROGRAMS:
        program = document[f"program:{name}"]
        assert program["autorestart"] == "true"
        assert name in program["command"].split()
        assert '%b/starface2mqtt.toml"' in program["command"]


def test_the_callers_are_as_many_as_the_office_needs() -> None:
    document = configparser.ConfigParser()
    document.read_string(supervisor_configuration(Settings(), PROGRAMS))

    assert document["program:caller"]["command"].endswith("caller --active")


@pytest.mark.parametrize(
    ("shards", "commands"),
    [
        (1, {"caller": "caller --all"}),
        (2, {"caller-1of2": "caller --shard 1/2", "caller-2of2": "caller --shard 2/2"}),
    ],
)
def test_on_several_machines_a_process_serves_a_part_of_the_users(
    shards: int, commands: dict[str, str]
) -> None:
    settings = Settings(broker=BrokerSettings(machine="a"), caller=CallerSettings(shards=shards))
    document = configparser.ConfigParser()
    document.read_string(supervisor_configuration(settings, PROGRAMS))

    for name, command in commands.items():
        assert document[f"program:{name}"]["command"].endswith(command)


def test_all_processes_are_ended_together() -> None:
    document = configparser.ConfigParser()
    document.read_string(supervisor_configuration(Settings(), ("gateway", "dial")))

    assert document["group:starface2mqtt"]["programs"] == "gateway,dial"


def test_systemd_is_notified_once_the_processes_run(tmp_path: Path) -> None:
    settings = make_site(tmp_path / "site", {"gateway": {"listen": [f"127.0.0.1:{free_port()}"]}})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(50)
        running = subprocess.Popen(
            [sys.executable, "-m", "cli", "--config", str(settings.file),
             "up", "--only", "gateway"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
        )  # fmt: skip
        try:
            states = systemd.recv(4096).decode()
            while "READY=1" not in states:
                states = systemd.recv(4096).decode()
        finally:
            running.terminate()
            assert running.wait(20) == 0

    assert "WATCHDOG=1" in states
    assert "STATUS=1 of 1 processes run" in states


def test_the_processes_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    settings = make_site(tmp_path / "site", {"gateway": {"listen": [f"127.0.0.1:{port}"]}})
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(settings.file), "up", "--only", "gateway"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, umask=0,
    )  # fmt: skip
    wait_until(lambda: _listens(port), 50)
    data = settings.site.data_folder
    wait_until((data / "supervisord.pid").exists)
    readable = [path.name for path in data.iterdir() if path.stat().st_mode & 0o077]
    assert readable == []

    running.kill()
    running.wait(5)

    wait_until(lambda: not _listens(port))


def _listens(port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0


def test_up_runs_with_a_socket_for_its_output_as_under_systemd(tmp_path: Path) -> None:
    settings = make_site(tmp_path / "site", {"gateway": {"listen": [f"127.0.0.1:{free_port()}"]}})
    ours, theirs = socket.socketpair()
    with ours, theirs:
        running = subprocess.Popen(
            [sys.executable, "-m", "cli", "--config", str(settings.file),
             "up", "--only", "gateway"],
            stdout=theirs.fileno(), stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        theirs.close()
        ours.settimeout(50)
        reported = b""
        try:
            while b"gateway" not in reported:
                reported += ours.recv(4096) or b"(closed without a word) gateway"
        finally:
            running.terminate()
            assert running.wait(20) == 0
    assert b"closed without a word" not in reported


def test_up_adds_broker_accounts_that_are_new_in_this_release(tmp_path: Path) -> None:
    settings = make_site(tmp_path / "site", {"gateway": {"listen": [f"127.0.0.1:{free_port()}"]}})
    file, acl = settings.broker.accounts_file, broker_folder(settings) / "acl"
    complete = read_accounts(file)
    kept = {name: password for name, password in complete.items() if name != "journal"}
    file.write_text(json.dumps(kept))
    acl.write_text("")
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(settings.file), "up", "--only", "gateway"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert running.stderr is not None
        line = running.stderr.readline()
    finally:
        running.terminate()
        running.communicate(timeout=50)

    assert line.startswith("New broker accounts: journal. Let the broker read its files again")
    assert read_accounts(file).keys() == complete.keys()
    assert kept.items() <= read_accounts(file).items()
    assert "user journal\n" in acl.read_text()
