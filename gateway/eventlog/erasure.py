"""Takes one number out of the event log: its events keep their place, their number and their state.

Gateways may run meanwhile, so each piece of the work is short.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bus.events import CallEvent, Party
from gateway.calls.correlation import ERASED_NUMBER
from gateway.calls.notifications import number_key
from gateway.eventlog.counters import ERASED, write_down
from gateway.eventlog.file import NAME, open_log, writing
from runtime.erasure import purge, traces_of

_AT_ONCE = 100  # events rewritten while nobody else can write
_PATIENCE = 5.0  # seconds for others to finish writing


@dataclass
class Erased:
    """How many events named the number, and whether every byte of it is gone."""

    events: int = 0
    clean: bool = True
    written: set[str] = field(default_factory=set)  # how it was spelled


def erase(data_folder: Path, number: str) -> Erased | None:
    """Take a number, in E.164 or as short digits, out of this machine's event log.

    None if there is no log here. Raises LogUnavailable when others do not let us write.
    """
    path = data_folder / NAME
    if not path.exists():
        return None
    done = Erased()
    with closing(open_log(data_folder, durable=False)) as db:
        db.execute("PRAGMA busy_timeout = 2")  # milliseconds until it looks again, not longer
        newest = 0
        while rows := _naming(db, number, newest):
            newest = rows[-1][0]
            bare = _bare(number, rows, done)  # an event never changes but here
            with writing(db, _PATIENCE):
                _rewrite(db, bare)
        with writing(db, _PATIENCE):  # nobody writes now: what came in meanwhile
            _rewrite(db, _bare(number, _naming(db, number, newest), done))
            db.execute("UPDATE calls SET number = ? WHERE number = ?", (ERASED_NUMBER, number))
            write_down(db, {ERASED: 1})  # so that the publisher forgets what it has read
        traces = traces_of(number, *done.written)
        done.clean = purge(path, db, traces, changed=done.events > 0, in_pieces=True)
    return done


def _naming(db: sqlite3.Connection, number: str, after: int) -> list[tuple[int, bytes]]:
    needle = number.encode() if number.startswith("+") else f'"{number}"'.encode()
    return db.execute(
        "SELECT place, payload FROM events WHERE place > ? AND instr(payload, ?)"
        " ORDER BY place LIMIT ?",
        (after, needle, _AT_ONCE),
    ).fetchall()


def _bare(number: str, rows: Iterable[tuple[int, bytes]], done: Erased) -> list[tuple[bytes, int]]:
    """Return the events that name the number as they are to be, with their places."""
    bare: list[tuple[bytes, int]] = []
    for place, payload in rows:
        event = CallEvent.model_validate_json(payload)
        parties = {"caller": event.data.caller, "called": event.data.called}
        gone = {end: Party() for end, party in parties.items() if number_key(party) == number}
        if gone:
            done.events += 1
            done.written |= {one.number for end, one in parties.items() if end in gone}
            data = event.data.model_copy(update=gone)
            bare.append((event.model_copy(update={"data": data}).encoded(), place))
    return bare


def _rewrite(db: sqlite3.Connection, bare: list[tuple[bytes, int]]) -> None:
    # What was emptied meanwhile, because its time is over, stays empty.
    db.executemany("UPDATE events SET payload = ? WHERE place = ? AND payload <> x''", bare)
