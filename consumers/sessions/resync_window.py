"""What the sessions process must know after a restart, and what others changed meanwhile."""

import logging
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from runtime.sqlite import open_database, transaction

log = logging.getLogger(__name__)

_SCHEMA = "CREATE TABLE IF NOT EXISTS well (user TEXT PRIMARY KEY, at REAL) WITHOUT ROWID"


class ResyncWindow:
    """Until when each user was surely well: what happened later may have been missed.

    While the process runs the monotonic clock counts, so that a changed clock hides no call.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        # An older moment after a power cut only asks for more.
        self._db = open_database(
            path, _SCHEMA, expendable="until when each user was well", secondary=True
        )
        self._clock = clock
        self._wall = wall
        self._at: dict[str, float] = {
            user: clock() - max(0.0, wall() - at)
            for user, at in self._db.execute("SELECT user, at FROM well").fetchall()
        }
        self._changed: set[str] = set()

    def get(self, user: str) -> datetime | None:
        """Return the last moment at which all was well."""
        at = self._at.get(user)
        return None if at is None else datetime.fromtimestamp(self._wall_at(at), UTC)

    def note(self, user: str, age: float = 0.0) -> None:
        """Note that all was well this many seconds ago."""
        self._at[user] = self._clock() - age
        self._changed.add(user)

    def forget(self, user: str) -> None:
        """Forget a user: what happens now is nobody's business."""
        if self._at.pop(user, None) is not None:
            self._changed.add(user)

    def save(self) -> None:
        """Write what has changed."""
        if not self._changed:
            return
        with transaction(self._db):
            for user in self._changed:
                if user in self._at:
                    self._db.execute(
                        "INSERT OR REPLACE INTO well VALUES (?, ?)",
                        (user, self._wall_at(self._at[user])),
                    )
                else:
                    self._db.execute("DELETE FROM well WHERE user = ?", (user,))
        self._changed.clear()

    def close(self) -> None:
        """Write and close the file."""
        try:
            self.save()
        except sqlite3.Error as error:  # an older moment only asks for more
            log.warning("not noted until when users were well reason=%s", error)
        self._db.close()

    def _wall_at(self, at: float) -> float:
        return self._wall() - (self._clock() - at)


class UserChanges:
    """Notices which users others have added, changed or removed in the site's database."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(path)
        self._version = -1
        self._rows: dict[str, int] = {}

    def changed(self) -> set[str]:
        """Return the logins whose rows have changed since the last time, at first all."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return set()
        self._version = version
        rows = {row[0]: hash(row) for row in self._db.execute("SELECT login, * FROM users")}
        before, self._rows = self._rows, rows
        return {
            login for login in before.keys() | rows.keys() if before.get(login) != rows.get(login)
        }

    def close(self) -> None:
        """Close the database."""
        self._db.close()
