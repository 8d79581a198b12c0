"""The journal on disk: calls under way, records, and what the broker has not got yet."""

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.journal_events import CallRecordData, MissedData
from consumers.journal.leg import Leg
from consumers.journal.record import number_key, number_keys, words_of
from runtime.sqlite import open_database, transaction

FILE = "journal.db"
_KEEP_LEGS = 86_400.0  # seconds after the last change in which a late event may still come
_SLICE = 500  # rows deleted at once

_IS_MESSAGE = "call_id GLOB 'message-*'"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS legs (user TEXT, call_id TEXT, leg TEXT NOT NULL,
    pending INTEGER NOT NULL, changed REAL NOT NULL, PRIMARY KEY (user, call_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS legs_pending ON legs (changed) WHERE pending;
CREATE INDEX IF NOT EXISTS legs_changed ON legs (changed);
CREATE TABLE IF NOT EXISTS leg_ids (call_id TEXT, user TEXT, root TEXT NOT NULL,
    PRIMARY KEY (call_id, user)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (serial INTEGER PRIMARY KEY, user TEXT NOT NULL,
    call_id TEXT NOT NULL, started REAL NOT NULL, number TEXT NOT NULL, open INTEGER NOT NULL,
    missed INTEGER NOT NULL, shared TEXT, sender TEXT, words TEXT NOT NULL,
    data TEXT NOT NULL, revision INTEGER NOT NULL, published INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS records_of_call ON records (user, call_id);
CREATE INDEX IF NOT EXISTS records_of_user ON records (user, started);
CREATE INDEX IF NOT EXISTS records_open ON records (user, started) WHERE open;
CREATE INDEX IF NOT EXISTS records_open_number ON records (number) WHERE open;
CREATE INDEX IF NOT EXISTS records_missed ON records (user, started) WHERE missed;
CREATE INDEX IF NOT EXISTS records_messages ON records (user, started)
    WHERE call_id GLOB 'message-*';
CREATE INDEX IF NOT EXISTS records_of_number ON records (number, started) WHERE number != '';
CREATE INDEX IF NOT EXISTS records_shared ON records (shared) WHERE shared IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_sent ON records (sender, started) WHERE sender IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_unpublished ON records (serial) WHERE published < revision;
CREATE INDEX IF NOT EXISTS records_by_age ON records (started);
CREATE TABLE IF NOT EXISTS counts_due (user TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clearings (at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS requests_done (request_id TEXT PRIMARY KEY, at REAL NOT NULL)
    WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Filter:
    """Which records are wanted; what is None or False does not matter."""

    user: str | None = None
    missed: bool = False
    open: bool = False
    numbers: Sequence[str] = ()
    contact: str | None = None
    matter: str | None = None
    since: float | None = None
    until: float | None = None
    text: str | None = None
    messages: bool = False
    sender: str | None = None


class JournalStore:
    """The journal's file; for one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def changing(self) -> AbstractContextManager[None]:
        """Make several changes one; nothing is changed when an exception leaves the block."""
        return transaction(self.db)

    # -- calls under way ------------------------------------------------------------------

    def keep_leg(self, leg: Leg, *, pending: bool, now: float) -> None:
        """Keep a leg; `pending`: something about it is still to be decided."""
        key = leg.key
        self.db.execute(
            "INSERT OR REPLACE INTO legs VALUES (?, ?, ?, ?, ?)",
            (*key, json.dumps(leg.as_dict(), separators=(",", ":")), pending, now),
        )
        self.db.executemany(
            "INSERT OR REPLACE INTO leg_ids VALUES (?, ?, ?)",
            [(call_id, leg.user, key[1]) for call_id in leg.ids],
        )

    def drop_leg(self, user: str, call_id: str) -> None:
        """Forget a leg that turned out to be part of another one."""
        self.db.execute("DELETE FROM legs WHERE user = ? AND call_id = ?", (user, call_id))

    def legs_of(self, call_id: str) -> list[Leg]:
        """Return the legs of all users under an id."""
        return self._legs(
            "SELECT legs.leg FROM leg_ids JOIN legs ON legs.user = leg_ids.user"
            " AND legs.call_id = leg_ids.root WHERE leg_ids.call_id = ?",
            call_id,
        )

    def pending_legs(self) -> list[Leg]:
        """Return the legs about which something is to be decided."""
        return self._legs("SELECT leg FROM legs WHERE pending ORDER BY changed")

    def recent_legs(self, since: float) -> list[Leg]:
        """Return the legs that changed lately."""
        return self._legs("SELECT leg FROM legs WHERE changed >= ? ORDER BY changed", since)

    def _legs(self, query: str, *values: object) -> list[Leg]:
        return [Leg.from_dict(json.loads(leg)) for (leg,) in self.db.execute(query, values)]

    # -- records --------------------------------------------------------------------------

    def get(self, user: str, call_id: str) -> CallRecordData | None:
        """Return a record, also by a later id of its call; None if there is none."""
        row = self.db.execute(
            "SELECT data FROM records WHERE user = ?1 AND call_id IN (?2, "
            "(SELECT root FROM leg_ids WHERE call_id = ?2 AND user = ?1))",
            (user, call_id),
        ).fetchone()
        return _record(row[0]) if row else None

    def adopt(self, record: CallRecordData) -> None:
        """Keep a record as another machine has published it, unless this one knows more."""
        known = self.get(record.user, record.call_id)
        if known is not None and known.revision > record.revision:
            return
        with self.changing():
            self.put(record)
            self.db.execute(
                "UPDATE records SET data = ?1, revision = ?2, published = ?2"
                " WHERE user = ?3 AND call_id = ?4",
                (record.model_dump_json(), record.revision, record.user, record.call_id),
            )

    def put(self, record: CallRecordData, *, shared: str | None = None) -> CallRecordData:
        """Keep a record under the next revision and have it published."""
        row = self.db.execute(
            "SELECT serial, revision, shared, open FROM records WHERE user = ? AND call_id = ?",
            (record.user, record.call_id),
        ).fetchone()
        serial, revision, was_shared, was_open = row or (None, 0, None, 0)
        record = record.model_copy(update={"revision": revision + 1})
        message = record.message
        self.db.execute(
            "INSERT OR REPLACE INTO records (serial, user, call_id, started, number, open, missed,"
            " shared, sender, words, data, revision, published)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                serial, record.user, record.call_id, record.started.timestamp(),
                number_key(record.party), record.open,
                record.kind == "message" or record.result in ("missed", "voicemail"),
                shared or was_shared, message.by if message else None,
                words_of(record),
                record.model_dump_json(), record.revision, revision,
            ),
        )  # fmt: skip
        if record.open or was_open:
            self.counts_changed(record.user)
        return record

    def remove(self, user: str, call_id: str) -> None:
        """Forget a record."""
        self.db.execute("DELETE FROM records WHERE user = ? AND call_id = ?", (user, call_id))
        self.counts_changed(user)

    def sharing(self, user: str, call_id: str) -> list[CallRecordData]:
        """Return the records of all members of a group's call, this user's among them."""
        return self._records(
            "SELECT data FROM records WHERE shared = (SELECT shared FROM records"
            " WHERE user = ? AND call_id = ?)",
            user, call_id,
        )  # fmt: skip

    def open_of_number(self, key: str, before: float) -> list[CallRecordData]:
        """Return the open records of a number that began before a time, of all users."""
        keys = number_keys(key)
        return self._records(
            "SELECT data FROM records WHERE number IN (SELECT value FROM json_each(?))"
            " AND started < ? AND open ORDER BY started",
            json.dumps(keys), before,
        )  # fmt: skip

    def later_of_number(self, user: str, key: str, after: float) -> list[CallRecordData]:
        """Return some calls of a user with a number that began after a time."""
        return self._records(
            "SELECT data FROM records WHERE number IN (SELECT value FROM json_each(?))"
            " AND number != '' AND started > ? AND user = ? ORDER BY started LIMIT 20",
            json.dumps(number_keys(key)), after, user,
        )  # fmt: skip

    def select(
        self, wanted: Filter, limit: int, cursor: str | None = None
    ) -> tuple[list[CallRecordData], str | None]:
        """Return records, the newest first, and where to continue; raise ValueError."""
        where, values = _where(wanted)
        if cursor:
            started, _, serial = cursor.partition(":")
            where.append("(started, serial) < (?, ?)")
            values += [float(started), int(serial)]
        rows = self.db.execute(
            f"SELECT serial, started, data FROM records WHERE {' AND '.join(where) or '1'}"  # noqa: S608
            " ORDER BY started DESC, serial DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        more = f"{rows[limit - 1][1]!r}:{rows[limit - 1][0]}" if len(rows) > limit else None
        return [_record(data) for _, _, data in rows[:limit]], more

    def count(self, wanted: Filter) -> int:
        """Return how many records are wanted."""
        where, values = _where(wanted)
        query = f"SELECT count(*) FROM records WHERE {' AND '.join(where) or '1'}"  # noqa: S608
        return int(self.db.execute(query, values).fetchone()[0])

    def missed(self, user: str) -> MissedData:
        """Return how much waits for a user."""
        count, group, messages, since = self.db.execute(
            "SELECT count(*), count(shared), total(sender IS NOT NULL OR call_id LIKE 'message-%'),"
            " min(started) FROM records WHERE user = ? AND open",
            (user,),
        ).fetchone()
        return MissedData(user=user, open=count, group=group, messages=int(messages), since=since)

    # -- what the broker has not got yet --------------------------------------------------

    def unpublished(self, limit: int) -> list[tuple[int, CallRecordData]]:
        """Return records the broker does not have in their last revision."""
        rows = self.db.execute(
            "SELECT serial, data FROM records WHERE published < revision ORDER BY serial LIMIT ?",
            (limit,),
        )
        return [(serial, _record(data)) for serial, data in rows]

    def published(self, records: Iterable[tuple[int, int]]) -> None:
        """Note which revisions the broker has, by serial."""
        with self.changing():
            self.db.executemany(
                "UPDATE records SET published = max(published, ?2) WHERE serial = ?1",
                list(records),
            )

    def counts_changed(self, user: str) -> None:
        """Have a user's counts published."""
        self.db.execute("INSERT OR IGNORE INTO counts_due VALUES (?)", (user,))

    def counts_due(self) -> list[str]:
        """Return whose counts are to be published."""
        return [user for (user,) in self.db.execute("SELECT user FROM counts_due LIMIT 200")]

    def counts_published(self, users: Iterable[str]) -> None:
        """Note whose counts the broker has."""
        with self.changing():
            self.db.executemany(
                "DELETE FROM counts_due WHERE user = ?", [(user,) for user in users]
            )

    def is_new_request(self, request_id: str) -> bool:
        """Note a request that changes something; False if it was carried out before."""
        done = self.db.execute(
            "INSERT OR IGNORE INTO requests_done VALUES (?, ?)", (request_id, time.time())
        )
        return bool(done.rowcount)

    def cleared(self) -> None:
        """Note that something was erased, so that no process brings it back from memory."""
        self.db.execute("INSERT INTO clearings VALUES (?)", (time.time(),))

    def clearings(self) -> int:
        """Return how often something was erased."""
        return int(self.db.execute("SELECT count(*) FROM clearings").fetchone()[0])

    def cleared_at(self) -> float:
        """Return when something was erased last, 0 for never."""
        return float(self.db.execute("SELECT ifnull(max(at), 0) FROM clearings").fetchone()[0])

    def has_leg(self, user: str, call_id: str) -> bool:
        """Return whether a leg is kept."""
        query = "SELECT 1 FROM legs WHERE user = ? AND call_id = ?"
        return self.db.execute(query, (user, call_id)).fetchone() is not None

    # -- keeping ------------------------------------------------------------------------------

    def forget_before(self, limit: float, now: float) -> int:
        """Forget some of the records older than a time; return how many."""
        with self.changing():
            self.db.execute("DELETE FROM requests_done WHERE at < ?", (now - 3600,))
            self.db.execute(
                "DELETE FROM leg_ids WHERE (user, root) IN (SELECT user, call_id FROM legs"
                " WHERE changed < ? AND NOT pending LIMIT ?)",
                (now - _KEEP_LEGS, _SLICE),
            )
            self.db.execute(
                "DELETE FROM legs WHERE (user, call_id) IN (SELECT user, call_id FROM legs"
                " WHERE changed < ? AND NOT pending LIMIT ?)",
                (now - _KEEP_LEGS, _SLICE),
            )
            rows = self.db.execute(
                "DELETE FROM records WHERE serial IN (SELECT serial FROM records"
                " WHERE started < ? LIMIT ?) RETURNING user, open",
                (limit, _SLICE),
            ).fetchall()
            for user in {user for user, is_open in rows if is_open}:
                self.counts_changed(user)
        return len(rows)

    def _records(self, query: str, *values: object) -> list[CallRecordData]:
        return [_record(data) for (data,) in self.db.execute(query, values)]


def _record(data: str) -> CallRecordData:
    return CallRecordData.model_validate_json(data)


def _where(wanted: Filter) -> tuple[list[str], list[Any]]:
    numbers = json.dumps(wanted.numbers) if wanted.numbers else None
    conditions: list[tuple[str, object]] = [
        ("+user = ?" if wanted.numbers else "user = ?", wanted.user),
        ("sender = ?", wanted.sender),
        ("number != '' AND number IN (SELECT value FROM json_each(?))", numbers),
        ("started >= ?", wanted.since),
        ("started < ?", wanted.until),
        ("instr(words, ?) > 0", wanted.text.casefold() if wanted.text else None),
    ]  # fmt: skip
    where = [condition for condition, value in conditions if value is not None]
    values = [value for _, value in conditions if value is not None]
    where += ["open"] if wanted.open else []
    where += ["missed"] if wanted.missed else []
    where += [_IS_MESSAGE] if wanted.messages else []
    for kind, asked in (("contact", wanted.contact), ("matter", wanted.matter)):
        if asked:
            paths = " OR ".join(
                f"json_extract(data, '$.{kind}.{part}') = ?" for part in ("key", "reference", "id")
            )
            where.append(f"({paths})")
            values += [asked] * 3
    return where, values
