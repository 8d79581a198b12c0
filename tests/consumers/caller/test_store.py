import sqlite3
import threading
import time
from pathlib import Path

import pytest

from bus.mqtt.inbox import ReceivedMessage
from consumers.actions.webhook import Webhooks
from consumers.caller.calls import change_to
from consumers.caller.store import CallerStore, Claim, erase

CLAIM = Claim("0011", "c-1", "ringing", 100.0, '{"number": "+41441234567"}')


@pytest.fixture
def store(tmp_path: Path) -> CallerStore:
    return CallerStore(tmp_path / "caller.db")


def test_an_action_is_claimed_once(store: CallerStore) -> None:
    assert store.claim(CLAIM)
    assert not store.claim(CLAIM)
    assert store.claimed("0011", "c-1", "ringing")
    assert not store.claimed("0012", "c-1", "ringing")


def test_one_of_many_claims_at_once_wins(tmp_path: Path) -> None:
    stores = [CallerStore(tmp_path / "caller.db") for _ in range(8)]
    won: list[bool] = []
    threads = [threading.Thread(target=lambda s=s: won.append(s.claim(CLAIM))) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(won) == 1


def test_what_is_deferred_can_still_be_claimed_once(store: CallerStore) -> None:
    store.defer(CLAIM)
    assert [claim.begun for claim in store.open_claims()] == [False]
    assert not store.claimed("0011", "c-1", "ringing")

    assert store.claim(CLAIM)
    store.forget_deferred("0011", "c-1", "ringing")
    store.defer(CLAIM)
    assert not store.claim(CLAIM)
    assert store.open_claims() == [CLAIM]


def test_a_process_resumes_only_what_was_begun_for_its_users(tmp_path: Path) -> None:
    store = CallerStore(tmp_path / "caller.db", users=["0012"])
    store.claim(CLAIM)

    assert store.open_claims() == []
    assert CallerStore(tmp_path / "caller.db", users=["0011"]).open_claims() == [CLAIM]
    assert CallerStore(tmp_path / "caller.db").open_claims() == [CLAIM]


def test_a_claim_is_open_until_it_is_done_and_then_knows_nobody(store: CallerStore) -> None:
    store.claim(CLAIM)
    assert store.open_claims() == [CLAIM]

    store.done("0011", "c-1", "ringing")

    assert store.open_claims() == []
    assert not store.claim(CLAIM)


def test_what_no_event_can_refer_to_any_more_is_dropped(store: CallerStore) -> None:
    store.claim(CLAIM)
    store.end("0011", "c-1", 100.0)
    store.rename("0011", "c-2", "c-1", 100.0)
    store.forget_before(100.0 + 200_000)

    assert store.open_claims() == []
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


def test_a_locked_file_is_waited_for(store: CallerStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "caller.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(1.0, lambda: other.execute("COMMIT"))
    timer.start()

    assert store.claim(CLAIM)
    timer.join()
    other.close()


def test_that_an_erased_number_was_put_through_is_forgotten(
    store: CallerStore, tmp_path: Path
) -> None:
    marks = [change_to("c-1", number) for number in ("+41441234567", "+41449999999")]
    for mark in marks:
        store.note_done("0011", "c-1", mark, 1.0)

    assert erase(tmp_path, "+41441234567") == (1, True)
    assert [store.claimed("0011", "c-1", mark) for mark in marks] == [False, True]


def test_an_erased_number_is_nowhere_any_more(store: CallerStore, tmp_path: Path) -> None:
    store.claim(CLAIM)
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
    return int(store._read("SELECT count(*) FROM aside", ())[0][0])
