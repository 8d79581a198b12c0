"""What differs between a source and the directory: found without holding up anybody.

An unchanged record is not written again, so its id and what users have chosen for it last.
"""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

import sqlite3
from typing import Any

from consumers.directory.changes import KINDS, Changes, RecordCounts, RecordKind

_NOW = "t.source_id = ?1 AND t.since <= ?2 AND (t.until IS NULL OR t.until > ?2)"
# A contact may be as it was, only read from something else: then just that is noted.
_WHAT = {
    "contact": "iif(t.row IS NULL, 'added', iif(t.digest IS x.digest, 'read', 'changed'))",
    "dossier": "iif(t.row IS NULL, 'added', 'changed')",
    "matter": "iif(t.row IS NULL, 'added', 'changed')",
}
_DIFFERS = {
    "contact": "(t.digest IS NOT x.digest OR t.read_from IS NOT x.read_from)",
    "dossier": "t.digest IS NOT x.digest",
    "matter": "t.digest IS NOT x.digest",
}
# Numbers that follow each other lie together in the index, so far fewer of its pages are written.
_ORDER = {"contact": "ORDER BY x.first_number", "dossier": "", "matter": ""}
_ABOVE: dict[RecordKind, RecordKind] = {"dossier": "contact", "matter": "dossier"}


class ImportRefused(Exception):
    """An import would remove more than half of what its source has."""


class Differences:
    """What is to be added, changed and removed so that a source is as it says."""

    def __init__(self, connection: sqlite3.Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes
        for kind in KINDS:
            self._run(
                f"CREATE TEMP TABLE differing_{kind} (n INTEGER PRIMARY KEY, staged, row, id, what)"
            )

    def find(self, source_id: int, edition: int) -> None:
        """Compare what was put aside with what is in use; this only reads the directory."""
        for kind in KINDS:
            self._run(f"DELETE FROM differing_{kind}")
            self._run(
                f"INSERT INTO differing_{kind} (staged, row, id, what)"
                f" SELECT x.n, t.row, t.id, {_WHAT[kind]} FROM staged_{kind} x"
                f" LEFT JOIN {kind}s t ON {_NOW} AND t.key = x.key"
                f" WHERE x.digest IS NOT NULL AND {_DIFFERS[kind]} {_ORDER[kind]}",
                source_id,
                edition,
            )
            named = f"t.key IN (SELECT key FROM staged_removal WHERE record = '{kind}') AND"
            self._run(
                f"INSERT INTO differing_{kind} (row, id, what) SELECT t.row, t.id, 'removed'"
                f" FROM {kind}s t WHERE {_NOW} AND {'' if self._is_complete(kind) else named}"
                f" NOT EXISTS (SELECT 1 FROM staged_{kind} x WHERE x.key = t.key)",
                source_id,
                edition,
            )
            if kind in _ABOVE:
                self._find_below(kind, _ABOVE[kind], source_id, edition)

    def total(self, kind: RecordKind) -> int:
        """Count what is to be done."""
        return int(self._run(f"SELECT count(*) FROM differing_{kind}").fetchone()[0])

    def counts(self, kind: RecordKind) -> RecordCounts:
        """Count what was found."""
        found = dict(
            self._run(f"SELECT what, count(*) FROM differing_{kind} GROUP BY what").fetchall()
        )
        [staged] = self._run(f"SELECT count(*) FROM staged_{kind}").fetchone()
        added, changed = found.get("added", 0), found.get("changed", 0)
        return RecordCounts(added, changed, found.get("removed", 0), staged - added - changed)

    def refuse_if_unsafe(self) -> None:
        """Raise ImportRefused where more than half of the source would go."""
        for kind in KINDS:
            counts = self.counts(kind)
            known = counts.changed + counts.kept + counts.removed
            if self._is_complete(kind) and counts.removed * 2 > known:
                raise ImportRefused(
                    f"{counts.removed} of {known} {kind}s of {self._changes.source} would be "
                    "removed; look at the source, or say --force if that is meant"
                )

    def _is_complete(self, kind: RecordKind) -> bool:
        return kind in self._changes.complete

    def _find_below(
        self, kind: RecordKind, above: RecordKind, source_id: int, edition: int
    ) -> None:
        """Find what belongs to something that is removed, unless the source has just named it."""
        self._run(
            f"INSERT INTO differing_{kind} (row, id, what) SELECT t.row, t.id, 'below'"
            f" FROM differing_{above} d JOIN {above}s a ON a.row = d.row"
            f" JOIN {kind}s t ON {_NOW} AND t.{above}_key = a.key"
            " WHERE d.what IN ('removed', 'below')"
            f" AND NOT EXISTS (SELECT 1 FROM staged_{kind} x WHERE x.key = t.key)"
            f" AND t.row NOT IN (SELECT row FROM differing_{kind} WHERE what = 'removed')",
            source_id,
            edition,
        )

    def _run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)
