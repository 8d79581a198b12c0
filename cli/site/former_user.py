"""What is kept about a user beside the journal, and goes with him.

The next owner of the login has neither his choices nor his calls.
"""

from contextlib import closing
from pathlib import Path

from bus.topics import level
from cli.site.settings import Settings
from runtime.sqlite import open_database, transaction

# Not what says how far a consumer has come (tables with a `seq`, `sessions.db`): without that it
# would ask for what the former user was called about.
_FILES = ("traces-*.db", "caller*.db", "dial.db")


def forget_belongings(settings: Settings, login: str) -> None:
    """Forget choices, uses of matters, stories, claims and dial requests of a user."""
    folder = settings.site.data_folder
    _forget(settings.database, login)
    for name in _FILES:
        for path in sorted(folder.glob(name)):
            _forget(path, login)
    applications = folder / "applications.db"
    if applications.exists():
        from panel.applications import Applications

        Applications(applications).forget_user(login)


def _forget(path: Path, login: str) -> None:
    """Remove the rows of a user from each table that has a column for one."""
    with closing(open_database(path)) as db, transaction(db):
        tables = {
            name: {row[1] for row in db.execute(f"PRAGMA table_info('{name}')")}
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for name, columns in tables.items():
            if "user" in columns and "seq" not in columns:
                db.execute(f"DELETE FROM {name} WHERE user = ?", (login,))  # noqa: S608
        if "results" in tables:
            db.execute("DELETE FROM results WHERE request NOT IN (SELECT serial FROM requests)")
        if "aside" in tables:
            topic = f"%/users/{level(login)}/%"
            db.execute("DELETE FROM aside WHERE topic LIKE ?", (topic,))
