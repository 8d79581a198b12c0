"""One desktop process for each user, and numbers handed to it by `starface2mqtt desktop open`.

A broker account has one connection, so a second process would push the first one out. The handler
of tel: links therefore puts the number into a folder of the user, and the process dials it.
"""

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from uuid import uuid4

from bus.process import private_file, private_folder

FRESH = 15.0  # seconds; a number handed over earlier is not dialled any more
_LONGEST = 256  # characters of a number


class AlreadyRunning(Exception):
    """There is a desktop process of this user on this workstation."""


class Spool:
    """A user's folder on this workstation; in a `with` block it is held by one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)
        self._held: IO[bytes] | None = None

    def __enter__(self) -> Self:
        held = private_file(self._folder / "lock").open("r+b")
        try:
            _lock(held)
        except OSError as error:
            held.close()
            raise AlreadyRunning("the desktop process of this user is running already") from error
        self._held = held
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def hand_over(self, number: str) -> None:
        """Leave a number for the process to dial."""
        name = uuid4().hex
        half = private_file(self._folder / f"{name}.half")
        half.write_text(json.dumps({"number": number[:_LONGEST], "at": time.time()}))
        half.replace(self._folder / f"{name}.dial")

    def take(self) -> list[str]:
        """Return the numbers that are to be dialled now, oldest first."""
        numbers = []
        for path in sorted(self._folder.glob("*.dial"), key=lambda one: one.stat().st_mtime):
            try:
                told = json.loads(path.read_text())
                fresh = 0 <= time.time() - float(told["at"]) + 1 <= FRESH
                if fresh and isinstance(told["number"], str):
                    numbers.append(told["number"])
            except (ValueError, KeyError, TypeError):
                pass  # not ours
            path.unlink(missing_ok=True)
        return numbers


if os.name == "nt":

    def _lock(held: IO[bytes]) -> None:
        import msvcrt

        msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

else:

    def _lock(held: IO[bytes]) -> None:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
