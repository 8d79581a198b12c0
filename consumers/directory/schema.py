"""Opens the directory's file, and brings its tables to the newest version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from consumers.directory.search_text import search_text
from consumers.directory.tables import FROM_VERSION_3, TABLES, VERSION
from consumers.users import REMEDY
from runtime.configuration import SettingsRefused
from runtime.sqlite import open_database, transaction

PATIENCE = 10.0  # seconds to wait for another writer

# The priority of a new source for which none is given: 0, or behind those that exist. So no two
# sources decide together by accident, and who came first goes first. What is set to be the
# very last, as the sample is, stays so.
BEHIND_ALL = (
    "(SELECT ifnull(min(priority), 10) - 10 FROM sources"
    " WHERE edition > -2 AND priority BETWEEN -999 AND 0)"
)


class DirectoryRefused(SettingsRefused):
    """The file cannot be used as a directory; the sentence says what to do."""


def ready(path: Path) -> sqlite3.Connection:
    """Open the directory's file, made if it is missing, and bring its tables up to date."""
    connection = _open(path)
    try:
        if _version(connection) != VERSION:
            _bring_forward(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise DirectoryRefused(f"{path} cannot be used as a directory: {error}") from error
    except DirectoryRefused:
        connection.close()
        raise
    return connection


def plainly_connected(path: Path) -> sqlite3.Connection:
    """Connect to a directory's file that is up to date, for questions and short changes."""
    connection = open_database(
        path, durable=True, patience=PATIENCE, only_owner=True, irreplaceable=True, remedy=REMEDY
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


def _bring_forward(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        version = _version(connection)  # another process may have done it meanwhile
        if version > VERSION:
            raise DirectoryRefused(
                f"the directory was written by a newer release (version {version}, this one knows "
                f"{VERSION}): update starface2mqtt or restore the older file"
            )
        if version not in (0, 3, VERSION):
            raise DirectoryRefused(
                f"the directory has the tables of a development version ({version}): import its "
                "sources again into a new file"
            )
        if version == VERSION:
            return
        connection.create_function("search_text", -1, search_text, deterministic=True)
        for statement in (FROM_VERSION_3 if version else TABLES).split(";\n"):
            connection.execute(statement)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS directory_version (version INTEGER NOT NULL)"
        )
        connection.execute("DELETE FROM directory_version")
        connection.execute("INSERT INTO directory_version VALUES (?)", [VERSION])


def _version(connection: sqlite3.Connection) -> int:
    named = "SELECT 1 FROM sqlite_master WHERE name = 'directory_version'"
    if connection.execute(named).fetchone() is None:
        return 0
    row = connection.execute("SELECT max(version) FROM directory_version").fetchone()
    return int(row[0] or 0)
