"""Which notifications stay out of the event log because the call is a user's private one.

What is remembered of such a call is a keyed hash each of its id, its user and its number, in the
event log's file, because any gateway process may hear the next state, which may lack the number.
"""

import sqlite3
from dataclasses import dataclass, replace

from bus.events import Party
from bus.numbers.number import same_subscriber_keys
from bus.numbers.private_numbers import PrivateNumbers
from gateway.calls.correlation import (
    JUST_ENDED,
    LONGEST_CALL,
    NO_NUMBER,
    RINGING_TOGETHER,
    ResolvedNotification,
)
from gateway.calls.notifications import made_call_id
from gateway.calls.parties import key

_BEGINS = ("incoming", "dialing", "ringback", "other")  # the PBX may not say yet with whom
KEPT = 86_400.0  # seconds a private call is recognised after nothing was heard of it


@dataclass(frozen=True)
class _KnownPrivateCall:
    mark: str
    number: str  # "": held back, since nobody knows yet with whom it is
    told: bool  # its first events went out, because their number was not private or not told
    changed: float


class PrivateCalls:
    """What may be told of each notification; runs in the transaction of the event."""

    def __init__(self, numbers: PrivateNumbers) -> None:
        self._numbers = numbers

    def tellable(
        self, db: sqlite3.Connection, told: ResolvedNotification
    ) -> ResolvedNotification | None:
        """Return a notification as it may be told, None if nothing of it may.

        Of a call that was told before it proved to be private, a new id and the end are told,
        without parties: else it would never be over for those who heard of it. A user who has
        private numbers is told of a call only when the PBX has said with whom it is. A private
        call that is handed over to somebody else is told from there on.
        """
        if not self._numbers.in_use:
            return told
        number = self._private_number(told)
        if told.notification.call_id is None:
            return self._by_url(db, told, number)
        return self._by_id(db, told, told.notification.call_id, number)

    def _private_number(self, told: ResolvedNotification) -> str:
        user = told.notification.user
        numbers = (key(told.caller), key(told.called))
        found = next((one for one in numbers if self._numbers.holds(user, one)), "")
        return self._number(user, found) if found else ""

    def _by_id(
        self, db: sqlite3.Connection, told: ResolvedNotification, call_id: str, number: str
    ) -> ResolvedNotification | None:
        user = told.notification.user
        ids = (call_id, told.notification.previous_call_id or call_id)
        known = self._find(db, user, *ids)
        if not number and known is not None and known.number:
            if self._is_with_another(told, known):
                _forget(db, known)
                return told
            number = known.number
        if number:
            was_told = known.told if known else _was_told(db, user, *ids)
            return self._private(db, told, call_id, number, known, was_told=was_told)
        if self._stays_back(db, told, known, *ids):
            self._note(db, told, self._call(user, call_id), "", told_before=False)
            return None
        if known is not None:
            _forget(db, known)
        return told

    def _private(
        self,
        db: sqlite3.Connection,
        told: ResolvedNotification,
        call_id: str,
        number: str,
        known: _KnownPrivateCall | None,
        *,
        was_told: bool,
    ) -> ResolvedNotification | None:
        note = told.notification
        self._note(db, told, self._call(note.user, call_id), number, told_before=was_told)
        ends = note.state == "ended"
        if ends:
            db.execute("UPDATE private_calls SET open = 0 WHERE number = ?", (number,))
        if was_told:
            return _bare(told) if ends or note.previous_call_id is not None else None
        begins = known is None or not known.number
        return _end_of_made(db, told, RINGING_TOGETHER) if begins else None

    def _is_with_another(self, told: ResolvedNotification, known: _KnownPrivateCall) -> bool:
        """Tell whether both ends are named, and neither is the one it was private for.

        Where only one is, it may be the user's own.
        """
        user = told.notification.user
        ends = (told.caller, told.called)
        return all(one.number and self._number(user, key(one)) != known.number for one in ends)

    def _stays_back(
        self,
        db: sqlite3.Connection,
        told: ResolvedNotification,
        known: _KnownPrivateCall | None,
        *call_ids: str,
    ) -> bool:
        """Tell whether it is not said yet with whom a call is, and nothing of it was told."""
        note = told.notification
        if _says_with_whom(told):
            return False
        if known is not None and note.state == "ended":
            return True
        begins = note.state in _BEGINS or note.previous_call_id is not None
        if not begins or not self._numbers.concerns(note.user):
            return False
        return known is not None or not _was_told(db, note.user, *call_ids)

    def _by_url(
        self, db: sqlite3.Connection, told: ResolvedNotification, number: str
    ) -> ResolvedNotification | None:
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
        self._note(db, told, mark, number, told_before=known.told if known else False)
        if note.state != "ended":
            return None if known else _end_of_made(db, told, RINGING_TOGETHER)
        if known and known.told:
            return self._end_of(db, told, known)
        return _end_of_made(db, told, LONGEST_CALL)

    def _end_of(
        self, db: sqlite3.Connection, told: ResolvedNotification, known: _KnownPrivateCall
    ) -> ResolvedNotification | None:
        """Return the end of the very call that was told; without a number any other may be meant.

        None if it was told by the PBX itself.
        """
        user = told.notification.user
        found = db.execute(
            "SELECT call_id FROM calls WHERE user = ? AND changed >= ? AND open",
            (user, told.at - LONGEST_CALL),
        )
        call_id = next((one for (one,) in found if self._call(user, one) == known.mark), None)
        return _ended(told, call_id) if call_id else None

    def _find(self, db: sqlite3.Connection, user: str, *call_ids: str) -> _KnownPrivateCall | None:
        marks = [self._call(user, one) for one in call_ids]
        found = db.execute(
            "SELECT call, number, told, changed FROM private_calls WHERE call IN (?, ?)", marks
        ).fetchone()
        return found and _KnownPrivateCall(found[0], found[1], bool(found[2]), found[3])

    def _newest(
        self, db: sqlite3.Connection, told: ResolvedNotification, number: str, *, starting: bool
    ) -> _KnownPrivateCall | None:
        ended = told.at - JUST_ENDED if told.notification.state == "ended" else told.at + 1
        found = db.execute(
            "SELECT call, number, told, changed FROM private_calls WHERE owner = ?"
            " AND changed >= ? AND (open OR changed >= ?) AND iif(? = '', number <> '', number = ?)"
            " ORDER BY changed DESC LIMIT 1",
            (
                self._owner(told), told.at - (RINGING_TOGETHER if starting else LONGEST_CALL),
                ended, number, number,
            ),
        ).fetchone()  # fmt: skip
        return found and _KnownPrivateCall(found[0], found[1], bool(found[2]), found[3])

    def _note(
        self,
        db: sqlite3.Connection,
        told: ResolvedNotification,
        mark: str,
        number: str,
        *,
        told_before: bool,
    ) -> None:
        is_open = told.notification.state != "ended"
        db.execute(
            "INSERT INTO private_calls (call, owner, number, told, open, changed)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number,"
            " told = excluded.told, open = open AND excluded.open, changed = excluded.changed",
            (mark, self._owner(told), number, told_before, is_open, told.at),
        )

    def _owner(self, told: ResolvedNotification) -> str:
        return self._numbers.mark("user", told.notification.user)

    def _call(self, user: str, call_id: str) -> str:
        return self._numbers.mark("call", user, call_id)

    def _number(self, user: str, number: str) -> str:
        return self._numbers.mark("number", user, min((number, *same_subscriber_keys(number))))


