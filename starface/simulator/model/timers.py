"""What is to happen later, in one thread: people who lift, answer and hang up."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

Job = Callable[[], None]


class Timers:
    """Runs jobs at their time, in order."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, int, Job]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="timetable", daemon=True)

    def __enter__(self) -> "Timers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def after(self, seconds: float, job: Job) -> None:
        """Run a job in so many seconds; none is run after the end."""
        with self._changed:
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._count), job))
            self._changed.notify()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:  # (one bad job must not stop the others)
                log.exception("job failed")

    def _next(self) -> Job | None:
        with self._changed:
            while not self._stopping:
                if not self._jobs:
                    self._changed.wait()
                elif (left := self._jobs[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    return heapq.heappop(self._jobs)[2]
        return None
