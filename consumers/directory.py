"""The directory: whose a number is, and what each user means and uses.

Other processes change the file at any time; each question is asked anew and sees the newest
state. Nothing here knows what a record opens.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from sqlite_utils import Database

from consumers import directory_schema
from consumers.changes import KINDS, Applied, Changes
from consumers.contacts import Choice, Contact, ContactNumber, Dossier, Match, Source, Use
from consumers.directory_differences import Differences, ImportRefused
from consumers.directory_reading import Shelves, same_keys
from consumers.directory_schema import DirectoryRefused, trying, writing
from consumers.directory_staging import Staging
from consumers.matching import climb, leads_to

__all__ = ["Directory", "DirectoryRefused", "DirectoryUnavailable", "ImportRefused"]

_T = TypeVar("_T")


class DirectoryUnavailable(Exception):
    """The directory cannot be read or written just now."""


class Directory:
    """Contacts, dossiers and matters of all sources in one SQLite file."""

    def __init__(self, path: Path | str, *, suffix_digits: int = 0) -> None:
        self._path = Path(path)
        self._suffix_digits = suffix_digits
        self._lock = threading.RLock()
        self._database = directory_schema.opened(self._path)
        self._process = os.getpid()
        self._inherited: Database | None = None

    def __enter__(self) -> Directory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.conn.close()

    def find(self, e164: str, *, user: str) -> Match:
        """Find whose a number is, and which contact this user means by it."""
        if not e164.startswith("+"):
            return Match()
        return self._read(
            lambda shelves: climb(shelves, e164, user=user, suffix_digits=self._suffix_digits)
        )

    def contact(self, contact_id: int) -> Contact | None:
        """Give one contact, also an inactive one."""
        return self._read(lambda shelves: shelves.contact(contact_id))

    def contact_of(self, source: str, key: str) -> Contact | None:
        """Give one contact by its source's own key."""
        return self._read(lambda shelves: shelves.contact_of(source, key))

    def contacts(self, source: str | None = None) -> Iterator[Contact]:
        """Give all contacts of one source or of all, one by one, as they are at this moment."""
        database = directory_schema.connected(self._path)
        try:
            yield from Shelves(database).contacts(source)
        finally:
            database.conn.close()

    def search(self, text: str, limit: int = 50) -> list[Contact]:
        """Give contacts whose name, company, key, dossier or mail address holds a text."""
        return self._read(lambda shelves: shelves.search(text, limit))

    def nearest(self, e164: str, limit: int = 3) -> list[tuple[str, Contact]]:
        """Give the entries whose numbers begin most alike, to explain why none was found."""
        return self._read(lambda shelves: shelves.nearest(e164, limit))

    def numbers(self, contact_id: int) -> tuple[ContactNumber, ...]:
        """Give the numbers of a contact."""
        return self._read(lambda shelves: shelves.numbers(contact_id))

    def employer(self, contact: Contact) -> Contact | None:
        """Give the company a person works for."""
        return self._read(lambda shelves: shelves.employer(contact))

    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        """Give the dossiers of a contact with their matters, open and closed."""
        return self._read(lambda shelves: shelves.dossiers(contact_id))

    def uses(self, user: str, contact_id: int) -> tuple[Use, ...]:
        """Give when a user last used what is kept for a contact."""
        return self._read(lambda shelves: shelves.uses(user, contact_id))

    def used(
        self,
        user: str,
        *,
        at: datetime,
        matter_id: int | None = None,
        dossier_id: int | None = None,
    ) -> None:
        """Remember that a user worked on a matter or dossier; an older moment changes nothing."""
        for kind, record_id in (("matter", matter_id), ("dossier", dossier_id)):
            if record_id is not None:
                self._write(
                    f"INSERT INTO {kind}_uses (user, {kind}_id, used_on, used_at)"  # noqa: S608
                    f" SELECT ?1, id, ?3, ?4 FROM {kind}s WHERE id = ?2"
                    " ON CONFLICT DO UPDATE SET used_on = excluded.used_on,"
                    " used_at = excluded.used_at WHERE (excluded.used_on, excluded.used_at) >="
                    " (used_on, ifnull(used_at, ''))",
                    [user, record_id, at.astimezone().date().isoformat(), _moment(at)],
                )

    def remember_choice(self, user: str, e164: str, contact_id: int) -> bool:
        """Remember whom a user means by a number; False if the contact does not have it."""
        if not e164.startswith("+"):
            return False
        with self._answering(), writing(self._current()):
            shelves = Shelves(self._database)
            if not leads_to(shelves, e164, contact_id):
                return False
            self._forget(user, e164)
            self._database.execute(
                "INSERT INTO choices VALUES (?, ?, ?, ?)",
                [user, e164, contact_id, _moment(datetime.now(UTC))],
            )
        return True

    def forget_choice(self, user: str, e164: str) -> None:
        """Ask this user again next time."""
        with self._answering(), writing(self._current()):
            self._forget(user, e164)

    def choices(self, user: str) -> list[Choice]:
        """Give what a user has chosen, for each number."""
        return self._read(lambda shelves: shelves.choices(user))

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
            _source_id(self._database, name, priority)
            self._database.execute("UPDATE sources SET active = ? WHERE name = ?", [active, name])

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

    def _read(self, question: Callable[[Shelves], _T]) -> _T:
        with self._answering():
            database = self._current()
            database.conn.execute("BEGIN")
            try:
                return question(Shelves(database))
            finally:
                database.conn.execute("COMMIT")

    def _write(self, sql: str, values: Sequence[object]) -> int:
        with self._answering(), writing(self._current()):
            return self._database.execute(sql, values).rowcount

    def _forget(self, user: str, e164: str) -> None:
        for key in same_keys(e164):
            self._database.execute("DELETE FROM choices WHERE user = ? AND e164 = ?", [user, key])

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise DirectoryUnavailable(str(error)) from error

    def _current(self) -> Database:
        """Give the connection of this process; one made before a fork is not ours."""
        if self._process != os.getpid():
            self._inherited = self._database  # closing it here would disturb its owner
            self._database = directory_schema.connected(self._path)
            self._process = os.getpid()
        return self._database


