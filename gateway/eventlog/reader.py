"""The event log as the publisher sees it: what is still to be sent, and what can be sent again.

Everything up to one place in the log is settled, except what is held back because the broker
did not take it. So marking costs one row, however many events were sent.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.calls import private_calls
from gateway.calls.correlation import forget_before
from gateway.eventlog.counters import ERASED
from gateway.eventlog.file import identity, open_log, size, writing
from gateway.eventlog.identity import LogMark, forget_start, renew_since_start, start_numbers

_COLUMNS = "place, user, seq, at, lasts, payload"
# One statement for all, because the log is locked while Python waits for its own lock between two.
_HOLD = """
INSERT OR IGNORE INTO held
SELECT place, user, json_extract(entry.value, '$[1]'), json_extract(entry.value, '$[2]')
FROM json_each(?) AS entry JOIN events ON place = json_extract(entry.value, '$[0]')
"""
_RELEASE = "DELETE FROM held WHERE place IN (SELECT value FROM json_each(?))"

Hold = tuple[int, int, float]  # its place, the broker's reason code, since when


@dataclass
class Row:
    """One event in the log; `payload` is read again when it was not kept."""

    place: int
    user: str
    seq: int
    at: float
    lasts: int
    payload: bytes | None


@dataclass(frozen=True)
class SequenceRange:
    """How far a user's events are settled, and the oldest that is kept."""

    user: str
    seq: int
    oldest: int


class EventReader:
    """The end of the event log that is emptied by the publisher; for its thread only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._db = open_log(folder, durable=False)
        self.mark = LogMark(folder, self._db)
        self.identity = identity(self._db)

    def start_numbers(self) -> dict[str, int] | None:
        """Return each user's number when the gateway began; None once it was compared."""
        return start_numbers(self._db)

    def forget_start(self) -> None:
        """Note that the broker knows no greater numbers; raise LogUnavailable."""
        forget_start(self._folder)

    def renew(self) -> None:
        """Give the log a new identity, as it was put back; raise LogUnavailable."""
        renew_since_start(self._folder)
        self.mark = LogMark(self._folder, self._db)

    def watermark(self) -> int:
        """Return the place up to which everything is settled or held back."""
        (watermark,) = self._db.execute("SELECT value FROM counters WHERE name = 'upto'").fetchone()
        return int(watermark)

    def erased(self) -> int:
        """Return how often something was taken out of the events on disk."""
        found = self._db.execute(
            "SELECT value FROM counters WHERE name = ?", (ERASED,)
        ).fetchone()  # fmt: skip
        return int(found[0]) if found else 0

    def settle(
        self, watermark: int, held: Iterable[Hold] = (), released: Iterable[int] = ()
    ) -> None:
        """Note a new place, what is held back and what is no more; raise LogUnavailable.

        All at once, else a kill in between would have forgotten what was to be held back.
        """
        kept, gone = json.dumps(list(held)), json.dumps(list(released))
        with writing(self._db):
            self._db.execute(_HOLD, (kept,))
            self._db.execute(_RELEASE, (gone,))
            self._db.execute("UPDATE counters SET value = ? WHERE name = 'upto'", (watermark,))

    def after(self, place: int, limit: int) -> list[Row]:
        """Return what comes next in the log."""
        return self._rows("place > ? ORDER BY place LIMIT ?", place, limit)

    def payload(self, place: int) -> bytes | None:
        """Return an event, None if it is not kept any more."""
        found = self._db.execute("SELECT payload FROM events WHERE place = ?", (place,)).fetchone()
        return found and bytes(found[0])

    def held(self) -> list[Row]:
        """Return what is held back, without the payloads."""
        found = self._db.execute(
            "SELECT place, events.user, seq, at, lasts, NULL FROM held JOIN events USING (place)"
            " ORDER BY place"
        )
        return [Row(*row) for row in found]

    def repeatable(self, user: str, after: int, watermark: int, limit: int) -> list[Row]:
        """Return a user's events after a number, as far as they are settled."""
        return self._rows(
            "user = ? AND seq > ? AND seq <= ? AND payload <> x'' ORDER BY seq LIMIT ?",
            user,
            after,
            watermark,
            limit,
        )

    def sequence_ranges(self, user: str | None = None) -> list[SequenceRange]:
        """Return how far the events of each user, or of one, are settled."""
        found = self._db.execute(
            "WITH open AS (SELECT user, min(seq) AS seq FROM events WHERE seq > 0 AND (place IN"
            " (SELECT place FROM held) OR place > ?) GROUP BY user)"
            " SELECT numbers.user, coalesce(open.seq - 1, numbers.seq) FROM numbers"
            " LEFT JOIN open USING (user) WHERE ? IS NULL OR numbers.user = ?",
            (self.watermark(), user, user),
        ).fetchall()
        return [
            SequenceRange(str(name), seq, self.oldest(name, seq)) for name, seq in found if seq > 0
        ]

    def oldest(self, user: str, seq: int) -> int:
        """Return the oldest number kept of a user; one more than the newest if none is."""
        (found,) = self._db.execute(
            "SELECT min(seq) FROM events WHERE user = ? AND seq > 0", (user,)
        ).fetchone()
        return int(found or seq + 1)

    def resets(self) -> list[tuple[int, str, bytes]]:
        """Return the sessions the PBX ended, as far as not published yet."""
        found = self._db.execute("SELECT place, user, payload FROM resets ORDER BY place LIMIT 100")
        return [(int(place), str(user), bytes(payload)) for place, user, payload in found]

    def forget_reset(self, place: int) -> None:
        """Note that a session's end has been published; raise LogUnavailable."""
        with writing(self._db):
            self._db.execute("DELETE FROM resets WHERE place = ?", (place,))

    def prune(self, before: float, most: int = 2000) -> int:
        """Forget what is settled and older; return how many events. Raise LogUnavailable."""
        with writing(self._db):
            gone = self._db.execute(
                "DELETE FROM events WHERE at < ? AND place IN (SELECT place FROM events"
                " WHERE place <= ? AND place NOT IN (SELECT place FROM held)"
                " ORDER BY place LIMIT ?)",
                (before, self.watermark(), most),
            ).rowcount
        self._db.execute("PRAGMA incremental_vacuum(500)").fetchall()
        return gone

    def forget_calls_before(self, moment: float) -> None:
        """Forget what was learned of calls that are over for long; raise LogUnavailable."""
        with writing(self._db):
            forget_before(self._db, moment)
            private_calls.forget_before(self._db, time.time() - private_calls.KEPT)

    def empty_before(self, moment: float) -> int:
        """Empty what is too old to be published, though the broker never took it.

        Its place stays until it is settled; return how many. Raise LogUnavailable.
        """
        (fresh,) = self._db.execute(
            "SELECT coalesce((SELECT place FROM events WHERE at >= ? ORDER BY place LIMIT 1),"
            " (SELECT max(place) + 1 FROM events), 0)",
            (moment,),
        ).fetchone()
        left = "SELECT place FROM events WHERE place < ? AND payload <> x'' ORDER BY place LIMIT ?"
        if self._db.execute(left, (fresh, 1)).fetchone() is None:
            return 0
        with writing(self._db):
            return self._db.execute(
                f"UPDATE events SET payload = x'' WHERE place IN ({left})",  # noqa: S608
                (fresh, 2000),
            ).rowcount

    def size(self) -> int:
        """Return the bytes in use."""
        return size(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _rows(self, where: str, *values: object) -> list[Row]:
        found = self._db.execute(f"SELECT {_COLUMNS} FROM events WHERE {where}", values)  # noqa: S608
        return [Row(*row) for row in found]
