"""One lock for all: the system's lock of a file, which is gone with the process that holds it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from runtime.files import private_file

_AGAIN = 0.02  # seconds


class LockTaken(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock of a file that holds nothing else; raise LockTaken after so many seconds.

    The file stays, since removing it would be a race.
    """
    until = time.monotonic() + patience
    with private_file(path).open("ab") as held:
        while not _is_locked(held):
            if time.monotonic() >= until:
                raise LockTaken(f"{path} is held by another process")
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
