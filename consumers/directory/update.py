"""One import from its first record to the moment when it counts, without holding up others."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

from consumers.directory.changes import KINDS, Changes, ImportResult
from consumers.directory.cleanup import HIDDEN, REMOVED, Cleanup
from consumers.directory.diff import Differences
from consumers.directory.edition import PREPARING, SourceVersion
from consumers.directory.known import CurrentContacts
from consumers.directory.queries import DirectoryUnavailable
from consumers.directory.records import moment
from consumers.directory.schema import BEHIND_ALL, PATIENCE, plainly_connected
from consumers.directory.staging import Staging
from consumers.directory.throttle import WriteThrottle, durably
from runtime.lock import LockTaken, locked
from runtime.outage import require_room
from runtime.sqlite import transaction

IMPORT_PATIENCE = 120.0  # seconds to wait for another import of the same source
_BYTES = 600  # of a record with its numbers, in the file and on the way to it
_PIECE = 4 << 20  # bytes that a piece may use of what is kept free
_AT_ONCE = 200  # records; as few are written with the switch in one transaction


class SourceImport:
    """The way of one source's records into the directory."""

    def __init__(
        self,
        path: Path,
        changes: Changes,
        throttle: Callable[[sqlite3.Connection], WriteThrottle] = WriteThrottle,
    ) -> None:
        self._path = path
        self._changes = changes
        self._connection = plainly_connected(path)
        self._connection.execute("PRAGMA cache_size = -16000")  # KiB, whatever the import's size
        self._differences = Differences(self._connection, changes)
        self._throttle = throttle(self._connection)

    def close(self) -> None:
        """Leave the file; what waits aside is gone."""
        self._connection.close()

    def run(self, *, dry_run: bool, force: bool) -> ImportResult:
        """Bring all records of the source, or report what that would change.

        The source is locked before the first record is read: what is known of it, by which records
        are left out as unchanged, must still be so when they are written.
        """
        if dry_run:
            conflicts = self._stage()
            self._differences.find(*self._counting())
        else:
            if self._changes.complete:  # not while a small push is waited for
                clean_up_left(self._path, self._connection, self._throttle)
            source_id = self._source()
            patience = IMPORT_PATIENCE if self._changes.complete else PATIENCE
            with source_lock(self._path, source_id, patience):
                conflicts = self._bring(source_id, force=force)
        contacts, dossiers, matters = (self._differences.counts(kind) for kind in KINDS)
        return ImportResult(contacts, dossiers, matters, conflicts)

    def _bring(self, source_id: int, *, force: bool) -> tuple[str, ...]:
        cleanup = Cleanup(self._connection, source_id, self._throttle)
        cleanup.settle()
        claimed_id, edition = self._counting()
        if claimed_id != source_id:  # it was removed while this import waited for it
            raise LockTaken
        try:
            conflicts = self._stage()
            self._differences.find(source_id, edition)
            if not force:
                self._differences.refuse_if_unsafe()
            at_once = self._switch(
                source_id, SourceVersion(self._connection, source_id, edition + 1)
            )
        except BaseException:
            with suppress(
                sqlite3.Error, DirectoryUnavailable
            ):  # what cannot be cleared now, the next import clears
                if self._connection.in_transaction:  # what was staged is not needed any more
                    self._run("ROLLBACK")
                cleanup.settle()
                cleanup.forget_source()
                self._throttle.shorten_log()
            raise
        cleanup.settle()
        if not at_once:
            self._throttle.shorten_log()
        return conflicts

    def _stage(self) -> tuple[str, ...]:
        with CurrentContacts(self._path, self._changes.source) as known:
            staging = Staging(self._connection, known)
            staging.take(self._changes.records)
        return staging.conflicts

    def _switch(self, source_id: int, edition: SourceVersion) -> bool:
        """Write the edition and let it count: all at once if it is small, which is returned."""
        steps = list(edition.steps())
        at_once = sum(step.total for step in steps) <= _AT_ONCE
        if not at_once:
            require_room(self._path.parent, sum(step.total for step in steps) * _BYTES)
            self._run("UPDATE sources SET unsettled = ? WHERE id = ?", PREPARING, source_id)
            for step in steps:
                self._throttle.each(step.total, self._with_room(step.do))
        with durably(self._connection), transaction(self._connection):
            for step in steps if at_once else ():
                step.do(1, step.total)
            edition.count(moment(datetime.now(UTC)), self._changes.priority)
        self._throttle.each(*edition.sweeping_uses())
        return at_once

    def _with_room(self, write: Callable[[int, int], None]) -> Callable[[int, int], None]:
        """Return what writes a piece only while that leaves room to clean up behind it."""

        def write_with_room(first: int, last: int) -> None:
            require_room(self._path.parent, -_PIECE)
            write(first, last)

        return write_with_room

    def _source(self) -> int:
        """Return the id of the source; a new one stays hidden until it has something."""
        with transaction(self._connection):
            self._run(
                "INSERT OR IGNORE INTO sources (name, priority, edition)"  # noqa: S608
                f" VALUES (?, ifnull(?, {BEHIND_ALL}), ?)",
                self._changes.source,
                self._changes.priority,
                HIDDEN,
            )
        row = self._run("SELECT id FROM sources WHERE name = ?", self._changes.source).fetchone()
        return int(row[0])

    def _counting(self) -> tuple[int, int]:
        """Return the id of the source and its edition that counts."""
        query = "SELECT id, max(edition, 0) FROM sources WHERE name = ?"
        row = self._run(query, self._changes.source).fetchone()
        return (int(row[0]), int(row[1])) if row else (-1, 0)

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)


def source_lock(database: Path, source_id: int, patience: float) -> AbstractContextManager[None]:
    """Be the only one who changes a source; raise LockTaken after so many seconds.

    The system takes the lock back from a killed process.
    """
    return locked(database.with_name(f"{database.name}-import{source_id}"), patience)


def remove_source(path: Path, name: str) -> bool:
    """Remove a source from one moment to the next, then bit by bit all it had."""
    connection = plainly_connected(path)
    try:
        query = "SELECT id FROM sources WHERE name = ? AND edition >= 0"
        row = connection.execute(query, [name]).fetchone()
        if row is None:
            return False
        with source_lock(path, row[0], PATIENCE), transaction(connection):
            gone = connection.execute(
                "UPDATE sources SET name = char(0) || id, edition = ?, unsettled = ?"
                " WHERE id = ? AND name = ?",
                [REMOVED, PREPARING, row[0], name],
            ).rowcount
        clean_up_left(path, connection, WriteThrottle(connection))
        return gone > 0
    finally:
        connection.close()


def clean_up_left(path: Path, connection: sqlite3.Connection, throttle: WriteThrottle) -> None:
    """Clear what killed processes have left of any source, unless somebody is at it."""
    left = connection.execute("SELECT id FROM sources WHERE unsettled ORDER BY id").fetchall()
    for (source_id,) in left:
        with suppress(LockTaken), source_lock(path, source_id, 0):
            cleanup = Cleanup(connection, source_id, throttle)
            cleanup.settle()
            cleanup.forget_source()
