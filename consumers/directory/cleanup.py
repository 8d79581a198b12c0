"""What no edition of a source shows any more is removed: replaced records, and unfinished ones."""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

import sqlite3
from functools import partial

from consumers.directory.changes import KINDS
from consumers.directory.edition import PREPARING
from consumers.directory.queries import ContactQueries
from consumers.directory.throttle import WriteThrottle
from runtime.sqlite import transaction

HIDDEN = -1  # the edition of a source whose first import has not ended
REMOVED = -2  # the edition of a source that is to go with all it has
_FEW = 500  # numbers of choices looked at in one piece


class Cleanup:
    """Brings one source to where all it has counts; who uses it holds the source's lock."""

    def __init__(
        self, connection: sqlite3.Connection, source_id: int, throttle: WriteThrottle
    ) -> None:
        self._connection = connection
        self._source_id = source_id
        self._throttle = throttle

    def settle(self) -> None:
        """Remove what is past, and what a killed import has left; short pieces only."""
        query = "SELECT edition, unsettled FROM sources WHERE id = ?"
        row = self._run(query, self._source_id).fetchone()
        if row is None or not row[1]:
            return
        edition, unsettled = row
        for kind in KINDS:
            self._collect(kind, edition, unfinished=unsettled == PREPARING)
            self._throttle.each(self._listed(), partial(self._remove, kind))
        if unsettled == PREPARING:
            self._restore(edition)
        self._end_choices()
        self._run("UPDATE sources SET unsettled = 0 WHERE id = ?", self._source_id)

    def forget_source(self) -> None:
        """Remove a source that never had anything, or no longer has."""
        self._run("DELETE FROM sources WHERE id = ? AND edition < 0", self._source_id)

    def _collect(self, kind: str, edition: int, *, unfinished: bool) -> None:
        self._begin_list()
        past = f"SELECT row, id FROM {kind}s WHERE source_id = ?"
        self._run(
            f"INSERT INTO past (row, id) {past} AND until IS NOT NULL AND until <= ?",
            self._source_id,
            edition,
        )
        if unfinished:
            self._run(f"INSERT INTO past (row, id) {past} AND since > ?", self._source_id, edition)

    def _remove(self, kind: str, low: int, high: int) -> None:
        past = f"FROM past WHERE n BETWEEN {low} AND {high}"
        if kind == "contact":
            self._run(f"DELETE FROM contact_numbers WHERE contact IN (SELECT row {past})")
        self._run(f"DELETE FROM {kind}s WHERE row IN (SELECT row {past})")
        if kind != "contact":
            self._run(
                f"DELETE FROM {kind}_uses WHERE {kind}_id IN (SELECT id {past})"
                f" AND NOT EXISTS (SELECT 1 FROM {kind}s WHERE id = {kind}_id)"
            )

    def _restore(self, edition: int) -> None:
        """Let the records stay which an unfinished import was to replace."""
        for kind in KINDS:
            self._begin_list()
            self._run(
                f"INSERT INTO past (row) SELECT row FROM {kind}s"
                " WHERE source_id = ? AND until IS NOT NULL AND until > ?",
                self._source_id,
                edition,
            )
            self._throttle.each(self._listed(), partial(self._let_stay, kind))
        for kind in ("matter", "dossier"):
            self._begin_list()
            self._run(
                f"INSERT INTO past (id) SELECT DISTINCT {kind}_id FROM {kind}_uses WHERE since > ?"
                f" AND {kind}_id IN (SELECT id FROM {kind}s WHERE source_id = ?)",
                edition,
                self._source_id,
            )
            self._throttle.each(self._listed(), partial(self._remove_uses, kind, edition))

    def _let_stay(self, kind: str, low: int, high: int) -> None:
        rows = f"SELECT row FROM past WHERE n BETWEEN {low} AND {high}"
        self._run(f"UPDATE {kind}s SET until = NULL WHERE row IN ({rows})")

    def _remove_uses(self, kind: str, edition: int, low: int, high: int) -> None:
        ids = f"SELECT id FROM past WHERE n BETWEEN {low} AND {high}"
        self._run(f"DELETE FROM {kind}_uses WHERE {kind}_id IN ({ids}) AND since > ?", edition)

    def _end_choices(self) -> None:
        """Forget choices whose contact has left the number or is inactive, for good."""
        rows = self._run(
            "SELECT user, e164, contact_id FROM choices h WHERE NOT EXISTS"
            " (SELECT 1 FROM contacts c WHERE c.id = h.contact_id AND c.source_id <> ?)",
            self._source_id,
        ).fetchall()
        queries = ContactQueries(lambda: self._connection)
        ended = [one for one in rows if not queries.leads_to(one[1], one[2])]
        for place in range(0, len(ended), _FEW):
            with transaction(self._connection):
                for user, e164, contact_id in ended[place : place + _FEW]:
                    if not queries.leads_to(e164, contact_id):
                        self._run("DELETE FROM choices WHERE user = ? AND e164 = ?", user, e164)

    def _begin_list(self) -> None:
        self._run("CREATE TEMP TABLE IF NOT EXISTS past (n INTEGER PRIMARY KEY, row, id)")
        self._run("DELETE FROM past")

    def _listed(self) -> int:
        return int(self._run("SELECT count(*) FROM past").fetchone()[0])

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)
