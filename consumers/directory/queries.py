"""What the directory is asked: whose a number is, and what is kept for them.

The ladder from a number to whose it is: the same directory gives the same answer all day.
"""

# ruff: noqa: S608  (the parts of a query stand in this module, values are parameters)

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from bus.events import Quality
from bus.numbers.number import same_subscriber_keys
from consumers.directory.records import (
    SHORTEST_STEM,
    ChosenContact,
    Contact,
    ContactNumber,
    Dossier,
    DossierRecord,
    Match,
    Matter,
    MatterRecord,
    Use,
)
from consumers.directory.search_text import search_forms

OFFERED = 50  # candidates at most
LONGEST_EXTENSION = 6  # digits
SHORTEST_SUFFIX = 7  # digits; a short number must not match the end of a long one
_NAMES = (
    *("id", "source", "key", "kind", "name", "company", "employer_key", "country", "email", "url"),
    "active",
)
_OF_DOSSIER = ("id", *DossierRecord.model_fields)
_OF_MATTER = ("id", *MatterRecord.model_fields)
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


_Q = TypeVar("_Q", bound="ContactQueries")
_P = ParamSpec("_P")
_T = TypeVar("_T")


class DirectoryUnavailable(Exception):
    """The directory cannot be read or written just now."""


class Found(NamedTuple):
    """A contact that has a number, and the priority of its source."""

    contact: Contact
    priority: int
    stem: str = ""


def question(
    answer: Callable[Concatenate[_Q, _P], _T],
) -> Callable[Concatenate[_Q, _P], _T]:
    """Answer from one state of the file, whatever is written meanwhile; for any thread."""

    @wraps(answer)
    def ask(self: _Q, /, *asked: _P.args, **options: _P.kwargs) -> _T:
        with self._lock:
            try:
                connection = self._current()
                if connection.in_transaction:
                    return answer(self, *asked, **options)
                connection.execute("BEGIN")
                try:
                    return answer(self, *asked, **options)
                finally:
                    connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise DirectoryUnavailable(str(error)) from error

    return ask


