"""Applications that may dial for users: each has a token, of which only the hash is kept."""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from runtime.configuration import SettingsRefused
from runtime.sqlite import open_database, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS applications (
    name TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, users TEXT NOT NULL, added TEXT NOT NULL);
"""


class ApplicationTaken(Exception):
    """There is an application of this name already."""


class ApplicationUnknown(Exception):
    """There is no application of this name."""


class Application(NamedTuple):
    """A program that may dial for these users."""

    name: str
    users: tuple[str, ...]
    added: str

    def may_dial_for(self, login: str) -> bool:
        """Return whether the token is good for this user."""
        return login in self.users


class Applications:
    """The applications of a site; a change counts from the next request on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def fault(self) -> str | None:
        """Why nobody's token can be looked up; None when it can."""
        try:
            with self._opened():
                return None
        except SettingsRefused as error:
            return str(error)

    def add(self, name: str, users: Iterable[str]) -> str:
        """Return the token of a new application; it is not shown again."""
        token = secrets.token_urlsafe(32)
        row = (name, _hashed(token), json.dumps(sorted(set(users))), datetime.now(UTC).isoformat())
        with self._opened() as db:
            try:
                db.execute("INSERT INTO applications VALUES (?, ?, ?, ?)", row)
            except sqlite3.IntegrityError as error:
                raise ApplicationTaken(
                    f"there is an application {name!r} already; remove it first, or take "
                    f"another name"
                ) from error
        return token

    def remove(self, name: str) -> None:
        """Take an application's right away; raise ApplicationUnknown."""
        with self._opened() as db:
            if not db.execute("DELETE FROM applications WHERE name = ?", (name,)).rowcount:
                raise ApplicationUnknown(f"there is no application {name!r}")

    def forget_user(self, login: str) -> None:
        """Take a user out of all rights; who has the login next is another person."""
        with self._opened() as db, transaction(db):
            for name, users in db.execute("SELECT name, users FROM applications").fetchall():
                left = json.dumps([user for user in json.loads(users) if user != login])
                db.execute("UPDATE applications SET users = ? WHERE name = ?", (left, name))

    def all(self) -> list[Application]:
        """Return every application by name."""
        with self._opened() as db:
            rows = db.execute("SELECT name, users, added FROM applications ORDER BY name")
            return [_application(row) for row in rows]

    def find(self, token: str) -> Application | None:
        """Return whose token it is; looked up by its hash, so its timing says nothing."""
        with self._opened() as db:
            row = db.execute(
                "SELECT name, users, added FROM applications WHERE token = ?", (_hashed(token),)
            ).fetchone()
        return _application(row) if row else None

    def _opened(self) -> "closing[sqlite3.Connection]":
        return closing(open_database(self._path, _SCHEMA, durable=True))


def _hashed(token: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(f"application {token}".encode()).hexdigest()


def _application(row: tuple[str, str, str]) -> Application:
    name, users, added = row
    return Application(name, tuple(json.loads(users)), added)
