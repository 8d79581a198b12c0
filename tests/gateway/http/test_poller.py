import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from waitress.wasyncore import dispatcher

from gateway.http.poller import Poller
from tests.conftest import wait_until


class Received(dispatcher):  # type: ignore[misc]
    """A connection that wants to read, and notes what it read."""

    def __init__(self, sock: socket.socket, channels: dict[int, Any]) -> None:
        super().__init__(sock, channels)
        self.connected = True
        self.received = b""
        self.asked = 0

    def readable(self) -> bool:
        self.asked += 1
        return True

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.received += self.recv(100)


class Acceptor(dispatcher):  # type: ignore[misc]
    """A process's end of a listening socket that several share; it waits for one thing once."""

    def __init__(self, sock: socket.socket) -> None:
        self.channels: dict[int, Any] = {}
        super().__init__(sock.dup(), self.channels)
        self.accepting = True
        self.taken: list[socket.socket] = []
        self._poller = Poller(self.channels)
        self.thread = threading.Thread(target=self._poller.once, args=(20,), daemon=True)
        self.thread.start()

    def readable(self) -> bool:
        return True

    def handle_accept(self) -> None:
        if accepted := self.accept():
            self.taken.append(accepted[0])

    @property
    def waits(self) -> bool:
        """Whether its thread waits in the kernel for something to happen."""
        task = Path("/proc/self/task", str(self.thread.native_id), "wchan")
        return self.thread.is_alive() and "poll" in task.read_text()

    def end(self) -> None:
        self.thread.join(20)
        for connection in self.taken:
            connection.close()
        self.close()
        self._poller.close()


@pytest.fixture
def channels() -> Iterator[dict[int, Any]]:
    opened: dict[int, Any] = {}
    yield opened
    for channel in list(opened.values()):
        channel.close()


@pytest.fixture
def poller(channels: dict[int, Any]) -> Iterator[Poller]:
    poller = Poller(channels)
    yield poller
    poller.close()


def test_only_the_connection_that_something_came_on_is_asked(
    poller: Poller, channels: dict[int, Any]
) -> None:
    (one, far), (other, silent) = socket.socketpair(), socket.socketpair()
    speaking, quiet = Received(one, channels), Received(other, channels)
    poller.once(0)
    with far, silent:
        for _ in range(3):
            far.send(b"a")
            poller.once(1)

    assert speaking.received == b"aaa"
    assert (speaking.asked, quiet.asked) == (4, 1)


def test_a_new_connection_may_have_the_number_of_one_that_was_closed(
    poller: Poller, channels: dict[int, Any]
) -> None:
    one, far = socket.socketpair()
    number = one.fileno()
    gone = Received(one, channels)
    poller.once(0)
    gone.close()
    far.close()

    again, near = socket.socketpair()
    assert again.fileno() == number
    new = Received(again, channels)
    poller.changed(new)
    with near:
        near.send(b"b")
        poller.once(0)

    assert new.received == b"b"


def test_a_connection_wakes_one_of_the_processes_that_share_a_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as shared:
        acceptors = [Acceptor(shared) for _ in range(3)]
        connect = partial(socket.create_connection, shared.getsockname())
        waiting = list(acceptors)
        while waiting:
            wait_until(lambda: all(one.waits for one in waiting))
            with connect():
                wait_until(lambda: any(one.taken for one in waiting))
            waiting[:] = [one for one in waiting if not one.taken]
        for one in acceptors:
            one.end()

    assert [len(one.taken) for one in acceptors] == [1, 1, 1]
