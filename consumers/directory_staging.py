"""A source's records are put aside first, then what differs is changed in one transaction.

However slow a source is, nobody waits for it: the records wait in temporary tables of their own
connection. Memory stays bounded, and an unchanged record is not written again, so its id and what
users have chosen for it last.
"""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date
from typing import Any

from sqlite_utils import Database

from consumers.changes import (
    KINDS,
    Applied,
    Change,
    Changes,
    ContactRecord,
    DossierRecord,
    MatterRecord,
    RecordKind,
    Tally,
    UseRecord,
)

_FIELDS: dict[RecordKind, tuple[str, ...]] = {
    "contact": ("kind", "name", "company", "employer_key", "country", "email", "url", "active"),
    "dossier": ("contact_key", "reference", "title", "url", "active"),
    "matter": ("dossier_key", "reference", "title", "url", "open", "last_used"),
}
_SAME = "n.raw = y.raw AND n.e164 = y.e164 AND n.label = y.label AND n.stem = y.stem"
_NUMBERS_DIFFER = f"""(
    EXISTS (SELECT 1 FROM staged_number y WHERE y.contact_key = x.key AND NOT EXISTS
        (SELECT 1 FROM contact_numbers n WHERE n.contact_id = t.id AND {_SAME}))
    OR EXISTS (SELECT 1 FROM contact_numbers n WHERE n.contact_id = t.id AND NOT EXISTS
        (SELECT 1 FROM staged_number y WHERE y.contact_key = x.key AND {_SAME})))"""
_LATER = """
    WHERE (excluded.used_on, ifnull(excluded.used_at, '')) > (used_on, ifnull(used_at, ''))"""
_CONFLICTS = 100  # told at most


class ImportRefused(Exception):
    """An import would remove more than half of what its source has."""


