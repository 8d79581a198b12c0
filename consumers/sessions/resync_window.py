"""What the sessions process must know after a restart, and what others changed meanwhile."""

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from runtime.process import private_file


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
        self._db = sqlite3.connect(private_file(path), timeout=5, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # an older moment only asks for more
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS well (user TEXT PRIMARY KEY, at REAL) WITHOUT ROWID"
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
        changed, self._changed = self._changed, set()
        if not changed:
            return
        self._db.execute("BEGIN IMMEDIATE")
        for user in changed:
            if user in self._at:
                self._db.execute(
                    "INSERT OR REPLACE INTO well VALUES (?, ?)",
                    (user, self._wall_at(self._at[user])),
                )
            else:
                self._db.execute("DELETE FROM well WHERE user = ?", (user,))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Write and close the file."""
        self.save()
        self._db.close()

    def _wall_at(self, at: float) -> float:
        return self._wall() - (self._clock() - at)


class UserChanges:
    """Notices which users others have added, changed or removed in the site's database."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None)
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
