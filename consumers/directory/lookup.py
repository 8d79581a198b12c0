"""What a caller process asks of the directory, with as little in memory as that needs.

Other processes change the file at any time; each question is asked anew and sees the newest
state. Nothing here knows what a record opens.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from consumers.directory import schema
from consumers.directory.matching import leads_to, match
from consumers.directory.queries import SqliteQueries, same_keys
from consumers.directory.records import Choice, Contact, Dossier, Match, Use
from runtime.sqlite import transaction

_CACHE = 512  # KiB
_T = TypeVar("_T")


class DirectoryUnavailable(Exception):
    """The directory cannot be read or written just now."""


class LookUps:
    """Whose a number is, what is kept for them, and what each user means and uses."""

    def __init__(self, path: Path | str, *, suffix_digits: int = 0) -> None:
        self._path = Path(path)
        self._suffix_digits = suffix_digits
        self._lock = threading.RLock()
        self._connection = _modest(schema.ready(self._path))
        self._process = os.getpid()
        self._inherited: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def find(self, e164: str, *, user: str) -> Match:
        """Find whose a number is, and which contact this user means by it."""
        if not e164.startswith("+"):
            return Match()
        return self._read(
            lambda queries: match(queries, e164, user=user, suffix_digits=self._suffix_digits)
        )

    def nearest(self, e164: str, limit: int = 3) -> list[tuple[str, Contact]]:
        """Give the entries whose numbers begin most alike, to explain why none was found."""
        return self._read(lambda queries: queries.nearest(e164, limit))

    def inactive(self, e164: str) -> list[Contact]:
        """Give who has the number but does not count, to explain why none was found."""
        return self._read(lambda queries: queries.inactive(e164))

    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        """Give the dossiers of a contact with their matters, open and closed."""
        return self._read(lambda queries: queries.dossiers(contact_id))

    def uses(self, user: str, contact_id: int) -> tuple[Use, ...]:
        """Give when a user last used what is kept for a contact."""
        return self._read(lambda queries: queries.uses(user, contact_id))

    def used(
        self,
        user: str,
        *,
        at: datetime,
        matter_id: int | None = None,
        dossier_id: int | None = None,
    ) -> None:
        """Remember that a user worked on a matter or dossier; an older moment changes nothing."""
        for kind, record_id in (("matter", matter_id), ("dossier", dossier_id)):
            if record_id is not None:
                self._write(
                    f"INSERT INTO {kind}_uses (user, {kind}_id, since, used_on, used_at)"  # noqa: S608
                    f" SELECT ?1, id, 0, ?3, ?4 FROM known_{kind}s WHERE id = ?2"
                    " ON CONFLICT DO UPDATE SET used_on = excluded.used_on,"
                    " used_at = excluded.used_at WHERE (excluded.used_on, excluded.used_at) >="
                    " (used_on, ifnull(used_at, ''))",
                    [user, record_id, at.astimezone().date().isoformat(), moment(at)],
                )

    def remember_choice(self, user: str, e164: str, contact_id: int) -> bool:
        """Remember whom a user means by a number; False if the contact does not have it."""
        if not e164.startswith("+"):
            return False
        with self._answering(), transaction(self._current()):
            queries = SqliteQueries(self._connection)
            if not leads_to(queries, e164, contact_id):
                return False
            self._forget(user, e164)
            self._connection.execute(
                "INSERT INTO choices VALUES (?, ?, ?, ?)",
                [user, e164, contact_id, moment(datetime.now(UTC))],
            )
        return True

    def forget_choice(self, user: str, e164: str) -> None:
        """Ask this user again next time."""
        with self._answering(), transaction(self._current()):
            self._forget(user, e164)

    def forget_choices_before(self, at: float) -> None:
        """Have all users asked again whose choices are older."""
        before = moment(datetime.fromtimestamp(at, UTC))
        with self._answering(), transaction(self._current()):
            self._connection.execute("DELETE FROM choices WHERE chosen_at < ?", [before])

    def choices(self, user: str) -> list[Choice]:
        """Give what a user has chosen, for each number."""
        return self._read(lambda queries: queries.choices(user))

    def _read(self, question: Callable[[SqliteQueries], _T]) -> _T:
        with self._answering():
            connection = self._current()
            connection.execute("BEGIN")
            try:
                return question(SqliteQueries(connection))
            finally:
                connection.execute("COMMIT")

    def _write(self, sql: str, values: Sequence[object]) -> int:
        with self._answering(), transaction(self._current()):
            return self._connection.execute(sql, values).rowcount

    def _forget(self, user: str, e164: str) -> None:
        for key in same_keys(e164):
            self._connection.execute("DELETE FROM choices WHERE user = ? AND e164 = ?", [user, key])

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise DirectoryUnavailable(str(error)) from error

    def _current(self) -> sqlite3.Connection:
        """Give the connection of this process; one made before a fork is not ours."""
        if self._process != os.getpid():
            self._inherited = self._connection  # closing it here would disturb its owner
            self._connection = _modest(schema.plainly_connected(self._path))
            self._process = os.getpid()
        return self._connection


def _modest(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Let the system keep the file's pages, for all processes: looking up is as fast."""
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    return connection


def moment(at: datetime) -> str:
    """Return a moment as the directory writes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
