import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bus.settings import BrokerSettings, read_accounts
from cli.demo.mosquitto import free_port
from cli.run.work import processes
from cli.site.files import broker_folder, make_site
from cli.site.settings import Settings
from consumers.caller.settings import CallerSettings
from tests.conftest import wait_until


@pytest.mark.parametrize(
    ("shards", "callers"),
    [(1, {"caller"}), (2, {"caller-1of2", "caller-2of2"})],
)
def test_on_several_machines_a_process_serves_a_part_of_the_users(
    shards: int, callers: set[str]
) -> None:
    settings = Settings(broker=BrokerSettings(machine="a"), caller=CallerSettings(shards=shards))

    assert processes(settings, ("caller", "dial")).keys() == {*callers, "dial"}


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


def test_a_process_that_dies_starts_again_with_the_configuration_of_now(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    settings = make_site(tmp_path / "site", {"gateway": {"listen": [f"127.0.0.1:{ports[0]}"]}})
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(settings.file), "up", "--only", "gateway"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: _listens(ports[0]), 30)
        [gateway] = psutil.Process(running.pid).children()
        text = settings.file.read_text()
        settings.file.write_text(text.replace(f":{ports[0]}", f":{ports[1]}"))
        assert (gateway.name(), gateway.cmdline()[:1]) == ("gateway", ["starface2mqtt gateway"])

        gateway.kill()

        wait_until(lambda: _listens(ports[1]), 30)
    finally:
        running.terminate()
        assert running.wait(20) == 0


def test_the_processes_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    settings = make_site(tmp_path / "site", {"gateway": {"listen": [f"127.0.0.1:{port}"]}})
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(settings.file), "up", "--only", "gateway"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, umask=0,
    )  # fmt: skip
    wait_until(lambda: _listens(port), 50)
    data = settings.site.data_folder
    wait_until((data / "events.db").exists)
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
