"""The story of each call: what came in, what was made of it, and why something opened or not."""

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bus.events import TraceStep
from runtime.erasure import purge, traces_of
from runtime.files import matching
from runtime.sqlite import LOOK_AGAIN, open_database, open_to_read, transaction, write

_PREFIX = "traces-"
_MOST_STEPS = 200  # of one call
_STEPS = TypeAdapter(tuple[TraceStep, ...])
_COLUMNS = "user, call_id, started, changed, number, e164, name, opens, reason, steps, ids"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS stories (user TEXT, call_id TEXT, started REAL NOT NULL,
    changed REAL NOT NULL, number TEXT NOT NULL, e164 TEXT NOT NULL, name TEXT NOT NULL,
    opens TEXT NOT NULL, reason TEXT NOT NULL, steps TEXT NOT NULL, ids TEXT NOT NULL,
    PRIMARY KEY (user, call_id));
CREATE INDEX IF NOT EXISTS stories_changed ON stories (changed);
CREATE INDEX IF NOT EXISTS stories_user ON stories (user, changed);
"""


@dataclass(frozen=True)
class CallTrace:
    """All that is known of one call of one user."""

    user: str
    call_id: str
    started: datetime
    changed: datetime
    number: str
    e164: str
    name: str
    opens: str
    reason: str
    steps: tuple[TraceStep, ...]
    ids: tuple[str, ...] = ()  # of the call and of its events


@dataclass(frozen=True)
class TraceSubject:
    """Whose call a step belongs to, and the number and name it is found by.

    `name` is what the PBX says; `contact`, what the directory says, counts more.
    """

    user: str
    call_id: str
    number: str = ""
    e164: str = ""
    name: str = ""
    also: str = ""  # a later id of the same call
    event: str = ""  # id of the event, as the logs of all processes name it
    contact: str = ""


@dataclass(frozen=True)
class TraceEntry:
    """What is to be added to a story."""

    subject: TraceSubject
    steps: tuple[TraceStep, ...]
    at: float
    opens: str = ""
    reason: str = ""
    otherwise: TraceStep | None = None  # why nothing opened, if the story has no reason yet


def path_of(data_folder: Path, account: str) -> Path:
    """Return the file of one process's stories."""
    return data_folder / f"{_PREFIX}{account}.db"


class TraceStore:
    """The stories of one process in one SQLite file; for one thread."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(
            path, _SCHEMA, expendable="the stories of calls until now", secondary=True
        )
        self._db.execute(f"PRAGMA busy_timeout = {LOOK_AGAIN}")
        self._db.execute("PRAGMA secure_delete = ON")

    def add(self, entries: Iterable[TraceEntry]) -> None:
        """Continue stories, or begin them; an empty value keeps what is known."""
        with transaction(self._db):
            for call, of_call in groupby(
                entries, lambda one: (one.subject.user, one.subject.call_id)
            ):
                self._continue(call, list(of_call))

    def forget_before(self, moment: float) -> int:
        """Drop stories that are older than the office keeps them."""
        return write(self._db, "DELETE FROM stories WHERE changed < ?", (moment,)).rowcount

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _continue(self, call: tuple[str, str], entries: Sequence[TraceEntry]) -> None:
        row = self._db.execute(
            "SELECT started, number, e164, name, opens, reason, steps, ids FROM stories"
            " WHERE user = ? AND call_id = ?",
            call,
        ).fetchone() or (entries[0].at, "", "", "", "nothing", "", "[]", "[]")
        started, number, e164, name, opens, reason, written, known = row
        steps, ids = json.loads(written), dict.fromkeys((*json.loads(known), call[1]))
        for entry in entries:
            subject, fresh = entry.subject, entry.steps
            reason = entry.reason or reason
            if not reason and entry.otherwise is not None:
                fresh, reason = (*fresh, entry.otherwise), entry.otherwise.code
            steps += [step.model_dump(mode="json", exclude_defaults=True) for step in fresh]
            ids |= dict.fromkeys((subject.also, subject.event))
            name = _name(subject, e164, name)
            number, e164 = subject.number or number, subject.e164 or e164
            opens = entry.opens or opens
        ids.pop("", None)
        self._db.execute(
            "INSERT OR REPLACE INTO stories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *call, started, entries[-1].at, number, e164, name, opens, reason,
                json.dumps(steps[-_MOST_STEPS:], ensure_ascii=False),
                json.dumps(list(ids)[:_MOST_STEPS]),
            ),
        )  # fmt: skip


def _name(subject: TraceSubject, e164: str, known: str) -> str:
    """Return who it is; the directory's word stays until it is another number."""
    if subject.contact:
        return subject.contact
    another = bool(subject.e164) and subject.e164 != e164
    return subject.name if another or not known else known


def find(
    data_folder: Path, *, user: str | None = None, call_id: str | None = None, last: int = 1
) -> list[CallTrace]:
    """Return stories of all processes, the newest first: of a call, of a user, or the last.

    A call is found by any of its ids and by those of its events.
    """
    clauses, values = ["1"], []
    if user is not None:
        clauses.append("user = ?")
        values.append(user)
    if call_id is not None:
        clauses.append("instr(ids, ?)")
        values.append(json.dumps(call_id))
    rows: list[tuple[Any, ...]] = []
    for path in matching(data_folder, f"{_PREFIX}*.db"):
        rows += _read(path, " AND ".join(clauses), values, last)
    rows.sort(key=lambda row: row[3], reverse=True)
    return [_story(row) for row in rows[:last]]


def erase(data_folder: Path, e164: str) -> tuple[int, bool]:
    """Erase every story that names a number; return how many, and whether every byte is gone."""
    erased, clean = 0, True
    for path in matching(data_folder, f"{_PREFIX}*.db"):
        with closing(open_database(path)) as db:
            db.execute("PRAGMA secure_delete = ON")
            gone = db.execute(
                "DELETE FROM stories WHERE e164 = ?1 OR number = ?1"
                " OR (?1 LIKE '+%' AND instr(steps, ?1))"  # as a similar entry
                " RETURNING number",
                (e164,),
            ).fetchall()
            erased += len(gone)
            traces = traces_of(e164, *(number for (number,) in gone))
            clean = purge(path, db, traces, changed=bool(gone)) and clean
    return erased, clean


def _read(path: Path, where: str, values: list[str], last: int) -> list[tuple[Any, ...]]:
    with closing(open_to_read(path)) as db:
        return db.execute(
            f"SELECT {_COLUMNS} FROM stories WHERE {where} ORDER BY changed DESC LIMIT ?",  # noqa: S608
            [*values, last],
        ).fetchall()


def _story(row: tuple[Any, ...]) -> CallTrace:
    started, changed = (datetime.fromtimestamp(row[place], UTC) for place in (2, 3))
    return CallTrace(
        row[0], row[1], started, changed, row[4], row[5], row[6], row[7], row[8],
        _STEPS.validate_json(row[9]), tuple(json.loads(row[10])),
    )  # fmt: skip
