"""Which connections have something to do, without asking each of them each time.

waitress's own loop asks all connections before every wait, which costs more than the work once
there are some dozens. Here only those are asked that something happened to, and all once a second.
"""

import select
import time
from collections import Counter, deque
from typing import Any, Final

from waitress.wasyncore import readwrite

_SWEEP = 1.0  # seconds between two looks at all connections
_ACCEPTING = select.EPOLLIN | select.EPOLLEXCLUSIVE


class Poller:
    """The connections of a process; for its loop only."""

    def __init__(self, channels: dict[int, Any]) -> None:
        self.held: Final = Counter[str]()  # connections by address
        self._channels = channels
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[Any, int]] = {}
        self._changed: deque[Any] = deque()
        self._swept = 0.0

    def changed(self, channel: Any) -> None:
        """Note that a connection may want something else now."""
        self._changed.append(channel)

    def gone(self, descriptor: int, address: str) -> None:
        """Forget a connection that is about to be closed."""
        self._watched.pop(descriptor, None)
        self.held[address] -= 1
        if self.held[address] <= 0:
            del self.held[address]

    def leave(self, descriptor: int) -> None:
        """Stop watching a listening socket, which other processes keep open."""
        if self._watched.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def once(self, timeout: float) -> None:
        """Wait for something to happen and have it done."""
        now = time.monotonic()
        if now - self._swept >= _SWEEP:
            self._swept = now
            for each in list(self._channels.values()):
                self._look(each)
        while self._changed:
            self._look(self._changed.popleft())
        accepting = []
        for descriptor, flags in self._epoll.poll(timeout):
            known = self._watched.get(descriptor)
            if known is None or self._channels.get(descriptor) is not known[0]:
                continue
            channel: Any = known[0]
            if channel.accepting:
                accepting.append((channel, flags))
            else:
                self._watched[descriptor] = channel, 0  # it was armed for one event only
                readwrite(channel, flags)
                self._look(channel)
        # Last, because a new connection may get the number of one that was closed above.
        for channel, flags in accepting:
            readwrite(channel, flags)
            self._look(channel)

    def close(self) -> None:
        """Watch nothing more."""
        self._epoll.close()

    def _look(self, channel: Any) -> None:
        descriptor = channel._fileno
        if descriptor is None or self._channels.get(descriptor) is not channel:
            return
        wanted = self._wanted(channel)
        known = self._watched.get(descriptor)
        if known is None or known[0] is not channel:
            if wanted:
                self._epoll.register(descriptor, wanted)
                self._watched[descriptor] = channel, wanted
        elif channel.accepting and not wanted:
            self.leave(descriptor)
        elif known[1] != wanted:
            self._epoll.modify(descriptor, wanted or select.EPOLLONESHOT)
            self._watched[descriptor] = channel, wanted

    @staticmethod
    def _wanted(channel: Any) -> int:
        readable = channel.readable()
        if channel.accepting:  # one of the processes that share it is enough for a connection
            return _ACCEPTING if readable else 0
        wanted = select.EPOLLIN | select.EPOLLPRI if readable else 0
        if channel.writable():
            wanted |= select.EPOLLOUT
        return wanted and wanted | select.EPOLLONESHOT
