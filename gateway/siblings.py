"""Several processes behind the same listening sockets; what dies is started again.

The sockets belong to the parent, so a connection waits in the kernel while a child is replaced.
"""

from collections.abc import Callable

from bus.children import Children


class Siblings:
    """Children of one parent that all do the same."""

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self._names = tuple(f"gateway {number}" for number in range(1, count + 1))
        self._work = work
        self._children = Children()

    def run(self) -> None:
        """Keep them running until SIGTERM."""
        self._children.run(self._tend)

    def _tend(self) -> None:
        for name in self._names:
            self._children.keep(name, self._work)
