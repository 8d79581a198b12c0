import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bus.events import TraceStep
from cli.commands.people.why import why
from cli.site.context import CommandFailed
from consumers.caller.texts import kept_values
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, path_of
from consumers.users import User, Users, UserUnknown

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
Ask = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Ask `why` in an office with its own configuration."""
    configuration = tmp_path / "starface2mqtt.toml"
    configuration.write_text('[site]\ndata_folder = "data"\nlanguage = "de"\n')
    app = typer.Typer()
    app.command()(why)

    @app.callback(invoke_without_command=False)
    def _root(context: typer.Context) -> None:
        context.obj = {"config": configuration}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["why", *arguments])

    return run


def _report(folder: Path, call: str = "c-1", user: str = "0011", at: float = 0.0) -> None:
    reported: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "ringing", {"number": "044 123 45 67", "called": "Anna"}),
        ("matched", "none", {"e164": "+41441234567"}),
        ("action", "unknown-caller", {}),
    ]
    steps = []
    for step, code, values in reported:
        steps.append(
            TraceStep(step=step, code=code, at=AT, values=kept_values(f"{step}.{code}", values))
        )
    subject = TraceSubject(user, call, "044 123 45 67", "+41441234567", "Evil \x1b[2J")
    traces = TraceStore(path_of(folder / "data", "caller"))
    traces.add(
        [TraceEntry(subject, tuple(steps), AT.timestamp() + at, "nothing", "unknown-caller")]
    )
    traces.close()


def test_the_last_call_is_reported_in_sentences(ask: Ask, tmp_path: Path) -> None:
    _report(tmp_path)
    _report(tmp_path, "c-2", at=5)

    result = ask()

    assert result.exit_code == 0
    head, *lines = result.stdout.splitlines()
    assert "Anruf c-2 · 0011 · +41441234567" in head
    assert "Das Telefon klingelt: Anruf von 044 123 45 67 an Anna." in lines[0]
    assert "Nichts geöffnet: der Anrufer steht nicht im Verzeichnis." in lines[2]
    assert "c-1" not in result.stdout


def test_it_is_reported_in_english_too(ask: Ask, tmp_path: Path) -> None:
    _report(tmp_path)

    assert "Nothing opened: the caller is not in the directory." in ask("--lang", "en").stdout


def test_a_name_cannot_move_the_cursor(ask: Ask, tmp_path: Path) -> None:
    _report(tmp_path)

    assert "\x1b" not in ask().stdout


def test_a_call_and_a_user_can_be_named(ask: Ask, tmp_path: Path) -> None:
    _report(tmp_path, user="0011")
    _report(tmp_path, "c-2", user="0012", at=5)

    assert "c-1" in ask("c-1").stdout
    assert "c-1" in ask("--user", "0011").stdout
    assert "c-2" not in ask("--user", "0011").stdout
    assert ask("--last", "2").stdout.count("Anruf c-") == 2


def test_a_machine_gets_codes(ask: Ask, tmp_path: Path) -> None:
    _report(tmp_path)

    [story] = json.loads(ask("--json").stdout)
    assert story["reason"] == "unknown-caller"
    assert [step["code"] for step in story["steps"]] == ["ringing", "none", "unknown-caller"]
    assert story["steps"][0]["de"].startswith("Das Telefon klingelt")


def test_where_no_call_came_in_it_says_where_to_look(ask: Ask) -> None:
    result = ask()

    assert isinstance(result.exception, CommandFailed)
    assert "starface2mqtt status" in str(result.exception)


def test_an_interface_that_is_off_is_named_with_the_way_to_switch_it_on(
    ask: Ask, tmp_path: Path
) -> None:
    with Users(tmp_path / "data" / "starface2mqtt.db") as users:
        users.add(User(login="0011", wanted=False))
        users.add(User(login="0012"))

    assert "starface2mqtt on 0011" in str(ask("--user", "0011").exception)
    assert "ausgeschaltet" not in str(ask("--user", "0012").exception)
    assert isinstance(ask("--user", "nobody").exception, UserUnknown)


def test_an_interface_switched_off_since_the_last_call_is_named_too(
    ask: Ask, tmp_path: Path
) -> None:
    _report(tmp_path)
    with Users(tmp_path / "data" / "starface2mqtt.db") as users:
        users.add(User(login="0011", wanted=False))

    assert "jetzt ausgeschaltet" in ask("--user", "0011").stdout
    assert "ausgeschaltet" not in ask("c-1").stdout


@pytest.mark.parametrize(("ago", "hint"), [(3600, True), (5, False)])
def test_a_story_of_long_ago_says_that_there_may_be_a_later_call(
    ask: Ask, tmp_path: Path, ago: float, hint: bool
) -> None:
    _report(tmp_path, at=(datetime.now(UTC) - AT).total_seconds() - ago)

    assert ("starface2mqtt status" in ask().stdout) is hint


def test_a_call_that_is_not_known_is_named(ask: Ask) -> None:
    assert "30 Tage" in str(ask("c-404").exception)


def test_an_unknown_language_is_refused(ask: Ask) -> None:
    assert isinstance(ask("--lang", "fr").exception, CommandFailed)
