"""The directory as people and importers know it: everything to ask, and everything to change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from consumers.directory import schema
from consumers.directory.changes import Changes, ImportResult
from consumers.directory.diff import ImportRefused
from consumers.directory.known import CurrentContacts
from consumers.directory.lookup import DirectoryUnavailable, LookUps
from consumers.directory.queries import SqliteQueries, same_keys
from consumers.directory.records import Contact, ContactNumber, Source
from consumers.directory.schema import DirectoryRefused
from consumers.directory.source_lock import SourceClaimed
from consumers.directory.update import SourceImport, remove_source
from runtime.erasure import purge, traces_of
from runtime.sqlite import StorageUnavailable

__all__ = ["Directory", "DirectoryRefused", "DirectoryUnavailable", "ImportRefused"]


class Directory(LookUps):
    """Contacts, dossiers and matters of all sources in one SQLite file."""

    def contact(self, contact_id: int) -> Contact | None:
        """Give one contact, also an inactive one."""
        return self._read(lambda queries: queries.contact(contact_id))

    def contact_of(self, source: str, key: str) -> Contact | None:
        """Give one contact by its source's own key."""
        return self._read(lambda queries: queries.contact_of(source, key))

    def contacts(self, source: str | None = None) -> Iterator[Contact]:
        """Give all contacts of one source or of all, one by one, as they are at this moment."""
        connection = schema.plainly_connected(self._path)
        try:
            yield from SqliteQueries(connection).contacts(source)
        finally:
            connection.close()

    def search(self, text: str, limit: int = 50) -> list[Contact]:
        """Give contacts whose name, company, key, dossier or mail address holds a text."""
        return self._read(lambda queries: queries.search(text, limit))

    def numbers(self, contact_id: int) -> tuple[ContactNumber, ...]:
        """Give the numbers of a contact."""
        return self._read(lambda queries: queries.numbers(contact_id))

    def employer(self, contact: Contact) -> Contact | None:
        """Give the company a person works for."""
        return self._read(lambda queries: queries.employer(contact))

    def forget_number(self, e164: str) -> int:
        """Erase what all users have chosen for a number; contacts are their sources' to erase."""
        keys = same_keys(e164)
        marks = ", ".join("?" * len(keys))
        known = self._read(lambda queries: queries.exact(e164))
        with closing(schema.plainly_connected(self._path)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            gone = connection.execute(
                f"DELETE FROM choices WHERE e164 IN ({marks})",  # noqa: S608
                keys,
            ).rowcount
            purge(self._path, connection, () if known else traces_of(e164), changed=False)
        return gone

    def sources(self) -> list[Source]:
        """Give the sources in the order in which they decide."""
        return self._read(lambda queries: queries.sources())

    def set_source(self, name: str, *, priority: int | None = None, active: bool = True) -> None:
        """Add a source, or change its priority or whether it counts."""
        self._write(
            "INSERT INTO sources (name, priority, active)"  # noqa: S608
            f" VALUES (?1, ifnull(?2, {schema.BEHIND_ALL}), ?3)"
            " ON CONFLICT (name) DO UPDATE SET priority = ifnull(?2, priority), active = ?3,"
            " edition = max(edition, 0)",
            [name, priority, active],
        )

    def deciding_with(self, name: str) -> list[str]:
        """Give the other sources of one priority: what they differ in is asked."""
        return self._read(lambda queries: queries.deciding_with(name))

    def encoding(self, name: str) -> str:
        """Return how the file was encoded that was imported last; nothing where none was."""
        return self._read(lambda queries: queries.encoding(name))

    def keep_encoding(self, name: str, encoding: str) -> None:
        """Keep how a source's file is encoded, for the next import."""
        self._write("UPDATE sources SET encoding = ?2 WHERE name = ?1", [name, encoding])

    def published(self, folder: str) -> dict[int, tuple[str, str]]:
        """Return the entries made in a folder of the PBX: contact, and its entry and digest."""
        return self._read(lambda queries: queries.published(folder))

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

    def published_entries(self) -> frozenset[str]:
        """Return all entries of the PBX that are made of contacts here."""
        return self._read(lambda queries: queries.published_entries())

    def remove_source(self, name: str) -> bool:
        """Remove a source with all it has; False if there is none."""
        with self._changing(name):
            return remove_source(self._path, name)

    def known(self, source: str) -> CurrentContacts:
        """Give what is known of a source, for an import that reads only what is new."""
        return CurrentContacts(self._path, source)

    def apply(
        self, changes: Changes, *, dry_run: bool = False, force: bool = False
    ) -> ImportResult:
        """Change the directory to what a source says, all of it or nothing.

        Raises ImportRefused where more than half of the source would be removed without `force`.
        """
        with self._changing(changes.source):
            running = SourceImport(self._path, changes)
            try:
                return running.run(dry_run=dry_run, force=force)
            finally:
                running.close()

    @contextmanager
    def _changing(self, source: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, StorageUnavailable) as error:
            raise DirectoryUnavailable(f"{error}; nothing was changed") from error
        except SourceClaimed as error:
            raise DirectoryUnavailable(
                f"another import of {source} is being written; nothing was changed, try again"
            ) from error
