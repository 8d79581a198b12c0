"""Much is written in short pieces with pauses, so that other writers of the file get their turn."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from consumers.directory.schema import PATIENCE
from runtime.sqlite import transaction

FIRST_PIECE = 1_000  # records; how many fit into a piece is found out
_MOST = 50_000
_HOLD = 0.15  # seconds that a piece may take
_LONG_LOG = 8_000  # pages of 4 KiB
_SHORTLY = 100  # milliseconds
_PAUSE = 0.06  # seconds; who waits in SQLite looks again every 0.05 s at first


class WriteThrottle:
    """How long the file may be held by one connection, and how much is done meanwhile."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        pause: Callable[[float], None] = time.sleep,
        first_piece: int = FIRST_PIECE,
    ) -> None:
        self._connection = connection
        self._pause = pause
        self._size = first_piece
        # What a power cut takes back of pieces is only made again.
        connection.execute("PRAGMA synchronous = NORMAL")

    def each(self, total: int, do: Callable[[int, int], None]) -> None:
        """Do what is numbered from 1 in ranges, each written in its own transaction."""
        if total:
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")  # not while others wait
        done = 0
        while done < total:
            until = min(done + self._size, total)
            began = time.monotonic()
            with transaction(self._connection):
                do(done + 1, until)
            took = time.monotonic() - began
            self._fit(until - done, took)
            done = until
            self._rest(min(took, _PAUSE))

    def shorten_log(self) -> None:
        """Give the space of the write-ahead log back, unless somebody needs it just now.

        Little is left to be copied after a rest, so others hardly wait; by itself the log would
        only be begun again in a moment in which nobody writes.
        """
        self._connection.execute(f"PRAGMA busy_timeout = {_SHORTLY}")
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")

    def _rest(self, long: float) -> None:
        """Let others write, and bring what was written into the file meanwhile."""
        began = time.monotonic()
        _, frames, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames > _LONG_LOG:
            self.shorten_log()
        self._pause(max(0.0, long - (time.monotonic() - began)))

    def _fit(self, done: int, took: float) -> None:
        fitting = done * _HOLD / max(took, 0.001)
        self._size = int(min(max(fitting, self._size / 4, 100), self._size * 2, _MOST))


@contextmanager
def durably(connection: sqlite3.Connection) -> Iterator[None]:
    """Have on disk what is written in the block, and all before it."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")
