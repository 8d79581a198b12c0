"""Which notifications stay out of the event log because the call is a user's private one.

What is remembered of such a call is a keyed hash each of its id, its user and its number, in the
event log's file, because any gateway process may hear the next state, which may lack the number.
"""

import sqlite3
from dataclasses import dataclass, replace

from bus.events import Party
from bus.private import PrivateNumbers
from gateway.calls import JUST_ENDED, LONGEST_CALL, RINGING_TOGETHER, Told
from gateway.notifications import made_call_id
from gateway.parties import key

_BEGINS = ("incoming", "dialing")  # states in which the PBX may not say yet with whom
KEPT = 86_400.0  # seconds a private call is recognised after nothing was heard of it


@dataclass(frozen=True)
class _Known:
    mark: str
    number: str
    told: bool  # its first events went out, because their number was not private or not told
    changed: float


class PrivateCalls:
    """What may be told of each notification; runs in the transaction of the event."""

    def __init__(self, numbers: PrivateNumbers) -> None:
        self._numbers = numbers

    def tellable(self, db: sqlite3.Connection, told: Told) -> Told | None:
        """Return a notification as it may be told, None if nothing of it may.

        Of a call that was told before it proved to be private, a new id and the end are told,
        without parties: else it would never be over for those who heard of it. A user who has
        private numbers is told of a call only when the PBX has said with whom it is.
        """
        if not self._numbers.in_use:
            return told
        number = self._private_number(told)
        if told.notification.call_id is None:
            return self._by_url(db, told, number)
        return self._by_id(db, told, told.notification.call_id, number)

    def _private_number(self, told: Told) -> str:
        user = told.notification.user
        numbers = (key(told.caller), key(told.called))
        found = next((one for one in numbers if self._numbers.holds(user, one)), "")
        return self._numbers.mark("number", user, found) if found else ""

    def _by_id(self, db: sqlite3.Connection, told: Told, call_id: str, number: str) -> Told | None:
        note = told.notification
        ids = (call_id, note.previous_call_id or call_id)
        known = self._find(db, note.user, *ids)
        if known is None and not number:
            return None if self._may_prove_private(db, told, *ids) else told
        was_told = known.told if known else _was_told(db, note.user, *ids)
        number = number or (known.number if known else "")
        self._note(db, told, self._call(note.user, call_id), number, was_told)
        if note.state == "ended":
            db.execute("UPDATE private_calls SET open = 0 WHERE number = ?", (number,))
        closing = note.state == "ended" or note.previous_call_id is not None
        return _bare(told) if was_told and closing else None

    def _may_prove_private(self, db: sqlite3.Connection, told: Told, *call_ids: str) -> bool:
        """Tell whether a call has only begun and its next state is going to say with whom."""
        note = told.notification
        begins = note.state in _BEGINS or note.previous_call_id is not None
        other = told.called if note.state == "dialing" else told.caller
        if not begins or other.number or not self._numbers.concerns(note.user):
            return False
        return not _was_told(db, note.user, *call_ids)

    def _by_url(self, db: sqlite3.Connection, told: Told, number: str) -> Told | None:
        """Find the call a URL without an id means, as for calls that are not private."""
        note = told.notification
        starting = note.state in ("ringing", "dialing")
        if not number and (starting or told.caller.number or told.called.number):
            return told
        known = self._newest(db, told, number, starting=starting)
        if not number and (known is None or _heard_later(db, told, known.changed)):
            return told
        mark = known.mark if known else self._call(note.user, made_call_id())
        number = number or (known.number if known else "")
        self._note(db, told, mark, number, known.told if known else False)
        return _bare(told) if known and known.told and note.state == "ended" else None

    def _find(self, db: sqlite3.Connection, user: str, *call_ids: str) -> _Known | None:
        marks = [self._call(user, one) for one in call_ids]
        found = db.execute(
            "SELECT call, number, told, changed FROM private_calls WHERE call IN (?, ?)", marks
        ).fetchone()
        return found and _Known(found[0], found[1], bool(found[2]), found[3])

    def _newest(
        self, db: sqlite3.Connection, told: Told, number: str, *, starting: bool
    ) -> _Known | None:
        ended = told.at - JUST_ENDED if told.notification.state == "ended" else told.at + 1
        found = db.execute(
            "SELECT call, number, told, changed FROM private_calls WHERE owner = ?"
            " AND changed >= ? AND (open OR changed >= ?) AND (? = '' OR number = ?)"
            " ORDER BY changed DESC LIMIT 1",
            (
                self._owner(told), told.at - (RINGING_TOGETHER if starting else LONGEST_CALL),
                ended, number, number,
            ),
        ).fetchone()  # fmt: skip
        return found and _Known(found[0], found[1], bool(found[2]), found[3])

    def _note(
        self, db: sqlite3.Connection, told: Told, mark: str, number: str, told_before: bool
    ) -> None:
        is_open = told.notification.state != "ended"
        db.execute(
            "INSERT INTO private_calls (call, owner, number, told, open, changed)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number,"
            " told = excluded.told, open = open AND excluded.open, changed = excluded.changed",
            (mark, self._owner(told), number, told_before, is_open, told.at),
        )

    def _owner(self, told: Told) -> str:
        return self._numbers.mark("user", told.notification.user)

    def _call(self, user: str, call_id: str) -> str:
        return self._numbers.mark("call", user, call_id)


def forget_before(db: sqlite3.Connection, limit: float) -> None:
    """Forget private calls nothing was heard of since."""
    db.execute("DELETE FROM private_calls WHERE changed < ?", (limit,))


def _was_told(db: sqlite3.Connection, user: str, *call_ids: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM calls WHERE user = ? AND call_id IN (?, ?)", (user, *call_ids)
    )
    return found.fetchone() is not None


def _heard_later(db: sqlite3.Connection, told: Told, moment: float) -> bool:
    """Tell whether another call of the user, which is not private, was heard of later."""
    found = db.execute(
        "SELECT 1 FROM calls WHERE user = ? AND changed > ? AND became IS NULL"
        " AND (open OR changed >= ?)",
        (told.notification.user, moment, told.at - JUST_ENDED),
    )
    return found.fetchone() is not None


def _bare(told: Told) -> Told:
    note = told.notification.model_copy(update={"group": None})
    return replace(told, notification=note, caller=Party(), called=Party())
