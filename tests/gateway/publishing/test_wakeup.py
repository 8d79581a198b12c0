import threading
from contextlib import closing
from pathlib import Path

from gateway.publishing.wakeup import NAME, Waker, WakeupListener


def test_every_process_that_appends_wakes_the_one_that_publishes(tmp_path: Path) -> None:
    woken = threading.Semaphore(0)
    with (
        closing(Waker(tmp_path)) as one,
        closing(Waker(tmp_path)) as other,
        closing(WakeupListener(tmp_path, woken.release)),
    ):
        for waker in (one, other, one):
            waker.notify()
            assert woken.acquire(timeout=10)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_what_came_before_anybody_listened_wakes_the_listener(tmp_path: Path) -> None:
    woken = threading.Event()
    with closing(Waker(tmp_path)) as waker:
        waker.notify()
        with closing(WakeupListener(tmp_path, woken.set)):
            assert woken.wait(10)


def test_nobody_waits_when_the_pipe_is_full(tmp_path: Path) -> None:
    with closing(Waker(tmp_path)) as waker:
        for _ in range(70_000):  # a pipe holds 65,536 bytes
            waker.notify()
