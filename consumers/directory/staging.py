"""A source's records are put aside before the directory is changed.

However slow a source is, nobody waits for it: the records wait in temporary tables of their own
connection, so memory stays bounded.
"""

# ruff: noqa: S608  (names of tables and fields stand in this module, values are parameters)

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date
from hashlib import blake2b
from json.encoder import encode_basestring as quoted
from typing import Any

from consumers.directory.changes import (
    DERIVED,
    Change,
    ContactRecord,
    RecordKind,
    Removal,
    Unchanged,
    UseRecord,
)
from consumers.directory.known import CurrentContacts
from consumers.directory.records import DossierRecord, MatterRecord

FIELDS: dict[RecordKind, tuple[str, ...]] = {
    "contact": ("kind", "name", "company", "employer_key", "country", "email", "url", "active"),
    "dossier": ("contact_key", "reference", "title", "url", "active"),
    "matter": ("dossier_key", "reference", "title", "url", "open", "last_used"),
}
_NAME = FIELDS["contact"].index("name")
_TOGETHER = 500  # contacts that are put aside by one statement
LATER = """
    WHERE (excluded.used_on, ifnull(excluded.used_at, '')) > (used_on, ifnull(used_at, ''))"""
_CACHE = 24_000  # KiB of memory while an import runs; the rest waits on disk
_CONFLICTS = 100  # reported at most
_CONTACT_COLUMNS = ("numbers", "first_number", "read_from")  # besides key, fields and digest
_NOTHING = (None,) * (len(FIELDS["contact"]) + len(_CONTACT_COLUMNS) + 1)

_Number = Sequence[str]  # raw, e164, label, stem


