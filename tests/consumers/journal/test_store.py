from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.events import Reference
from bus.journal_events import CallRecordData, CallResult, ColleagueMessage
from consumers.journal.record import opened
from consumers.journal.store import Filter, JournalStore
from tests.consumers.journal.call_events import BEGIN, CLIENT, OTHER, START


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    store = JournalStore(tmp_path / "journal.db")
    yield store
    store.close()


def _record(
    call_id: str, at: float = 0, result: CallResult = "missed", user: str = "0011", **more: Any
) -> CallRecordData:
    started = BEGIN + timedelta(seconds=at)
    fields: dict[str, Any] = {"party": CLIENT, "ended": started} | more
    return opened(
        CallRecordData(
            user=user, call_id=call_id, revision=1, started=started, result=result, **fields
        )
    )


def test_each_change_of_a_record_has_the_next_revision_and_is_to_be_published(
    store: JournalStore,
) -> None:
    first = store.put(_record("c-1"))
    [(serial, _)] = store.unpublished(10)
    store.published([(serial, first.revision)])
    assert store.unpublished(10) == []

    second = store.put(first.model_copy(update={"note": "rings again"}))

    assert (first.revision, second.revision) == (1, 2)
    assert [one.note for _, one in store.unpublished(10)] == ["rings again"]


def test_a_revision_that_came_while_one_was_published_is_published_too(store: JournalStore) -> None:
    first = store.put(_record("c-1"))
    [(serial, _)] = store.unpublished(10)
    store.put(first)

    store.published([(serial, first.revision)])

    assert [one.revision for _, one in store.unpublished(10)] == [2]


def test_records_come_page_by_page_the_newest_first(store: JournalStore) -> None:
    for number in range(7):
        store.put(_record(f"c-{number}", at=number // 2))  # several in one moment
    pages, cursor = [], None
    while True:
        records, cursor = store.select(Filter(user="0011"), 3, cursor)
        pages.append([one.call_id for one in records])
        if cursor is None:
            break

    assert pages == [["c-6", "c-5", "c-4"], ["c-3", "c-2", "c-1"], ["c-0"]]
    with pytest.raises(ValueError, match="could not convert"):
        store.select(Filter(user="0011"), 3, "nonsense")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(user="0012"), ["c-4"]),
        (Filter(user="0011", missed=True), ["c-1"]),
        (Filter(user="0011", open=True), ["c-1"]),
        (Filter(user="0011", numbers=(str(OTHER.e164),)), ["c-3"]),
        (Filter(user="0011", since=START + 10), ["c-3", "c-2"]),
        (Filter(user="0011", until=START + 10), ["c-1"]),
        (Filter(user="0011", text="MUSTER ag"), ["c-2", "c-1"]),
        (Filter(user="0011", text="100%"), []),
        (Filter(user="0011", matter="2026-017"), ["c-2"]),
        (Filter(sender="0012"), []),
    ],
)
def test_records_are_found_by_what_is_asked_for(
    store: JournalStore, wanted: Filter, found: list[str]
) -> None:
    matter = Reference(kind="matter", id="4", key="2026-017", title="Muster AG / Meier")
    store.put(_record("c-1"))
    store.put(_record("c-2", at=10, result="answered", matter=matter))
    store.put(_record("c-3", at=20, result="answered", party=OTHER))
    store.put(_record("c-4", user="0012"))

    assert [one.call_id for one in store.select(wanted, 10)[0]] == found
    assert store.count(wanted) == len(found)


def test_what_waits_is_counted_by_its_kind(store: JournalStore) -> None:
    message = ColleagueMessage(text="rings again", by="0012")
    store.put(_record("c-1"), shared="c-1")
    store.put(_record("c-2", at=-60))
    store.put(_record("message-1", at=5, result="unknown", kind="message", message=message))
    store.put(_record("c-3", result="answered"))

    counts = store.missed("0011")

    assert (counts.open, counts.group, counts.messages) == (3, 1, 1)
    assert counts.since == BEGIN - timedelta(seconds=60)
    assert store.counts_due() == ["0011"]
    store.counts_published(["0011"])
    assert store.counts_due() == []


def test_a_request_is_carried_out_once(store: JournalStore) -> None:
    assert store.is_new_request("r-1")
    assert not store.is_new_request("r-1")


def test_nothing_is_changed_by_what_fails_halfway(store: JournalStore) -> None:
    def fail_after_a_change() -> None:
        with store.changing():
            store.put(_record("c-1"))
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        fail_after_a_change()

    assert store.get("0011", "c-1") is None


def test_records_that_are_too_old_go_and_the_counts_with_them(store: JournalStore) -> None:
    store.put(_record("c-1"))
    store.put(_record("c-2", at=100))
    store.counts_published(["0011"])

    assert store.forget_before(START + 50, START + 200) == 1

    assert store.get("0011", "c-1") is None
    assert store.missed("0011").open == 1
    assert store.counts_due() == ["0011"]


def _published(call_id: str, revision: int = 1, **more: Any) -> CallRecordData:
    """Return a record as another machine publishes it."""
    return _record(call_id, **more).model_copy(update={"revision": revision})


def test_a_record_of_another_machine_is_kept_and_not_published_again(store: JournalStore) -> None:
    store.adopt(_published("c-1", 3, note="called back"))

    kept = store.get("0011", "c-1")
    assert kept is not None
    assert (kept.revision, kept.note) == (3, "called back")
    assert store.unpublished(10) == []


def test_what_another_machine_has_published_of_a_record_is_not_published_again(
    store: JournalStore,
) -> None:
    store.put(_record("c-1"))

    store.adopt(_published("c-1"))

    assert store.unpublished(10) == []


def test_a_record_of_which_this_machine_knows_more_stays(store: JournalStore) -> None:
    store.put(_record("c-1"))
    store.put(_record("c-1", note="called back"))

    store.adopt(_published("c-1"))

    [(_, kept)] = store.unpublished(10)
    assert (kept.revision, kept.note) == (2, "called back")


def test_a_change_after_a_takeover_is_published(store: JournalStore) -> None:
    store.adopt(_published("c-1", 3))

    store.put(_record("c-1", note="called back"))

    [(_, kept)] = store.unpublished(10)
    assert kept.revision == 4
