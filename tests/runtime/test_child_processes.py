import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import wait_until

ROOT = Path(__file__).parent.parent.parent
# The children write a line each time they start; `wanted` names who is to run.
_PARENT = """
import logging, os, signal, sys, time
from pathlib import Path
from runtime.child_processes import ChildProcesses, on_finish
from runtime.process import configure_logging
from runtime.process import stop_on_signals
folder = Path(sys.argv[1])
configure_logging()
children = ChildProcesses()
def work(name):
    with (folder / "starts").open("a") as file:
        file.write(f"{name} {os.getpid()}\\n")
    if name == "weak":
        raise SystemExit(3)
    if name == "faulty":
        raise ValueError("cannot work")
    if name == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / f"{name}.up").touch()
    if name == "busy":
        asked = []
        on_finish(lambda: asked.append(True))
        while not asked:
            time.sleep(0.01)
        (folder / "finished").touch()
        return
    while True:
        time.sleep(60)
def tend():
    wanted = (folder / "wanted").read_text().split()
    children.finish(children.names() & {"busy"} - set(wanted))
    children.end(children.names() - set(wanted))
    for name in wanted:
        children.keep(name, lambda name=name: work(name))
    (folder / "running").write_text(" ".join(sorted(children.names())))
children.run(tend, 0.05)
(folder / "ended").touch()
"""


class Family:
    """A parent process and what its children wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.want("one two")
        words = [sys.executable, "-c", _PARENT, str(folder)]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.parent = subprocess.Popen(words, cwd=ROOT, stderr=log)

    def want(self, names: str) -> None:
        (self.folder / "half").write_text(names)
        (self.folder / "half").replace(self.folder / "wanted")

    def starts(self, name: str) -> list[int]:
        """Return the process ids of all starts of a child."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line.split()[1]) for line in lines if line.split()[0] == name]

    def is_up(self, name: str) -> bool:
        return (self.folder / f"{name}.up").exists()


@contextmanager
def family(folder: Path) -> Iterator[Family]:
    running = Family(folder)
    try:
        wait_until(lambda: running.is_up("one") and running.is_up("two"))
        yield running
    finally:
        running.parent.kill()
        running.parent.wait()


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not Path(f"/proc/{pid}").exists()


def test_a_child_that_dies_is_started_again_and_the_others_continue(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        os.kill(running.starts("one")[0], signal.SIGKILL)
        wait_until(lambda: len(running.starts("one")) == 2)

        assert len(running.starts("two")) == 1
        assert "a process ended name=one" in running.log.read_text()


def test_a_child_no_longer_wanted_is_ended(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        running.want("two three")
        wait_until(lambda: running.is_up("three"))
        wait_until(gone(running.starts("one")[0]))

        assert len(running.starts("two")) == 1
        assert "a process ended" not in running.log.read_text()


def test_a_child_may_finish_what_it_has_before_it_ends(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        running.want("one busy")
        wait_until(lambda: running.is_up("busy"))
        running.want("one")
        wait_until(gone(running.starts("busy")[0]))

        assert (tmp_path / "finished").exists()
        assert "a process ended" not in running.log.read_text()


def test_a_child_that_dies_young_rests_and_holds_up_nobody(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        running.want("one two weak")
        wait_until(lambda: running.starts("weak"))
        running.want("one two weak three")
        wait_until(lambda: running.is_up("three"))

        assert len(running.starts("weak")) < 3
        wait_until(lambda: len(running.starts("weak")) >= 3)
        assert "name=weak" in running.log.read_text()
        assert "code=3" in running.log.read_text()


def test_why_a_child_failed_is_in_the_log(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        running.want("one two faulty")

        wait_until(lambda: "ValueError" in running.log.read_text())


def test_all_end_with_a_parent_asked_twice_also_who_does_not_listen(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        running.want("one two deaf")
        wait_until(lambda: running.is_up("deaf"))
        pids = [running.starts(name)[0] for name in ("one", "two", "deaf")]
        running.parent.terminate()
        wait_until(gone(pids[0]))
        running.parent.terminate()

        assert running.parent.wait(6) == 0
        assert (tmp_path / "ended").exists()
        for pid in pids:
            wait_until(gone(pid))


def test_children_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    with family(tmp_path) as running:
        pids = [running.starts(name)[0] for name in ("one", "two")]
        running.parent.kill()

        for pid in pids:
            wait_until(gone(pid))
