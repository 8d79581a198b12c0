"""A source's records are put aside before the directory is changed.

However slow a source is, nobody waits for it: the records wait in temporary tables of their own
connection, so memory stays bounded.
"""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date
from typing import Any

from sqlite_utils import Database

from consumers.changes import (
    Change,
    ContactRecord,
    DossierRecord,
    MatterRecord,
    RecordKind,
    UseRecord,
)

FIELDS: dict[RecordKind, tuple[str, ...]] = {
    "contact": ("kind", "name", "company", "employer_key", "country", "email", "url", "active"),
    "dossier": ("contact_key", "reference", "title", "url", "active"),
    "matter": ("dossier_key", "reference", "title", "url", "open", "last_used"),
}
LATER = """
    WHERE (excluded.used_on, ifnull(excluded.used_at, '')) > (used_on, ifnull(used_at, ''))"""
_CACHE = 32_000  # KiB of memory while an import runs; the rest waits on disk
_CONFLICTS = 100  # told at most


class Staging:
    """The records of one import, aside from the directory's own tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conflicts: list[str] = []
        for schema in ("main", "temp"):
            self._run(f"PRAGMA {schema}.cache_size = -{_CACHE}")
        for kind, fields in FIELDS.items():
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

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Tell which keys came twice with different values."""
        return tuple(self._conflicts)

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
        values = [record.key, *(_plain(getattr(record, name)) for name in FIELDS[kind])]
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
            f" used_on = excluded.used_on, used_at = excluded.used_at {LATER}",
            [record.record, record.key, record.user, record.on.isoformat(), at],
        )

    def _run(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._database.execute(sql, values)


def _plain(value: Any) -> Any:
    """Write a value as SQLite keeps it."""
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if isinstance(value, date) else value
