"""What a process does while the disk takes nothing: it waits, says so once, and tries again.

Nothing is marked as done that was not: a message stays unacknowledged at the broker, work is
repeated. A disk that is full is a matter of minutes to hours until somebody makes room.
"""

import functools
import logging
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from runtime.sqlite import StorageUnavailable, is_unavailable

log = logging.getLogger(__name__)

_SHORTEST, _LONGEST = 0.2, 5.0  # seconds between two tries
_SAY_AGAIN = 600.0  # seconds
P = ParamSpec("P")
T = TypeVar("T")
RESERVE = 8 << 20  # bytes that what can wait, such as an import, leaves to what cannot


class StorageOutage:
    """Whether the disk takes nothing just now, and when it is worth another try."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._since: float | None = None
        self._said = 0.0
        self._pause = _SHORTEST
        self._again = 0.0

    @property
    def pause(self) -> float:
        """The seconds until the next try, 0.0 where there is no outage."""
        return 0.0 if self._since is None else max(0.0, self._again - self._clock())

    def failed(self, error: BaseException) -> bool:
        """Note that the disk did not take something; False if the error is no fault of it."""
        if not is_unavailable(error):
            return False
        now = self._clock()
        if self._since is None:
            self._since, self._pause = now, _SHORTEST
        else:
            self._pause = min(_LONGEST, self._pause * 2)
        self._again = now + self._pause
        if not self._said or now - self._said > _SAY_AGAIN:
            self._said = now
            log.error("%s waits for storage reason=%s", self._what, error)
        return True

    def over(self) -> None:
        """Note that the disk takes again what is written."""
        if self._since is not None:
            log.warning("%s has storage again after=%.0f", self._what, self._clock() - self._since)
            self._since, self._said = None, 0.0


def outlasting(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Have a process that ends because the disk takes nothing begin again when it does."""

    def outlast(run: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(run)
        def running(*args: P.args, **kwargs: P.kwargs) -> None:
            outage = StorageOutage(name)
            while True:
                try:
                    return run(*args, **kwargs)
                except Exception as error:
                    if not outage.failed(error):
                        raise
                if threading.current_thread() is threading.main_thread():
                    for number in (signal.SIGTERM, signal.SIGINT):  # what they stopped is gone
                        signal.signal(number, lambda *_: sys.exit(0))
                time.sleep(outage.pause)

        return running

    return outlast


def repeat_until_stored(what: str, work: Callable[[], T], within: float = float("inf")) -> T:
    """Return what `work` returns, done again in this thread as long as the disk takes nothing.

    After `within` seconds what it raises is raised.
    """
    outage = StorageOutage(what)
    limit = time.monotonic() + within
    while True:
        try:
            result = work()
        except Exception as error:
            if not outage.failed(error) or time.monotonic() + outage.pause > limit:
                raise
            time.sleep(outage.pause)
        else:
            outage.over()
            return result


def require_room(folder: Path, needed: int) -> None:
    """Raise StorageUnavailable where so many bytes would leave too little to others."""
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE:
        raise StorageUnavailable(
            f"{folder}: about {(needed + RESERVE) >> 20} MB are needed and {free >> 20} MB are"
            " free: make room and try again"
        )
