"""What caller processes must not forget: which actions were claimed, and which calls are over.

An action is claimed on disk before it is done and noted as done after. A claim without its done
means the process died between: the action is repeated while the call is young, else only answered.
So nothing waits for the disk itself: what a power cut takes back is repeated just the same, while
the call is young.
"""

import re
import threading
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.mqtt.inbox import ReceivedMessage
from consumers.caller.calls import change_to
from runtime.erasure import purge, traces_of
from runtime.files import matching
from runtime.sqlite import LOOK_AGAIN, open_database, transaction, write

_SCHEMA = """
CREATE TABLE IF NOT EXISTS claims (user TEXT, call_id TEXT, trigger TEXT, state TEXT NOT NULL,
    at REAL NOT NULL, event TEXT, PRIMARY KEY (user, call_id, trigger)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_open ON claims (at) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS claims_at ON claims (at);
CREATE TABLE IF NOT EXISTS over (user TEXT, call_id TEXT, at REAL NOT NULL,
    PRIMARY KEY (user, call_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ids (user TEXT, call_id TEXT, root TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (user, call_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside (id INTEGER PRIMARY KEY, at REAL NOT NULL, topic TEXT NOT NULL,
    reason TEXT NOT NULL, payload BLOB NOT NULL);
"""
_NOTE_DONE = "INSERT OR IGNORE INTO claims VALUES (?, ?, ?, 'done', ?, NULL)"
_NAMING = (
    ("claims", "names(event, ?1) OR trigger = change_to(call_id, ?1)"),
    ("aside", "names(payload, ?1)"),
    ("webhooks", "names(body, ?1)"),
)
_SPELLING = re.compile(r"(?<=\d)[\s./()-]+(?=\d)")
_CLAIMS_KEPT = 172_800.0  # seconds; twice as long as a gateway can repeat an event
_OVER_KEPT = 86_400.0  # seconds
_ASIDE_KEPT = 1_000  # messages


@dataclass(frozen=True)
class Claim:
    """An action that was begun, or deferred; `event` is the call event it is for."""

    user: str
    call_id: str
    trigger: str  # the mark of the action, see calls.mark
    at: float
    event: str
    begun: bool = True


