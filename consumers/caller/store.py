"""The file of a caller process: which calls are over, ids they had, and what could not be read.

The claims of actions lie in the same file; `pending_actions` reads and writes them.
"""

import re
import time
from contextlib import closing
from pathlib import Path

from bus.mqtt.inbox import ReceivedMessage
from consumers.caller.calls import change_to
from runtime.erasure import purge, traces_of
from runtime.files import matching
from runtime.sqlite import LOOK_AGAIN, open_database, write

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
_NAMING = (
    ("claims", "names(event, ?1) OR trigger = change_to(call_id, ?1)"),
    ("aside", "names(payload, ?1)"),
    ("webhooks", "names(body, ?1)"),
)
_SPELLING = re.compile(r"(?<=\d)[\s./()-]+(?=\d)")
_CLAIMS_KEPT = 172_800.0  # seconds; twice as long as a gateway can repeat an event
_OVER_KEPT = 86_400.0  # seconds
_ASIDE_KEPT = 1_000  # messages


class CallerStore:
    """One SQLite file, which several processes may share; used from the main thread of each."""

    def __init__(self, path: Path) -> None:
        self.db = open_database(path, _SCHEMA, expendable="which calls were answered")
        self.db.execute(f"PRAGMA busy_timeout = {LOOK_AGAIN}")

    def end(self, user: str, call_id: str, at: float) -> None:
        """Note that a call is over."""
        self._write("INSERT OR REPLACE INTO over VALUES (?, ?, ?)", (user, call_id, at))

    def reopen(self, user: str, call_id: str) -> None:
        """Note that a call that was over is handed to its user again."""
        self._write("DELETE FROM over WHERE user = ? AND call_id = ?", (user, call_id))

    def ended_since(self, moment: float) -> list[tuple[str, str]]:
        """Return user and id of the calls that are over, oldest first."""
        return self.db.execute(
            "SELECT user, call_id FROM over WHERE at >= ? ORDER BY at", (moment,)
        ).fetchall()

    def rename(self, user: str, call_id: str, root: str, at: float) -> None:
        """Note that a call continues under another id."""
        self._write("INSERT OR REPLACE INTO ids VALUES (?, ?, ?, ?)", (user, call_id, root, at))

    def renamed(self) -> list[tuple[str, str, str]]:
        """Return user, later and first id of the calls that changed it."""
        return self.db.execute("SELECT user, call_id, root FROM ids ORDER BY at").fetchall()

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
        self.db.close()

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        write(self.db, sql, values)


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
