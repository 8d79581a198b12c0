import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from consumers.actions.command import ActionFailed, Command
from consumers.caller.settings import CommandSettings

PWNED = Path("/tmp/starface-pwned")  # noqa: S108
_WRITE_ARGV = "import json,sys; open(sys.argv[1],'w').write(json.dumps(sys.argv[2:]))"


def _command(*arguments: str, timeout: float = 10.0) -> Command:
    return Command(
        CommandSettings(arguments=(sys.executable, "-S", "-I", *arguments), timeout=timeout)
    )


def test_a_name_is_one_argument_whatever_it_holds(tmp_path: Path, hostile_name: str) -> None:
    """No process but the configured one, and as many arguments as the template has."""
    received = tmp_path / "argv"
    command = _command(
        "-c", _WRITE_ARGV, str(received), "{name?}", "--name={name?}", "[{name?}]", "end"
    )

    command.run({"name": hostile_name})

    alone, option, within, end = json.loads(received.read_text())
    assert end == "end"
    assert option.startswith("--name=")
    assert within.startswith("[")
    assert within.endswith("]")
    assert not alone.startswith(("-", "@", "/"))
    assert not any(sign in alone for sign in "\x00\n\r\x1b\u202e\u2028")
    assert not PWNED.exists()


def test_a_number_keeps_its_plus(tmp_path: Path) -> None:
    received = tmp_path / "argv"
    _command("-c", _WRITE_ARGV, str(received), "{e164}").run({"e164": "+41441234567"})

    assert json.loads(received.read_text()) == ["+41441234567"]


def test_a_missing_value_starts_nothing(tmp_path: Path) -> None:
    received = tmp_path / "argv"
    with pytest.raises(ActionFailed, match="no-id"):
        _command("-c", _WRITE_ARGV, str(received), "{id}").run({"id": " "})

    assert not received.exists()


def test_a_program_that_fails_is_reported_by_its_code() -> None:
    with pytest.raises(ActionFailed, match="exit-3"):
        _command("-c", "raise SystemExit(3)").run({})


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = (
        "import subprocess; p = subprocess.Popen(['sleep', '60']);"
        f"open({str(child)!r}, 'w').write(str(p.pid)); p.wait()"
    )
    began = time.monotonic()
    with pytest.raises(ActionFailed, match="timed-out"):
        _command("-c", script, timeout=2.0).run({})

    assert time.monotonic() - began < 10
    limit = time.monotonic() + 5
    while _alive(int(child.read_text())):
        assert time.monotonic() < limit


def test_a_program_does_not_inherit_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFACE2MQTT_BROKER__PASSWORD", "planted")
    received = tmp_path / "environment"
    _command("-c", f"import os; open({str(received)!r},'w').write(str(dict(os.environ)))").run({})

    assert "planted" not in received.read_text()


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("{name}", {"name": "+!touch /tmp/x"}),
        ("{name}", {"name": "-exec"}),
        ("{name}", {"name": "--output=x"}),
        ("{name}", {"name": " - -x"}),
        ("{name?}{number}", {"number": "+!ls"}),
        ("{name?}{number}", {"name": "+", "number": "!ls"}),
        ("{name?}{number}", {"name": "+41", "number": "!ls"}),
        ("{number}", {"number": "+41 44 668"}),
    ],
)
def test_a_value_never_becomes_an_option_or_a_command(
    tmp_path: Path, template: str, values: dict[str, str]
) -> None:
    received = tmp_path / "argv"
    _command("-c", _WRITE_ARGV, str(received), template).run(values)

    assert not json.loads(received.read_text())[0].startswith(("+", "-"))


def test_a_value_of_signs_alone_is_missing() -> None:
    with pytest.raises(ActionFailed, match="no-name"):
        _command("{name}").run({"name": "--"})


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("/files/{id}/open", ".."),
        ("/files/{id}", "../../etc/passwd"),
        ("/files/{id}", "a/../../b"),
        ("C:\\files\\{id}", "..\\x"),
        ("../{id}/x", ".."),
        ("--folder={id}", ".."),
        ("/files/.{id}/x", "."),
        ("{id}", ".."),
    ],
)
def test_a_value_never_leads_to_the_folder_above(tmp_path: Path, template: str, value: str) -> None:
    received = tmp_path / "argv"
    with contextlib.suppress(ActionFailed):
        _command("-c", _WRITE_ARGV, str(received), template).run({"id": value})

    argument = json.loads(received.read_text())[0] if received.exists() else ""
    assert re.split(r"[/\\=]", argument).count("..") <= template.count("..")


@pytest.mark.parametrize("value", ["Dr. Who...", "a..b", "Ltd."])
def test_points_within_a_name_are_a_name(value: str) -> None:
    assert _command("-c", "pass", "/files/{id}").run({"id": value}) == "exit-0"


def test_a_program_that_is_not_there_is_named_and_fails_alone() -> None:
    command = Command(CommandSettings(name="dms", arguments=("/nowhere/open-file", "{id}")))

    assert command.fault() == (
        "[[caller.commands]] dms: there is no program '/nowhere/open-file' that can be started"
    )
    with pytest.raises(ActionFailed, match="no-program"):
        command.run({"id": "7"})


def test_a_program_that_is_installed_later_is_started(tmp_path: Path) -> None:
    program = tmp_path / "open-file"
    command = Command(CommandSettings(arguments=(str(program),)))
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)

    assert (command.fault(), command.run({})) == (None, "exit-0")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
