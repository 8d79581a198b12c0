"""The directory: whose a number is, what is kept for them, and every change to it.

Other processes change the file at any time; each question sees the newest state. Nothing here knows
what a record opens.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from consumers.directory import schema
from consumers.directory.changes import Changes, ImportResult
from consumers.directory.diff import ImportRefused
from consumers.directory.queries import ContactQueries, DirectoryUnavailable, question, same_keys
from consumers.directory.records import Contact, Source, moment
from consumers.directory.schema import DirectoryRefused
from runtime.erasure import purge, traces_of
from runtime.lock import LockTaken
from runtime.sqlite import StorageUnavailable, transaction, without_disk, write

if TYPE_CHECKING:
    from consumers.directory.known import CurrentContacts

__all__ = ["Directory", "DirectoryRefused", "DirectoryUnavailable", "ImportRefused"]

_CACHE = 512  # KiB


class Directory(ContactQueries):
    """Contacts, dossiers and matters of all sources in one SQLite file, and users' choices."""

    def __init__(self, path: Path | str, *, suffix_digits: int = 0) -> None:
        self._path = Path(path)
        super().__init__(self._connected, suffix_digits=suffix_digits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

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
                self._note(
                    f"INSERT INTO {kind}_uses (user, {kind}_id, since, used_on, used_at)"  # noqa: S608
                    f" SELECT ?1, id, 0, ?3, ?4 FROM known_{kind}s WHERE id = ?2"
                    " ON CONFLICT DO UPDATE SET used_on = excluded.used_on,"
                    " used_at = excluded.used_at WHERE (excluded.used_on, excluded.used_at) >="
                    " (used_on, ifnull(used_at, ''))",
                    [user, record_id, at.astimezone().date().isoformat(), moment(at)],
                )

    def remember_choice(self, user: str, e164: str, contact_id: int) -> bool:
        """Remember whom a user means by a number; False if the contact does not have it."""
        if not e164.startswith("+"):
            return False
        with self._answering(), transaction(self._current()):
            if not self.leads_to(e164, contact_id):
                return False
            self._forget(user, e164)
            self._connection.execute(
                "INSERT INTO choices VALUES (?, ?, ?, ?)",
                [user, e164, contact_id, moment(datetime.now(UTC))],
            )
        return True

    def forget_choice(self, user: str, e164: str) -> None:
        """Ask this user again next time."""
        with self._answering(), transaction(self._current()):
            self._forget(user, e164)

    def forget_choices_before(self, at: float) -> None:
        """Have all users asked again whose choices are older."""
        before = moment(datetime.fromtimestamp(at, UTC))
        with self._answering(), transaction(self._current()):
            self._connection.execute("DELETE FROM choices WHERE chosen_at < ?", [before])

    def contacts(self, source: str | None = None) -> Iterator[Contact]:
        """Return all contacts of one source or of all, one by one, as they are at this moment."""
        with closing(schema.plainly_connected(self._path)) as connection:
            yield from ContactQueries(lambda: connection).contacts(source)

    def forget_number(self, e164: str) -> int:
        """Erase what all users have chosen for a number; contacts are their sources' to erase."""
        keys = same_keys(e164)
        marks = ", ".join("?" * len(keys))
        known = self.exact(e164)
        with closing(schema.plainly_connected(self._path)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            gone = connection.execute(
                f"DELETE FROM choices WHERE e164 IN ({marks})",  # noqa: S608
                keys,
            ).rowcount
            purge(self._path, connection, () if known else traces_of(e164), changed=False)
        return gone

    @question
    def sources(self) -> list[Source]:
        """Return the sources in the order in which they decide."""
        rows = self._rows(
            "SELECT name, priority, active, imported_at,"
            " (SELECT count(*) FROM known_contacts WHERE source_id = s.id),"
            " (SELECT count(*) FROM known_contacts c CROSS JOIN contact_numbers n"
            "  ON n.contact = c.row WHERE c.source_id = s.id),"
            " (SELECT count(*) FROM known_dossiers WHERE source_id = s.id),"
            " (SELECT count(*) FROM known_matters WHERE source_id = s.id)"
            " FROM sources s WHERE edition >= 0 ORDER BY priority DESC, name",
            [],
        )
        names = ("name", "priority", "active", "imported_at")
        counts = ("contacts", "numbers", "dossiers", "matters")
        return [Source(**dict(zip((*names, *counts), row, strict=True))) for row in rows]

    @question
    def deciding_with(self, name: str) -> list[str]:
        """Return the other sources that count and have the priority of this one."""
        rows = self._rows(
            "SELECT o.name FROM sources s JOIN sources o USING (priority) WHERE s.name = ?"
            " AND o.id <> s.id AND s.active AND o.active AND min(s.edition, o.edition) >= 0"
            " ORDER BY o.name",
            [name],
        )
        return [row[0] for row in rows]

    def set_source(self, name: str, *, priority: int | None = None, active: bool = True) -> None:
        """Add a source, or change its priority or whether it counts."""
        self._write(
            "INSERT INTO sources (name, priority, active)"  # noqa: S608
            f" VALUES (?1, ifnull(?2, {schema.BEHIND_ALL}), ?3)"
            " ON CONFLICT (name) DO UPDATE SET priority = ifnull(?2, priority), active = ?3,"
            " edition = max(edition, 0)",
            [name, priority, active],
        )

    @question
    def encoding(self, name: str) -> str:
        """Return how the file of a source was encoded the last time."""
        rows = self._rows("SELECT encoding FROM sources WHERE name = ?", [name])
        return next((str(row[0]) for row in rows), "")

    def keep_encoding(self, name: str, encoding: str) -> None:
        """Keep how a source's file is encoded, for the next import."""
        self._write("UPDATE sources SET encoding = ?2 WHERE name = ?1", [name, encoding])

    @question
    def published(self, folder: str) -> dict[int, tuple[str, str]]:
        """Return the entries made in a folder of the PBX."""
        query = "SELECT contact_id, entry, digest FROM published WHERE folder = ?"
        return {row[0]: (row[1], row[2]) for row in self._rows(query, [folder])}

    @question
    def published_entries(self) -> frozenset[str]:
        """Return all entries of the PBX that are made of contacts here."""
        return frozenset(row[0] for row in self._rows("SELECT entry FROM published", []))

    def keep_published(self, folder: str, contact_id: int, entry: str, digest: str) -> None:
        """Keep which entry of the PBX is made of a contact."""
        self._write(
            "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)",
            [folder, contact_id, entry, digest],
        )

    def forget_published(self, folder: str, contact_id: int) -> None:
        """Forget an entry that is removed."""
        self._write(
            "DELETE FROM published WHERE folder = ? AND contact_id = ?", [folder, contact_id]
        )

    def remove_source(self, name: str) -> bool:
        """Remove a source with all it has; False if there is none."""
        from consumers.directory.update import remove_source  # no caller process needs it

        with self._changing(name):
            return remove_source(self._path, name)

    def known(self, source: str) -> CurrentContacts:
        """Return what is known of a source, for an import that reads only what is new."""
        from consumers.directory.known import CurrentContacts

        return CurrentContacts(self._path, source)

    def apply(
        self, changes: Changes, *, dry_run: bool = False, force: bool = False
    ) -> ImportResult:
        """Change the directory to what a source says, all of it or nothing.

        Raises ImportRefused where more than half of the source would be removed without `force`.
        """
        from consumers.directory.update import SourceImport

        with self._changing(changes.source), closing(SourceImport(self._path, changes)) as running:
            return running.run(dry_run=dry_run, force=force)

    @contextmanager
    def _changing(self, source: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, StorageUnavailable) as error:
            raise DirectoryUnavailable(f"{error}; nothing was changed") from error
        except LockTaken as error:
            raise DirectoryUnavailable(
                f"another import of {source} is being written; nothing was changed, try again"
            ) from error

    def _write(self, sql: str, values: Sequence[object]) -> int:
        with self._answering(), transaction(self._current()):
            return self._connection.execute(sql, values).rowcount

    def _note(self, sql: str, values: Sequence[object]) -> None:
        with self._answering(), without_disk(self._current()):
            write(self._connection, sql, values)

    def _forget(self, user: str, e164: str) -> None:
        for key in same_keys(e164):
            self._connection.execute("DELETE FROM choices WHERE user = ? AND e164 = ?", [user, key])

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise DirectoryUnavailable(str(error)) from error

    def _connected(self) -> sqlite3.Connection:
        connection = schema.ready(self._path)
        # The system keeps the file's pages, for all processes: looking up is as fast.
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        return connection
