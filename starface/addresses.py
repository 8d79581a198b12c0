"""The addresses behind the PBX's name, found within a limit: name servers have none."""

import socket
import threading
import time

from starface.failures import PbxUnreachable

_KNOWN_FOR = 60.0  # seconds

Address = tuple[int, int, int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class Addresses:
    """The addresses of one name, asked for once a minute."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._known: list[Address] = []
        self._known_until = 0.0

    def found(self, deadline: float) -> list[Address]:
        """Return the addresses; raise PbxUnreachable when there are none by the deadline."""
        if time.monotonic() < self._known_until:
            return self._known
        found: list[Address] = []
        asking = threading.Thread(target=self._ask, args=(found,), daemon=True)
        asking.start()
        asking.join(max(deadline - time.monotonic(), 0.01))
        if not found:
            raise PbxUnreachable(
                "The name of STARFACE is not known to the name server; check host in [starface]."
            )
        self._known, self._known_until = found, time.monotonic() + _KNOWN_FOR
        return found

    def forget(self) -> None:
        """Ask again at the next request."""
        self._known_until = 0.0

    def _ask(self, found: list[Address]) -> None:
        try:
            answers = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # found stays empty, which says it
        found.extend(
            (family, kind, protocol, address) for family, kind, protocol, _, address in answers
        )
