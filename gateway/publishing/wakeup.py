"""How any gateway process wakes the one that publishes, without either looking at a clock.

A named pipe beside the event log: a byte in it means that there is something new in the log.
"""

import contextlib
import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

NAME = "events.bell"
_GATHER = (
    0.005  # seconds in which what follows a wake-up is gathered: each costs two threads' turns
)


class Waker:
    """The writing end."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        _make(self._path)
        # Opened for both, so that writing works before anybody reads.
        self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    def notify(self) -> None:
        """Wake the listener; a full pipe means that it is awake already."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._pipe, b"!")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._pipe)


class WakeupListener:
    """The reading end: a thread that calls `on_wakeup`."""

    def __init__(self, folder: Path, on_wakeup: Callable[[], None]) -> None:
        path = folder / NAME
        _make(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._on_wakeup = on_wakeup
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="wakeup", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stopping.set()
        with contextlib.suppress(BlockingIOError):
            os.write(self._pipe, b"!")
        self._thread.join(2)
        os.close(self._pipe)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            select.select([self._pipe], [], [])
            with contextlib.suppress(BlockingIOError):
                os.read(self._pipe, 65_536)
            if not self._stopping.is_set():
                self._on_wakeup()
            self._stopping.wait(_GATHER)


def _make(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
