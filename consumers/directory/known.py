"""What the directory already knows of one source, so that an import need not read it again."""

# ruff: noqa: S608  (the parts of a query stand in this module, values are parameters)

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from consumers.directory.schema import plainly_connected

_THE_ONE = (
    "FROM contacts c WHERE c.source_id = ?1 AND c.key = ?3"
    " AND c.since <= ?2 AND (c.until IS NULL OR c.until > ?2)"
)
_NOWHERE = (-1, -1)
_T = TypeVar("_T")
_TOGETHER = 500  # records
_FIELDS = "c.kind, c.name, c.company, c.employer_key, c.country, c.email, c.url, c.active"


class CurrentContacts:
    """The contacts of one source as they are now; use it in a `with` block, from one thread."""

    def __init__(self, path: Path, source: str) -> None:
        self._connection: sqlite3.Connection = plainly_connected(path)
        self._source = source
        self._edition: tuple[int, int] | None = None  # of the source, within one transaction

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def while_read(self, records: Iterable[_T]) -> Iterator[_T]:
        """Return the records of a source, and answer what is asked meanwhile several at a time.

        To begin a transaction costs more than to ask; a long one holds up the file's cleaning.
        """
        try:
            for place, record in enumerate(records):
                if place % _TOGETHER == 0:
                    self._end()
                    self._connection.execute("BEGIN")
                yield record
        finally:
            self._end()

    def marks(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return from what the contacts of some keys were read; only where nothing was refused."""
        edition = self._counting()
        if edition is _NOWHERE or not keys:
            return {}
        query = (
            "SELECT key, read_from FROM contacts WHERE source_id = ?1 AND since <= ?2"
            " AND (until IS NULL OR until > ?2) AND read_from IS NOT NULL"
            f" AND key IN ({', '.join('?' * len(keys))})"
        )
        return dict(self._connection.execute(query, (*edition, *keys)))

    def contact(self, key: str) -> tuple[list[Any], list[list[str]]] | None:
        """Return the fields of a contact and its numbers, as they are written in the tables."""
        query = f"SELECT c.row, {_FIELDS} {_THE_ONE}"
        row = self._connection.execute(query, (*self._counting(), key)).fetchone()
        if row is None:
            return None
        numbers = self._connection.execute(
            "SELECT raw, e164, label, stem FROM contact_numbers WHERE contact = ? ORDER BY place",
            [row[0]],
        )
        return list(row[1:]), [list(one) for one in numbers]

    def _counting(self) -> tuple[int, int]:
        """Return the id of the source and its edition that counts."""
        if self._edition is None or not self._connection.in_transaction:
            named = "SELECT id, edition FROM sources WHERE name = ? AND edition >= 0"
            self._edition = self._connection.execute(named, [self._source]).fetchone() or _NOWHERE
        return self._edition

    def _end(self) -> None:
        self._edition = None
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
