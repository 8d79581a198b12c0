"""Bytes that are gone: what was erased from a SQLite file is in it no more, nor in its log.

SQLite overwrites what is deleted, but a page that was once divided may keep an old copy, and the
write-ahead log keeps every page as it was. Others may have the file open all the time.
"""

import os
import sqlite3
import time
from collections.abc import Collection
from pathlib import Path

_PATIENCE = 10.0  # seconds until others leave the file for a moment
_AGAIN = 0.001  # seconds
_SHORTEST = 6  # digits that are looked for in a file; fewer occur anywhere
_SMALL = 32 << 20  # bytes; rewritten within a moment
_PIECE = 1 << 20  # bytes
_PAGES = 250  # given back at once
# Closing a file takes away all locks which its process has on it (POSIX), those of SQLite too. So
# what was looked through stays open; the command that erases ends soon.
_scanned: list[int] = []
_TURN = 0.005  # seconds for others between two pieces


def purge(
    path: Path,
    db: sqlite3.Connection,
    traces: Collection[bytes],
    *,
    changed: bool = True,
    in_pieces: bool = False,
    small: int = _SMALL,
) -> bool:
    """Empty the log of a file and see to it that no trace is left; False if one is.

    A large file is rewritten only where a trace is found, since others have to wait meanwhile.
    `in_pieces`: nobody can wait that long. Then what is free in a large file is given back piece by
    piece, and it is rewritten only while nobody else has it open.
    """
    db.execute("PRAGMA busy_timeout = 2")  # SQLite's own waiting comes too late again and again
    _empty_log(db)
    is_small = path.stat().st_size <= small
    if not (changed and is_small) and not _holds(path, traces):
        return True
    if in_pieces and not is_small:
        _give_back(db)
        if not _holds(path, traces):
            return True
        if not _is_alone(db):
            return False
    _patiently(db, "VACUUM")
    _patiently(db, "PRAGMA journal_mode = WAL")
    _empty_log(db)
    return not _holds(path, traces)


def _empty_log(db: sqlite3.Connection) -> None:
    _patiently(db, "PRAGMA wal_checkpoint")  # most of it, while others may write
    _patiently(db, "PRAGMA wal_checkpoint(TRUNCATE)")


def _give_back(db: sqlite3.Connection) -> None:
    """Cut what is free off the file, a little at a time; only a file made for it can do that."""
    free = _free(db)
    while free:
        _patiently(db, f"PRAGMA incremental_vacuum({_PAGES})")
        time.sleep(_TURN)
        before, free = free, _free(db)
        if free >= before:
            break
    _empty_log(db)


def _free(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def _is_alone(db: sqlite3.Connection) -> bool:
    """Take the file for us, which is possible only while nobody else has it open."""
    try:
        return bool(db.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete")
    except sqlite3.OperationalError:
        return False


def traces_of(number: str, *written: str) -> set[bytes]:
    """Return what betrays a number wherever it stands: its digits, and the spellings found."""
    digits = number.lstrip("+")
    # The national part is in every spelling without spaces; a country code has 1 to 3 digits.
    traces = {digits[3:] if number.startswith("+") and len(digits) > 9 else digits, *written}
    return {trace.encode() for trace in traces if len(trace) >= _SHORTEST}


def _patiently(db: sqlite3.Connection, statement: str) -> None:
    """Do what needs the file alone for a moment; give up quietly, the look afterwards shows."""
    limit = time.monotonic() + _PATIENCE
    while time.monotonic() < limit:
        try:
            rows = db.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        else:
            if not rows or rows[0][0] != 1:  # a checkpoint reports whether it was hindered
                return
        time.sleep(_AGAIN)


def _holds(path: Path, traces: Collection[bytes]) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return any(_in_file(one, traces) for one in (path, log) if one.exists())


def _in_file(path: Path, traces: Collection[bytes]) -> bool:
    if not traces:
        return False
    overlap = max(map(len, traces)) - 1
    file = os.open(path, os.O_RDONLY)
    _scanned.append(file)
    tail = b""
    while piece := os.read(file, _PIECE):
        piece = tail + piece
        if any(one in piece for one in traces):
            return True
        tail = piece[-overlap:] if overlap else b""
    return False
