"""Which log this is: one that was put back from a copy takes a new identity.

It would else give the numbers that it gave after the copy was made once more, to other events, and
consumers would take these for done. So a small file beside the log says how far the log has come.
A log is put back if it lags behind that, lies in another file than its own, or the small file is
missing or was put back itself: whatever copies a file cannot set when it was last touched (ctime).
A snapshot of a whole machine sets even that back, so what the log numbered before it began is kept
until it is compared with what the broker knows of it (gateway/publishing/rollback.py).
"""

import json
import logging
import secrets
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.eventlog.file import NAME, LogUnavailable, identity, open_log, writing
from runtime.files import replace
from runtime.lock import LockTaken, locked

log = logging.getLogger(__name__)

MARK = "events.mark"
_EVERY = 1.0  # seconds
_TOUCHED = 5.0  # seconds between what the file says and what the system says
_BEFORE = 1 << 40  # below this are the numbers of an earlier identity, for what is still to be sent
_START = "start"  # the fact that says how far the log was when the gateway began
_RENUMBER = """
UPDATE events SET seq = fresh.seq, payload = CASE payload WHEN x'' THEN payload ELSE CAST(json_set(
    CAST(payload AS TEXT), '$.seq', fresh.seq,
    '$.source', replace(json_extract(CAST(payload AS TEXT), '$.source'), ?2, ?3)) AS BLOB) END
FROM (SELECT place, row_number() OVER (PARTITION BY user ORDER BY place) AS seq
      FROM events WHERE place > ?1) AS fresh
WHERE events.place = fresh.place
"""


class LogMark:
    """Writes down beside the log how far it has come; for the process that publishes."""

    def __init__(self, folder: Path, db: sqlite3.Connection) -> None:
        self._folder = folder
        self._db = db
        self._written = 0.0
        self._place = -1

    def write(self, *, at_once: bool = False) -> None:
        """Write it down if the log has grown and it is time."""
        now = time.monotonic()
        if now - self._written < _EVERY and not at_once:
            return
        self._written = now
        try:
            place = _place(self._db)
            if place != self._place:
                _write(self._folder, self._db, place)
                self._place = place
        except (OSError, sqlite3.Error) as error:
            log.warning("not marked how far the log is reason=%s", error)


def renew_if_put_back(folder: Path, lock: Path) -> bool:
    """Give the log a new identity if it was put back; raise LogUnavailable.

    Only while nobody publishes from it, as a publisher cannot be notified.
    """
    if not (folder / NAME).exists():
        return False
    try:
        with locked(lock, 0), closing(open_log(folder, durable=True)) as db:
            reason = _why_put_back(folder, db)
            if reason:
                _renew(db, _place(db), reason)
            _note_start(db)
            _write(folder, db, _place(db))
            return bool(reason)
    except LockTaken:
        return False
    except OSError as error:
        raise LogUnavailable(f"{folder / MARK}: {error.strerror}") from error


def start_numbers(db: sqlite3.Connection) -> dict[str, int] | None:
    """Return each user's number when the gateway began; None once it was compared."""
    start = _start(db)
    return None if start is None else dict(start["numbers"])


def forget_start(folder: Path) -> None:
    """Note that the broker knows no greater numbers; raise LogUnavailable."""
    with closing(open_log(folder, durable=True)) as db, writing(db):
        db.execute("DELETE FROM facts WHERE name = ?", (_START,))


def renew_since_start(folder: Path) -> None:
    """Give the log a new identity, and all that came since the gateway began new numbers.

    Raises LogUnavailable. Nothing of it may have been published.
    """
    with closing(open_log(folder, durable=True)) as db:
        start = _start(db)
        if start is not None:
            _renew(db, int(start["place"]), "the broker knows greater numbers of it")


def _why_put_back(folder: Path, db: sqlite3.Connection) -> str:
    marked = db.execute("SELECT 1 FROM facts WHERE name = 'marked'").fetchone() is not None
    path = folder / MARK
    try:
        mark = json.loads(path.read_text())
        touched = path.stat().st_ctime
        if mark["identity"] != identity(db):
            return "the mark beside it is another log's"
        if mark["place"] > _place(db):
            return "it lags behind its mark"
        if mark["file"] != (folder / NAME).stat().st_ino:
            return "it is another file than before"
        if abs(touched - mark["at"]) > _TOUCHED:
            return "its mark was put back too"
    except FileNotFoundError:
        return "its mark is missing" if marked else ""
    except (ValueError, KeyError, TypeError):
        return f"its mark cannot be read: {path}"
    return ""


def _renew(db: sqlite3.Connection, place: int, reason: str) -> None:
    """Take a new identity, and number from 1 again behind a place of the log."""
    before, fresh = identity(db), secrets.token_hex(4)
    with writing(db):
        db.execute("UPDATE facts SET value = ? WHERE name = 'identity'", (fresh,))
        db.execute("DELETE FROM facts WHERE name = ?", (_START,))
        db.execute(
            "DELETE FROM events WHERE place NOT IN (SELECT place FROM held)"
            " AND place <= (SELECT value FROM counters WHERE name = 'upto')"
        )
        # What is still to be sent goes out as it is, under the identity it has had.
        db.execute("UPDATE events SET seq = seq - ?", (_BEFORE,))
        db.execute(_RENUMBER, (place, before, fresh))
        db.execute("DELETE FROM numbers")
        db.execute("INSERT INTO numbers SELECT user, max(seq) FROM events WHERE seq > 0 GROUP BY 1")
    log.warning(
        "the event log was put back from a copy, so it gives its events new numbers"
        " gateway=%s reason=%s", fresh, reason,
    )  # fmt: skip


def _note_start(db: sqlite3.Connection) -> None:
    """Keep how far the log is, unless an earlier start has not been compared yet."""
    numbers = dict(db.execute("SELECT user, seq FROM numbers"))
    start = json.dumps({"place": _place(db), "numbers": numbers})
    with writing(db):
        db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (_START, start))


def _start(db: sqlite3.Connection) -> dict[str, Any] | None:
    found = db.execute("SELECT value FROM facts WHERE name = ?", (_START,)).fetchone()
    return json.loads(found[0]) if found else None


def _write(folder: Path, db: sqlite3.Connection, place: int) -> None:
    if not db.execute("SELECT 1 FROM facts WHERE name = 'marked'").fetchone():
        with writing(db):
            db.execute("INSERT OR IGNORE INTO facts VALUES ('marked', '1')")
    mark: dict[str, Any] = {
        "identity": identity(db),
        "place": place,
        "file": (folder / NAME).stat().st_ino,
        "at": time.time(),
    }
    replace(folder / MARK, json.dumps(mark) + "\n", durable=False)  # no notification waits for it


def _place(db: sqlite3.Connection) -> int:
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(found[0]) if found else 0
