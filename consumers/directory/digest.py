"""A digest of a directory's contents, by which machines see whether theirs are the same.

Each of several machines imports from the same sources by itself; who was imported first, and how
often, makes no difference to the digest.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

from consumers.directory.changes import KINDS
from consumers.directory.schema import plainly_connected

log = logging.getLogger(__name__)

_EVERY = 30.0  # seconds between two looks whether an import has ended
_SIZE = 16  # bytes


def contents_digest(connection: sqlite3.Connection) -> str:
    """Return the digest of all that counts, the same whatever the order it was written in."""
    total = 0
    for source_id, name, priority, edition in connection.execute(
        "SELECT id, name, priority, edition FROM sources WHERE active AND edition >= 0"
    ).fetchall():
        for kind in KINDS:
            for key, digest in connection.execute(
                f"SELECT key, digest FROM {kind}s WHERE source_id = ?1"  # noqa: S608
                " AND since <= ?2 AND (until IS NULL OR until > ?2)",
                [source_id, edition],
            ):
                record = f"{name}\x1f{priority}\x1f{kind}\x1f{key}\x1f".encode() + (digest or b"")
                total += int.from_bytes(blake2b(record, digest_size=_SIZE).digest())
    return (total % (1 << 8 * _SIZE)).to_bytes(_SIZE).hex()


class ContentsWatch:
    """Reports the digest of a directory at first and whenever an import has changed it.

    The work is done in the background: a million contacts take some seconds.
    """

    def __init__(
        self,
        path: Path,
        background: Callable[[Callable[[], None]], object],
        report: Callable[[str], None],
    ) -> None:
        self._path = path
        self._background = background
        self._report = report
        self._sources: list[tuple[object, ...]] | None = None
        self._due = float("-inf")

    def tick(self, now: float | None = None) -> None:
        """Have a look if it is time for one."""
        now = time.monotonic() if now is None else now
        if now >= self._due:
            self._due = now + _EVERY
            self._background(self._look)

    def _look(self) -> None:
        try:
            with closing(plainly_connected(self._path)) as connection:
                connection.execute("BEGIN")  # one state of the file for all questions
                sources = connection.execute(
                    "SELECT name, priority, active, edition FROM sources ORDER BY name"
                ).fetchall()
                if sources != self._sources:
                    self._report(contents_digest(connection))
                    self._sources = sources
        except sqlite3.Error as error:
            log.warning("contents of the directory not compared reason=%s", error)
