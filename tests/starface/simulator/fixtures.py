"""A plain client and a plain receiver: the simulator is tried without any code of ours between."""

import http.server
import ssl
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from starface.simulator import Simulator

TLS = ssl.create_default_context()  # made once: httpx makes one for each client otherwise
PREFIX = "de.vertico.starface."
TOKEN_0011 = (  # a published vector (P 2.2), not computed by the code under test
    "0011:2c1a012f448fa5514b26734aa2a94f3f03fd18dd92386ac59628878249be33a7"
    "a1cffe4478716e93c175f0d0f55d43f89e053f9257b9d77464970473ad4cc4d0"
)
MD5_0011 = "bb03cbdf42b1fc21d8e6fe51014b84da"
AD_0011 = "MDAxMSpHZWhlaW0jMjAyNA=="


@dataclass(frozen=True)
class Received:
    """One notification as it arrived."""

    path: str
    query: dict[str, list[str]]
    raw_query: str
    body: bytes
    method: str
    params: tuple[Any, ...]

    @property
    def state(self) -> str:
        return str(self.params[0].get("state", self.method.rpartition(".")[2]))

    @property
    def call(self) -> dict[str, Any]:
        call: dict[str, Any] = self.params[0]
        return call


@dataclass
class Receiver:
    """Keeps what it gets; answers with the status that is wanted."""

    port: int = 0
    status: int = 200
    received: list[Received] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)
    """Cleared: notifications are taken, and not answered."""

    def __post_init__(self) -> None:
        self.answers.set()

    @property
    def states(self) -> list[str]:
        return [each.state for each in self.received]

    def wait_for(self, count: int) -> list[Received]:
        wait_until(lambda: len(self.received) >= count)
        return self.received


@contextmanager
def listening() -> Iterator[Receiver]:
    """Receive notifications on a free port."""
    receiver = Receiver()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            params, method = xmlrpc.client.loads(body)
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            reported = (url.path, query, url.query, body, str(method), params)
            receiver.received.append(Received(*reported))
            receiver.answers.wait(5)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None: ...  # the simulator may have hung up

    with Server(("127.0.0.1", 0), Answer) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


class PlainClient:
    """Sends method calls of one user, as any program in the wild does."""

    def __init__(
        self, simulator: Simulator, receiver: Receiver | None = None, path: str = "/x", **query: str
    ) -> None:
        self._simulator = simulator
        self._http = httpx.Client(timeout=30, verify=TLS)
        self.query = {f"{PREFIX}auth": TOKEN_0011} | query
        if receiver is not None:
            self.query |= {
                f"{PREFIX}callback.type": "http",
                f"{PREFIX}callback.host": "127.0.0.1",
                f"{PREFIX}callback.port": str(receiver.port),
                f"{PREFIX}callback.path": path,
            }

    def __enter__(self) -> "PlainClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, method: str, *params: Any) -> httpx.Response:
        url = f"{self._simulator.url}/xml-rpc?{urlencode(self.query)}"
        return self._http.post(url, content=xmlrpc.client.dumps(params, method))

    def call(self, method: str, *params: Any) -> Any:
        (answer,), _ = xmlrpc.client.loads(self.post(method, *params).content)
        return answer

    def v22(self, method: str, *params: Any) -> Any:
        return self.call(f"ucp.v22.requests.{method}", *params)

    def v30(self, method: str, *params: Any) -> Any:
        return self.call(f"ucp.v30.requests.{method}", *params)

    def log_in(self, version: str = "v22") -> None:
        assert self.call(f"ucp.{version}.requests.connection.login") is True
        service = f"ucp.{version}.events.call"
        assert self.call(f"ucp.{version}.requests.service.subscribeEvents", service) is True


class Scene(NamedTuple):
    simulator: Simulator
    received: Receiver
    anna: PlainClient

    def states(self, count: int) -> list[str]:
        """Wait for so many notifications; return the states reported, in order."""
        return [each.state for each in self.received.wait_for(count)]


@contextmanager
def anna_listens(version: str = "v22", **switches: Any) -> Iterator[Scene]:
    """Let 0011 be logged in and subscribed at a simulator with these switches."""
    with listening() as receiver, Simulator() as simulator:
        simulator.set(**({"speed": 100} | switches))
        with PlainClient(simulator, receiver) as anna:
            anna.log_in(version)
            yield Scene(simulator, receiver, anna)


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait for a condition, at most so long."""
    limit = time.monotonic() + seconds
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        tick.wait(0.01)
