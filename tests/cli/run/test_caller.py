import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from consumers.users import User, Users
from runtime.files import private_folder

ROOT = Path(__file__).parent.parent.parent.parent
# What reads the command line and the configuration, and what only other processes need.
_DEAR = (
    "typer", "pydantic_settings", "asyncio", "cryptography", "falcon", "httpx", "rich",
    "sqlite_utils", "click", "pluggy", "dateutil",
)  # fmt: skip


def test_a_caller_process_holds_nothing_it_does_not_need() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import cli.run.caller, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert set(result.stdout.split()).isdisjoint(_DEAR)


def test_a_caller_process_begins_again_with_the_settings_of_its_site(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Callable[..., Connection]
) -> None:
    site = tmp_path / "starface2mqtt.toml"
    site.write_text(
        f'[broker]\nport = {broker_settings.port}\naccounts_file = "broker/accounts.json"\n'
    )
    with Users(private_folder(tmp_path / "data") / "starface2mqtt.db") as users:
        users.add(User(login="0011"))
    watch = connect("panel")
    seen: list[bytes] = []
    watch.subscribe("starface/processes/caller", lambda arrived: seen.append(arrived.payload))
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(site), "caller", "0011"], cwd=ROOT
    ) as process:
        try:
            while seen[-1:] != [b"online"]:
                assert process.poll() is None
                watch.work(0.05)
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
            process.send_signal(signal.SIGTERM)
            code = process.wait(5)
        finally:
            process.kill()

    assert b"cli.run.caller" in words
    assert b"0011" in words
    assert code == 0


def test_the_processes_of_those_who_are_on_share_what_their_parent_read(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Callable[..., Connection]
) -> None:
    site = tmp_path / "starface2mqtt.toml"
    site.write_text(
        f'[broker]\nport = {broker_settings.port}\naccounts_file = "broker/accounts.json"\n'
    )
    with Users(private_folder(tmp_path / "data") / "starface2mqtt.db") as users:
        for login in ("0011", "0012"):
            users.add(User(login=login))
        users.add(User(login="0013", wanted=False))
    watch = connect("panel")
    online: set[str] = set()

    def receive(arrived: ReceivedMessage) -> None:
        if arrived.payload == b"online":
            online.add(arrived.topic.rpartition("/")[2])

    watch.subscribe("starface/processes/+", receive)
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(site), "caller", "--active"], cwd=ROOT
    ) as process:
        try:
            while len(online) < 2:
                assert process.poll() is None
                watch.work(0.05)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            names = set()
            for pid in children.split():
                with contextlib.suppress(OSError):  # one that did something short has ended
                    names.add(Path(f"/proc/{pid}/comm").read_text().strip())
            process.send_signal(signal.SIGTERM)
            code = process.wait(10)
        finally:
            process.kill()

    assert online == {"caller-for-0011", "caller-for-0012"}
    assert {"caller 0011", "caller 0012"} <= names
    assert code == 0


def test_where_the_configuration_names_the_account_one_process_serves_all(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Callable[..., Connection]
) -> None:
    password = json.loads(broker_settings.accounts_file.read_text())["caller"]
    site = tmp_path / "starface2mqtt.toml"
    site.touch(mode=0o600)
    site.write_text(
        f'[broker]\nport = {broker_settings.port}\naccount = "caller"\npassword = "{password}"\n'
    )
    with Users(private_folder(tmp_path / "data") / "starface2mqtt.db") as users:
        users.add(User(login="0011"))
    watch = connect("panel")
    seen: list[bytes] = []
    watch.subscribe("starface/processes/caller", lambda arrived: seen.append(arrived.payload))
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "--config", str(site), "caller", "--active"], cwd=ROOT
    ) as process:
        try:
            while seen[-1:] != [b"online"]:
                assert process.poll() is None
                watch.work(0.05)
            process.send_signal(signal.SIGTERM)
            code = process.wait(10)
        finally:
            process.kill()

    assert code == 0


def test_a_database_others_may_read_is_refused_with_one_line(
    tmp_path: Path, broker_settings: BrokerSettings
) -> None:
    site = tmp_path / "starface2mqtt.toml"
    site.write_text(
        f'[broker]\nport = {broker_settings.port}\naccounts_file = "broker/accounts.json"\n'
    )
    database = private_folder(tmp_path / "data") / "starface2mqtt.db"
    database.touch(mode=0o644)

    result = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(site), "caller", "--active"],
        cwd=ROOT, capture_output=True, text=True, timeout=50,
    )  # fmt: skip

    assert result.returncode == 1
    assert "chmod 600" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("whose", ["--all", "--active"])
def test_a_fault_is_one_line(tmp_path: Path, whose: str) -> None:
    site = tmp_path / "starface2mqtt.toml"
    site.write_text("[broker]\nport = 1\naccounts_file = 'nowhere.json'\n")

    result = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(site), "caller", whose],
        cwd=ROOT, capture_output=True, text=True, timeout=50,
    )  # fmt: skip

    assert result.returncode == 1
    assert "nowhere.json" in result.stderr
    assert result.stderr.count("\n") == 1
