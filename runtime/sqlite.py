"""Writing to a SQLite file that several processes write to, each for a moment.

SQLite's own waiting for another process sleeps longer and longer, up to 100 ms; who waits for
a write of a few milliseconds is better off looking again soon.
"""

import sqlite3
import time
from pathlib import Path

from runtime.process import private_file

_LOOK_AGAIN = 2  # milliseconds
_PATIENCE = 5.0  # seconds until another process holds a file too long


def shared_file(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file others may have open too; for several threads, under a lock.

    What is written outlives the process at once, but a power cut only somewhat later.
    """
    db = sqlite3.connect(
        private_file(path), isolation_level=None, timeout=_PATIENCE, check_same_thread=False
    )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(schema)
    db.execute(f"PRAGMA busy_timeout = {_LOOK_AGAIN}")
    return db


def write(db: sqlite3.Connection, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
    """Do one statement that writes, or begins to, as soon as no other process does."""
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            return db.execute(sql, values)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= limit:
                raise
