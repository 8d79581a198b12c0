"""Which call a notification belongs to, and its direction, which only its first states say.

It is remembered in the event log, because any gateway process may get the next state.
"""

import sqlite3
from dataclasses import dataclass

from bus.events import Direction, Party
from gateway.calls.notifications import ResolvedNotification, made_call_id, number_key

RINGING_TOGETHER = 60.0  # seconds in which two tellings of a new call are one call
LONGEST_CALL = 14_400.0  # seconds
_FRESH = 5.0  # seconds in which a call's time need not be noted again
JUST_ENDED = 30.0  # seconds in which a second "ended" still belongs to the call
NO_NUMBER = ("", "withheld")  # yet: a call's first states may lack it
ERASED_NUMBER = "?"  # remembered instead of one that was erased; no number is like it
_WITHHELD_HANDED_OVER = ("withheld", "internal", "connected")  # else the number may just lack
LATE = 5.0  # seconds in which anything else does; who calls again needs longer to be ringing


@dataclass(frozen=True)
class _KnownCall:
    """What is remembered of a call."""

    direction: Direction
    number: str
    is_open: bool
    changed: float


@dataclass(frozen=True)
class CorrelatedCall:
    """To which call it belongs."""

    call_id: str
    direction: Direction
    previous_call_id: str | None


def correlate(db: sqlite3.Connection, resolved: ResolvedNotification) -> CorrelatedCall:
    """Find the call and note what is new about it; runs in the transaction of the event."""
    if resolved.notification.call_id is None:
        return _place_url(db, resolved)
    return _place_uci(db, resolved, resolved.notification.call_id)


def forget_before(db: sqlite3.Connection, limit: float) -> None:
    """Forget calls without a notification since."""
    db.execute("DELETE FROM calls WHERE changed < ?", (limit,))


def _place_uci(
    db: sqlite3.Connection, resolved: ResolvedNotification, call_id: str
) -> CorrelatedCall:
    notification = resolved.notification
    previous = notification.previous_call_id
    here = known = _find(db, notification.user, call_id)
    if known is None and previous is not None:
        known = _find(db, notification.user, previous)
    direction = _direction(resolved, known.direction if known else "unknown")
    number = number_key(_other(resolved, direction)) or (known.number if known else "")
    if previous is None and _names_party_first(known, number):
        previous = _began_by_url(db, resolved, number)
        if previous is not None:
            before = _find(db, notification.user, previous)
            direction = _direction(resolved, before.direction if before else "unknown")
    if previous is not None:
        db.execute(
            "UPDATE calls SET became = ?, changed = ? WHERE user = ? AND call_id = ?",
            (call_id, resolved.at, notification.user, previous),
        )
    if here is None or _is_news(resolved, here, direction, number):
        _note(db, resolved, call_id, direction, number, "uci")
    return CorrelatedCall(call_id, direction, previous)


def _names_party_first(known: _KnownCall | None, number: str) -> bool:
    """Return whether this state is the first to say with whom the call is, or that it hides it."""
    if known is None:
        return bool(number)
    return number != known.number and known.number in NO_NUMBER


def _place_url(db: sqlite3.Connection, resolved: ResolvedNotification) -> CorrelatedCall:
    notification = resolved.notification
    direction = notification.direction
    number = (
        number_key(_other(resolved, direction))
        if direction != "unknown"
        else number_key(resolved.caller)
    )
    found = _same_call(db, resolved, number)
    if found is None:
        call_id = made_call_id()
        _note(db, resolved, call_id, direction, number, "url")
        return CorrelatedCall(call_id, direction, None)
    call_id, before, source = found
    direction = _direction(resolved, before)
    _note(db, resolved, call_id, direction, number, source)
    return CorrelatedCall(call_id, direction, None)


