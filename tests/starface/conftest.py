"""What the tests of the PBX's client share."""

import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from tests.starface.packet_server import Script, Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers on free ports; the answer is a script, bytes, or bytes one after the other."""
    servers: list[Server] = []

    def start(
        *answers: bytes | Script, context: ssl.SSLContext | None = None, keeps: bool = False
    ) -> Server:
        left = list(answers)

        def script(way: socket.socket, raw: bytes) -> None:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, bytes):
                way.sendall(answer)
            else:
                answer(way, raw)

        server = Server(script, context, keeps=keeps)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()