class Staging:
    """The records of one import, aside from the directory's own tables."""

    def __init__(self, connection: sqlite3.Connection, known: CurrentContacts) -> None:
        self._connection = connection
        self._known = known
        self._conflicts: list[str] = []
        self._joined_by_name = 0
        self._put_in: dict[RecordKind, str] = {}
        self._run(f"PRAGMA temp.cache_size = -{_CACHE}")
        for kind, fields in FIELDS.items():
            columns = ("key", *fields, *(_CONTACT_COLUMNS if kind == "contact" else ()), "digest")
            self._run(
                f"CREATE TEMP TABLE staged_{kind} (n INTEGER PRIMARY KEY, {', '.join(columns)})"
            )
            self._run(f"CREATE UNIQUE INDEX temp.staged_{kind}_key ON staged_{kind} (key)")
            self._put_in[kind] = (
                f"INSERT INTO staged_{kind} ({', '.join(columns)})"
                f" VALUES ({', '.join('?' * len(columns))})"
            )
        self._run(
            "CREATE TEMP TABLE staged_use (n INTEGER PRIMARY KEY, record, key, user, used_on,"
            " used_at, UNIQUE (record, key, user))"
        )
        self._run("CREATE TEMP TABLE staged_removal (record, key, PRIMARY KEY (record, key))")

    def take(self, records: Iterable[Change]) -> None:
        """Put all records aside."""
        self._run("BEGIN")
        contacts: list[ContactRecord] = []
        for record in records:
            if isinstance(record, ContactRecord):
                if contacts and record == contacts[-1]:
                    continue  # one row for each of its matters
                contacts.append(record)
                if len(contacts) == _TOGETHER:
                    self._put_contacts(contacts)
                    contacts = []
            else:
                self._put(record)
        self._put_contacts(contacts)
        self._run("COMMIT")

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Return which keys came twice with different values, and what only a name put together."""
        if not self._joined_by_name:
            return tuple(self._conflicts)
        rows = self._joined_by_name
        packed = "1 row has" if rows == 1 else f"{rows} rows have"
        were = "was put together with it" if rows == 1 else "were put together with them"
        return (
            f"{packed} the name of another and {were}: they may be several people; a column that"
            " differs between them is the key of a mapping",
            *self._conflicts,
        )

    def _put_contacts(self, contacts: Sequence[ContactRecord]) -> None:
        """Put contacts aside: all by one statement, or one by one where a key comes twice.

        One that is unchanged has only its key; without a digest it is not compared.
        """
        unchanged = [(contact.key,) for contact in contacts if isinstance(contact, Unchanged)]
        rows = [_contact_row(contact) for contact in contacts if not isinstance(contact, Unchanged)]
        self._run("SAVEPOINT together")
        try:
            self._connection.executemany("INSERT INTO staged_contact (key) VALUES (?)", unchanged)
            self._connection.executemany(self._put_in["contact"], rows)
        except sqlite3.IntegrityError:
            self._run("ROLLBACK TO together")
            for contact in contacts:
                is_unchanged = isinstance(contact, Unchanged)
                row = (contact.key, *_NOTHING) if is_unchanged else _contact_row(contact)
                try:
                    self._run(self._put_in["contact"], row)
                except sqlite3.IntegrityError:
                    self._put_again(row)
        self._run("RELEASE together")

    def _put_again(self, row: Sequence[Any]) -> None:
        key, *fields, numbers, _, read_from, digest = row
        if digest is not None:
            self._join(key, fields, json.loads(numbers), read_from)
            return
        first = self._run("SELECT digest FROM staged_contact WHERE key = ?", [key]).fetchone()
        if first[0] is not None and (stays := self._known.contact(key)):
            self._join(key, *stays, None)

    def _put(self, record: DossierRecord | MatterRecord | UseRecord | Removal) -> None:
        if isinstance(record, DossierRecord):
            self._put_below("dossier", record)
        elif isinstance(record, MatterRecord):
            self._put_below("matter", record)
        elif isinstance(record, UseRecord):
            self._put_use(record)
        else:
            self._run(
                "INSERT OR IGNORE INTO staged_removal VALUES (?, ?)", [record.record, record.key]
            )

    def _join(
        self, key: str, fields: Sequence[Any], numbers: Sequence[_Number], read_from: bytes | None
    ) -> None:
        """Add the numbers of a further row to a contact; its first row says all the rest."""
        columns = ", ".join(FIELDS["contact"])
        row = self._run(
            f"SELECT digest, read_from, numbers, {columns} FROM staged_contact WHERE key = ?", [key]
        ).fetchone()
        stays = None if row[0] else self._known.contact(key)
        if stays:  # the first row said that the contact stays as the directory has it
            kept_fields, kept = stays
        else:
            kept_fields, kept = (
                (list(row[3:]), json.loads(row[2])) if row[0] else (list(fields), [])
            )
        differs = kept_fields != list(fields)
        further = [one for one in numbers if one not in kept]
        if key.startswith(DERIVED):
            self._joined_by_name += bool(differs or further)
        elif kept_fields[_NAME] != list(fields)[_NAME]:
            self._add_conflict(
                f"contact {key} came twice with different names: is that its key?"
                " The first counts, with the numbers of both"
            )
        elif differs:
            self._note("contact", key)
        if further or not row[0] or row[1] != read_from:
            joined = _staged(key, kept_fields, [*kept, *further], b"")
            self._run("DELETE FROM staged_contact WHERE key = ?", [key])
            self._run(self._put_in["contact"], joined)

    def _put_below(self, kind: RecordKind, record: DossierRecord | MatterRecord) -> None:
        packed = record.__dict__
        fields = [_written(packed[name]) for name in FIELDS[kind]]
        values = [record.key, *fields, _digest(fields)]
        try:
            self._run(self._put_in[kind], values)
        except sqlite3.IntegrityError:
            query = f"SELECT digest FROM staged_{kind} WHERE key = ?"
            if self._run(query, [record.key]).fetchone()[0] != values[-1]:
                self._note(kind, record.key)

    def _note(self, kind: RecordKind, key: str) -> None:
        self._add_conflict(f"{kind} {key} came twice and differs; the first counts")

    def _add_conflict(self, conflict: str) -> None:
        if len(self._conflicts) < _CONFLICTS:
            self._conflicts.append(conflict)

    def _put_use(self, record: UseRecord) -> None:
        at = record.at.astimezone(UTC).isoformat() if record.at else None
        self._run(
            "INSERT INTO staged_use (record, key, user, used_on, used_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (record, key, user) DO UPDATE SET used_on = excluded.used_on,"
            f" used_at = excluded.used_at {LATER}",
            [record.record, record.key, record.user, record.on.isoformat(), at],
        )

    def _run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)


def _contact_row(contact: ContactRecord) -> tuple[Any, ...]:
    key, *fields, active, numbers, read_from = contact
    return _staged(key, [*fields, int(active)], numbers, read_from)


def _staged(
    key: str, fields: Sequence[Any], numbers: Sequence[_Number], read_from: bytes
) -> tuple[Any, ...]:
    # written by hand: the encoder of json is made again for each contact
    written = ", ".join([f"[{', '.join(map(quoted, number))}]" for number in numbers])
    packed = f"[{written}]"
    first = next((number[1] for number in numbers if number[1]), "")
    return (key, *fields, packed, first, read_from or None, _digest([*fields, packed]))


def _digest(values: Iterable[Any]) -> bytes:
    """Return what differs wherever a value differs, so that one column shows a change."""
    return blake2b("\x1f".join(map(str, values)).encode(), digest_size=16).digest()


def _written(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if isinstance(value, date) else value
