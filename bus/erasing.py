"""Bytes that are gone: what was erased from a SQLite file is in it no more, nor in its log.

SQLite overwrites what is deleted, but a page that was once divided may keep an old copy, and the
write-ahead log keeps every page as it was. Others may have the file open all the time.
"""

import sqlite3
import time
from collections.abc import Collection
from pathlib import Path

_PATIENCE = 10.0  # seconds until others leave the file for a moment
_AGAIN = 0.001  # seconds
_SHORTEST = 6  # digits that are looked for in a file; fewer occur anywhere
_SMALL = 32 << 20  # bytes; written anew within a moment
_PIECE = 1 << 20  # bytes


def wipe(
    path: Path, db: sqlite3.Connection, traces: Collection[bytes], *, changed: bool = True
) -> bool:
    """Empty the log of a file and see to it that no trace is left; False if one is.

    A large file is written anew only where a trace is found, since others have to wait meanwhile.
    """
    db.execute("PRAGMA busy_timeout = 2")  # SQLite's own waiting comes too late again and again
    _patiently(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    small = path.stat().st_size <= _SMALL
    if not (changed and small) and not _holds(path, traces):
        return True
    _patiently(db, "VACUUM")
    _patiently(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    return not _holds(path, traces)


def traces_of(number: str, *written: str) -> set[bytes]:
    """Return what tells a number wherever it stands: its digits, and spellings that were found."""
    digits = number.lstrip("+")
    # The national part is in every spelling without spaces; a country code has 1 to 3 digits.
    told = {digits[3:] if number.startswith("+") and len(digits) > 9 else digits, *written}
    return {one.encode() for one in told if len(one) >= _SHORTEST}


def _patiently(db: sqlite3.Connection, statement: str) -> None:
    """Do what needs the file alone for a moment; give up quietly, the look afterwards tells."""
    limit = time.monotonic() + _PATIENCE
    while time.monotonic() < limit:
        try:
            rows = db.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        else:
            if not rows or rows[0][0] == 0:  # a checkpoint tells whether it was hindered
                return
        time.sleep(_AGAIN)


def _holds(path: Path, traces: Collection[bytes]) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return any(_in_file(one, traces) for one in (path, log) if one.exists())


def _in_file(path: Path, traces: Collection[bytes]) -> bool:
    if not traces:
        return False
    overlap = max(map(len, traces)) - 1
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(_PIECE):
            piece = tail + piece
            if any(one in piece for one in traces):
                return True
            tail = piece[-overlap:] if overlap else b""
    return False