class Staging:
    """The records of one import, aside from the directory's own tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conflicts: list[str] = []
        for kind, fields in _FIELDS.items():
            columns = ", ".join(fields)
            self._run(
                f"CREATE TEMP TABLE staged_{kind} (key TEXT PRIMARY KEY, {columns}) WITHOUT ROWID"
            )
        self._run(
            "CREATE TEMP TABLE staged_number (contact_key TEXT, place INTEGER, raw, e164, label,"
            " stem, PRIMARY KEY (contact_key, raw, e164, label, stem)) WITHOUT ROWID"
        )
        self._run(
            "CREATE TEMP TABLE staged_use (record, key, user, used_on, used_at,"
            " PRIMARY KEY (record, key, user)) WITHOUT ROWID"
        )
        self._run("CREATE TEMP TABLE staged_removal (record, key, PRIMARY KEY (record, key))")

    def take(self, records: Iterable[Change]) -> None:
        """Put all records aside."""
        self._run("BEGIN")
        for record in records:
            self._put(record)
        self._run("COMMIT")

    def apply(self, changes: Changes, source_id: int, *, force: bool) -> Applied:
        """Change the directory to what was put aside; the caller holds the transaction."""
        tallies = {kind: self._tally(kind, source_id, changes) for kind in KINDS}
        if not force:
            _stop_if_unsafe(changes, tallies)
        for kind in KINDS:
            self._change(kind, source_id)
        self._change_numbers(source_id)
        for kind in KINDS:
            self._remove(kind, source_id, complete=kind in changes.complete)
        self._change_uses(source_id)
        return Applied(
            tallies["contact"], tallies["dossier"], tallies["matter"], tuple(self._conflicts)
        )

    def _put(self, record: Change) -> None:
        if isinstance(record, ContactRecord):
            self._put_record("contact", record)
            self._put_numbers(record)
        elif isinstance(record, DossierRecord):
            self._put_record("dossier", record)
        elif isinstance(record, MatterRecord):
            self._put_record("matter", record)
        elif isinstance(record, UseRecord):
            self._put_use(record)
        else:
            self._run(
                "INSERT OR IGNORE INTO staged_removal VALUES (?, ?)", [record.record, record.key]
            )

    def _put_record(
        self, kind: RecordKind, record: ContactRecord | DossierRecord | MatterRecord
    ) -> None:
        values = [record.key, *(_plain(getattr(record, name)) for name in _FIELDS[kind])]
        marks = ", ".join("?" * len(values))
        put = self._database.conn.execute(
            f"INSERT OR IGNORE INTO staged_{kind} VALUES ({marks})",
            values,
        )
        if put.rowcount == 0:
            self._compare(kind, values)

    def _compare(self, kind: RecordKind, values: Sequence[Any]) -> None:
        query = f"SELECT * FROM staged_{kind} WHERE key = ?"
        first = self._database.conn.execute(query, values[:1]).fetchone()
        if list(first) != list(values) and len(self._conflicts) < _CONFLICTS:
            self._conflicts.append(f"{kind} {values[0]} came twice and differs; the first counts")

    def _put_numbers(self, record: ContactRecord) -> None:
        self._database.conn.executemany(
            "INSERT OR IGNORE INTO staged_number VALUES (?, ?, ?, ?, ?, ?)",
            [
                (record.key, place, number.raw, number.e164, number.label, number.stem)
                for place, number in enumerate(record.numbers)
            ],
        )

    def _put_use(self, record: UseRecord) -> None:
        at = record.at.astimezone(UTC).isoformat() if record.at else None
        self._database.conn.execute(
            "INSERT INTO staged_use VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            f" used_on = excluded.used_on, used_at = excluded.used_at {_LATER}",
            [record.record, record.key, record.user, record.on.isoformat(), at],
        )

    def _tally(self, kind: RecordKind, source_id: int, changes: Changes) -> Tally:
        staged = self._count(f"SELECT count(*) FROM staged_{kind}", [])
        known = f"FROM staged_{kind} x JOIN {kind}s t ON t.source_id = ?1 AND t.key = x.key"
        both = self._count(f"SELECT count(*) {known}", [source_id])
        differing = _differing(kind)
        values: list[Any] = [source_id]
        if kind == "contact":
            differing = f"({differing} OR {_NUMBERS_DIFFER})"
        changed = self._count(f"SELECT count(*) {known} WHERE {differing}", values)
        going = _going(kind, complete=kind in changes.complete)
        removed = self._count(f"SELECT count(*) FROM {kind}s t WHERE {going}", values)
        return Tally(staged - both, changed, removed, both - changed)

    def _change(self, kind: RecordKind, source_id: int) -> None:
        fields = _FIELDS[kind]
        assigned = ", ".join(f"{name} = x.{name}" for name in fields)
        columns = ", ".join(fields)
        values = ", ".join(f"x.{name}" for name in fields)
        self._run(
            f"UPDATE {kind}s AS t SET {assigned} FROM staged_{kind} x"
            f" WHERE t.source_id = ?1 AND t.key = x.key AND {_differing(kind)}",
            [source_id],
        )
        self._run(
            f"INSERT INTO {kind}s (source_id, key, {columns})"
            f" SELECT ?1, x.key, {values} FROM staged_{kind} x WHERE NOT EXISTS"
            f" (SELECT 1 FROM {kind}s t WHERE t.source_id = ?1 AND t.key = x.key)",
            [source_id],
        )

    def _remove(self, kind: RecordKind, source_id: int, *, complete: bool) -> None:
        going = f"(SELECT t.key FROM {kind}s t WHERE {_going(kind, complete=complete)})"
        below: dict[RecordKind, str] = {
            "contact": "(SELECT key FROM dossiers WHERE source_id = ?1"
            f" AND contact_key IN {going})",
            "dossier": going,
        }
        if kind in below:
            self._run(
                f"DELETE FROM matters WHERE source_id = ?1 AND dossier_key IN {below[kind]}",
                [source_id],
            )
        if kind == "contact":
            self._run(
                f"DELETE FROM dossiers WHERE source_id = ?1 AND contact_key IN {going}",
                [source_id],
            )
        self._run(f"DELETE FROM {kind}s WHERE source_id = ?1 AND key IN {going}", [source_id])

    def _change_numbers(self, source_id: int) -> None:
        self._run(
            "DELETE FROM contact_numbers WHERE contact_id IN (SELECT t.id FROM staged_contact x"
            f" JOIN contacts t ON t.source_id = ?1 AND t.key = x.key WHERE {_NUMBERS_DIFFER})",
            [source_id],
        )
        self._run(
            "INSERT INTO contact_numbers (contact_id, raw, e164, label, stem)"
            " SELECT t.id, x.raw, x.e164, x.label, x.stem FROM staged_number x"
            " JOIN contacts t ON t.source_id = ?1 AND t.key = x.contact_key"
            " WHERE NOT EXISTS (SELECT 1 FROM contact_numbers n WHERE n.contact_id = t.id)",
            [source_id],
        )

    def _change_uses(self, source_id: int) -> None:
        for kind in ("matter", "dossier"):
            self._run(
                f"INSERT INTO {kind}_uses (user, {kind}_id, used_on, used_at)"
                f" SELECT x.user, t.id, x.used_on, x.used_at FROM staged_use x"
                f" JOIN {kind}s t ON t.source_id = ?1 AND t.key = x.key WHERE x.record = '{kind}'"
                " ON CONFLICT DO UPDATE SET used_on = excluded.used_on,"
                f" used_at = excluded.used_at {_LATER}",
                [source_id],
            )

    def _count(self, sql: str, values: Sequence[Any]) -> int:
        return int(self._run(sql, values).fetchone()[0])

    def _run(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._database.execute(sql, values)


def _plain(value: Any) -> Any:
    """Write a value as SQLite keeps it."""
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if isinstance(value, date) else value


def _differing(kind: RecordKind) -> str:
    fields = _FIELDS[kind]
    old, new = (", ".join(f"{side}.{name}" for name in fields) for side in "tx")
    return f"({old}) IS NOT ({new})"


def _going(kind: RecordKind, *, complete: bool) -> str:
    named = f"t.key IN (SELECT key FROM staged_removal WHERE record = '{kind}')"
    absent = f"NOT EXISTS (SELECT 1 FROM staged_{kind} x WHERE x.key = t.key)"
    return f"t.source_id = ?1 AND {absent if complete else named}"


def _stop_if_unsafe(changes: Changes, tallies: dict[RecordKind, Tally]) -> None:
    for kind in KINDS:
        tally = tallies[kind]
        known = tally.changed + tally.kept + tally.removed
        if kind in changes.complete and tally.removed * 2 > known:
            raise ImportRefused(
                f"{tally.removed} of {known} {kind}s of {changes.source} would be removed; "
                "look at the source, or say --force if that is meant"
            )
