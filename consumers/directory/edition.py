"""The next edition of a source is written unseen, and then counts from one moment to the next.

Everything of it can be thrown away until the moment when it counts, and swept away what it
replaced after that; `unsettled` says which of the two a killed process has left.
"""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from consumers.directory.changes import KINDS, RecordKind
from consumers.directory.search_text import search_text
from consumers.directory.staging import FIELDS

PREPARING, SWEEPING = 1, 2  # what is unsettled
_SEARCHED: dict[RecordKind, tuple[str, ...]] = {
    "contact": ("name", "company", "email"),
    "dossier": ("reference", "title"),
}
_LATEST = "(u.used_on, ifnull(u.used_at, ''))"


class VersionStep(NamedTuple):
    """Something to be done to records numbered from 1."""

    total: int
    do: Callable[[int, int], None]


class SourceVersion:
    """The records of one import, written beside those that count."""

    def __init__(self, connection: sqlite3.Connection, source_id: int, edition: int) -> None:
        self._connection = connection
        self._source_id = source_id
        self._edition = edition
        connection.create_function("search_text", -1, search_text, deterministic=True)

    def steps(self) -> Iterator[VersionStep]:
        """Return what is to be written before the edition can count, each part in ranges."""
        for kind in KINDS:
            yield VersionStep(self._total(f"differing_{kind}"), self._writing(kind))
        yield VersionStep(self._total("staged_use"), self._write_uses)

    def count(self, at: str, priority: int | None) -> None:
        """Let the edition count."""
        self._run(
            "UPDATE sources SET edition = ?, imported_at = ?, priority = ifnull(?, priority),"
            " unsettled = ? WHERE id = ?",
            self._edition,
            at,
            priority,
            SWEEPING,
            self._source_id,
        )

    def sweeping_uses(self) -> VersionStep:
        """Return how the uses are removed which newer ones of this edition have replaced."""
        return VersionStep(self._total("staged_use"), self._sweep_uses)

    def _writing(self, kind: RecordKind) -> Callable[[int, int], None]:
        def write(low: int, high: int) -> None:
            self._end(kind, low, high)
            first = self._next_row(kind)
            self._insert(kind, first - low, low, high)
            if kind == "contact":
                self._insert_numbers(first - low, low, high)
                self._note_reading(low, high)

        return write

    def _end(self, kind: RecordKind, low: int, high: int) -> None:
        self._run(
            f"UPDATE {kind}s SET until = ? WHERE row IN (SELECT row FROM differing_{kind}"
            " WHERE n BETWEEN ? AND ? AND what IN ('changed', 'removed', 'below'))",
            self._edition,
            low,
            high,
        )

    def _next_row(self, kind: RecordKind) -> int:
        query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        row = self._run(query, f"{kind}s").fetchone()
        return int(row[0]) + 1 if row else 1

    def _insert(self, kind: RecordKind, offset: int, low: int, high: int) -> None:
        fields = (*FIELDS[kind], *(("read_from",) if kind == "contact" else ()), "digest")
        values = {name: f"x.{name}" for name in fields}
        if kind in _SEARCHED:
            searched = (f"x.{name}" for name in _SEARCHED[kind])
            values["search"] = f"search_text({', '.join(searched)})"
        self._run(
            f"INSERT INTO {kind}s (row, id, source_id, key, since, {', '.join(values)})"
            f" SELECT d.n + ?1, ifnull(d.id, d.n + ?1), ?2, x.key, ?3, {', '.join(values.values())}"
            f" FROM differing_{kind} d JOIN staged_{kind} x ON x.n = d.staged"
            " WHERE d.n BETWEEN ?4 AND ?5 AND d.what IN ('added', 'changed') ORDER BY d.n",
            offset,
            self._source_id,
            self._edition,
            low,
            high,
        )

    def _insert_numbers(self, offset: int, low: int, high: int) -> None:
        self._run(
            "INSERT INTO contact_numbers (contact, place, raw, e164, label, stem)"
            " SELECT d.n + ?1, j.key, json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'),"
            " json_extract(j.value, '$[2]'), json_extract(j.value, '$[3]')"
            " FROM differing_contact d JOIN staged_contact x ON x.n = d.staged,"
            " json_each(x.numbers) j"
            " WHERE d.n BETWEEN ?2 AND ?3 AND d.what IN ('added', 'changed') ORDER BY d.n, j.key",
            offset,
            low,
            high,
        )

    def _note_reading(self, low: int, high: int) -> None:
        self._run(
            "UPDATE contacts SET read_from = x.read_from FROM differing_contact d"
            " JOIN staged_contact x ON x.n = d.staged"
            " WHERE d.n BETWEEN ? AND ? AND d.what = 'read' AND contacts.row = d.row",
            low,
            high,
        )

    def _write_uses(self, low: int, high: int) -> None:
        for kind in ("matter", "dossier"):
            self._run(
                f"INSERT OR REPLACE INTO {kind}_uses (user, {kind}_id, since, used_on, used_at)"
                " SELECT x.user, t.id, ?2, x.used_on, x.used_at FROM staged_use x"
                f" JOIN {kind}s t ON t.source_id = ?1 AND t.key = x.key AND t.since <= ?2"
                " AND (t.until IS NULL OR t.until > ?2)"
                f" WHERE x.n BETWEEN ?3 AND ?4 AND x.record = '{kind}' AND NOT EXISTS"
                f" (SELECT 1 FROM {kind}_uses u WHERE u.{kind}_id = t.id AND u.user = x.user"
                f" AND {_LATEST} >= (x.used_on, ifnull(x.used_at, '')))",
                self._source_id,
                self._edition,
                low,
                high,
            )

    def _sweep_uses(self, low: int, high: int) -> None:
        for kind in ("matter", "dossier"):
            self._run(
                f"DELETE FROM {kind}_uses AS u WHERE (u.{kind}_id, u.user, u.since) IN"
                f" (SELECT v.{kind}_id, v.user, v.since FROM staged_use x"
                f" JOIN {kind}s t ON t.source_id = ?1 AND t.key = x.key AND t.until IS NULL"
                f" JOIN {kind}_uses v ON v.{kind}_id = t.id AND v.user = x.user AND v.since < ?2"
                f" WHERE x.n BETWEEN ?3 AND ?4 AND x.record = '{kind}')"
                f" AND EXISTS (SELECT 1 FROM {kind}_uses w WHERE w.{kind}_id = u.{kind}_id"
                " AND w.user = u.user AND w.since = ?2 AND"
                f" (w.used_on, ifnull(w.used_at, '')) >= {_LATEST})",
                self._source_id,
                self._edition,
                low,
                high,
            )

    def _total(self, table: str) -> int:
        return int(self._run(f"SELECT count(*) FROM {table}").fetchone()[0])

    def _run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)
