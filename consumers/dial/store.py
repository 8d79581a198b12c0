"""Dial requests as they come in: claimed on disk, with all limits, before the PBX is asked.

Several dial processes of one machine share the file: the one that claims places the call.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from consumers.dial.settings import DialSettings
from runtime.process import private_file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    serial INTEGER PRIMARY KEY, user TEXT NOT NULL, request_id TEXT NOT NULL,
    counts INTEGER NOT NULL, message TEXT NOT NULL, number TEXT NOT NULL, shown TEXT NOT NULL,
    phone TEXT NOT NULL, door TEXT NOT NULL, at REAL NOT NULL, abroad INTEGER NOT NULL,
    claimed REAL, owner TEXT NOT NULL, stage TEXT NOT NULL, code TEXT, call_id TEXT,
    final INTEGER NOT NULL, ask_at REAL, reply TEXT, correlation BLOB,
    repeats INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS requests_id ON requests (user, request_id) WHERE counts;
CREATE INDEX IF NOT EXISTS requests_claimed ON requests (claimed, user) WHERE claimed;
CREATE INDEX IF NOT EXISTS requests_open ON requests (user) WHERE NOT final;
CREATE INDEX IF NOT EXISTS requests_at ON requests (at);
CREATE TABLE IF NOT EXISTS results (
    serial INTEGER PRIMARY KEY, request INTEGER NOT NULL, owner TEXT NOT NULL,
    payload BLOB NOT NULL, at REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS results_request ON results (request);
CREATE INDEX IF NOT EXISTS results_untold ON results (serial) WHERE NOT told;
"""
ROW = "serial, user, request_id, stage, code, call_id, final, claimed, owner, reply, correlation"


@dataclass(frozen=True)
class Asked:
    """A request as it came, its number made comparable but not readable."""

    user: str
    request_id: str
    message: str
    number: str  # keyed hash
    shown: str
    door: str
    at: float
    phone: str = ""
    abroad: bool = False
    reply: str | None = None
    correlation: bytes | None = None


class Entry(NamedTuple):
    """A request as it stands."""

    serial: int
    user: str
    request_id: str
    stage: str
    code: str | None
    call_id: str | None
    final: bool
    claimed: float | None
    owner: str
    reply: str | None
    correlation: bytes | None


class Repeated(NamedTuple):
    """A request that was there before; nothing is done for it again."""

    entry: Entry
    same_message: bool


class Barred(NamedTuple):
    """A request that a limit or an earlier one stands against."""

    entry: Entry
    reason: str  # duplicate-id double-click busy minute hour site foreign


class Claims:
    """The requests in one file, as far as they are let in; for one thread."""

    def __init__(self, path: Path, owner: str) -> None:
        self._owner = owner
        self._path = path
        self._db = sqlite3.connect(private_file(path), isolation_level=None, timeout=5)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # a claim must outlive a power cut
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do several things as one; inside another transaction it is part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def refuse(self, asked: Asked) -> Entry | Repeated | Barred:
        """Note a request that is refused whatever the limits say."""
        with self.transaction():
            return self._repeated(asked) or self._added(asked)

    def claim(self, asked: Asked, limits: DialSettings) -> Entry | Repeated | Barred:
        """Claim the call of a request; only who gets an Entry may place it."""
        with self.transaction():
            known = self._repeated(asked)
            if known is not None:
                return known
            reason = self._barred_by(asked, limits)
            if reason is not None:
                return Barred(self._added(asked), reason)
            return self._added(asked, claimed=asked.at)

    def _repeated(self, asked: Asked) -> Repeated | Barred | None:
        found = self._one(
            f"SELECT number, message, {ROW} FROM requests "  # noqa: S608
            "WHERE user = ? AND request_id = ? AND counts",
            (asked.user, asked.request_id),
        )
        if found is None:
            return None
        number, message, *row = found
        if number != asked.number:
            return Barred(self._added(asked, counts=False), "duplicate-id")
        entry = as_entry(row)
        self._db.execute(
            "UPDATE requests SET repeats = repeats + 1, reply = coalesce(?, reply), "
            "correlation = coalesce(?, correlation) WHERE serial = ?",
            (asked.reply, asked.correlation, entry.serial),
        )
        again = entry._replace(
            reply=asked.reply or entry.reply, correlation=asked.correlation or entry.correlation
        )
        return Repeated(again, message == asked.message)

    def _barred_by(self, asked: Asked, limits: DialSettings) -> str | None:
        """Return the first limit that stands against a call; a time to come counts as now."""
        now, user = asked.at, asked.user
        double = self._count(
            "number = ? AND user = ? AND claimed > ?",
            (asked.number, user, now - limits.double_click),
        )
        if double:
            return "double-click"
        if self._count("user = ? AND NOT final AND stage != 'unknown'", (user,)):
            self._db.execute(
                "UPDATE requests SET ask_at = min(ask_at, ?) "
                "WHERE user = ? AND claimed AND NOT final AND stage NOT IN ('claimed', 'unknown')",
                (now, user),
            )
            return "busy"
        of_user = "user = ? AND claimed > ?"
        if self._count(of_user, (user, now - 60)) >= limits.per_minute:
            return "minute"
        if self._count(of_user, (user, now - 3600)) >= limits.per_hour:
            return "hour"
        if self._count("claimed > ?", (now - 3600,)) >= limits.site_per_hour:
            return "site"
        if asked.abroad:
            abroad = self._count(f"{of_user} AND abroad", (user, now - 86_400))
            return "foreign" if abroad >= limits.foreign_per_day else None
        return None

    def claims_since(self, at: float) -> int:
        """Count the calls claimed for everybody since a time."""
        return self._count("claimed > ?", (at,))

    def _count(self, where: str, values: tuple[Any, ...]) -> int:
        """Count claimed calls."""
        found = self._one(
            f"SELECT count(*) FROM requests WHERE claimed IS NOT NULL AND {where}",  # noqa: S608
            values,
        )
        return int(found[0]) if found else 0

    def _added(self, asked: Asked, *, claimed: float | None = None, counts: bool = True) -> Entry:
        row = {
            "user": asked.user, "request_id": asked.request_id, "counts": counts,
            "message": asked.message, "number": asked.number, "shown": asked.shown,
            "phone": asked.phone, "door": asked.door, "at": asked.at, "abroad": asked.abroad,
            "claimed": claimed, "owner": self._owner, "stage": "claimed", "final": False,
            "call_id": asked.request_id, "ask_at": None, "reply": asked.reply,
            "correlation": asked.correlation,
        }  # fmt: skip
        told = self._db.execute(
            f"INSERT INTO requests ({', '.join(row)}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(row))}) RETURNING {ROW}",
            list(row.values()),
        )
        return as_entry(told.fetchone())

    def _entry(self, where: str, values: tuple[Any, ...]) -> Entry | None:
        found = self._one(f"SELECT {ROW} FROM requests WHERE {where}", values)  # noqa: S608
        return as_entry(found) if found else None

    def _entries(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        rows = self._db.execute(f"SELECT {ROW} FROM requests WHERE {where}", values)  # noqa: S608
        return [as_entry(row) for row in rows]

    def _one(self, query: str, values: tuple[Any, ...]) -> Any:
        return self._db.execute(query, values).fetchone()


def as_entry(row: Any) -> Entry:
    """Return a row of the table as an entry."""
    entry = Entry(*row)
    return entry._replace(final=bool(entry.final))
