"""The door of the panel against those who keep it shut, with real sockets."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import falcon.asgi
import httpx
import pytest
import uvicorn

from panel.api import Entrance
from panel.connections import PatientLoop, PatientProtocol, Places
from tests.conftest import wait_until


class Hello:
    """Answers a word, or a stream without end."""

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.text = f"hello {req.root_path}{req.path}"

    async def on_post(self, req: Any, resp: Any) -> None:
        resp.text = str(len(await req.stream.read()))

    async def on_get_stream(self, req: Any, resp: Any) -> None:
        async def events() -> Any:
            while True:
                await asyncio.sleep(0.05)
                yield falcon.asgi.SSEvent(text="x")

        resp.sse = events()


class Patient(PatientProtocol):
    """With room for twenty, so that a test need not open thousands."""

    places = Places(20)
    request_within = 0.5


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    app: Any = falcon.asgi.App()
    app.add_route("/hello", Hello())
    app.add_route("/stream", Hello(), suffix="stream")
    entrance: Any = Entrance(app, "/telephone", tls=False)
    config = uvicorn.Config(entrance, http=Patient, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with asyncio.Runner(loop_factory=PatientLoop) as runner:
                runner.run(server._serve([listening]))

        thread = threading.Thread(target=serve)
        thread.start()
        wait_until(lambda: server.started)
        yield listening.getsockname()
        server.should_exit = server.force_exit = True
        thread.join(10)


def _answers(address: tuple[str, int]) -> bool:
    answer = httpx.get(f"http://{address[0]}:{address[1]}/hello", timeout=2)
    return answer.text == "hello /hello"


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(5)
    with contextlib.suppress(ConnectionError):
        while connection.recv(1000):
            pass
    return True


def test_a_silent_connection_is_closed(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as silent:
        assert _is_closed(silent)


@pytest.mark.parametrize(
    "start",
    [
        b"GET /hello HTTP/1.1\r\n",
        b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n",
    ],
)
def test_a_dripping_request_is_closed_in_time(address: tuple[str, int], start: bytes) -> None:
    with socket.create_connection(address) as dripping:
        dripping.sendall(start)
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 5:
                dripping.sendall(b"x")
                time.sleep(0.05)

        assert time.monotonic() - started < 4


def test_many_silent_connections_keep_nobody_out(address: tuple[str, int]) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(address))

        assert all(_answers(address) for _ in range(5))


def test_a_stream_stays_while_others_are_turned_away(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as stream, contextlib.ExitStack() as stack:
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.settimeout(5)
        assert stream.recv(1000)
        for _ in range(60):
            stack.enter_context(socket.create_connection(address))
        assert _answers(address)
        limit = time.monotonic() + 1.5
        while time.monotonic() < limit:
            assert stream.recv(1000)


@pytest.mark.parametrize(
    "start",
    [
        b"GET /hello HTTP/9.9\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_what_is_not_http_1_is_answered_400(address: tuple[str, int], start: bytes) -> None:
    with socket.create_connection(address) as strange:
        strange.sendall(start)
        strange.settimeout(5)

        assert strange.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_prefix_of_a_proxy_is_taken_off(address: tuple[str, int]) -> None:
    base = f"http://{address[0]}:{address[1]}"

    assert httpx.get(f"{base}/telephone/hello").text == "hello /telephone/hello"
    assert httpx.get(f"{base}/telephonehello").status_code == 404


@pytest.mark.parametrize(
    ("scheme", "client", "status"),
    [("http", "192.0.2.7", 403), ("https", "192.0.2.7", 200), ("http", "127.0.0.1", 200)],
)
def test_plain_http_from_elsewhere_is_refused_with_the_fix(
    scheme: str, client: str, status: int
) -> None:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "scheme": scheme, "client": (client, 1), "path": "/",
    }  # fmt: skip
    asyncio.run(Entrance(app, "", tls=False)(scope, None, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == status
    assert (status != 403) or b"certificate and private_key" in sent[1]["body"]
