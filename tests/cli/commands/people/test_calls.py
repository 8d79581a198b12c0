import csv
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bus.journal_events import JournalRequest
from bus.mqtt.connection import Connection
from bus.mqtt.requests import Responder
from bus.settings import BrokerSettings
from cli.commands.people import calls
from cli.site.context import CommandFailed
from consumers.users import User, Users
from tests.consumers.journal.call_events import OTHER
from tests.consumers.journal.test_requests import Desk

app = typer.Typer(pretty_exceptions_enable=False)
app.add_typer(calls.app, name="calls")
Connect = Callable[..., Connection]


@app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


@pytest.fixture
def site(tmp_path: Path, broker_settings: BrokerSettings) -> Path:
    path = tmp_path / "starface2mqtt.toml"
    path.write_text(
        '[site]\ncountry = "CH"\nlanguage = "en"\n'
        f'[broker]\nport = {broker_settings.port}\n'
        f'accounts_file = "{broker_settings.accounts_file}"\n'
    )  # fmt: skip
    with Users(tmp_path / "data" / "starface2mqtt.db") as users:
        for login in ("0011", "0012"):
            users.add(User(login=login))
    return path


@pytest.fixture
def journal(tmp_path: Path, connect: Connect) -> Iterator[None]:
    """The journal's answers, from a file with some calls in it."""
    connection = connect("journal")
    ready, stopped = threading.Event(), threading.Event()

    def answer() -> None:
        desk = Desk(tmp_path)
        desk.missed("0011", "c-1", 0)
        desk.missed("0011", "c-2", 100, caller=OTHER.model_copy(update={"name": "=1+1"}))
        desk.missed("0012", "c-3", 200)
        with closing(desk.store):
            Responder(connection, "process/journal").serve(
                connection.topics.journal("+"), JournalRequest, desk.requests.handle
            )
            ready.set()
            while not stopped.is_set():
                connection.work(0.02)

    thread = threading.Thread(target=answer)
    thread.start()
    ready.wait()
    yield
    stopped.set()
    thread.join()


def _run(site: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [str(site), "calls", *words])


@pytest.mark.usefixtures("journal")
def test_missed_calls_are_seen_noted_and_seen_to(site: Path) -> None:
    table = _run(site, "--user", "0011", "--open").output
    assert "+41 44 333 44 55" in table
    assert "Muster AG" in table
    assert table.count("missed ●") == 2

    assert _run(site, "note", "c-1", "call back", "--user", "0011").exit_code == 0
    assert _run(site, "handle", "c-1", "--user", "0011").output == "Seen to.\n"
    shown = _run(site, "show", "c-1", "--user", "0011").output
    assert "call back" in shown
    [left] = _run(site, "--user", "0011", "--open", "--json").output.splitlines()
    assert json.loads(left)["call_id"] == "c-2"


@pytest.mark.usefixtures("journal")
def test_a_message_reaches_the_colleague(site: Path) -> None:
    said = _run(site, "message", "0012", "Fristsache", "--user", "0011", "--wish", "urgent")
    assert said.output == "Left for 0012.\n"

    assert "message ●" in _run(site, "--user", "0012").output


@pytest.mark.usefixtures("journal")
def test_an_export_has_every_call_and_no_formula(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    assert "calls: 3" in _run(site, "export", str(file), "--all").output

    rows = list(csv.DictReader(file.open(encoding="utf-8"), delimiter=";"))
    assert [row["call_id"] for row in rows] == ["c-2", "c-1", "c-3"]
    assert rows[0]["name"] == "'=1+1"
    assert rows[1]["number"] == "+41443334455"


@pytest.mark.usefixtures("journal")
def test_what_is_refused_is_said_in_the_sites_language(site: Path) -> None:
    with pytest.raises(CommandFailed, match="not \\(or no longer\\) in the journal"):
        CliRunner().invoke(
            app, [str(site), "calls", "show", "x", "--user", "0011"],
            catch_exceptions=False,
        )  # fmt: skip


@pytest.mark.parametrize("since", ["yesterday", "7y", ""])
def test_a_time_that_is_none_is_said(site: Path, since: str) -> None:
    assert _run(site, "--user", "0011", "--since", since).exit_code == 2
