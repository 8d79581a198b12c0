import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bus.connection import Connection
from bus.process import private_folder
from bus.settings import BrokerSettings
from consumers.users import User, Users

ROOT = Path(__file__).parent.parent.parent
# What reads the command line and the configuration, and what only other processes need.
_DEAR = ("typer", "pydantic_settings", "asyncio", "cryptography", "falcon", "httpx", "rich")


def test_a_caller_process_holds_nothing_it_does_not_need() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import cli.caller_alone, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert set(told.stdout.split()).isdisjoint(_DEAR)


def test_a_caller_process_begins_anew_with_the_settings_of_its_site(
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

    assert b"cli.caller_alone" in words
    assert b"0011" in words
    assert code == 0


def test_a_fault_is_one_line(tmp_path: Path) -> None:
    site = tmp_path / "starface2mqtt.toml"
    site.write_text("[broker]\nport = 1\naccounts_file = 'nowhere.json'\n")

    told = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(site), "caller", "--all"],
        cwd=ROOT, capture_output=True, text=True, timeout=20,
    )  # fmt: skip

    assert told.returncode == 1
    assert "nowhere.json" in told.stderr
    assert told.stderr.count("\n") == 1
