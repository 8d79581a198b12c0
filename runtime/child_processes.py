"""Child processes of one parent that does nothing else; what dies is started again.

The parent has no threads, because it has to be able to fork at any time. What it has in memory
when it forks is shared with its children, as long as nobody writes to it.
"""

import contextlib
import ctypes
import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

PATIENCE: Final = 4.5  # seconds for children to end; then they are killed
FINISH: Final = signal.SIGUSR1  # asks a child to finish its work, and then to end
_LONGEST_FINISH = 4.0  # seconds; then it is asked to end as it is
_SHORT_LIFE = 2.0  # seconds; a child that dies younger is started again only after a pause,
_LONGEST_REST = 10.0  # seconds, which grows up to this if it dies young again
_M_ARENA_MAX = -8  # of mallopt(3)
_PR_SET_PDEATHSIG = 1  # of prctl(2)
_ENDING = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_ENDING, signal.SIGCHLD)


@dataclass(frozen=True)
class _Child:
    name: str
    born: float


class ChildProcesses:
    """The children of this process, each known by a name."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.stopping = False
        self._patience = patience
        self._alive: dict[int, _Child] = {}
        self._young: dict[str, int] = {}  # short lives in a row
        self._resting: dict[str, float] = {}  # until when

    def names(self, age: float = 0.0) -> set[str]:
        """Return who is running, for so many seconds at least."""
        born = time.monotonic() - age
        return {child.name for child in self._alive.values() if child.born <= born}

    def run(
        self,
        reconcile: Callable[[], float | None],
        every: float = 0.5,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Call `reconcile` until SIGTERM, to keep what is to run; then `on_stop`, and end all.

        It is called every so many seconds, or when it says, and at once when a child has ended or
        need rest no more.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.freeze()  # else the children's collector would write to all that is shared
        try:
            while not self.stopping:
                pause = reconcile() or every
                now = time.monotonic()
                rests = [until - now for until in self._resting.values() if until > now]
                self._wait(min([pause, *rests]))
        finally:
            on_stop()
            self.end(self.names())
            while signal.sigtimedwait(_SIGNALS, 0):
                pass  # asked once more meanwhile: it would kill a process that ends in order
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def keep(self, name: str, work: Callable[[], None]) -> None:
        """Start a child unless it is running, or has died young a moment ago."""
        if self.stopping or name in self.names() or time.monotonic() < self._resting.get(name, 0.0):
            return
        try:
            self._alive[self._fork(work, name)] = _Child(name, time.monotonic())
        except OSError as error:
            log.error("no process could be started name=%s reason=%s", name, error.strerror)
            self._rest(name)

    def finish(self, names: Collection[str]) -> None:
        """Let children finish their work, then end them; they must react to FINISH."""
        leaving = self._called(names)
        _send(leaving, FINISH)
        self._until_ended(leaving, _LONGEST_FINISH, unless_stopping=True)
        self.end(names)

    def end(self, names: Collection[str]) -> None:
        """End these children and wait for them; who does not end in time is killed."""
        leaving = self._called(names)
        _send(leaving, signal.SIGTERM)
        leaving = self._until_ended(leaving, self._patience)
        _send(leaving, signal.SIGKILL)
        for pid in leaving:
            log.error("killed what did not end name=%s", self._alive[pid].name)
            os.waitpid(pid, 0)
            del self._alive[pid]

    def run_once(self, work: Callable[[], None], patience: float) -> bool:
        """Have a child do something short and wait for it; False if it could not."""
        try:
            pid = self._fork(work)
        except OSError as error:
            log.error("no process could be started reason=%s", error.strerror)
            return False
        limit = time.monotonic() + patience
        while time.monotonic() < limit and not self.stopping:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status) == 0
            self._wait(0.05)
        _send([pid], signal.SIGKILL)
        os.waitpid(pid, 0)
        return False

    def _fork(self, work: Callable[[], None], name: str = "") -> int:
        # Nothing may interrupt the child before it has put down its parent's ways.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (*_SIGNALS, FINISH))
        try:
            parent = os.getpid()
            child = os.fork()
            if not child:
                self._live(work, name, parent)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    def _live(self, work: Callable[[], None], name: str, parent: int) -> None:
        """Be a child; does not return."""
        code = 1
        try:
            if name:
                call_process(name)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # FINISH waits until it is heeded
            _end_with(parent)
            work()
            code = 0
        except SystemExit as asked:
            code = asked.code if isinstance(asked.code, int) else 1
        except Exception:
            log.exception("a process failed")
        finally:
            logging.shutdown()
            os._exit(code)

    def _wait(self, seconds: float, leaving: Collection[int] = ()) -> None:
        """Wait for a signal or the time; see who has died."""
        received = signal.sigtimedwait(_SIGNALS, seconds)
        if received is not None and received.si_signo in _ENDING:
            log.info("stopping signal=%s", signal.Signals(received.si_signo).name)
            self.stopping = True
        for pid in [pid for pid in self._alive if pid not in leaving]:
            child = self._alive[pid]
            code = self._ended(pid)
            if code is not None:
                log.error("a process ended name=%s pid=%s code=%s", child.name, pid, code)
                if time.monotonic() - child.born < _SHORT_LIFE:
                    self._rest(child.name)
                else:
                    self._young.pop(child.name, None)

    def _called(self, names: Collection[str]) -> list[int]:
        return [pid for pid, child in self._alive.items() if child.name in names]

    def _until_ended(
        self, leaving: list[int], patience: float, *, unless_stopping: bool = False
    ) -> list[int]:
        """Wait until these have ended; return who has not in time."""
        limit = time.monotonic() + patience
        while leaving and time.monotonic() < limit and not (unless_stopping and self.stopping):
            leaving = [pid for pid in leaving if self._ended(pid) is None]
            if leaving:
                self._wait(0.05, leaving)
        return leaving

    def _ended(self, pid: int) -> int | None:
        """Return the exit code of a child that is gone, None while it lives."""
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return None
        del self._alive[pid]
        return os.waitstatus_to_exitcode(status)

    def _rest(self, name: str) -> None:
        self._young[name] = lives = self._young.get(name, 0) + 1
        self._resting[name] = time.monotonic() + min(_LONGEST_REST, 2.0 ** (lives - 1))


def compact() -> None:
    """Leave as little as possible in memory before children are forked that share it.

    glibc would give up to sixteen threads of each child a heap of their own, which only threads
    that do not take turns are faster with.
    """
    gc.collect()
    libc = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):  # another libc
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.malloc_trim(0)


def on_finish(finish: Callable[[], None]) -> None:
    """Call `finish` when the parent asks this child to finish its work and then to end."""
    signal.signal(FINISH, lambda _number, _frame: finish())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (FINISH,))


def call_process(name: str) -> None:
    """Have this process shown under a name to those who list processes, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name[:15])
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])  # of the command line, proc(5)
        line = f"starface2mqtt {name}".encode()[: end - begin - 1]
        ctypes.memmove(begin, line.ljust(end - begin, b"\0"), end - begin)


def _end_with(parent: int) -> None:
    """Have the system end this process when its parent is gone.

    A thread that waited for that would forbid it to have children of its own.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _send(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