def forget_before(db: sqlite3.Connection, limit: float) -> None:
    """Forget private calls nothing was heard of since."""
    db.execute("DELETE FROM private_calls WHERE changed < ?", (limit,))


def _was_told(db: sqlite3.Connection, user: str, *call_ids: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM calls WHERE user = ? AND call_id IN (?, ?)", (user, *call_ids)
    )
    return found.fetchone() is not None


def _heard_later(db: sqlite3.Connection, told: ResolvedNotification, moment: float) -> bool:
    """Tell whether another call of the user, which is not private, was heard of later.

    Or one that a URL told without a number: nothing but a URL without a number ends it.
    """
    found = db.execute(
        "SELECT 1 FROM calls WHERE user = ? AND changed > ? AND became IS NULL"
        " AND (open OR changed >= ?)",
        (told.notification.user, moment, told.at - JUST_ENDED),
    )
    return found.fetchone() is not None or _made(db, told, LONGEST_CALL) is not None


def _says_with_whom(told: ResolvedNotification) -> bool:
    state, caller, called = told.notification.state, told.caller, told.called
    if state in ("dialing", "ringback"):
        return bool(called.number)
    if state in ("incoming", "ringing"):
        return bool(caller.number)
    return bool(caller.number and (caller.kind == "external" or called.number))


def _forget(db: sqlite3.Connection, known: _KnownPrivateCall) -> None:
    """Have a call told from now on; what URLs tell of it too."""
    db.execute("DELETE FROM private_calls WHERE call = ?", (known.mark,))
    if known.number:
        db.execute("UPDATE private_calls SET open = 0 WHERE number = ?", (known.number,))


def _made(db: sqlite3.Connection, told: ResolvedNotification, seconds: float) -> str | None:
    """Find an open call that only a URL told, without a number."""
    found = db.execute(
        "SELECT call_id FROM calls WHERE told_by = 'url' AND user = ? AND number IN (?, ?)"
        " AND open AND became IS NULL AND changed >= ? ORDER BY changed DESC LIMIT 1",
        (told.notification.user, *NO_NUMBER, told.at - seconds),
    ).fetchone()
    return str(found[0]) if found else None


def _end_of_made(
    db: sqlite3.Connection, told: ResolvedNotification, seconds: float
) -> ResolvedNotification | None:
    """Return the end of what a URL told, without a number, of a call that is private."""
    call_id = _made(db, told, seconds)
    return _ended(told, call_id) if call_id else None


def _ended(told: ResolvedNotification, call_id: str) -> ResolvedNotification:
    changes = {"call_id": call_id, "state": "ended", "pbx_state": "", "previous_call_id": None}
    return _bare(replace(told, notification=told.notification.model_copy(update=changes)))


def _bare(told: ResolvedNotification) -> ResolvedNotification:
    note = told.notification.model_copy(update={"group": None})
    return replace(told, notification=note, caller=Party(), called=Party())
