"""Several processes behind the same listening sockets; what dies is started again.

The sockets belong to the parent, so a connection waits in the kernel while a child is replaced.
"""

from collections.abc import Callable


class WorkerProcesses:
    """Children of one parent that all do the same."""

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self._names = tuple(f"gateway {number}" for number in range(1, count + 1))
        self._work = work

    def run(self) -> None:
        """Keep them running until SIGTERM."""
        from runtime.child_processes import ChildProcesses  # only for systems that can fork

        children = ChildProcesses()

        def reconcile() -> None:
            for name in self._names:
                children.keep(name, self._work)

        children.run(reconcile)
