"""The file of the event log: what is in it, and how it is opened.

Several processes of one machine share it. A writer begins with BEGIN IMMEDIATE, because a
transaction that reads first and then writes fails at once when another was faster.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.configuration import SettingsRefused
from runtime.sqlite import LOOK_AGAIN, open_database, transaction

NAME = "events.db"
BUSY = 0.45  # seconds a writer waits for another where work is repeated anyway
_REMEDY = "once it is moved away, a new one is begun: mv {path} {path}.damaged"
_VERSION = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (user TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    lasts INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS event_numbers ON events (user, seq);
CREATE TABLE IF NOT EXISTS held (
    place INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    reason INTEGER NOT NULL,
    since REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS resets (
    place INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    user TEXT NOT NULL,
    call_id TEXT NOT NULL,
    direction TEXT NOT NULL,
    told_by TEXT NOT NULL,
    number TEXT NOT NULL,
    open INTEGER NOT NULL,
    changed REAL NOT NULL,
    became TEXT,
    PRIMARY KEY (user, call_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_by_url ON calls (user, number) WHERE told_by = 'url';
CREATE INDEX IF NOT EXISTS recent_calls ON calls (user, changed);
CREATE INDEX IF NOT EXISTS old_calls ON calls (changed);
CREATE TABLE IF NOT EXISTS private_calls (
    call TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    told INTEGER NOT NULL,
    open INTEGER NOT NULL,
    changed REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS private_calls_of ON private_calls (owner, changed);
CREATE INDEX IF NOT EXISTS private_calls_with ON private_calls (number);
CREATE INDEX IF NOT EXISTS old_private_calls ON private_calls (changed);
"""


class LogUnavailable(Exception):
    """The event log cannot take an event now: disk full, locked too long, or broken."""


def open_log(folder: Path, *, durable: bool) -> sqlite3.Connection:
    """Return a connection to the event log, made if need be; raise LogUnavailable.

    `durable`: what is committed survives a power cut. Work that can be repeated does without.
    """
    path = folder / NAME
    try:
        db = open_database(
            path, durable=durable, patience=BUSY, first="PRAGMA auto_vacuum = INCREMENTAL",
            remedy=_REMEDY,
        )  # fmt: skip
    except SettingsRefused as error:
        raise LogUnavailable(f"the event log cannot be opened: {error}") from error
    try:
        db.execute("PRAGMA journal_size_limit = 16777216")
        db.execute("PRAGMA secure_delete = ON")  # events name people
        _make(db)
        if not durable:
            db.execute("PRAGMA cache_size = -500")  # KB; what it reads was written a moment ago
        else:
            db.execute(f"PRAGMA busy_timeout = {LOOK_AGAIN}")
    except sqlite3.Error as error:
        db.close()
        raise LogUnavailable(f"{path}: the event log cannot be opened: {error}") from error
    return db


@contextmanager
def writing(db: sqlite3.Connection, patience: float = BUSY) -> Iterator[None]:
    """Commit what is done in the block as a whole, or nothing of it; raise LogUnavailable."""
    try:
        with transaction(db, patience):
            yield
    except sqlite3.Error as error:
        raise LogUnavailable(f"the event log could not be written: {error}") from error


def identity(db: sqlite3.Connection) -> str:
    """Return the eight characters by which this log differs from any other."""
    (found,) = db.execute("SELECT value FROM facts WHERE name = 'identity'").fetchone()
    return str(found)


def size(db: sqlite3.Connection) -> int:
    """Return the bytes in use."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (each,) = db.execute("PRAGMA page_size").fetchone()
    return (int(pages) - int(free)) * int(each)


def depth(db: sqlite3.Connection) -> tuple[int, float | None]:
    """Return how many events wait for the broker, and when the oldest of them came."""
    found = db.execute(
        "SELECT count(*), min(at) FROM events WHERE place IN (SELECT place FROM held)"
        " OR place > (SELECT value FROM counters WHERE name = 'upto')"
    ).fetchone()
    return int(found[0]), found[1]


def _make(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
        return
    with transaction(db):
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute("INSERT OR IGNORE INTO facts VALUES ('identity', ?)", (secrets.token_hex(4),))
        db.execute("INSERT OR IGNORE INTO counters VALUES ('upto', 0)")
        db.execute(f"PRAGMA user_version = {_VERSION}")
