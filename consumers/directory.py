"""The directory as people and importers know it: everything to ask, and everything to change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlite_utils import Database

from consumers import directory_schema
from consumers.changes import KINDS, Applied, Changes
from consumers.contacts import Contact, ContactNumber, Source
from consumers.directory_differences import Differences, ImportRefused
from consumers.directory_reading import Shelves, same_keys
from consumers.directory_schema import DirectoryRefused, trying, writing
from consumers.directory_staging import Staging
from consumers.look_ups import DirectoryUnavailable, LookUps, moment
from consumers.matching import leads_to

__all__ = ["Directory", "DirectoryRefused", "DirectoryUnavailable", "ImportRefused"]


class Directory(LookUps):
    """Contacts, dossiers and matters of all sources in one SQLite file."""

    def contact(self, contact_id: int) -> Contact | None:
        """Give one contact, also an inactive one."""
        return self._read(lambda shelves: shelves.contact(contact_id))

    def contact_of(self, source: str, key: str) -> Contact | None:
        """Give one contact by its source's own key."""
        return self._read(lambda shelves: shelves.contact_of(source, key))

    def contacts(self, source: str | None = None) -> Iterator[Contact]:
        """Give all contacts of one source or of all, one by one, as they are at this moment."""
        connection = directory_schema.plainly_connected(self._path)
        try:
            yield from Shelves(connection).contacts(source)
        finally:
            connection.close()

    def search(self, text: str, limit: int = 50) -> list[Contact]:
        """Give contacts whose name, company, key, dossier or mail address holds a text."""
        return self._read(lambda shelves: shelves.search(text, limit))

    def numbers(self, contact_id: int) -> tuple[ContactNumber, ...]:
        """Give the numbers of a contact."""
        return self._read(lambda shelves: shelves.numbers(contact_id))

    def employer(self, contact: Contact) -> Contact | None:
        """Give the company a person works for."""
        return self._read(lambda shelves: shelves.employer(contact))

    def forget_number(self, e164: str) -> int:
        """Erase what all users have chosen for a number; contacts are their sources' to erase."""
        keys = same_keys(e164)
        marks = ", ".join("?" * len(keys))
        return self._write(f"DELETE FROM choices WHERE e164 IN ({marks})", keys)  # noqa: S608

    def sources(self) -> list[Source]:
        """Give the sources in the order in which they decide."""
        return self._read(lambda shelves: shelves.sources())

    def set_source(self, name: str, *, priority: int | None = None, active: bool = True) -> None:
        """Add a source, or change its priority or whether it counts."""
        with self._answering(), writing(self._current()):
            _source_id(self._connection, name, priority)
            self._connection.execute("UPDATE sources SET active = ? WHERE name = ?", [active, name])

    def remove_source(self, name: str) -> bool:
        """Remove a source with all it has; False if there is none."""
        return self._write("DELETE FROM sources WHERE name = ?", [name]) > 0

    def apply(self, changes: Changes, *, dry_run: bool = False, force: bool = False) -> Applied:
        """Change the directory to what a source says, all of it or nothing.

        Raises ImportRefused where more than half of the source would be removed without `force`.
        """
        try:
            database = directory_schema.connected(self._path)
            try:
                return _apply(database, changes, dry_run=dry_run, force=force)
            finally:
                database.conn.close()
        except sqlite3.Error as error:
            raise DirectoryUnavailable(str(error)) from error


def _apply(database: Database, changes: Changes, *, dry_run: bool, force: bool) -> Applied:
    staging = Staging(database)
    staging.take(changes.records)
    differences = Differences(database, changes)
    seen = _state(database.conn, changes.source)
    differences.find(seen[0])
    connection = database.conn
    with trying(connection) if dry_run else writing(connection):
        now = _state(database.conn, changes.source)
        source_id = _source_id(connection, changes.source, changes.priority)
        if now != seen:  # somebody else changed this source meanwhile
            differences.find(source_id)
        if not (force or dry_run):
            differences.refuse_if_unsafe()
        differences.apply(source_id)
        database.execute(
            "UPDATE sources SET imported_at = ? WHERE id = ?",
            [moment(datetime.now(UTC)), source_id],
        )
        _end_choices(connection, source_id)
    contacts, dossiers, matters = (differences.tally(kind) for kind in KINDS)
    return Applied(contacts, dossiers, matters, staging.conflicts)


def _state(connection: sqlite3.Connection, source: str) -> tuple[int, str | None]:
    """Tell which source it is and when it was last changed; -1 where there is none yet."""
    query = "SELECT id, imported_at FROM sources WHERE name = ?"
    row = connection.execute(query, [source]).fetchone()
    return (int(row[0]), row[1]) if row else (-1, None)


def _end_choices(connection: sqlite3.Connection, source_id: int) -> None:
    """Forget choices whose contact has left the number or is inactive, for good."""
    rows = connection.execute(
        "SELECT h.user, h.e164, h.contact_id FROM choices h JOIN contacts c ON c.id = h.contact_id"
        " WHERE c.source_id = ?",
        [source_id],
    ).fetchall()
    shelves = Shelves(connection)
    for user, e164, contact_id in rows:
        if not leads_to(shelves, e164, contact_id):
            connection.execute("DELETE FROM choices WHERE user = ? AND e164 = ?", [user, e164])


def _source_id(connection: sqlite3.Connection, name: str, priority: int | None) -> int:
    connection.execute(
        "INSERT INTO sources (name, priority) VALUES (?1, ifnull(?2, 0)) ON CONFLICT (name)"
        " DO UPDATE SET priority = ifnull(?2, priority)",
        [name, priority],
    )
    row = connection.execute("SELECT id FROM sources WHERE name = ?", [name]).fetchone()
    return int(row[0])
