"""Threads that carry out tasks while the main thread decides; none keeps the process alive."""

import logging
import math
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class WorkerPool:
    """Up to `count` daemon threads; a task beyond the `capacity` that waits already is dropped."""

    def __init__(self, name: str, count: int, *, capacity: float = math.inf) -> None:
        self._name = name
        self._count = count
        self._capacity = capacity
        self._tasks: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def do(self, task: Callable[[], object]) -> None:
        """Have a task done; what it returns counts for nothing."""
        if len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        if self._tasks.qsize() < self._capacity:
            self._tasks.put(task)
        else:
            log.error("too many tasks at once pool=%s", self._name)

    def close(self, within: float) -> None:
        """Let what waits and runs end, but wait no longer than this."""
        limit = time.monotonic() + within
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(max(0.0, limit - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception:  # one bug must not take a thread from all
                log.exception("task failed pool=%s", self._name)


class AnsweringPool(WorkerPool):
    """A pool whose results are handed to the main thread by `post`."""

    def __init__(self, name: str, count: int, post: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(name, count)
        self._post = post

    def submit(self, task: Callable[[], T], then: Callable[[T | None], None]) -> None:
        """Have a task done, and its result handled in the main thread; None: it broke."""

        def work() -> None:
            result: T | None = None
            try:
                result = task()
            finally:
                self._post(lambda: then(result))

        self.do(work)
