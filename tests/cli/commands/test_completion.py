import os
from collections.abc import Callable
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from cli.app import app
from cli.site.settings import Settings
from consumers.directory.directory import Directory

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(staffed: Settings, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what the shell offers for the last word of a command line."""

    def asked(*words: str) -> list[str]:
        line = ["starface2mqtt", "--config", str(staffed.file), *words]
        monkeypatch.setitem(os.environ, "_STARFACE2MQTT_COMPLETE", "complete_bash")
        monkeypatch.setitem(os.environ, "COMP_WORDS", " ".join(line))
        monkeypatch.setitem(os.environ, "COMP_CWORD", str(len(line) - 1))
        done = CliRunner().invoke(app, [], prog_name="starface2mqtt")
        return done.output.split()

    return asked


@pytest.mark.parametrize(
    "words",
    [
        ("on", "001"), ("user", "set", "001"), ("why", "--user", "001"), ("calls", "--user", "001"),
        ("supervisor", "add", "001"), ("private", "list", "--user", "001"),
        ("group", "add", "office", "001"), ("contacts", "choices", "001"),
    ],
)  # fmt: skip
def test_logins_are_completed(complete: Complete, words: tuple[str, ...]) -> None:
    assert complete(*words) == ["0010", "0011", "0012", "0013"]


def test_only_what_begins_like_it_is_completed(complete: Complete) -> None:
    assert complete("on", "0012") == ["0012"]
    assert complete("on", "9") == []


def test_groups_accounts_and_sources_are_completed(
    complete: Complete, run: Callable[..., Result], staffed: Settings
) -> None:
    run("group", "add", "office", "0011")
    run("account", "add", "wallboard", "--all", "--topics", "calls")
    with Directory(staffed.database) as directory:
        directory.set_source("cms")

    assert complete("user", "set", "--group", "o") == ["office"]
    assert complete("account", "show", "wall") == ["wallboard"]
    assert complete("contacts", "export", "--source", "c") == ["cms"]


def test_without_a_site_nothing_is_completed_and_nothing_breaks(
    complete: Complete, staffed: Settings
) -> None:
    staffed.file.unlink()

    assert complete("on", "0") == []


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        (("user", "list"), '"login": "0011"'),
        (("user", "show", "0011"), '"login": "0011"'),
        (("group", "list"), '"office": ['),
        (("account", "list"), '"wallboard": {'),
        (("supervisor", "list"), '"0012": {'),
        (("application", "list"), '"name": "crm"'),
        (("private", "list"), '"ends": "'),
        (("contacts", "sources"), "[]"),
        (("contacts", "choices", "0011"), "[]"),
    ],
)
def test_what_lists_is_for_machines_too(
    run: Callable[..., Result], words: tuple[str, ...], holds: str
) -> None:
    run("group", "add", "office", "0011")
    run("account", "add", "wallboard", "--all", "--topics", "calls")
    run("supervisor", "add", "0012", "--user", "0011")
    run("application", "add", "crm", "--users", "0011")
    run("private", "add", "+41445550181", "--user", "0011")

    done = run(*words, "--json")

    assert done.exit_code == 0, done.output
    assert holds in done.stdout


def test_each_command_that_lists_has_json() -> None:
    def listing(command: Any, path: str) -> list[str]:
        if hasattr(command, "commands"):
            return [
                name for child in command.commands.values()
                for name in listing(child, f"{path} {child.name}")
            ]  # fmt: skip
        lists = command.name == "list" or (command.help or "").startswith("List ")
        options = {option for param in command.params for option in param.opts}
        return [path] if lists and "--json" not in options else []

    assert listing(get_command(app), "") == []
