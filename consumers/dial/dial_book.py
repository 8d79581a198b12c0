"""Dial requests on their way: how far each is, what is to be told of it, what it came to.

What is told is written together with the stage it tells of, and marked when the broker has it.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from consumers.dial.store import ROW, Claims, Entry, as_entry
from runtime.erasure import purge

_RANK = {
    "claimed": 0, "unknown": 1, "accepted": 2, "own-phone-ringing": 3,
    "remote-ringing": 4, "connected": 5,
}  # fmt: skip
_FINAL = 9


class Result(NamedTuple):
    """Something that is still to be told about a request."""

    serial: int
    payload: bytes
    at: float
    entry: Entry


class Book(Claims):
    """The requests in one file, from the claim to the audit; for one thread."""

    # ---- going on

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
        """Move a request forward and note what is to be told; False if it is there already."""
        with self.transaction():
            entry = self._entry("serial = ?", (serial,))
            rank = _FINAL if final else _RANK[stage]
            if entry is None or entry.final or rank <= _RANK[entry.stage]:
                return False
            self._db.execute(
                "UPDATE requests SET stage = ?, code = coalesce(?, code), final = ?, ask_at = ? "
                "WHERE serial = ?",
                (stage, code, final, None if final else ask_at, serial),
            )
            self._db.execute(
                "INSERT INTO results (request, owner, payload, at) VALUES (?, ?, ?, ?)",
                (serial, self._owner, payload, now),
            )
            return True

    def follow(self, serial: int, call_id: str) -> None:
        """Note under which id the PBX tells of the call from now on."""
        self._db.execute("UPDATE requests SET call_id = ? WHERE serial = ?", (call_id, serial))

    def unclaim(self, serial: int) -> None:
        """Take back a claim of which surely nothing reached the PBX; it counts no more."""
        self._db.execute("UPDATE requests SET claimed = NULL WHERE serial = ?", (serial,))

    def of_call(self, user: str, *call_ids: str | None) -> Entry | None:
        """Return the user's open request whose call has one of these ids."""
        for call_id in call_ids:
            found = call_id and self._entry(
                "user = ? AND call_id = ? AND claimed IS NOT NULL AND NOT final", (user, call_id)
            )
            if found:
                return found
        return None

    def of_number(self, user: str, number: str) -> Entry | None:
        """Return the user's request of unknown outcome for a number, told by its keyed hash."""
        return self._entry(
            "user = ? AND number = ? AND stage = 'unknown' AND NOT final", (user, number)
        )

    def get(self, serial: int) -> Entry:
        """Return a request as it stands now."""
        entry = self._entry("serial = ?", (serial,))
        if entry is None:
            raise KeyError(serial)
        return entry

    def unanswered(self, user: str) -> bool:
        """Tell whether the PBX is being asked to place a call for this user right now."""
        return (
            self._entry("user = ? AND NOT final AND stage IN ('claimed', 'unknown')", (user,))
            is not None
        )

    # ---- asking again

    def orphans(self, now: float, patience: float) -> list[Entry]:
        """Return claims without a result: our own of an earlier start, others' that are old."""
        return self._entries(
            "claimed IS NOT NULL AND NOT final AND stage = 'claimed' AND ask_at IS NULL "
            "AND claimed <= ?",
            (now - patience,),
        )

    def own_orphans(self) -> list[Entry]:
        """Return the claims without a result that a process of our name left behind."""
        return self._entries(
            "claimed IS NOT NULL AND NOT final AND stage = 'claimed' AND owner = ?",
            (self._owner,),
        )

    def due(self, now: float) -> list[Entry]:
        """Return the requests about whose calls the PBX is to be asked now."""
        return self._entries("NOT final AND ask_at IS NOT NULL AND ask_at <= ?", (now,))

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

    # ---- telling

    def untold(self, others_before: float) -> list[Result]:
        """Return what the broker does not have yet, oldest first; others' only when it is old."""
        rows = self._db.execute(
            f"SELECT results.serial, payload, results.at, {_prefixed('requests')} "  # noqa: S608
            "FROM results JOIN requests ON requests.serial = results.request "
            "WHERE NOT told AND (results.owner = ? OR results.at <= ?) ORDER BY results.serial",
            (self._owner, others_before),
        )
        return [Result(row[0], row[1], row[2], as_entry(row[3:])) for row in rows]

    def told(self, result: int) -> None:
        """Note that the broker has a result, or that it is too old for anybody."""
        self._db.execute("UPDATE results SET told = 1 WHERE serial = ?", (result,))

    def last_result(self, serial: int) -> bytes | None:
        """Return what was told last about a request."""
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
        """Forget which requests were for a number, told by its keyed hash.

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


def _prefixed(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in ROW.split(", "))
