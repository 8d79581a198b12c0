import queue
from collections.abc import Callable
from typing import NoReturn

from consumers.dial.process import TaskThreads


def test_a_task_that_fails_unexpectedly_is_no_longer_under_way() -> None:
    posted: queue.Queue[Callable[[], None]] = queue.Queue()
    tasks = TaskThreads(posted.put)
    results: list[str] = []

    def fail() -> NoReturn:
        raise RuntimeError("nobody expected this")

    tasks.run(fail, results.append)
    assert tasks.running == 1
    posted.get(timeout=10)()

    assert (tasks.running, results) == (0, [])


def test_a_result_is_under_way_until_it_is_kept() -> None:
    posted: queue.Queue[Callable[[], None]] = queue.Queue()
    tasks = TaskThreads(posted.put)
    results: list[str] = []

    tasks.run(lambda: "accepted", results.append)
    finish = posted.get(timeout=10)
    assert tasks.running == 1
    finish()

    assert (tasks.running, results) == (0, ["accepted"])
