"""Opens the directory's file, and brings its tables to the newest version."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from consumers.directory.migrations import MIGRATIONS
from consumers.users import REMEDY
from runtime.configuration import SettingsRefused
from runtime.sqlite import open_database, transaction

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


class DirectoryRefused(SettingsRefused):
    """The file cannot be used as a directory; the sentence says what to do."""


def opened(path: Path, migrations: Sequence[str] = MIGRATIONS) -> Database:
    """Open the directory's file, make it if missing, and bring its tables up to date."""
    database = _database(_open(path))
    try:
        _migrate(database, migrations)
    except sqlite3.DatabaseError as error:
        raise DirectoryRefused(f"{path} cannot be used as a directory: {error}") from error
    return database


def ready(path: Path) -> sqlite3.Connection:
    """Open the directory's file as `opened` does, but plainly wherever it is up to date."""
    connection = _open(path)
    try:
        newest = connection.execute("SELECT max(version) FROM directory_version").fetchone()
    except sqlite3.DatabaseError:  # there is no such table yet, or it is no database at all
        newest = None
    if newest != (len(MIGRATIONS),):
        connection.close()
        opened(path).conn.close()
        connection = plainly_connected(path)
    return connection


def _database(connection: sqlite3.Connection) -> Database:
    from sqlite_utils import Database  # costs memory, so only where contacts are changed

    return Database(connection, execute_plugins=False)


def plainly_connected(path: Path) -> sqlite3.Connection:
    """Connect to a directory's file that is up to date, for questions and short changes."""
    connection = open_database(
        path, durable=True, patience=PATIENCE, only_owner=True, remedy=REMEDY
    )
    connection.execute("PRAGMA temp_store = FILE")
    return connection


def _open(path: Path) -> sqlite3.Connection:
    if not path.parent.is_dir():
        raise DirectoryRefused(f"{path} cannot be opened: No such file or directory")
    try:
        return plainly_connected(path)
    except SettingsRefused as error:
        raise DirectoryRefused(f"it cannot be used as a directory: {error}") from error


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    if _version(database) == len(migrations):
        return
    with transaction(database.conn):
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
