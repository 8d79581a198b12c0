import contextlib
import sqlite3
from pathlib import Path

import pytest

from runtime.erasure import purge, traces_of

NUMBER = "+41445550180"


def _db(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
    return db


def test_what_was_deleted_is_in_no_file_though_another_process_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(_db(path)) as db, contextlib.closing(_db(path)) as other:
        other.execute("INSERT INTO notes VALUES (?)", (f"0041{NUMBER[3:]}",))
        other.execute("PRAGMA wal_checkpoint")
        db.execute("DELETE FROM notes")
        assert b"45550180" in path.read_bytes()

        assert purge(path, db, traces_of(NUMBER), changed=False)
        assert not any(b"45550180" in one.read_bytes() for one in tmp_path.iterdir())
        other.execute("INSERT INTO notes VALUES ('more')")


def test_what_cannot_be_wiped_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(_db(path)) as db:
        db.execute("INSERT INTO notes VALUES (?)", (NUMBER,))

        assert not purge(path, db, traces_of(NUMBER))


@pytest.mark.parametrize(("number", "traces"), [("17", set()), ("+49301234567", {b"01234567"})])
def test_too_few_digits_are_not_looked_for(number: str, traces: set[bytes]) -> None:
    assert traces_of(number) == traces


def test_what_is_free_in_a_large_file_goes_while_others_have_it_open(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(_db(path)) as db, contextlib.closing(_db(path)) as other:
        other.executemany("INSERT INTO notes VALUES (?)", [(NUMBER * 300,)] * 1_000)
        other.execute("PRAGMA wal_checkpoint")
        other.execute("DELETE FROM notes")
        other.execute("INSERT INTO notes VALUES ('more')")
        before = path.stat().st_size

        assert purge(path, db, traces_of(NUMBER), in_pieces=True, small=0)
        assert path.stat().st_size < before / 10
        assert not any(b"45550180" in one.read_bytes() for one in tmp_path.iterdir())
        assert other.execute("SELECT text FROM notes").fetchall() == [("more",)]


def test_a_large_file_is_written_again_only_while_nobody_else_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(_db(path)) as db:
        with contextlib.closing(_db(path)) as other:
            other.executemany("INSERT INTO notes VALUES (?)", [("kept",), (NUMBER,)])
            other.execute("PRAGMA wal_checkpoint")
            db.execute("DELETE FROM notes WHERE text = ?", (NUMBER,))
            assert not purge(path, db, traces_of(NUMBER), in_pieces=True, small=0)
            other.execute("INSERT INTO notes VALUES ('more')")

        assert purge(path, db, traces_of(NUMBER), in_pieces=True, small=0)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("SELECT text FROM notes").fetchall() == [("kept",), ("more",)]
