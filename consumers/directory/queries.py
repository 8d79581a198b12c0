"""What the directory reads from its tables: whose a number is and what is kept for them."""

# ruff: noqa: S608  (the parts of a query stand in this module, values are parameters)

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from bus.numbers.number import same_subscriber_keys
from consumers.directory.matching import SHORTEST_SUFFIX, Found
from consumers.directory.records import (
    ChosenContact,
    Contact,
    ContactNumber,
    Dossier,
    Matter,
    Source,
    Use,
)
from consumers.directory.search_text import search_forms

_NAMES = (
    *("id", "source", "key", "kind", "name", "company", "employer_key", "country", "email", "url"),
    "active",
)
_CONTACT = ", ".join(f"c.{name}" for name in _NAMES)
_NEXT = len(_NAMES)  # where the columns after a contact begin
_ONE = f"SELECT {_CONTACT} FROM known_contacts c"
# `e164 <> ''` and `stem <> ''` are said so that the partial indexes are used; CROSS JOIN, so that
# SQLite begins with the number.
_FOUND = f"""
    SELECT {_CONTACT}, c.priority, n.stem FROM (%s) n
    CROSS JOIN known_contacts c ON c.row = n.contact
    WHERE c.active ORDER BY c.priority DESC, c.id LIMIT 200"""
_BY_NUMBER = "SELECT contact, '' AS stem FROM contact_numbers WHERE e164 IN (%s) AND e164 <> ''"
_BY_STEM = (
    "SELECT DISTINCT contact, %s AS stem FROM contact_numbers WHERE stem IN (%s) AND stem <> ''"
)
_ENDING = """
    SELECT DISTINCT contact, '' AS stem FROM contact_numbers
    WHERE substr(e164, -7) = ? AND e164 <> '' AND substr(e164, ?) = ?"""