class CallerStore:
    """Claims and ends of calls in one SQLite file; may be used from several threads.

    Processes may share a file; each resumes only what was begun for its own `users`, and None
    stands for everybody's.
    """

    def __init__(self, path: Path, users: Collection[str] | None = None) -> None:
        self._users = users
        self._lock = threading.Lock()
        self._db = open_database(path, _SCHEMA, expendable="which calls were answered")
        self._db.execute(f"PRAGMA busy_timeout = {LOOK_AGAIN}")

    def claim(self, claim: Claim, done_with_it: str | None = None) -> bool:
        """Take an action for oneself, and note another as done; False if it was taken before."""
        with self._lock, transaction(self._db):
            taken = self._db.execute(
                "INSERT INTO claims VALUES (?, ?, ?, 'open', ?, ?) ON CONFLICT DO UPDATE"
                " SET state = 'open', at = excluded.at, event = excluded.event"
                " WHERE state = 'put-off'",
                (claim.user, claim.call_id, claim.trigger, claim.at, claim.event),
            )
            if taken.rowcount and done_with_it is not None:
                self._db.execute(_NOTE_DONE, (claim.user, claim.call_id, done_with_it, claim.at))
        return taken.rowcount > 0

    def defer(self, claim: Claim) -> None:
        """Note that an action is to be done later."""
        self._write(
            "INSERT INTO claims VALUES (?, ?, ?, 'put-off', ?, ?) ON CONFLICT DO UPDATE"
            " SET event = excluded.event WHERE state = 'put-off'",
            (claim.user, claim.call_id, claim.trigger, claim.at, claim.event),
        )

    def forget_deferred(self, user: str, call_id: str, trigger: str) -> None:
        """Note that an action is not to be done later, unless it was begun meanwhile."""
        self._write(
            "DELETE FROM claims WHERE user = ? AND call_id = ? AND trigger = ?"
            " AND state = 'put-off'",
            (user, call_id, trigger),
        )

    def done(self, user: str, call_id: str, trigger: str) -> None:
        """Note that an action is done; its event is no longer needed."""
        self._write(
            "UPDATE claims SET state = 'done', event = NULL"
            " WHERE user = ? AND call_id = ? AND trigger = ?",
            (user, call_id, trigger),
        )

    def note_done(self, user: str, call_id: str, trigger: str, at: float) -> None:
        """Note that an action is not to be done any more, unless it is being done."""
        self._write(_NOTE_DONE, (user, call_id, trigger, at))

    def claimed(self, user: str, call_id: str, trigger: str) -> bool:
        """Return whether an action has been taken before."""
        return bool(
            self._read(
                "SELECT 1 FROM claims WHERE user = ? AND call_id = ? AND trigger = ?"
                " AND state <> 'put-off'",
                (user, call_id, trigger),
            )
        )

    def open_claims(self) -> list[Claim]:
        """Return the actions of our users that were begun or deferred and never done."""
        rows = self._read(
            "SELECT user, call_id, trigger, at, event, state FROM claims WHERE state <> 'done'"
            " ORDER BY at",
            (),
        )
        return [
            Claim(row[0], row[1], row[2], row[3], row[4] or "", row[5] == "open")
            for row in rows
            if self._users is None or row[0] in self._users
        ]

    def end(self, user: str, call_id: str, at: float) -> None:
        """Note that a call is over."""
        self._write("INSERT OR REPLACE INTO over VALUES (?, ?, ?)", (user, call_id, at))

    def reopen(self, user: str, call_id: str) -> None:
        """Note that a call that was over is handed to its user again."""
        self._write("DELETE FROM over WHERE user = ? AND call_id = ?", (user, call_id))

    def ended_since(self, moment: float) -> list[tuple[str, str]]:
        """Return user and id of the calls that are over, oldest first."""
        return [
            (row[0], row[1])
            for row in self._read(
                "SELECT user, call_id FROM over WHERE at >= ? ORDER BY at", (moment,)
            )
        ]

    def rename(self, user: str, call_id: str, root: str, at: float) -> None:
        """Note that a call continues under another id."""
        self._write("INSERT OR REPLACE INTO ids VALUES (?, ?, ?, ?)", (user, call_id, root, at))

    def renamed(self) -> list[tuple[str, str, str]]:
        """Return user, later and first id of the calls that changed it."""
        rows = self._read("SELECT user, call_id, root FROM ids ORDER BY at", ())
        return [(row[0], row[1], row[2]) for row in rows]

    def dead_letter(self, arrived: ReceivedMessage, reason: str) -> None:
        """Keep a message that could not be handled, for support; the newest thousand."""
        self._write(
            "INSERT INTO aside (at, topic, reason, payload) VALUES (?, ?, ?, ?)",
            (time.time(), arrived.topic, reason[:500], arrived.payload[:65_536]),
        )
        self._write("DELETE FROM aside WHERE id <= (SELECT max(id) FROM aside) - ?", (_ASIDE_KEPT,))

    def forget_before(self, now: float, set_aside_days: int = 14) -> None:
        """Drop what no event can refer to any more, and what was set aside long ago."""
        self._write("DELETE FROM claims WHERE at < ?", (now - _CLAIMS_KEPT,))
        self._write("DELETE FROM over WHERE at < ?", (now - _OVER_KEPT,))
        self._write("DELETE FROM ids WHERE at < ?", (now - _OVER_KEPT,))
        self._write("DELETE FROM aside WHERE at < ?", (now - set_aside_days * 86_400,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _read(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _write(self, sql: str, values: tuple[object, ...]) -> bool:
        with self._lock:
            return write(self._db, sql, values).rowcount > 0


def erase(data_folder: Path, number: str) -> tuple[int, bool]:
    """Erase what caller processes keep about a number; return how much, and whether all is gone."""
    erased, clean = 0, True
    for path in matching(data_folder, "caller*.db"):
        with closing(open_database(path)) as db:
            db.execute("PRAGMA secure_delete = ON")
            db.create_function("names", 2, _names, deterministic=True)
            db.create_function("change_to", 2, change_to, deterministic=True)
            gone = 0
            for table, names_it in _NAMING:
                if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                    gone += db.execute(
                        f"DELETE FROM {table} WHERE {names_it}",  # noqa: S608
                        (number,),
                    ).rowcount
            erased += gone
            clean = purge(path, db, traces_of(number), changed=gone > 0) and clean
    return erased, clean


def _names(message: str | bytes | None, number: str) -> bool:
    """Return whether a message names a number, in whatever spelling; rather once too often."""
    text = message if isinstance(message, str) else (message or b"").decode(errors="replace")
    if not number.startswith("+"):
        return f'"{number}"' in text
    digits = traces_of(number).pop().decode() if traces_of(number) else number[1:]
    return number in text or digits in _SPELLING.sub("", text)
