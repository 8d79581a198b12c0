"""What is under way for calls, and whether an answer says something new."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.events import CallData, CallerData, CallEvent, Party, Reference, call_event_type
from consumers.caller.calls import Call, keys_of
from consumers.caller.pending_actions import Backlog, PendingActions
from consumers.caller.settings import CallerSettings
from consumers.caller.store import CallerStore

KEY = ("0011", "c-1", "ringing")
CALLER = Party(number="0441234567", e164="+41441234567", kind="external")
KEYS, OF_ANOTHER = (keys_of(Call(user, "c-1", caller=CALLER), "ringing") for user in ("0011", "12"))
EVENT = CallEvent(
    type=call_event_type("ringing"),
    data=CallData(
        user="0011", call_id="c-1", state="ringing", direction="in", caller=CALLER,
        received_at=datetime.fromtimestamp(1_000.0, UTC),
    ),
)  # fmt: skip


def _answer(**fields: object) -> CallerData:
    values = {"user": "0011", "call_id": "c-1", "event_id": "e-1", "trigger": "ringing"}
    return CallerData.model_validate({**values, "caller": CALLER, **fields})


class Connected:
    connected = True


@pytest.fixture
def pending(tmp_path: Path) -> Iterator[PendingActions]:
    with closing(CallerStore(tmp_path / "caller.db")) as store:
        yield _pending(store)


def _pending(store: CallerStore) -> PendingActions:
    return PendingActions(store.db, CallerSettings(), Connected(), lambda: 1_000.0)


def _claim(pending: PendingActions) -> bool:
    return pending.claim(KEYS, "ringing", EVENT, "business-card")


def test_an_action_is_claimed_once(pending: PendingActions) -> None:
    assert _claim(pending)
    assert not _claim(pending)
    assert pending.claim(OF_ANOTHER, "ringing", EVENT, "business-card")


def test_one_of_many_claims_at_once_wins(tmp_path: Path) -> None:
    processes = [_pending(CallerStore(tmp_path / "caller.db")) for _ in range(8)]
    won: list[bool] = []
    threads = [threading.Thread(target=lambda p=p: won.append(_claim(p))) for p in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(won) == 1


def test_what_is_deferred_can_still_be_claimed_once(pending: PendingActions) -> None:
    pending.defer(KEY, EVENT, 1_001.0)
    assert [claim.begun for claim in pending.unfinished()] == [False]

    assert _claim(pending)
    pending.give_up(KEY)
    pending.defer(KEY, EVENT, 1_001.0)
    assert not _claim(pending)
    assert [(claim.key, claim.begun) for claim in pending.unfinished()] == [(KEY, True)]


def test_a_claim_is_open_until_it_is_done_and_then_knows_nobody(pending: PendingActions) -> None:
    _claim(pending)
    [claim] = pending.unfinished()
    assert CallEvent.model_validate_json(claim.event) == EVENT

    pending.done(KEY)

    assert pending.unfinished() == []
    assert not _claim(pending)


def test_a_locked_file_is_waited_for(pending: PendingActions, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "caller.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(1.0, lambda: other.execute("COMMIT"))
    timer.start()

    assert _claim(pending)
    timer.join()
    other.close()


def test_an_answer_is_new_once(pending: PendingActions) -> None:
    assert not pending.was_answered(KEY)

    assert pending.is_news(KEY, _answer(reason="no-match"))
    assert not pending.is_news(KEY, _answer(reason="no-match", event_id="e-2"))
    assert pending.was_answered(KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "several-contacts"},
        {"opens": "card"},
        {"caller": Party(number="0441234568", e164="+41441234568", kind="external")},
        {"called": Party(number="11", kind="internal")},
        {"contact": Reference(kind="contact", id="K-1", title="Ada Lovelace")},
        {"url": "https://cases.example/contacts/K-1"},
        {"candidates": (Reference(kind="contact", id="K-1", title="Ada Lovelace"),)},
    ],
)
def test_what_a_person_would_see_makes_it_new(
    pending: PendingActions, change: dict[str, object]
) -> None:
    pending.is_news(KEY, _answer(reason="no-match"))

    assert pending.is_news(KEY, _answer(**{"reason": "no-match", **change}))


def test_another_trigger_is_reported_too(pending: PendingActions) -> None:
    pending.is_news(KEY, _answer())

    assert pending.is_news(("0011", "c-1", "connected"), _answer())


def test_nobody_was_found_until_somebody_is(pending: PendingActions) -> None:
    pending.is_news(KEY, _answer(quality="none"))
    assert pending.found_nobody(KEY)

    pending.is_news(KEY, _answer(quality="exact"))
    assert not pending.found_nobody(KEY)


def test_a_number_that_was_not_looked_up_finds_nobody_missing(pending: PendingActions) -> None:
    pending.is_news(KEY, _answer(caller=Party(kind="withheld")))

    assert not pending.found_nobody(KEY)


def test_a_call_that_begins_again_is_answered_again(pending: PendingActions) -> None:
    pending.is_news(KEY, _answer())
    pending.reopen("0011", "c-1")

    assert not pending.was_answered(KEY)
    assert pending.is_news(KEY, _answer())


def test_openings_count_for_a_minute(pending: PendingActions) -> None:
    for _ in range(3):
        pending.opens(KEY)

    assert pending.openings_in_last_minute("0011") == 3
    assert pending.openings_in_last_minute("0012") == 0


class Desk:
    """A clock, a broker, and what watches them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.connected = True
        self.backlog = Backlog(self, 5.0, lambda: self.now)

    def arrives(self, delay: float = 0.0) -> None:
        self.backlog.arrived(datetime.fromtimestamp(self.now - delay, UTC))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_comes_at_once_waits_for_nothing(desk: Desk) -> None:
    desk.arrives(0.3)

    assert desk.backlog.looked_through


def test_after_a_late_event_more_may_come(desk: Desk) -> None:
    desk.arrives(20)
    assert not desk.backlog.looked_through

    desk.now += 0.4
    desk.arrives(10)
    desk.now += 0.4
    assert not desk.backlog.looked_through

    desk.now += 0.2
    assert desk.backlog.looked_through


def test_after_a_connect_more_may_come(desk: Desk) -> None:
    desk.connected = False
    assert not desk.backlog.looked_through

    desk.connected = True
    assert not desk.backlog.looked_through
    desk.now += 0.6
    assert desk.backlog.looked_through


@pytest.mark.parametrize("skew", [-30.0, 2.0, 4.9])
def test_a_clock_that_differs_becomes_usual(desk: Desk, skew: float) -> None:
    for _ in range(60):
        desk.arrives(skew)
        desk.now += 0.1
    desk.arrives(skew)
    desk.now += 1
    desk.arrives(skew)

    assert desk.backlog.looked_through


def test_a_long_backlog_does_not_become_usual(desk: Desk) -> None:
    for _ in range(500):
        desk.arrives(20)
        desk.now += 0.01

    assert not desk.backlog.looked_through
