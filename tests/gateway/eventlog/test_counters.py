import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.eventlog.counters import LAST, NOTIFICATIONS, VISITS, Counters, write_down, written


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER)")
        yield db


def test_what_is_taken_is_counted_once(db: sqlite3.Connection) -> None:
    counters = Counters()
    counters.count(VISITS, NOTIFICATIONS)
    counters.count(NOTIFICATIONS)

    for _ in range(2):  # the second time there is nothing more
        write_down(db, counters.take())
    assert written(db) == {VISITS: 1, NOTIFICATIONS: 2}


def test_counts_that_could_not_be_written_come_back(db: sqlite3.Connection) -> None:
    counters = Counters()
    counters.count(VISITS)
    taken = counters.take()
    counters.count(VISITS)
    counters.add(taken)

    assert counters.seen() == Counter({VISITS: 2})


def test_several_processes_count_together_and_the_newest_time_stays(
    db: sqlite3.Connection,
) -> None:
    write_down(db, {VISITS: 2, LAST: 2_000})
    write_down(db, {VISITS: 3, LAST: 1_000})
    write_down(db, {LAST: 0})

    assert written(db) == {VISITS: 5, LAST: 2_000}


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, "0.005"), (0.005, "0.005"), (0.3, "0.5"), (11.0, "more")]
)
def test_a_duration_is_counted_in_its_bucket(seconds: float, bucket: str) -> None:
    counters = Counters()
    counters.observe("answer", seconds)

    assert counters.take() == {
        f"answer:{bucket}": 1, "answer:microseconds": int(seconds * 1_000_000),
    }  # fmt: skip
