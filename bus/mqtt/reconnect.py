"""When and where to connect again.

After ever longer pauses, until a connection was healthy for a minute; where a broker has several
nodes, at the next one at once, and with pauses only between the rounds.
"""

import random
from collections.abc import Sequence
from zlib import crc32

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 4.0  # seconds between two rounds; who waits sees it soon
_LONGEST_OF_FLAPPING = 30.0  # seconds, where connections end at once again
_HEALTHY = 60.0  # seconds of being connected
_SHORT = 5.0  # seconds; connections that end so soon several times in a row
_SUSPICIOUS = 3  # may be those of two processes that throw each other out


class ReconnectPolicy:
    """What is remembered of the connections before.

    Each account begins at another node, so that they share the clients.
    """

    def __init__(self, addresses: Sequence[tuple[str, int]], account: str) -> None:
        self._addresses = addresses
        self._at = crc32(account.encode()) % len(addresses)
        self._untried = len(addresses)
        self._pause = _FIRST_PAUSE
        self._short = 0

    @property
    def address(self) -> tuple[str, int]:
        """The node for the next attempt."""
        return self._addresses[self._at]

    @property
    def tried_all(self) -> bool:
        """Whether no node is left to try before the next pause."""
        return self._untried <= 0

    def ended(self, connected: float | None) -> None:
        """Note the end of an attempt that was connected for some seconds; None: never."""
        self._short = self._short + 1 if connected is not None and connected < _SHORT else 0
        if connected is not None and connected >= _HEALTHY:
            self._pause = _FIRST_PAUSE
            self._untried = len(self._addresses)
        self._at = (self._at + 1) % len(self._addresses)
        # Two that throw each other out must not do so at every node without a pause.
        self._untried = 0 if self._short else self._untried - 1

    @property
    def suspicious(self) -> bool:
        """Whether another process may use the same account; a bad line looks so too."""
        return self._short >= _SUSPICIOUS

    def pause(self) -> float:
        """Return the seconds until the next attempt, longer after each round."""
        if not self.tried_all:
            return 0.0
        self._untried = len(self._addresses)
        seconds = self._pause * random.uniform(0.5, 1.0)  # noqa: S311
        flaps = self._short > 0 and len(self._addresses) == 1
        self._pause = min(_LONGEST_OF_FLAPPING if flaps else _LONGEST_PAUSE, self._pause * 1.6)
        return seconds
