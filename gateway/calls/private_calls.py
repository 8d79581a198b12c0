"""Which notifications stay out of the event log because the call is a user's private one.

What is remembered of such a call is a keyed hash each of its id, its user and its number, in the
event log's file, because any gateway process may get the next state, which may lack the number.
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
)
from gateway.calls.notifications import ResolvedNotification, made_call_id, number_key

_BEGINS = ("incoming", "dialing", "ringback", "other")  # the PBX may not say yet with whom
KEPT = 86_400.0  # seconds a private call is recognised after its last notification


@dataclass(frozen=True)
class _KnownPrivateCall:
    mark: str
    number: str  # "": held back, since nobody knows yet with whom it is
    was_published: (
        bool  # its first events went out, because their number was not private or missing
    )
    changed: float


class PrivateCalls:
    """What may be published of each notification; runs in the transaction of the event."""

    def __init__(self, numbers: PrivateNumbers) -> None:
        self._numbers = numbers

    def publishable(
        self, db: sqlite3.Connection, resolved: ResolvedNotification
    ) -> ResolvedNotification | None:
        """Return a notification as it may be published, None if nothing of it may.

        Of a call that was published before it proved to be private, a new id and the end follow,
        without parties: else it would never be over for its consumers. Of a user who has
        private numbers a call is published only when the PBX has said with whom it is. A private
        call that is handed over to somebody else is published from there on.
        """
        if not self._numbers.in_use:
            return resolved
        number = self._private_number(resolved)
        if resolved.notification.call_id is None:
            return self._by_url(db, resolved, number)
        return self._by_id(db, resolved, resolved.notification.call_id, number)

    def _private_number(self, resolved: ResolvedNotification) -> str:
        user = resolved.notification.user
        numbers = (number_key(resolved.caller), number_key(resolved.called))
        found = next((one for one in numbers if self._numbers.holds(user, one)), "")
        return self._number(user, found) if found else ""

    def _by_id(
        self, db: sqlite3.Connection, resolved: ResolvedNotification, call_id: str, number: str
    ) -> ResolvedNotification | None:
        user = resolved.notification.user
        ids = (call_id, resolved.notification.previous_call_id or call_id)
        known = self._find(db, user, *ids)
        if not number and known is not None and known.number:
            if self._is_with_another(resolved, known):
                _forget(db, known)
                return resolved
            number = known.number
        if number:
            was_published = known.was_published if known else _was_published(db, user, *ids)
            return self._private(db, resolved, call_id, number, known, was_published=was_published)
        if self._stays_back(db, resolved, known, *ids):
            self._note(db, resolved, self._call(user, call_id), "", published_before=False)
            return None
        if known is not None:
            _forget(db, known)
        return resolved

    def _private(
        self,
        db: sqlite3.Connection,
        resolved: ResolvedNotification,
        call_id: str,
        number: str,
        known: _KnownPrivateCall | None,
        *,
        was_published: bool,
    ) -> ResolvedNotification | None:
        notification = resolved.notification
        self._note(
            db,
            resolved,
            self._call(notification.user, call_id),
            number,
            published_before=was_published,
        )
        ends = notification.state == "ended"
        if ends:
            db.execute("UPDATE private_calls SET open = 0 WHERE number = ?", (number,))
        if was_published:
            return _bare(resolved) if ends or notification.previous_call_id is not None else None
        begins = known is None or not known.number
        return _end_of_made(db, resolved, RINGING_TOGETHER) if begins else None

    def _is_with_another(self, resolved: ResolvedNotification, known: _KnownPrivateCall) -> bool:
        """Return whether both ends are named, and neither is the one it was private for.

        Where only one is, it may be the user's own.
        """
        user = resolved.notification.user
        ends = (resolved.caller, resolved.called)
        return all(
            one.number and self._number(user, number_key(one)) != known.number for one in ends
        )

    def _stays_back(
        self,
        db: sqlite3.Connection,
        resolved: ResolvedNotification,
        known: _KnownPrivateCall | None,
        *call_ids: str,
    ) -> bool:
        """Return whether it is not said yet with whom a call is, and nothing was published."""
        notification = resolved.notification
        if _says_with_whom(resolved):
            return False
        if known is not None and notification.state == "ended":
            return True
        begins = notification.state in _BEGINS or notification.previous_call_id is not None
        if not begins or not self._numbers.concerns(notification.user):
            return False
        return known is not None or not _was_published(db, notification.user, *call_ids)

    def _by_url(
        self, db: sqlite3.Connection, resolved: ResolvedNotification, number: str
    ) -> ResolvedNotification | None:
        """Find the call a URL without an id means, as for calls that are not private."""
        notification = resolved.notification
        starting = notification.state in ("ringing", "dialing")
        if not number and (starting or resolved.caller.number or resolved.called.number):
            return resolved
        known = self._newest(db, resolved, number, starting=starting)
        if not number and (known is None or _has_later(db, resolved, known.changed)):
            return resolved
        mark = known.mark if known else self._call(notification.user, made_call_id())
        number = number or (known.number if known else "")
        self._note(
            db, resolved, mark, number, published_before=known.was_published if known else False
        )
        if notification.state != "ended":
            return None if known else _end_of_made(db, resolved, RINGING_TOGETHER)
        if known and known.was_published:
            return self._end_of(db, resolved, known)
        return _end_of_made(db, resolved, LONGEST_CALL)

    def _end_of(
        self, db: sqlite3.Connection, resolved: ResolvedNotification, known: _KnownPrivateCall
    ) -> ResolvedNotification | None:
        """Return the end of the very call that was published; without a number any may be meant.

        None if the PBX itself sent it.
        """
        user = resolved.notification.user
        found = db.execute(
            "SELECT call_id FROM calls WHERE user = ? AND changed >= ? AND open",
            (user, resolved.at - LONGEST_CALL),
        )
        call_id = next((one for (one,) in found if self._call(user, one) == known.mark), None)
        return _ended(resolved, call_id) if call_id else None

    def _find(self, db: sqlite3.Connection, user: str, *call_ids: str) -> _KnownPrivateCall | None:
        marks = [self._call(user, one) for one in call_ids]
        found = db.execute(
            "SELECT call, number, told, changed FROM private_calls WHERE call IN (?, ?)", marks
        ).fetchone()
        return found and _KnownPrivateCall(found[0], found[1], bool(found[2]), found[3])

    def _newest(
        self, db: sqlite3.Connection, resolved: ResolvedNotification, number: str, *, starting: bool
    ) -> _KnownPrivateCall | None:
        ended = (
            resolved.at - JUST_ENDED if resolved.notification.state == "ended" else resolved.at + 1
        )
        found = db.execute(
            "SELECT call, number, told, changed FROM private_calls WHERE owner = ?"
            " AND changed >= ? AND (open OR changed >= ?) AND iif(? = '', number <> '', number = ?)"
            " ORDER BY changed DESC LIMIT 1",
            (
                self._owner(resolved),
                resolved.at - (RINGING_TOGETHER if starting else LONGEST_CALL),
                ended, number, number,
            ),
        ).fetchone()  # fmt: skip
        return found and _KnownPrivateCall(found[0], found[1], bool(found[2]), found[3])

    def _note(
        self,
        db: sqlite3.Connection,
        resolved: ResolvedNotification,
        mark: str,
        number: str,
        *,
        published_before: bool,
    ) -> None:
        is_open = resolved.notification.state != "ended"
        db.execute(
            "INSERT INTO private_calls (call, owner, number, told, open, changed)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number,"
            " told = excluded.told, open = open AND excluded.open, changed = excluded.changed",
            (mark, self._owner(resolved), number, published_before, is_open, resolved.at),
        )

    def _owner(self, resolved: ResolvedNotification) -> str:
        return self._numbers.mark("user", resolved.notification.user)

    def _call(self, user: str, call_id: str) -> str:
        return self._numbers.mark("call", user, call_id)

    def _number(self, user: str, number: str) -> str:
        return self._numbers.mark("number", user, min((number, *same_subscriber_keys(number))))


def forget_before(db: sqlite3.Connection, limit: float) -> None:
    """Forget private calls without a notification since."""
    db.execute("DELETE FROM private_calls WHERE changed < ?", (limit,))


def _was_published(db: sqlite3.Connection, user: str, *call_ids: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM calls WHERE user = ? AND call_id IN (?, ?)", (user, *call_ids)
    )
    return found.fetchone() is not None


def _has_later(db: sqlite3.Connection, resolved: ResolvedNotification, moment: float) -> bool:
    """Return whether another call of the user, which is not private, had a later notification.

    Or one by URL without a number: nothing but a URL without a number ends it.
    """
    found = db.execute(
        "SELECT 1 FROM calls WHERE user = ? AND changed > ? AND became IS NULL"
        " AND (open OR changed >= ?)",
        (resolved.notification.user, moment, resolved.at - JUST_ENDED),
    )
    return found.fetchone() is not None or _made(db, resolved, LONGEST_CALL) is not None


def _says_with_whom(resolved: ResolvedNotification) -> bool:
    state, caller, called = resolved.notification.state, resolved.caller, resolved.called
    if state in ("dialing", "ringback"):
        return bool(called.number)
    if state in ("incoming", "ringing"):
        return bool(caller.number)
    return bool(caller.number and (caller.kind == "external" or called.number))


def _forget(db: sqlite3.Connection, known: _KnownPrivateCall) -> None:
    """Publish a call from now on; what comes of it by URL too."""
    db.execute("DELETE FROM private_calls WHERE call = ?", (known.mark,))
    if known.number:
        db.execute("UPDATE private_calls SET open = 0 WHERE number = ?", (known.number,))


def _made(db: sqlite3.Connection, resolved: ResolvedNotification, seconds: float) -> str | None:
    """Find an open call that came by URL only, without a number."""
    found = db.execute(
        "SELECT call_id FROM calls WHERE told_by = 'url' AND user = ? AND number IN (?, ?)"
        " AND open AND became IS NULL AND changed >= ? ORDER BY changed DESC LIMIT 1",
        (resolved.notification.user, *NO_NUMBER, resolved.at - seconds),
    ).fetchone()
    return str(found[0]) if found else None


def _end_of_made(
    db: sqlite3.Connection, resolved: ResolvedNotification, seconds: float
) -> ResolvedNotification | None:
    """Return the end of what came by URL, without a number, of a call that is private."""
    call_id = _made(db, resolved, seconds)
    return _ended(resolved, call_id) if call_id else None


def _ended(resolved: ResolvedNotification, call_id: str) -> ResolvedNotification:
    changes = {"call_id": call_id, "state": "ended", "pbx_state": "", "previous_call_id": None}
    return _bare(replace(resolved, notification=resolved.notification.model_copy(update=changes)))


def _bare(resolved: ResolvedNotification) -> ResolvedNotification:
    notification = resolved.notification.model_copy(update={"group": None})
    return replace(resolved, notification=notification, caller=Party(), called=Party())
