"""Programs of ours in processes forked from one that has loaded them: a start costs milliseconds.

For tests that need a process but are not about its start; what `python -m cli` does from nothing,
the tests of `cli/` see.
"""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import reduction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_LOADED = (
    "cli.run.caller", "consumers.caller.process", "consumers.caller.processes",
    "consumers.desktop.process", "consumers.dial.process", "consumers.journal.process",
    "consumers.sessions.process", "gateway.process", "panel.process",
    "tests.forked_program",
)  # fmt: skip
_STDERR = 2
_forking = multiprocessing.get_context("forkserver")


class ForkedProgram:
    """A running program, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(
        self,
        program: str,
        *arguments: object,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        words = ["-c", *map(str, arguments)]
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.chdir(ROOT))  # where what is loaded is found
            output = stack.enter_context(log.open("ab")).fileno() if log else _STDERR
            self._process = _forking.Process(
                target=_run,
                args=(program, words, _Inherited(output), dict(environment or os.environ)),
                daemon=True,
            )
            _forking.set_forkserver_preload(list(_LOADED))
            self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Inherited:
    """A file descriptor that the process gets too, under a number of its own."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[object, ...]:
        return _Inherited._received, (reduction.DupFd(self.number),)

    @staticmethod
    def _received(sent: Any) -> "_Inherited":
        return _Inherited(sent.detach())


def _run(program: str, words: list[str], output: _Inherited, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    os.dup2(output.number, 1)
    os.dup2(output.number, _STDERR)
    os.close(output.number)
    exec(program, {"__name__": "__main__"})  # noqa: S102
