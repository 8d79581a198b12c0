import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.directory.throttle import WriteThrottle, durably


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE done (n INTEGER)")
    yield connection
    connection.close()


@pytest.mark.parametrize("total", [0, 1, 10, 11, 5_000])
def test_pieces_hold_everything_once(connection: sqlite3.Connection, total: int) -> None:
    pieces: list[tuple[int, int]] = []

    WriteThrottle(connection, lambda _: None, first_piece=10).each(
        total, lambda low, high: pieces.append((low, high))
    )

    assert [n for low, high in pieces for n in range(low, high + 1)] == list(range(1, total + 1))


def test_each_piece_is_written_before_the_next_one(
    file: Path, connection: sqlite3.Connection
) -> None:
    other = sqlite3.connect(file)
    seen: list[tuple[int, int]] = []

    def do(low: int, high: int) -> None:
        seen.append((low - 1, other.execute("SELECT count(*) FROM done").fetchone()[0]))
        connection.executemany("INSERT INTO done VALUES (?)", [[n] for n in range(low, high + 1)])

    WriteThrottle(connection, lambda _: None, first_piece=10).each(500, do)
    other.close()

    assert len(seen) > 2
    assert [done for done, _ in seen] == [counted for _, counted in seen]


def test_a_piece_that_fails_is_undone_and_ends_it(connection: sqlite3.Connection) -> None:
    def do(low: int, high: int) -> None:
        connection.execute("INSERT INTO done VALUES (1)")
        if low > 10:
            raise sqlite3.OperationalError

    with pytest.raises(sqlite3.OperationalError):
        WriteThrottle(connection, lambda _: None, first_piece=10).each(50, do)

    assert connection.in_transaction is False
    assert connection.execute("SELECT count(*) FROM done").fetchone() == (1,)


def test_others_get_time_after_each_piece(connection: sqlite3.Connection) -> None:
    pauses: list[float] = []

    WriteThrottle(connection, pauses.append, first_piece=10).each(500, lambda low, high: None)

    assert len(pauses) > 2
    assert all(0 <= pause < 0.1 for pause in pauses)


def test_what_counts_is_written_to_the_disk_itself(connection: sqlite3.Connection) -> None:
    def level() -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    WriteThrottle(connection)
    before = level()
    with durably(connection):
        inside = level()

    assert (before, inside, level()) == (1, 2, 1)


def test_the_log_is_given_back_and_a_reader_keeps_it(
    file: Path, connection: sqlite3.Connection
) -> None:
    log = file.with_name(f"{file.name}-wal")
    pace = WriteThrottle(connection, lambda _: None)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM done").fetchall()
    pace.each(5, lambda low, high: None)
    connection.execute("INSERT INTO done VALUES (1)")

    pace.shorten_log()
    assert log.stat().st_size > 0

    other.execute("COMMIT")
    pace.shorten_log()
    other.close()
    assert log.stat().st_size == 0
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
