import threading
import time
from functools import partial

import pytest

from runtime.worker_pool import AnsweringPool, WorkerPool
from tests.conftest import wait_until


def test_tasks_are_done_beside_each_other() -> None:
    pool, together = WorkerPool("test", 2), threading.Barrier(3, timeout=5)
    pool.do(together.wait)
    pool.do(together.wait)

    together.wait()
    pool.close(5)


def test_a_task_that_breaks_takes_no_thread_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool, done = WorkerPool("test", 1), threading.Event()
    pool.do(lambda: 1 / 0)
    pool.do(done.set)

    assert done.wait(5)
    assert "task failed pool=test" in caplog.text
    pool.close(5)


def test_what_waits_is_done_before_the_end() -> None:
    pool, done = WorkerPool("test", 1), list[int]()
    for number in range(100):
        pool.do(partial(done.append, number))
    pool.close(5)

    assert done == list(range(100))


def test_more_than_may_wait_is_dropped_and_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = WorkerPool("test", 1, capacity=1)
    begun, proceed, done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        proceed.wait(5)

    pool.do(first)
    assert begun.wait(5)
    pool.do(lambda: None)
    pool.do(done.set)

    assert "too many tasks at once pool=test" in caplog.text
    began = time.monotonic()
    pool.close(0.1)
    assert time.monotonic() - began < 5, "it waits no longer than asked"
    proceed.set()
    assert not done.is_set()


def test_a_result_is_handed_over_and_none_for_a_task_that_broke() -> None:
    results: list[int | None] = []
    pool = AnsweringPool("test", 1, lambda work: work())
    pool.submit(lambda: 7, results.append)
    pool.submit(lambda: 1 // 0, results.append)

    wait_until(lambda: results == [7, None])
    pool.close(5)
