"""A line between two machines that can be cut: nothing passes, and neither end notices."""

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_LOOK = 0.1  # seconds


class Relay:
    """Passes connections on to a port of this machine; use it in a `with` block."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: dict[socket.socket, int] = {}  # where each connection leads
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_LOOK)
        self.port: int = self._listening.getsockname()[1]
        self._passing = threading.Event()
        self._passing.set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._passing.set()
        self._thread.join()
        self._listening.close()

    def cut(self) -> None:
        """Let nothing pass any more, in either direction; new connections get no answer."""
        self._passing.clear()

    def mend(self) -> None:
        """Let everything pass again, what waits first."""
        self._passing.set()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                near, _ = self._listening.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _targets(self) -> Sequence[int]:
        """Return the ports that a new connection may be passed on to, the best first."""
        return [self._to]

    def _connect(self, near: socket.socket) -> None:
        self._passing.wait()
        for port in self._targets():
            with contextlib.suppress(OSError):
                far = socket.create_connection(("127.0.0.1", port), 5)
                break
        else:
            near.close()
            return
        self._open[far] = port
        back = threading.Thread(target=self._pass, args=(far, near), daemon=True)
        back.start()
        self._pass(near, far)
        back.join()
        del self._open[far]
        near.close()
        far.close()

    def _drop(self, port: int) -> None:
        """End the connections to a port."""
        for far, to in list(self._open.items()):
            if to == port:
                with contextlib.suppress(OSError):
                    far.shutdown(socket.SHUT_RDWR)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        source.settimeout(_LOOK)
        while not self._stopping.is_set():
            try:
                data = source.recv(_CHUNK)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            self._passing.wait()
            try:
                target.sendall(data) if data else target.shutdown(socket.SHUT_RDWR)
            except OSError:
                data = b""
            if not data:
                with contextlib.suppress(OSError):
                    source.shutdown(socket.SHUT_RDWR)
                return
