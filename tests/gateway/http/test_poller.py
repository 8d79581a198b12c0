import socket
from collections.abc import Iterator
from typing import Any

import pytest
from waitress.wasyncore import dispatcher

from gateway.http.poller import Poller


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
