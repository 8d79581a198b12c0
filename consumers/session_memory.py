"""What the sessions process must know after a restart, and what others changed meanwhile."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from bus.process import private_file


class WellSince:
    """Until when each user was surely well: what happened later may have been missed."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(private_file(path), timeout=5, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # an older moment only asks for more
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS well (user TEXT PRIMARY KEY, at REAL) WITHOUT ROWID"
        )
        self._at: dict[str, float] = dict(self._db.execute("SELECT user, at FROM well").fetchall())
        self._changed: set[str] = set()

    def get(self, user: str) -> datetime | None:
        """Return the last moment at which all was well."""
        at = self._at.get(user)
        return None if at is None else datetime.fromtimestamp(at, UTC)

    def note(self, user: str, at: float) -> None:
        """Note that all is well, in seconds since 1970."""
        self._at[user] = at
        self._changed.add(user)

    def forget(self, user: str) -> None:
        """Forget a user: what happens now is nobody's business."""
        self._at.pop(user, None)
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
                    "INSERT OR REPLACE INTO well VALUES (?, ?)", (user, self._at[user])
                )
            else:
                self._db.execute("DELETE FROM well WHERE user = ?", (user,))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Write and close the file."""
        self.save()
        self._db.close()


class Roster:
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
