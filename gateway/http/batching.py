"""Requests that come together are answered together, so that they share one write to disk.

All requests of a round run in the loop's own thread, each as a greenlet up to the point where it
needs the disk; then the first writes for all. Threads would hand the interpreter's lock to each
other several times for each request, which costs more than the request (docs/performance.md).
"""

import logging
from collections import deque
from typing import Any

from greenlet import getcurrent, greenlet

log = logging.getLogger(__name__)


class RequestBatch:
    """What waitress calls its dispatcher: the requests that are complete and not answered yet."""

    def __init__(self) -> None:
        self._complete: deque[Any] = deque()

    def add_task(self, channel: Any) -> None:
        """Take in a connection whose request is complete."""
        self._complete.append(channel)

    def serve(self) -> None:
        """Answer all that are complete."""
        if len(self._complete) == 1:  # nobody to wait for, so no greenlet is needed
            _resume(self._complete.popleft(), alone=True)
        begun = []
        while self._complete:
            channel = self._complete.popleft()
            request = _resume(channel)
            if request is not None:
                begun.append((channel, request))
        for channel, request in begun:
            _resume(channel, request)


def _resume(
    channel: Any, request: greenlet | None = None, *, alone: bool = False
) -> greenlet | None:
    """Begin or resume a request, return it unless it has ended.

    A fault, which waitress has not caught, ends its connection alone.
    """
    try:
        if alone:
            channel.service()
            return None
        request = request or greenlet(channel.service)
        request.switch()
    except Exception as error:
        log.error("a connection failed kind=%s", type(error).__name__)  # its text may hold a number
        log.debug("a connection failed", exc_info=True)
        channel.cancel()
        return None
    return None if request.dead else request


def yield_to_batch() -> None:
    """Let the other requests of this round come as far as this one; elsewhere do nothing."""
    serving = getcurrent().parent
    if serving is not None:
        serving.switch()
