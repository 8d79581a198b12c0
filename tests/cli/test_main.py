import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.__main__ import app_for
from cli.run.process_app import PROCESSES


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *words], capture_output=True, text=True, timeout=50,
        check=False,
    )  # fmt: skip


def test_help_names_every_command() -> None:
    shown = _run("--help").stdout

    commands = ["init", "up", "gateway", "watch", "user", "simulate", "call"]
    assert [command for command in commands if f"│ {command} " not in shown] == []


def test_the_shell_can_complete_commands() -> None:
    asked = {
        "COMP_WORDS": "starface2mqtt simu",
        "COMP_CWORD": "1",
        "_STARFACE2MQTT_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("starface2mqtt")],
        env=os.environ | asked, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip

    assert "simulate" in done.stdout


def test_a_command_without_a_site_says_how_to_make_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "status"],
        capture_output=True, text=True, timeout=50, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 1
    assert "starface2mqtt init" in done.stderr
    assert "Traceback" not in done.stderr


_SERVER = ("cryptography", "falcon", "greenlet", "httpx", "mqtt5", "prometheus_client", "psutil",
           "sqlite_utils", "uvicorn", "waitress")  # fmt: skip
_WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({_SERVER}))  # as if they were not installed
from cli.__main__ import main
sys.argv[0] = "starface2mqtt"
main()
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["desktop", "run"], "desktop.toml: there is no such file"),
        (["simulate", "run"], "starface2mqtt[server]"),
        (["--version"], "0."),
    ],
)
def test_a_workstation_needs_no_server_packages(
    tmp_path: Path, words: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, *words],
        capture_output=True, text=True, timeout=50, check=False,
        env=os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip

    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "everything"),
    [
        (["up"], False), (["--config", "up", "gateway"], False), (["caller", "--all"], False),
        (["--config", "up", "status"], True), (["up", "--help"], True), (["--version"], True),
        ([], True),
    ],
)  # fmt: skip
def test_a_process_is_started_without_the_commands_of_people(
    words: list[str], *, everything: bool
) -> None:
    names = {command.name for command in app_for(words).registered_commands}

    assert names >= set(PROCESSES)
    assert ("status" in names) is everything
