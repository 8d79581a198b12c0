"""Dial requests as they come in: claimed on disk, with all limits, before the PBX is asked.

Several dial processes of one machine share the file: the one that claims places the call.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from bus.events import DialResultData
from consumers.dial.limits import limit_reached
from consumers.dial.settings import DialSettings
from runtime.erasure import purge
from runtime.sqlite import open_database, transaction

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
_RANK = {
    "claimed": 0, "unknown": 1, "accepted": 2, "own-phone-ringing": 3,
    "remote-ringing": 4, "connected": 5,
}  # fmt: skip
_FINAL = 9
ELSEWHERE = ""  # the owner of what another machine's process claimed


class DialRecord(NamedTuple):
    """A request as it came and as it stands, its number made comparable but not readable."""

    user: str
    request_id: str
    message: str  # id of the message it came with
    number: str  # keyed hash
    shown: str  # what the audit shows of the number
    door: str  # which program asked
    at: float
    phone: str = ""
    abroad: bool = False
    reply: str | None = None  # topic
    correlation: bytes | None = None
    serial: int = 0  # of the file; 0 while it is not in there
    counts: bool = True  # False: another request has its id
    claimed: float | None = None
    owner: str = ""  # the process that claimed it
    stage: str = "claimed"
    code: str | None = None
    call_id: str | None = None
    final: bool = False


_COLUMNS = ", ".join(DialRecord._fields)


class Repeated(NamedTuple):
    """A request that came before; nothing is done for it again."""

    record: DialRecord
    same_message: bool


class Rejected(NamedTuple):
    """A request that a limit or an earlier one stands against."""

    record: DialRecord
    reason: str  # duplicate-id double-click busy minute hour site foreign


class UnpublishedResult(NamedTuple):
    """Something still to be published about a request."""

    serial: int
    payload: bytes
    at: float
    record: DialRecord


class DialStore:
    """The requests in one file, as far as they are let in; for one thread."""

    def __init__(self, path: Path, owner: str) -> None:
        self.owner = owner
        self._path = path
        self._db = open_database(path, _SCHEMA, durable=True)  # a claim must outlive a power cut

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Do several things as one; inside another transaction it is part of that."""
        return transaction(self._db)

    def refuse(self, record: DialRecord) -> DialRecord | Repeated | Rejected:
        """Note a request that is refused whatever the limits say."""
        with self.transaction():
            return self._repeated(record) or self._added(record)

    def claim(self, record: DialRecord, limits: DialSettings) -> DialRecord | Repeated | Rejected:
        """Claim the call of a request; only who gets a record may place it."""
        with self.transaction():
            known = self._repeated(record)
            if known is not None:
                return known
            reason = self._barred_by(record, limits)
            if reason is not None:
                return Rejected(self._added(record), reason)
            return self._added(record, claimed=record.at)

    def adopt(self, record: DialRecord) -> None:
        """Note a call that another machine's process has claimed."""
        with self.transaction():
            if self._repeated(record) is None:
                added = self._added(record, claimed=record.at)
                self._db.execute(
                    "UPDATE requests SET owner = ? WHERE serial = ?", (ELSEWHERE, added.serial)
                )

    def note_elsewhere(self, data: DialResultData, ask_at: float | None) -> None:
        """Note what another machine's process has published about a request."""
        key = (data.user, str(data.request_id))
        with self.transaction():
            self._db.execute(
                "UPDATE requests SET stage = ?, code = ?, final = ?, ask_at = ?, "
                "call_id = coalesce(?, call_id) WHERE user = ? AND request_id = ? AND NOT final",
                (data.state, data.code, data.final, ask_at, data.call_id, *key),
            )
            self._db.execute(
                "UPDATE results SET told = 1 WHERE request IN "
                "(SELECT serial FROM requests WHERE user = ? AND request_id = ?)",
                key,
            )

    def claims_since(self, at: float) -> int:
        """Count the calls claimed for everybody since a time."""
        return self._count("claimed > ?", (at,))

    # ---- progress

    def advance(
        self,
        serial: int,
        stage: str,
        payload: bytes,
        now: float,
        *,
        code: str | None = None,
        final: bool = False,
        ask_at: float | None = None,
    ) -> bool:
        """Move a request forward and note what to publish; False if it is that far already."""
        with self.transaction():
            record = self._find("serial = ?", (serial,))
            rank = _FINAL if final else _RANK[stage]
            if record is None or record.final or rank <= _RANK[record.stage]:
                return False
            self._db.execute(
                "UPDATE requests SET stage = ?, code = coalesce(?, code), final = ?, ask_at = ? "
                "WHERE serial = ?",
                (stage, code, final, None if final else ask_at, serial),
            )
            self.add_result(serial, payload, now)
            return True

    def follow(self, serial: int, call_id: str) -> None:
        """Note under which id the PBX has the call from now on."""
        self._db.execute("UPDATE requests SET call_id = ? WHERE serial = ?", (call_id, serial))

    def unclaim(self, serial: int) -> None:
        """Take back a claim of which surely nothing reached the PBX; it counts no more."""
        self._db.execute("UPDATE requests SET claimed = NULL WHERE serial = ?", (serial,))

    def of_call(self, user: str, *call_ids: str | None) -> DialRecord | None:
        """Return the user's open request whose call has one of these ids."""
        for call_id in call_ids:
            found = call_id and self._find(
                "user = ? AND call_id = ? AND claimed IS NOT NULL AND NOT final", (user, call_id)
            )
            if found:
                return found
        return None

    def of_number(self, user: str, number: str) -> DialRecord | None:
        """Return the user's request of unknown outcome for a number, known by its keyed hash."""
        return self._find(
            "user = ? AND number = ? AND stage = 'unknown' AND NOT final", (user, number)
        )

    def get(self, serial: int) -> DialRecord:
        """Return a request as it stands now."""
        record = self._find("serial = ?", (serial,))
        if record is None:
            raise KeyError(serial)
        return record

    def unanswered(self, user: str) -> bool:
        """Return whether the PBX is being asked to place a call for this user right now."""
        return (
            self._find("user = ? AND NOT final AND stage IN ('claimed', 'unknown')", (user,))
            is not None
        )

    # ---- asking again

    def orphans(self, now: float, patience: float) -> list[DialRecord]:
        """Return claims without a result: our own of an earlier start, others' that are old."""
        return self._find_all(
            "claimed IS NOT NULL AND NOT final AND stage = 'claimed' AND ask_at IS NULL "
            "AND claimed <= ?",
            (now - patience,),
        )

    def orphans_of(self, owner: str) -> list[DialRecord]:
        """Return the claims without a result that this process left behind."""
        return self._find_all(
            "claimed IS NOT NULL AND NOT final AND stage = 'claimed' AND owner = ?", (owner,)
        )

    def due(self, now: float) -> list[DialRecord]:
        """Return the requests about whose calls the PBX is to be asked now."""
        return self._find_all("NOT final AND ask_at IS NOT NULL AND ask_at <= ?", (now,))

    def lease(self, serial: int, now: float, until: float) -> bool:
        """Take the asking for a request; False if another process has it."""
        taken = self._db.execute(
            "UPDATE requests SET ask_at = ? "
            "WHERE serial = ? AND NOT final AND coalesce(ask_at, 0) <= ?",
            (until, serial, now),
        )
        return taken.rowcount == 1

    def ask_later(self, serial: int, at: float) -> None:
        """Set when the PBX is to be asked about a call."""
        self._db.execute(
            "UPDATE requests SET ask_at = ? WHERE serial = ? AND NOT final", (at, serial)
        )

    # ---- publishing

    def unpublished(self, others_before: float) -> list[UnpublishedResult]:
        """Return what the broker does not have yet, oldest first; others' only when it is old.

        No result of a request overtakes an earlier one that another process is publishing.
        """
        columns = ", ".join(f"requests.{name}" for name in DialRecord._fields)
        rows = self._db.execute(
            f"SELECT results.serial, payload, results.at, {columns} "  # noqa: S608
            "FROM results JOIN requests ON requests.serial = results.request "
            "WHERE NOT told AND (results.owner = ?1 OR results.at <= ?2) AND NOT EXISTS ("
            "SELECT 1 FROM results AS earlier WHERE earlier.request = results.request "
            "AND earlier.serial < results.serial AND NOT earlier.told "
            "AND earlier.owner <> ?1 AND earlier.at > ?2) ORDER BY results.serial",
            (self.owner, others_before),
        )
        return [UnpublishedResult(row[0], row[1], row[2], _record(row[3:])) for row in rows]

    def add_result(self, request: int, payload: bytes, at: float) -> None:
        """Note what is to be published about a request."""
        self._db.execute(
            "INSERT INTO results (request, owner, payload, at) VALUES (?, ?, ?, ?)",
            (request, self.owner, payload, at),
        )

    def mark_published(self, result: int) -> None:
        """Note that the broker has a result, or that it is too old for anybody."""
        self._db.execute("UPDATE results SET told = 1 WHERE serial = ?", (result,))

    def last_result(self, serial: int) -> bytes | None:
        """Return the newest result of a request."""
        found = self._one(
            "SELECT payload FROM results WHERE request = ? ORDER BY serial DESC LIMIT 1", (serial,)
        )
        return found[0] if found else None

    # ---- looking back

    def audit(self, user: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return who asked for what and what became of it, newest first."""
        rows = self._db.execute(
            "SELECT at, user, door, shown, phone, request_id, call_id, stage, code, final, repeats "
            "FROM requests WHERE ?1 IS NULL OR user = ?1 ORDER BY serial DESC LIMIT ?2",
            (user, limit),
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def erase(self, number: str, traces: Collection[bytes]) -> tuple[int, bool]:
        """Forget which requests were for a number, known by its keyed hash.

        Return how many, and whether every byte of its traces is gone.
        """
        self._db.execute("PRAGMA secure_delete = ON")
        erased = self._db.execute(
            "UPDATE requests SET number = '', shown = '' WHERE number = ?", (number,)
        ).rowcount
        return erased, purge(self._path, self._db, traces, changed=erased > 0)

    def forget_before(self, at: float) -> None:
        """Delete what is older than the audit is kept."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM results WHERE request IN (SELECT serial FROM requests WHERE at < ?)",
                (at,),
            )
            self._db.execute("DELETE FROM requests WHERE at < ?", (at,))

    def _repeated(self, record: DialRecord) -> Repeated | Rejected | None:
        known = self._find(
            "user = ? AND request_id = ? AND counts", (record.user, record.request_id)
        )
        if known is None:
            return None
        if known.number != record.number:
            return Rejected(self._added(record, counts=False), "duplicate-id")
        self._db.execute(
            "UPDATE requests SET repeats = repeats + 1, reply = coalesce(?, reply), "
            "correlation = coalesce(?, correlation) WHERE serial = ?",
            (record.reply, record.correlation, known.serial),
        )
        again = known._replace(
            reply=record.reply or known.reply, correlation=record.correlation or known.correlation
        )
        return Repeated(again, known.message == record.message)

    def _barred_by(self, record: DialRecord, limits: DialSettings) -> str | None:
        """Return what stands against a call: a double click, a call under way, or a limit."""
        now, user = record.at, record.user
        double = self._count(
            "number = ? AND user = ? AND claimed > ?",
            (record.number, user, now - limits.double_click),
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
        return limit_reached(self._count, user, now, limits, abroad=record.abroad)

    def _count(self, where: str, values: tuple[Any, ...]) -> int:
        """Count claimed calls."""
        found = self._one(
            f"SELECT count(*) FROM requests WHERE claimed IS NOT NULL AND {where}",  # noqa: S608
            values,
        )
        return int(found[0]) if found else 0

    def _added(
        self, record: DialRecord, *, claimed: float | None = None, counts: bool = True
    ) -> DialRecord:
        added = record._replace(
            claimed=claimed, counts=counts, owner=self.owner, call_id=record.request_id
        )
        row = {name: value for name, value in added._asdict().items() if name != "serial"}
        [serial] = self._one(
            f"INSERT INTO requests ({', '.join(row)}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(row))}) RETURNING serial",
            tuple(row.values()),
        )
        return added._replace(serial=serial)

    def _find(self, where: str, values: tuple[Any, ...]) -> DialRecord | None:
        found = self._one(f"SELECT {_COLUMNS} FROM requests WHERE {where}", values)  # noqa: S608
        return _record(found) if found else None

    def _find_all(self, where: str, values: tuple[Any, ...]) -> list[DialRecord]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM requests WHERE {where}", values)  # noqa: S608
        return [_record(row) for row in rows]

    def _one(self, query: str, values: tuple[Any, ...]) -> Any:
        return self._db.execute(query, values).fetchone()


def _record(row: Sequence[Any]) -> DialRecord:
    found = DialRecord(*row)
    return found._replace(final=bool(found.final))
