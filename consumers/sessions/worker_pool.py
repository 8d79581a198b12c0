"""Threads that carry out tasks while the main thread decides; none keeps the process alive."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class WorkerPool:
    """A fixed number of daemon threads; results are handed to the main thread by `post`."""

    def __init__(self, count: int, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"task-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], T], then: Callable[[T | None], None]) -> None:
        """Have a task done, and its result handled in the main thread; None: it broke."""

        def work() -> None:
            try:
                result = task()
            except Exception:  # one user's bug must not take a thread from all
                log.exception("task failed")
                self._post(lambda: then(None))
            else:
                self._post(lambda: then(result))

        self._tasks.put(work)

    def close(self, within: float) -> None:
        """Let running tasks end, but wait no longer than this."""
        for _ in self._threads:
            self._tasks.put(None)
        limit = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, limit - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