def _apply(database: Database, changes: Changes, *, dry_run: bool, force: bool) -> Applied:
    staging = Staging(database)
    staging.take(changes.records)
    differences = Differences(database, changes)
    seen = _state(database, changes.source)
    differences.find(seen[0])
    with trying(database) if dry_run else writing(database):
        now = _state(database, changes.source)
        source_id = _source_id(database, changes.source, changes.priority)
        if now != seen:  # somebody else changed this source meanwhile
            differences.find(source_id)
        if not (force or dry_run):
            differences.refuse_if_unsafe()
        differences.apply(source_id)
        database.execute(
            "UPDATE sources SET imported_at = ? WHERE id = ?",
            [_moment(datetime.now(UTC)), source_id],
        )
        _end_choices(database, source_id)
    contacts, dossiers, matters = (differences.tally(kind) for kind in KINDS)
    return Applied(contacts, dossiers, matters, staging.conflicts)


def _state(database: Database, source: str) -> tuple[int, str | None]:
    """Tell which source it is and when it was last changed; -1 where there is none yet."""
    query = "SELECT id, imported_at FROM sources WHERE name = ?"
    row = database.execute(query, [source]).fetchone()
    return (int(row[0]), row[1]) if row else (-1, None)


def _end_choices(database: Database, source_id: int) -> None:
    """Forget choices whose contact has left the number or is inactive, for good."""
    rows = database.execute(
        "SELECT h.user, h.e164, h.contact_id FROM choices h JOIN contacts c ON c.id = h.contact_id"
        " WHERE c.source_id = ?",
        [source_id],
    ).fetchall()
    shelves = Shelves(database)
    for user, e164, contact_id in rows:
        if not leads_to(shelves, e164, contact_id):
            database.execute("DELETE FROM choices WHERE user = ? AND e164 = ?", [user, e164])


def _source_id(database: Database, name: str, priority: int | None) -> int:
    database.execute(
        "INSERT INTO sources (name, priority) VALUES (?1, ifnull(?2, 0)) ON CONFLICT (name)"
        " DO UPDATE SET priority = ifnull(?2, priority)",
        [name, priority],
    )
    row = database.execute("SELECT id FROM sources WHERE name = ?", [name]).fetchone()
    return int(row[0])


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
