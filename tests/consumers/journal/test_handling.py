from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.journal_events import CallRecordData, CallResult
from consumers.journal.handling import Handling
from consumers.journal.record import opened
from consumers.journal.store import JournalStore
from tests.consumers.journal.call_events import BEGIN, CLIENT, OTHER, WITHHELD


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    store = JournalStore(tmp_path / "journal.db")
    yield store
    store.close()


@pytest.fixture
def handling(store: JournalStore) -> Handling:
    return Handling(store)


def _record(
    call_id: str, at: float = 0, result: CallResult = "missed", user: str = "0011", **more: Any
) -> CallRecordData:
    fields: dict[str, Any] = {"party": CLIENT, "direction": "in"} | more
    return opened(
        CallRecordData(
            user=user, call_id=call_id, revision=1, result=result,
            started=BEGIN + timedelta(seconds=at), **fields,
        )
    )  # fmt: skip


def _get(store: JournalStore, call_id: str, user: str = "0011") -> CallRecordData:
    record = store.get(user, call_id)
    assert record is not None
    return record


def test_one_handles_a_call_of_the_group_for_all_and_takes_it_back_for_all(
    store: JournalStore, handling: Handling
) -> None:
    for user in ("0011", "0012"):
        store.put(_record("g-1", user=user, group="7"), shared="g-1")

    handling.handle(_get(store, "g-1"), "0011", "click", BEGIN)
    assert _get(store, "g-1", "0012").handled_by == "0011"
    assert store.missed("0012").open == 0

    handling.unhandle(_get(store, "g-1", "0012"))
    assert _get(store, "g-1").open


@pytest.mark.parametrize(
    ("more", "how"),
    [
        ({"result": "answered", "direction": "out"}, "call-back"),
        ({"result": "answered"}, "later-call"),
        ({"result": "answered-elsewhere", "group": "7", "answered_by": "0012"}, "later-call"),
        ({"result": "not-reached", "direction": "out"}, None),
        ({"result": "answered", "party": OTHER}, None),
        ({"result": "answered", "user": "0012"}, None),
    ],
)
def test_a_later_call_settles_what_was_missed_of_the_same_number(
    store: JournalStore, handling: Handling, more: dict[str, Any], how: str | None
) -> None:
    store.put(_record("c-1", group="8"))
    later = store.put(_record("c-2", at=60, **more))

    handling.after(later)

    assert _get(store, "c-1").handled_how == how


def test_a_call_that_is_recorded_late_is_settled_by_the_later_one(
    store: JournalStore, handling: Handling
) -> None:
    store.put(_record("c-2", at=60, result="answered", direction="out"))
    missed = store.put(_record("c-1"))

    handling.after(missed)

    assert _get(store, "c-1").handled_how == "call-back"


def test_withheld_numbers_settle_nothing(store: JournalStore, handling: Handling) -> None:
    store.put(_record("c-1", party=WITHHELD))
    handling.after(store.put(_record("c-2", at=60, result="answered", party=WITHHELD)))

    assert _get(store, "c-1").open
