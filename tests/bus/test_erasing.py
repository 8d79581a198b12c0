import contextlib
import sqlite3
from pathlib import Path

import pytest

from bus.erasing import traces_of, wipe

NUMBER = "+41445550180"


def _db(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("CREATE TABLE IF NOT EXISTS told (text TEXT)")
    return db


def test_what_was_deleted_is_in_no_file_though_another_process_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(_db(path)) as db, contextlib.closing(_db(path)) as other:
        other.execute("INSERT INTO told VALUES (?)", (f"0041{NUMBER[3:]}",))
        other.execute("PRAGMA wal_checkpoint")
        db.execute("DELETE FROM told")
        assert b"45550180" in path.read_bytes()

        assert wipe(path, db, traces_of(NUMBER), changed=False)
        assert not any(b"45550180" in one.read_bytes() for one in tmp_path.iterdir())
        other.execute("INSERT INTO told VALUES ('more')")


def test_what_cannot_be_wiped_is_told(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(_db(path)) as db:
        db.execute("INSERT INTO told VALUES (?)", (NUMBER,))

        assert not wipe(path, db, traces_of(NUMBER))


@pytest.mark.parametrize(("number", "traces"), [("17", set()), ("+49301234567", {b"01234567"})])
def test_too_few_digits_are_not_looked_for(number: str, traces: set[bytes]) -> None:
    assert traces_of(number) == traces
