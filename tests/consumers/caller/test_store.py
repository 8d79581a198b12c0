import sqlite3
import time
from pathlib import Path

import pytest

from bus.mqtt.inbox import ReceivedMessage
from consumers.actions.webhook import Webhooks
from consumers.caller.calls import change_to
from consumers.caller.store import CallerStore, erase


@pytest.fixture
def store(tmp_path: Path) -> CallerStore:
    return CallerStore(tmp_path / "caller.db")


def test_what_no_event_can_refer_to_any_more_is_dropped(store: CallerStore) -> None:
    _claim(store, "ringing")
    store.end("0011", "c-1", 100.0)
    store.rename("0011", "c-2", "c-1", 100.0)
    store.forget_before(100.0 + 200_000)

    assert _claims(store) == []
    assert store.ended_since(0) == []
    assert store.renamed() == []


def test_what_cannot_be_read_is_kept_for_support_but_not_without_end(
    store: CallerStore, tmp_path: Path
) -> None:
    for number in range(1_100):
        store.dead_letter(ReceivedMessage("t", f"{number}".encode()), "unreadable")

    with sqlite3.connect(tmp_path / "caller.db") as db:
        [count, oldest] = db.execute("SELECT count(*), min(payload) FROM aside").fetchone()
    assert count == 1_000
    assert oldest == b"100"


def test_that_an_erased_number_was_put_through_is_forgotten(
    store: CallerStore, tmp_path: Path
) -> None:
    marks = [change_to("c-1", number) for number in ("+41441234567", "+41449999999")]
    for mark in marks:
        _claim(store, mark)

    assert erase(tmp_path, "+41441234567") == (1, True)
    assert _claims(store) == marks[1:]


def test_an_erased_number_is_nowhere_any_more(store: CallerStore, tmp_path: Path) -> None:
    _claim(store, "ringing", '{"number": "+41441234567"}')
    store.dead_letter(ReceivedMessage("t", b'{"x": "+41441234567"}'), "unreadable")
    store.dead_letter(ReceivedMessage("t", b"<x>044 123 45 67"), "unreadable")
    hooks = Webhooks(tmp_path / "caller.db", (), lambda _: None)
    hooks.add("webhook", "e-1", "0011", "c-1", b'{"number": "+41441234567"}')
    hooks.add("webhook", "e-2", "0011", "c-2", b'{"number": "+41449999999"}')

    assert erase(tmp_path, "+41441234567") == (4, True)
    assert hooks.waiting() == 1
    hooks.stop()
    store.close()
    assert not any(b"41441234567" in path.read_bytes() for path in tmp_path.iterdir())


def test_what_was_set_aside_is_kept_as_long_as_the_office_says(store: CallerStore) -> None:
    store.dead_letter(ReceivedMessage("t", b"x"), "unreadable")
    store.forget_before(time.time() + 2 * 86_400, set_aside_days=3)
    assert _aside(store) == 1
    store.forget_before(time.time() + 4 * 86_400, set_aside_days=3)

    assert _aside(store) == 0


def _aside(store: CallerStore) -> int:
    return int(store.db.execute("SELECT count(*) FROM aside").fetchone()[0])


def _claim(store: CallerStore, mark: str, event: str | None = None) -> None:
    claim = ("0011", "c-1", mark, "open", 100.0, event)
    store.db.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", claim)


def _claims(store: CallerStore) -> list[str]:
    return [row[0] for row in store.db.execute("SELECT trigger FROM claims")]