def _same_call(
    db: sqlite3.Connection, resolved: ResolvedNotification, number: str
) -> tuple[str, Direction, str] | None:
    """Find the call a URL without an id means: the newest that fits, if it need not have ended.

    A URL may be late. But where calls come by URL only, a start means a new one.
    """
    notification = resolved.notification
    starting = notification.state in ("ringing", "dialing")
    since = resolved.at - (RINGING_TOGETHER if starting else LONGEST_CALL)
    ended = resolved.at - (JUST_ENDED if notification.state == "ended" else LATE)
    rows = db.execute(
        "SELECT call_id, direction, told_by FROM calls WHERE user = ? AND changed >= ?"
        " AND became IS NULL AND (open OR (changed >= ? AND NOT (? AND told_by = 'url')))"
        " AND (number = ? OR ? OR number IN ('', ?))"
        " ORDER BY open OR ? DESC, number = ? DESC, changed DESC LIMIT 1",
        (
            notification.user, since, ended, starting, number,
            number in NO_NUMBER and not starting, "" if starting else ERASED_NUMBER,
            notification.state == "ended", number,
        ),
    )  # fmt: skip
    found = rows.fetchone()
    return found and (str(found[0]), found[1], str(found[2]))


def _began_by_url(
    db: sqlite3.Connection, resolved: ResolvedNotification, number: str
) -> str | None:
    """Find the made id of a call that came by URL before it came with its own id."""
    if resolved.notification.state == "ended":
        return None
    found = db.execute(
        "SELECT call_id FROM calls WHERE told_by = 'url' AND user = ? AND number = ?"
        " AND became IS NULL AND changed >= iif(open, ?, ?) ORDER BY changed DESC LIMIT 1",
        (resolved.notification.user, number, resolved.at - RINGING_TOGETHER, resolved.at - LATE),
    ).fetchone()
    return str(found[0]) if found else None


def _find(db: sqlite3.Connection, user: str, call_id: str) -> _KnownCall | None:
    found = db.execute(
        "SELECT direction, number, open, changed FROM calls WHERE user = ? AND call_id = ?",
        (user, call_id),
    ).fetchone()
    return _KnownCall(*found) if found else None


def _is_news(
    resolved: ResolvedNotification, known: _KnownCall, direction: Direction, number: str
) -> bool:
    """Return whether it is worth a write, because writing is what costs."""
    ends = known.is_open and resolved.notification.state == "ended"
    same = (known.direction, known.number) == (direction, number)
    return ends or not same or known.changed <= resolved.at - _FRESH


def _note(
    db: sqlite3.Connection,
    resolved: ResolvedNotification,
    call_id: str,
    direction: Direction,
    number: str,
    by: str,
) -> None:
    notification = resolved.notification
    is_open = notification.state != "ended"
    db.execute(
        "INSERT INTO calls (user, call_id, direction, told_by, number, open, changed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET direction = excluded.direction,"
        " number = iif(excluded.number = '', number, excluded.number),"
        " open = open AND excluded.open, changed = excluded.changed",
        (notification.user, call_id, direction, by, number, is_open, resolved.at),
    )


def _direction(resolved: ResolvedNotification, before: Direction) -> Direction:
    kinds = (resolved.caller.kind, resolved.called.kind)
    if kinds == ("internal", "internal"):
        return "internal"
    if before == "internal" and "external" in kinds:  # a colleague has handed somebody over
        # "out" for who had dialled the colleague: the far end is still the one called.
        return "in" if resolved.caller.kind == "external" else "out"
    if before == "internal" and (*kinds, resolved.notification.state) == _WITHHELD_HANDED_OVER:
        return "in"
    if before != "unknown":
        return before
    said = resolved.notification.direction
    if said != "unknown":
        return said
    if resolved.caller.kind == "internal" and resolved.called.kind == "external":
        return "out"
    if resolved.called.kind == "internal" and resolved.caller.kind in ("external", "withheld"):
        return "in"
    return "unknown"


def _other(resolved: ResolvedNotification, direction: Direction) -> Party:
    """Return the far end as this user sees it."""
    if direction == "out" or resolved.notification.direction == "out":
        return resolved.called
    return resolved.caller