class SqliteQueries:
    """The tables of one connection, for the ladder and for people."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exact(self, e164: str) -> list[Found]:
        """Return who has the number, in whatever spelling of the same subscriber."""
        keys = same_keys(e164)
        stems = [*keys, *(key[:-1] for key in keys if key.endswith("0"))]
        return self._found(_exact(len(keys), len(stems)), [*keys, *stems])

    def switchboards(self, stems: Sequence[str]) -> list[Found]:
        """Return who has a switchboard with one of the stems."""
        return self._found(_BY_STEM % ("stem", _marks(stems)), stems)

    def ending(self, digits: str) -> list[Found]:
        """Return who has a number with these last digits."""
        return self._found(_ENDING, [digits[-SHORTEST_SUFFIX:], -len(digits), digits])

    def employer(self, contact: Contact) -> Contact | None:
        """Return the active company a person works for, by its key or by its only bearer's name."""
        if contact.kind == "company" or not (contact.employer_key or contact.company):
            return None
        by_key = contact.employer_key and self._rows(
            f"{_ONE} WHERE c.source = ? AND c.key = ? AND c.active AND c.id <> ?",
            [contact.source, contact.employer_key, contact.id],
        )
        rows = by_key or self._rows(
            f"{_ONE} WHERE c.source = ? AND c.kind = 'company' AND c.name = ? AND c.active LIMIT 2",
            [contact.source, contact.company],
        )
        return _contact(rows[0]) if len(rows) == 1 else None

    def chosen(self, user: str, e164: str) -> int | None:
        """Return the id of the contact this user means by the number."""
        keys = same_keys(e164)
        rows = self._rows(
            f"SELECT contact_id FROM choices WHERE user = ? AND e164 IN ({_marks(keys)})"
            " ORDER BY chosen_at DESC, contact_id LIMIT 1",
            [user, *keys],
        )
        return int(rows[0][0]) if rows else None

    def contact(self, contact_id: int) -> Contact | None:
        """Return one contact, also an inactive one."""
        rows = self._rows(f"{_ONE} WHERE c.id = ?", [contact_id])
        return _contact(rows[0]) if rows else None

    def contact_of(self, source: str, key: str) -> Contact | None:
        """Return one contact by its source's own key."""
        rows = self._rows(f"{_ONE} WHERE c.source = ? AND c.key = ?", [source, key])
        return _contact(rows[0]) if rows else None

    def contacts(self, source: str | None = None) -> Iterator[Contact]:
        """Return all contacts of a source or of all, without holding them in memory."""
        where, values = ("WHERE c.source = ?", [source]) if source else ("", [])
        for row in self._connection.execute(f"{_ONE} {where} ORDER BY c.source, c.id", values):
            yield _contact(row)

    def search(self, text: str, limit: int = 50) -> list[Contact]:
        """Return contacts whose name, company, mail address or dossier holds the text."""
        rows = self._rows(
            f"{_ONE} WHERE instr(c.search, ?1) OR instr(c.search, ?2)"
            " OR c.key = ?3 COLLATE NOCASE OR EXISTS"
            " (SELECT 1 FROM known_dossiers d"
            " WHERE d.source_id = c.source_id AND d.contact_key = c.key"
            " AND (instr(d.search, ?1) OR instr(d.search, ?2)))"
            " ORDER BY c.name, c.priority DESC, c.id LIMIT ?4",
            [*search_forms(text), text, limit],
        )
        return [_contact(row) for row in rows]

    def numbers(self, contact_id: int) -> tuple[ContactNumber, ...]:
        """Return the numbers of a contact."""
        rows = self._rows(
            "SELECT n.raw, n.e164, n.label, n.stem FROM known_contacts c CROSS JOIN"
            " contact_numbers n ON n.contact = c.row WHERE c.id = ? ORDER BY n.place",
            [contact_id],
        )
        return tuple(map(ContactNumber._make, rows))

    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        """Return the dossiers of a contact with all their matters."""
        rows = self._rows(
            "SELECT d.id, d.key, d.reference, d.title, d.url, d.active FROM known_contacts c"
            " CROSS JOIN known_dossiers d ON d.source_id = c.source_id AND d.contact_key = c.key"
            " WHERE c.id = ? ORDER BY d.reference, d.key, d.id",
            [contact_id],
        )
        return tuple(
            Dossier(
                id=row[0],
                contact_id=contact_id,
                key=row[1],
                reference=row[2],
                title=row[3],
                url=row[4],
                active=bool(row[5]),
                matters=self._matters(row[0]),
            )
            for row in rows
        )

    def uses(self, user: str, contact_id: int) -> tuple[Use, ...]:
        """Return when a user last used the dossiers and matters of a contact."""
        # CROSS JOIN: SQLite would start from all matters of the source, a thousand times slower.
        rows = self._rows(
            "SELECT 'dossier', u.dossier_id, u.used_on, u.used_at FROM known_contacts c"
            " CROSS JOIN known_dossiers d ON d.source_id = c.source_id AND d.contact_key = c.key"
            " CROSS JOIN dossier_uses u ON u.dossier_id = d.id AND u.user = ?1"
            " AND u.since <= d.edition WHERE c.id = ?2"
            " UNION ALL SELECT 'matter', u.matter_id, u.used_on, u.used_at FROM known_contacts c"
            " CROSS JOIN known_dossiers d ON d.source_id = c.source_id AND d.contact_key = c.key"
            " CROSS JOIN known_matters m ON m.source_id = d.source_id AND m.dossier_key = d.key"
            " CROSS JOIN matter_uses u ON u.matter_id = m.id AND u.user = ?1"
            " AND u.since <= m.edition WHERE c.id = ?2",
            [user, contact_id],
        )
        latest = {row[:2]: row for row in sorted(rows, key=lambda row: (row[2], row[3] or ""))}
        return tuple(
            Use(record=r[0], record_id=r[1], on=r[2], at=r[3]) for _, r in sorted(latest.items())
        )

    def nearest(self, e164: str, limit: int = 3) -> list[tuple[str, Contact]]:
        """Return the entries whose numbers begin most alike, to explain why none was found."""
        query = (
            f"SELECT {_CONTACT}, n.e164 FROM contact_numbers n"
            " CROSS JOIN known_contacts c ON c.row = n.contact"
            " WHERE c.active AND n.e164 <> '' AND n.e164 %s ? ORDER BY n.e164 %s, c.id"
            " LIMIT ?"
        )
        before = self._rows(query % ("<", "DESC"), [e164, limit])
        after = self._rows(query % (">=", "ASC"), [e164, limit])
        rows = sorted([*before, *after], key=lambda row: (-_alike(row[_NEXT], e164), row[_NEXT]))
        alike = [row for row in rows if _alike(row[_NEXT], e164) >= SHORTEST_SUFFIX]
        return [(row[_NEXT], _contact(row)) for row in alike[:limit]]

    def inactive(self, e164: str) -> list[Contact]:
        """Return who has the number but does not count: inactive, or of a source that is off."""
        keys = same_keys(e164)
        query = _FOUND.replace("WHERE c.active", "WHERE NOT c.active")
        found = self._rows(query % (_BY_NUMBER % _marks(keys)), keys)
        return [_contact(row) for row in found[:3]]

    def choices(self, user: str) -> list[ChosenContact]:
        """Return what a user has chosen, for each number."""
        rows = self._rows(
            f"SELECT {_CONTACT}, h.e164, h.chosen_at FROM choices h"
            " CROSS JOIN known_contacts c ON c.id = h.contact_id WHERE h.user = ? ORDER BY h.e164",
            [user],
        )
        return [
            ChosenContact(e164=r[_NEXT], contact=_contact(r), chosen_at=r[_NEXT + 1]) for r in rows
        ]

    def sources(self) -> list[Source]:
        """Return the sources in the order in which they decide."""
        rows = self._rows(
            "SELECT name, priority, active, imported_at,"
            " (SELECT count(*) FROM known_contacts WHERE source_id = s.id),"
            " (SELECT count(*) FROM known_contacts c CROSS JOIN contact_numbers n"
            "  ON n.contact = c.row WHERE c.source_id = s.id),"
            " (SELECT count(*) FROM known_dossiers WHERE source_id = s.id),"
            " (SELECT count(*) FROM known_matters WHERE source_id = s.id)"
            " FROM sources s WHERE edition >= 0 ORDER BY priority DESC, name",
            [],
        )
        names = ("name", "priority", "active", "imported_at")
        counts = ("contacts", "numbers", "dossiers", "matters")
        return [Source(**dict(zip((*names, *counts), row, strict=True))) for row in rows]

    def deciding_with(self, name: str) -> list[str]:
        """Return the other sources that count and have the priority of this one."""
        rows = self._rows(
            "SELECT o.name FROM sources s JOIN sources o USING (priority) WHERE s.name = ?"
            " AND o.id <> s.id AND s.active AND o.active AND min(s.edition, o.edition) >= 0"
            " ORDER BY o.name",
            [name],
        )
        return [row[0] for row in rows]

    def encoding(self, name: str) -> str:
        """Return how the file of a source was encoded the last time."""
        rows = self._rows("SELECT encoding FROM sources WHERE name = ?", [name])
        return next((str(row[0]) for row in rows), "")

    def published(self, folder: str) -> dict[int, tuple[str, str]]:
        """Return the entries made in a folder of the PBX."""
        query = "SELECT contact_id, entry, digest FROM published WHERE folder = ?"
        return {row[0]: (row[1], row[2]) for row in self._rows(query, [folder])}

    def published_entries(self) -> frozenset[str]:
        """Return all entries of the PBX that are made of contacts here."""
        return frozenset(row[0] for row in self._rows("SELECT entry FROM published", []))

    def _matters(self, dossier_id: int) -> tuple[Matter, ...]:
        rows = self._rows(
            "SELECT m.id, m.key, m.reference, m.title, m.url, m.open, m.last_used"
            " FROM known_dossiers d"
            " CROSS JOIN known_matters m ON m.source_id = d.source_id AND m.dossier_key = d.key"
            " WHERE d.id = ? ORDER BY m.reference, m.key, m.id",
            [dossier_id],
        )
        names = ("id", "key", "reference", "title", "url", "open", "last_used")
        return tuple(
            Matter(dossier_id=dossier_id, **dict(zip(names, row, strict=True))) for row in rows
        )

    def _found(self, numbers: str, values: Sequence[Any]) -> list[Found]:
        rows = self._rows(_FOUND % numbers, values)
        return [Found(_contact(row), row[_NEXT], row[_NEXT + 1]) for row in rows]

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()


@lru_cache(maxsize=4096)
def same_keys(e164: str) -> tuple[str, ...]:
    """Return the spellings of one subscriber in a fixed order."""
    return tuple(sorted({e164, *same_subscriber_keys(e164)}))


def _contact(row: Sequence[Any]) -> Contact:
    return Contact(**dict(zip(_NAMES, row, strict=False)))


@lru_cache(maxsize=64)
def _exact(keys: int, stems: int) -> str:
    by_stem = _BY_STEM % ("''", _marks("?" * stems))
    return f"{_BY_NUMBER % _marks('?' * keys)} UNION {by_stem}"


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _alike(one: str, other: str) -> int:
    for length, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return length
    return min(len(one), len(other))