class ContactQueries:
    """The questions to one directory; only active contacts are found by a number."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], *, suffix_digits: int = 0
    ) -> None:
        self._connect = connect
        self._suffix_digits = suffix_digits
        self._lock = threading.RLock()
        self._connection = connect()
        self._process = os.getpid()
        self._inherited: sqlite3.Connection | None = None

    # ---- the ladder

    @question
    def find(self, e164: str, *, user: str) -> Match:
        """Find whose a number is, on the first rung that has somebody, and whom this user means."""
        if not e164.startswith("+"):
            return Match()
        if found := self.exact(e164):
            return self._decided("exact", found, self._chosen(user, e164))
        if companies := self._companies(e164):
            return self._decided("switchboard", companies, self._chosen(user, e164))
        digits = max(self._suffix_digits, SHORTEST_SUFFIX)
        if self._suffix_digits and len(e164) > digits and (ending := self._ending(e164[-digits:])):
            return Match(quality="suffix", candidates=_distinct(_deciding(ending)))
        return Match()

    @question
    def leads_to(self, e164: str, contact_id: int) -> bool:
        """Return whether a number still leads to a contact, so that choosing it makes sense."""
        found = [*self.exact(e164), *self._companies(e164)]
        return any(one.contact.id == contact_id for one in found)

    @question
    def exact(self, e164: str) -> list[Found]:
        """Return who has the number, in whatever spelling of the same subscriber."""
        keys = same_keys(e164)
        stems = [*keys, *(key[:-1] for key in keys if key.endswith("0"))]
        return self._found(_exact(len(keys), len(stems)), [*keys, *stems])

    def _companies(self, e164: str) -> list[Found]:
        """Return the companies behind switchboards; a person's own card would be a guess."""
        stems = possible_stems(e164)
        if not stems:
            return []
        companies = []
        for one in self._found(_BY_STEM % ("stem", _marks(stems)), stems):
            contact = one.contact if one.contact.kind == "company" else self.employer(one.contact)
            if contact is not None:
                companies.append(Found(contact, one.priority, one.stem))
        deciding = _deciding(companies)
        longest = max((len(one.stem) for one in deciding), default=0)
        return [one for one in companies if len(one.stem) == longest or one not in deciding]

    def _ending(self, digits: str) -> list[Found]:
        """Return who has a number with these last digits."""
        return self._found(_ENDING, [digits[-SHORTEST_SUFFIX:], -len(digits), digits])

    def _chosen(self, user: str, e164: str) -> int | None:
        """Return the id of the contact this user means by the number."""
        keys = same_keys(e164)
        rows = self._rows(
            f"SELECT contact_id FROM choices WHERE user = ? AND e164 IN ({_marks(keys)})"
            " ORDER BY chosen_at DESC, contact_id LIMIT 1",
            [user, *keys],
        )
        return int(rows[0][0]) if rows else None

    def _decided(self, quality: Quality, found: Sequence[Found], chosen: int | None) -> Match:
        candidates = _distinct(_deciding(found))
        for one in found:
            if one.contact.id == chosen:
                decided = candidates != (one.contact,)
                return Match(
                    quality=quality,
                    remembered=decided,
                    contact=one.contact,
                    employer=self.employer(one.contact),
                    candidates=_with(candidates, one.contact) if decided else (),
                )
        if len(candidates) > 1:
            return Match(quality="several", candidates=candidates)
        [contact] = candidates
        return Match(quality=quality, contact=contact, employer=self.employer(contact))

    # ---- contacts and what is kept for them

    @question
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

    @question
    def contact(self, contact_id: int) -> Contact | None:
        """Return one contact, also an inactive one."""
        rows = self._rows(f"{_ONE} WHERE c.id = ?", [contact_id])
        return _contact(rows[0]) if rows else None

    @question
    def contact_of(self, source: str, key: str) -> Contact | None:
        """Return one contact by its source's own key."""
        rows = self._rows(f"{_ONE} WHERE c.source = ? AND c.key = ?", [source, key])
        return _contact(rows[0]) if rows else None

    def contacts(self, source: str | None = None) -> Iterator[Contact]:
        """Return all contacts of a source or of all, without holding them in memory."""
        where, values = ("WHERE c.source = ?", [source]) if source else ("", [])
        for row in self._connection.execute(f"{_ONE} {where} ORDER BY c.source, c.id", values):
            yield _contact(row)

    @question
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

    @question
    def numbers(self, contact_id: int) -> tuple[ContactNumber, ...]:
        """Return the numbers of a contact."""
        rows = self._rows(
            "SELECT n.raw, n.e164, n.label, n.stem FROM known_contacts c CROSS JOIN"
            " contact_numbers n ON n.contact = c.row WHERE c.id = ? ORDER BY n.place",
            [contact_id],
        )
        return tuple(map(ContactNumber._make, rows))

    @question
    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        """Return the dossiers of a contact with all their matters."""
        rows = self._rows(
            f"SELECT {', '.join(f'd.{name}' for name in _OF_DOSSIER)} FROM known_contacts c"
            " CROSS JOIN known_dossiers d ON d.source_id = c.source_id AND d.contact_key = c.key"
            " WHERE c.id = ? ORDER BY d.reference, d.key, d.id",
            [contact_id],
        )
        return tuple(
            Dossier(**dict(zip(_OF_DOSSIER, row, strict=True)), matters=self._matters(row[0]))
            for row in rows
        )

    @question
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

    @question
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

    @question
    def inactive(self, e164: str) -> list[Contact]:
        """Return who has the number but does not count: inactive, or of a source that is off."""
        keys = same_keys(e164)
        query = _FOUND.replace("WHERE c.active", "WHERE NOT c.active")
        found = self._rows(query % (_BY_NUMBER % _marks(keys)), keys)
        return [_contact(row) for row in found[:3]]

    @question
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

    def _matters(self, dossier_id: int) -> tuple[Matter, ...]:
        rows = self._rows(
            f"SELECT {', '.join(f'm.{name}' for name in _OF_MATTER)}"
            " FROM known_dossiers d"
            " CROSS JOIN known_matters m ON m.source_id = d.source_id AND m.dossier_key = d.key"
            " WHERE d.id = ? ORDER BY m.reference, m.key, m.id",
            [dossier_id],
        )
        return tuple(Matter(**dict(zip(_OF_MATTER, row, strict=True))) for row in rows)

    def _found(self, numbers: str, values: Sequence[Any]) -> list[Found]:
        rows = self._rows(_FOUND % numbers, values)
        return [Found(_contact(row), row[_NEXT], row[_NEXT + 1]) for row in rows]

    def _current(self) -> sqlite3.Connection:
        """Return the connection of this process; one made before a fork is not ours."""
        if self._process != os.getpid():
            self._inherited = self._connection  # closing it here would disturb its owner
            self._connection = self._connect()
            self._process = os.getpid()
        return self._connection

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()


def possible_stems(e164: str) -> list[str]:
    """Return the stems of which a number may be an extension."""
    shortest = max(SHORTEST_STEM + 1, len(e164) - LONGEST_EXTENSION)
    return [e164[:end] for end in range(shortest, len(e164))]


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


def _deciding(found: Sequence[Found]) -> list[Found]:
    """Keep the source of highest priority; sources of one priority decide together."""
    highest = max((one.priority for one in found), default=0)
    return [one for one in found if one.priority == highest]


def _distinct(found: Sequence[Found]) -> tuple[Contact, ...]:
    contacts = {one.contact.id: one.contact for one in found}.values()
    ordered = sorted(contacts, key=lambda one: (one.name.casefold(), one.source, one.key))
    return tuple(ordered[:OFFERED])


def _with(candidates: tuple[Contact, ...], contact: Contact) -> tuple[Contact, ...]:
    return candidates if contact in candidates else (contact, *candidates)
