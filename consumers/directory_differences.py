"""What differs between a source and the directory: found first, then changed in one transaction.

An unchanged record is not written again, so its id and what users have chosen for it last, and
other writers wait only for what really changes.
"""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from consumers.changes import KINDS, Changes, RecordKind, Tally
from consumers.directory_staging import FIELDS, LATER

_SAME = "n.raw = y.raw AND n.e164 = y.e164 AND n.label = y.label AND n.stem = y.stem"
_NUMBERS_DIFFER = f"""(
    EXISTS (SELECT 1 FROM staged_number y WHERE y.contact_key = x.key AND NOT EXISTS
        (SELECT 1 FROM contact_numbers n WHERE n.contact_id = t.id AND {_SAME}))
    OR EXISTS (SELECT 1 FROM contact_numbers n WHERE n.contact_id = t.id AND NOT EXISTS
        (SELECT 1 FROM staged_number y WHERE y.contact_key = x.key AND {_SAME})))"""


class ImportRefused(Exception):
    """An import would remove more than half of what its source has."""


class Differences:
    """What is to be added, changed and removed so that a source is as it says."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        for kind in KINDS:
            self._run(f"CREATE TEMP TABLE differing_{kind} (key TEXT PRIMARY KEY, id, what)")

    def find(self, source_id: int) -> None:
        """Compare what was put aside with what is there; this only reads the directory."""
        for kind in KINDS:
            self._run(f"DELETE FROM differing_{kind}")
            self._find_changed(kind, source_id)
            self._run(
                f"INSERT INTO differing_{kind} SELECT x.key, NULL, 'added' FROM staged_{kind} x"
                f" WHERE NOT EXISTS (SELECT 1 FROM {kind}s t WHERE t.source_id = ?1"
                " AND t.key = x.key)",
                source_id,
            )
            named = f"t.key IN (SELECT key FROM staged_removal WHERE record = '{kind}') AND"
            self._run(
                f"INSERT INTO differing_{kind} SELECT t.key, t.id, 'removed' FROM {kind}s t"
                f" WHERE t.source_id = ?1 AND {'' if self._is_complete(kind) else named}"
                f" NOT EXISTS (SELECT 1 FROM staged_{kind} x WHERE x.key = t.key)",
                source_id,
            )

    def tally(self, kind: RecordKind) -> Tally:
        """Count what was found."""
        found = dict(
            self._run(f"SELECT what, count(*) FROM differing_{kind} GROUP BY what").fetchall()
        )
        [staged] = self._run(f"SELECT count(*) FROM staged_{kind}").fetchone()
        added, changed = found.get("added", 0), found.get("changed", 0)
        return Tally(added, changed, found.get("removed", 0), staged - added - changed)

    def refuse_if_unsafe(self) -> None:
        """Raise ImportRefused where more than half of the source would go."""
        for kind in KINDS:
            tally = self.tally(kind)
            known = tally.changed + tally.kept + tally.removed
            if self._is_complete(kind) and tally.removed * 2 > known:
                raise ImportRefused(
                    f"{tally.removed} of {known} {kind}s of {self._changes.source} would be "
                    "removed; look at the source, or say --force if that is meant"
                )

    def apply(self, source_id: int) -> None:
        """Change the directory to what was found; the caller holds the transaction."""
        for kind in KINDS:
            self._change(kind, source_id)
        self._change_numbers(source_id)
        self._remove_below(source_id)
        for kind in KINDS:
            self._run(f"DELETE FROM {kind}s WHERE id IN ({_removed(kind, 'id')})")
        self._change_uses(source_id)

    def _is_complete(self, kind: RecordKind) -> bool:
        return kind in self._changes.complete

    def _find_changed(self, kind: RecordKind, source_id: int) -> None:
        old, new = (", ".join(f"{side}.{name}" for name in FIELDS[kind]) for side in "tx")
        numbers = f"OR {_NUMBERS_DIFFER}" if kind == "contact" else ""
        self._run(
            f"INSERT INTO differing_{kind} SELECT x.key, t.id, 'changed' FROM staged_{kind} x"
            f" JOIN {kind}s t ON t.source_id = ?1 AND t.key = x.key"
            f" WHERE ({old}) IS NOT ({new}) {numbers}",
            source_id,
        )

    def _change(self, kind: RecordKind, source_id: int) -> None:
        fields = FIELDS[kind]
        assigned = ", ".join(f"{name} = x.{name}" for name in fields)
        columns = ", ".join(fields)
        values = ", ".join(f"x.{name}" for name in fields)
        self._run(
            f"UPDATE {kind}s AS t SET {assigned} FROM differing_{kind} d"
            f" JOIN staged_{kind} x ON x.key = d.key WHERE t.id = d.id AND d.what = 'changed'"
        )
        self._run(
            f"INSERT INTO {kind}s (source_id, key, {columns}) SELECT ?1, x.key, {values}"
            f" FROM differing_{kind} d JOIN staged_{kind} x ON x.key = d.key"
            " WHERE d.what = 'added' ORDER BY d.rowid",
            source_id,
        )

    def _change_numbers(self, source_id: int) -> None:
        self._run(
            "DELETE FROM contact_numbers WHERE contact_id IN"
            " (SELECT id FROM differing_contact WHERE what = 'changed')"
        )
        self._run(
            "INSERT INTO contact_numbers (contact_id, raw, e164, label, stem)"
            " SELECT t.id, x.raw, x.e164, x.label, x.stem FROM differing_contact d"
            " JOIN staged_number x ON x.contact_key = d.key"
            " JOIN contacts t ON t.source_id = ?1 AND t.key = d.key"
            " WHERE d.what <> 'removed' ORDER BY t.id, x.place",
            source_id,
        )

    def _remove_below(self, source_id: int) -> None:
        """Remove the dossiers of removed contacts, and the matters of removed dossiers."""
        mine = "source_id = ?1 AND contact_key IN"
        gone = f"SELECT key FROM dossiers WHERE {mine} ({_removed('contact', 'key')})"
        for keys in (gone, _removed("dossier", "key")):
            self._run(
                f"DELETE FROM matters WHERE source_id = ?1 AND dossier_key IN ({keys})", source_id
            )
        self._run(f"DELETE FROM dossiers WHERE {mine} ({_removed('contact', 'key')})", source_id)

    def _change_uses(self, source_id: int) -> None:
        for kind in ("matter", "dossier"):
            self._run(
                f"INSERT INTO {kind}_uses (user, {kind}_id, used_on, used_at)"
                " SELECT x.user, t.id, x.used_on, x.used_at FROM staged_use x"
                f" JOIN {kind}s t ON t.source_id = ?1 AND t.key = x.key WHERE x.record = '{kind}'"
                " ON CONFLICT DO UPDATE SET used_on = excluded.used_on,"
                f" used_at = excluded.used_at {LATER}",
                source_id,
            )

    def _run(self, sql: str, *values: Any) -> Any:
        return self._database.execute(sql, values)


def _removed(kind: RecordKind, column: str) -> str:
    return f"SELECT {column} FROM differing_{kind} WHERE what = 'removed'"
