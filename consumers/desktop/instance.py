"""One desktop process for each user, and what other commands of `desktop` hand to it.

A broker account has one connection, so a second process would push the first one out. The handler
of tel: links therefore puts the number into a folder of the user, and the process dials it; other
wishes come the same way. That nothing is to open for a while stands there too.
"""

import contextlib
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from uuid import uuid4

from runtime.files import private_file, private_folder
from runtime.lock import LockTaken, locked

CLOSE_ALL, OPEN_LAST = "close-all", "open-last"
FRESH = 15.0  # seconds; a number handed over earlier is not dialled any more
_LONGEST = 256  # characters of a number or wish
_MEMBERS = {"dial": "number", "wish": "wish"}
_PAUSE = "paused"
_LAST = "last-call"


class AlreadyRunning(Exception):
    """There is a desktop process of this user on this workstation."""


class Spool:
    """A user's folder on this workstation; in a `with` block it is held by one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._held.enter_context(locked(self._folder / "lock", 0))
        except LockTaken as error:
            raise AlreadyRunning("the desktop process of this user is running already") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def hand_over(self, number: str) -> None:
        """Leave a number for the process to dial."""
        self._leave("dial", number)

    def erase(self, means: Callable[[str], bool]) -> int:
        """Take away what is to be dialled and means a number; return how much."""
        erased = 0
        for path in [*self._folder.glob("*.dial"), *self._folder.glob("*.half")]:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if means(str(json.loads(path.read_text())["number"])):
                    path.unlink()
                    erased += 1
        return erased

    def take(self) -> list[str]:
        """Return the numbers that are to be dialled now, oldest first."""
        return self._taken("dial")

    def ask(self, wish: str) -> None:
        """Leave a wish for the process."""
        self._leave("wish", wish)

    def wishes(self) -> list[str]:
        """Return what is wished now, oldest first."""
        return self._taken("wish")

    def pause(self, until: float) -> None:
        """Let nothing open on this workstation until a moment; 0: no longer."""
        half = private_file(self._folder / f"{uuid4().hex}.half")
        half.write_text(json.dumps({"until": until}))
        half.replace(self._folder / _PAUSE)

    def paused(self) -> bool:
        """Return whether nothing is to open now."""
        try:
            pause = json.loads((self._folder / _PAUSE).read_text())
            return time.time() < float(pause["until"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def keep_last(self, call: str) -> None:
        """Keep what was done at the last call, for `desktop why`."""
        half = private_file(self._folder / f"{uuid4().hex}.half")
        half.write_text(call)
        half.replace(self._folder / _LAST)

    def last(self) -> str | None:
        """Return what was done at the last call, None before the first."""
        try:
            return (self._folder / _LAST).read_text(errors="replace")
        except OSError:
            return None

    def _leave(self, kind: str, value: str) -> None:
        name = uuid4().hex
        half = private_file(self._folder / f"{name}.half")
        half.write_text(json.dumps({_MEMBERS[kind]: value[:_LONGEST], "at": time.time()}))
        half.replace(self._folder / f"{name}.{kind}")

    def _taken(self, kind: str) -> list[str]:
        found = []
        for path in self._folder.glob(f"*.{kind}"):
            try:
                message = json.loads(path.read_text())
                fresh = 0 <= time.time() - float(message["at"]) + 1 <= FRESH
                if fresh and isinstance(message[_MEMBERS[kind]], str):
                    found.append((float(message["at"]), message[_MEMBERS[kind]]))
            except FileNotFoundError:
                continue  # erased meanwhile
            except (ValueError, KeyError, TypeError):
                pass  # not ours
            path.unlink(missing_ok=True)
        return [one for _, one in sorted(found)]
