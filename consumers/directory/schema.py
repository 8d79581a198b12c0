"""Opens the directory's file, and brings its tables to the newest version."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from consumers.directory.migrations import MIGRATIONS

if TYPE_CHECKING:
    from sqlite_utils import Database

PATIENCE = 10.0  # seconds to wait for another writer

# The priority of a new source for which none is told: 0, or behind those that are there. So no two
# sources decide together by accident, and whoever came first goes first. What is told to be the
# very last, as the sample is, stays so.
BEHIND_ALL = (
    "(SELECT ifnull(min(priority), 10) - 10 FROM sources"
    " WHERE edition > -2 AND priority BETWEEN -999 AND 0)"
)


class DirectoryRefused(Exception):
    """The file cannot be used as a directory; the sentence says what to do."""


def opened(path: Path, migrations: Sequence[str] = MIGRATIONS) -> Database:
    """Open the directory's file, make it if missing, and bring its tables up to date."""
    _guard(path)
    try:
        database = connected(path)
        database.enable_wal()
        _migrate(database, migrations)
    except sqlite3.DatabaseError as error:
        raise DirectoryRefused(f"{path} cannot be used as a directory: {error}") from error
    return database


def ready(path: Path) -> sqlite3.Connection:
    """Open the directory's file as `opened` does, but plainly wherever it is up to date."""
    _guard(path)
    connection = plainly_connected(path)
    try:
        newest = connection.execute("SELECT max(version) FROM directory_version").fetchone()
    except sqlite3.DatabaseError:  # there is no such table yet, or it is no database at all
        newest = None
    if newest != (len(MIGRATIONS),):
        connection.close()
        opened(path).conn.close()
        connection = plainly_connected(path)
    return connection


def connected(path: Path) -> Database:
    """Connect to a directory's file that is up to date."""
    from sqlite_utils import Database  # costs memory, so only where contacts are changed

    return Database(plainly_connected(path), execute_plugins=False)


def plainly_connected(path: Path) -> sqlite3.Connection:
    """Connect to a directory's file that is up to date, for questions and short changes."""
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA temp_store = FILE")
    return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of the block or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _guard(path: Path) -> None:
    """Make the file readable by its owner alone, or refuse one that others may read."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise DirectoryRefused(f"{path} cannot be opened: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise DirectoryRefused(f"{path} may be read by others (mode {mode:03o}): chmod 600 it")


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    if _version(database) == len(migrations):
        return
    with writing(database.conn):
        database.execute("CREATE TABLE IF NOT EXISTS directory_version (version INTEGER NOT NULL)")
        version = _version(database)
        if version > len(migrations):
            raise DirectoryRefused(
                f"the directory was written by a newer release (version {version}, this one knows "
                f"{len(migrations)}): update starface2mqtt or restore the older file"
            )
        for script in migrations[version:]:
            for statement in script.split(";\n"):
                database.execute(statement)
        database.execute("DELETE FROM directory_version")
        database.execute("INSERT INTO directory_version VALUES (?)", [len(migrations)])


def _version(database: Database) -> int:
    if not database["directory_version"].exists():
        return 0
    row = database.execute("SELECT max(version) FROM directory_version").fetchone()
    return int(row[0] or 0)
