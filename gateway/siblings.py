"""Several processes behind the same listening sockets; what dies is started again.

The sockets belong to the parent, so a connection waits in the kernel while a child is replaced.
The parent has no threads and does nothing else, because it has to be able to fork at any time.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

log = logging.getLogger(__name__)

_SHORT_LIFE = 2.0  # seconds; a child that dies younger is started again only after a pause
_PATIENCE = 4.5  # seconds for the children to end; then they are killed


class Siblings:
    """The children of one parent."""

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self._count: Final = count
        self._work = work
        self._born: dict[int, float] = {}
        self._stopping = False
        self._lifeline = os.pipe()

    def run(self) -> None:
        """Keep them running until SIGTERM."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while len(self._born) < self._count:
            self._start()
        while self._born and not self._stopping:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                signal.sigtimedwait([signal.SIGCHLD], 0.5)
            else:
                self._replace(child, status)
        self._end()

    def _start(self) -> None:
        child = os.fork()
        if child:
            self._born[child] = time.monotonic()
            return
        code = 1
        try:
            os.close(self._lifeline[1])
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            self._work()
            code = 0
        finally:
            logging.shutdown()
            os._exit(code)

    def _end_with_parent(self) -> None:
        os.read(self._lifeline[0], 1)  # returns when the parent is gone
        os.kill(os.getpid(), signal.SIGTERM)

    def _replace(self, child: int, status: int) -> None:
        lived = time.monotonic() - self._born.pop(child, 0.0)
        log.error("a process ended pid=%s code=%s", child, os.waitstatus_to_exitcode(status))
        if lived < _SHORT_LIFE:
            signal.sigtimedwait([signal.SIGTERM, signal.SIGINT], 1.0)
        if not self._stopping:
            self._start()

    def _stop(self, number: int, _: FrameType | None) -> None:
        log.info("stopping signal=%s", signal.Signals(number).name)
        self._stopping = True

    def _end(self) -> None:
        limit = time.monotonic() + _PATIENCE
        self._tell(signal.SIGTERM)
        while self._born and time.monotonic() < limit:
            child, _ = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                time.sleep(0.02)
            self._born.pop(child, None)
        self._tell(signal.SIGKILL)

    def _tell(self, number: signal.Signals) -> None:
        for child in self._born:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
