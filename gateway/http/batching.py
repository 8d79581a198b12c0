"""Requests that come together are answered together, so that they share one write to disk.

All requests of a round run in the loop's own thread, each as a greenlet up to the point where it
needs the disk; then the first writes for all. Threads would hand the interpreter's lock to each
other several times for each request, which costs more than the request (docs/performance.md).
"""

import logging
from collections import deque
from typing import Any, NoReturn

from greenlet import getcurrent, greenlet

log = logging.getLogger(__name__)

_KEPT = 64  # greenlets; a new one costs a piece of memory from the system and its return


class RequestBatch:
    """What waitress calls its dispatcher: the requests that are complete and not answered yet."""

    def __init__(self) -> None:
        self._complete: deque[Any] = deque()
        self._idle: list[greenlet] = []

    def add_task(self, channel: Any) -> None:
        """Take in a connection whose request is complete."""
        self._complete.append(channel)

    def serve(self) -> None:
        """Answer all that are complete."""
        if len(self._complete) == 1:  # nobody to wait for, so no greenlet is needed
            _answer(self._complete.popleft())
        begun = []
        while self._complete:
            worker = self._idle.pop() if self._idle else greenlet(_answer_one_after_another)
            begun.append((worker, worker.switch(self._complete.popleft())))
        for worker, waits in begun:
            while waits:
                waits = worker.switch()
            if len(self._idle) < _KEPT:
                self._idle.append(worker)


def yield_to_batch() -> None:
    """Let the other requests of this round come as far as this one; elsewhere do nothing."""
    _wait(True)


def _wait(waits: bool) -> Any:
    """Let the loop continue, where there is one; return what it hands over."""
    loop = getcurrent().parent
    return loop.switch(waits) if loop is not None else None


def _answer_one_after_another(channel: Any) -> NoReturn:
    while True:
        _answer(channel)
        channel = _wait(False)


def _answer(channel: Any) -> None:
    """Answer a request. A fault, which waitress has not caught, ends its connection alone."""
    try:
        channel.service()
    except Exception as error:
        log.error("a connection failed kind=%s", type(error).__name__)  # its text may hold a number
        log.debug("a connection failed", exc_info=True)
        channel.cancel()
