"""One process at a time changes a source; the system takes the claim back from a killed one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from runtime.process import private_file

_AGAIN = 0.02  # seconds


class SourceClaimed(Exception):
    """Another import is changing this source."""


@contextmanager
def source_lock(database: Path, source_id: int, patience: float) -> Iterator[None]:
    """Be the only one who changes a source; raise SourceClaimed after so many seconds."""
    until = time.monotonic() + patience
    # A file for each source beside the database, always empty; removing it would be a race.
    with private_file(database.with_name(f"{database.name}-import{source_id}")).open("ab") as held:
        while not _is_locked(held):
            if time.monotonic() > until:
                raise SourceClaimed
            time.sleep(_AGAIN)
        yield


if os.name == "nt":

    def _is_locked(held: IO[bytes]) -> bool:
        import msvcrt

        held.seek(0)
        try:
            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True

else:

    def _is_locked(held: IO[bytes]) -> bool:
        import fcntl

        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
