import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bus.events import Party, TraceStep
from cli.app import app
from cli.site.context import CommandFailed
from cli.site.files import make_site
from cli.site.settings import Settings
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, find, path_of
from consumers.desktop.instance import Spool
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import NAME
from gateway.eventlog.writer import EventLog

E164 = "+41445550180"


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    settings = make_site(tmp_path / "site", {"site": {"language": "en", "area_code": "44"}})
    twins = [
        ContactRecord(key=key, name=f"{key} Frei", numbers=(ContactNumber(raw="x", e164=E164),))
        for key in ("Hans", "Ida")
    ]
    with Directory(settings.database) as directory:
        directory.apply(Changes(source="test", records=twins))
        assert directory.remember_choice("0011", E164, 1)
    near = TraceStep(step="matched", code="nearest", at=datetime.now(UTC), en=f"{E164} Ida")
    with closing(TraceStore(path_of(settings.site.data_folder, "caller"))) as traces:
        traces.add(
            [
                TraceEntry(TraceSubject("0011", "c-1", "0445550180", E164), (), 1.0),
                TraceEntry(TraceSubject("0011", "c-2", "0449", "+41449"), (near,), 2.0),
                TraceEntry(TraceSubject("0011", "c-3", "0448", "+41448"), (), 3.0),
            ]
        )
    return settings


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "state" / "starface2mqtt" / "desktop-0011"


@pytest.fixture
def erase(site: Settings, tmp_path: Path) -> Callable[..., Result]:
    def run(*words: str, said: str = "") -> Result:
        return CliRunner(env={"XDG_STATE_HOME": str(tmp_path / "state")}).invoke(
            app, ["--config", str(site.file), "erase", *words], input=said
        )

    return run


def test_a_number_in_any_spelling_is_forgotten(
    site: Settings, erase: Callable[..., Result]
) -> None:
    result = erase("044 555 01-80", "--yes")

    assert result.exit_code == 0, result.output
    assert "2 stories of calls" in result.output
    assert "1 choices" in result.output
    assert [one.call_id for one in find(site.site.data_folder, last=9)] == ["c-3"]
    kept = b"".join(path.read_bytes() for path in site.site.data_folder.glob("traces-*"))
    assert b"5550180" not in kept
    with Directory(site.database) as directory:
        assert directory.choices("0011") == []


def test_no_file_of_the_machine_holds_the_number_any_more(
    tmp_path: Path, erase: Callable[..., Result], site: Settings, spool: Path
) -> None:
    other = "+41445550199"
    folder = site.site.data_folder
    ida = Party(number="0445550199", e164=other, name="Ida", kind="external")
    with closing(EventLog(folder, "gateway", Counters(), lambda: None, greatest=10**8)) as events:
        note = Notification(user="0011", call_id="c", state="ringing")
        events.append(ResolvedNotification(note, ida, Party(), time.time()))
        with closing(CallerStore(folder / "caller.db")) as store:
            claim = ("0011", "c", "ringing", "open", time.time(), f'{{"e164": "{other}"}}')
            store.db.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", claim)
            with Directory(site.database) as directory:
                record = ContactRecord(
                    key="k", name="K", numbers=(ContactNumber(raw="x", e164=other),)
                )
                directory.apply(Changes(source="gone", records=[record]))
                assert directory.remember_choice("0011", other, directory.search("K")[0].id)
                directory.apply(
                    Changes(source="gone", records=[], complete=frozenset({"contact"})), force=True
                )
            Spool(spool).hand_over("044 555 01 99")

            result = erase(other, "--yes")

    assert result.exit_code == 0, result.output
    assert "1 events" in result.output
    assert "1 numbers handed" in result.output
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"5550199" in
               path.read_bytes().replace(b" ", b"")]  # fmt: skip
    assert holding == []


def test_what_others_hold_is_named_and_the_command_fails(
    erase: Callable[..., Result], site: Settings
) -> None:
    folder = site.site.data_folder
    EventLog(folder, "gateway", Counters(), lambda: None, greatest=10**8).close()
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = erase(E164, "--yes")

    assert isinstance(result.exception, CommandFailed)
    assert "events in the gateway's log" in str(result.exception)
    assert "2 stories" in result.output


def test_what_is_somebody_elses_to_erase_is_named(erase: Callable[..., Result]) -> None:
    result = erase(E164, "--yes").output

    assert "Not reached" in result
    assert "at most 24 hours" in result
    assert "Ida Frei, whom the source test has" in result


def test_nothing_is_erased_without_a_yes(site: Settings, erase: Callable[..., Result]) -> None:
    assert erase(E164, said="n\n").exit_code != 0
    assert len(find(site.site.data_folder, last=9)) == 3


def test_a_text_that_is_no_number_is_refused(erase: Callable[..., Result]) -> None:
    assert isinstance(erase("Ida", "--yes").exception, CommandFailed)


def test_what_was_typed_unseen_is_not_shown(erase: Callable[..., Result]) -> None:
    result = erase(said="079 12a\n")

    assert "079 12a" not in f"{result.output}{result.exception}"
    assert str(result.exception) == "this is no telephone number; see: starface2mqtt number NUMBER"
