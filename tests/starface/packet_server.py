"""A packet-level stand-in for the PBX that says exactly the bytes a test gives it."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starface.settings import StarfaceSettings
from starface.transport import Transport
from starface.xmlrpc.reading import Value, Writable, read_call, read_response, write_response

Script = Callable[[socket.socket, bytes], None]
QUERY = "de.vertico.starface.auth=0011:MARKER-TOKEN"
BODY = b"<methodCall><methodName>a</methodName></methodCall>"


class Request:
    """One request as it came, taken apart."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        self.verb, self.target, _ = first.split(" ")
        self.path = urlsplit(self.target).path
        query = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        self.query = {name: values[0] for name, values in query.items()}
        pairs = (line.split(": ", 1) for line in lines)
        self.headers = {name.lower(): value for name, value in pairs}

    @property
    def call(self) -> tuple[str, list[Value]]:
        """The XML-RPC call in the body."""
        return read_call(self.body)


def http(body: bytes, status: str = "200 OK", kind: str = "text/xml", *headers: str) -> bytes:
    """Return an HTTP answer."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def value(value: Writable) -> bytes:
    """Return an HTTP answer that is an XML-RPC value."""
    return http(write_response(value))


class Server:
    """Takes connections, reads one request of each, or more, and does what its script says."""

    def __init__(
        self, script: Script, context: ssl.SSLContext | None = None, *, keeps: bool = False
    ) -> None:
        self.connections = 0
        self._keeps = keeps
        self.requests: list[Request] = []
        self.finished = threading.Event()
        self._script = script
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """Stop, and wait for what is still running."""
        self.finished.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                way, _ = self._listening.accept()
                self._start(self._serve, way)

    def _serve(self, way: socket.socket) -> None:
        way.settimeout(10)
        try:
            if self._context:
                way = self._context.wrap_socket(way, server_side=True)
            with way:
                self.connections += 1
                while raw := received(way):
                    if b" HTTP/1.1\r\n" in raw:
                        self.requests.append(Request(raw))
                    self._script(way, raw)
                    if not self._keeps:
                        break
        except OSError:
            way.close()  # the client has gone, as some tests want


def received(way: socket.socket) -> bytes:
    """Read one request with its body; or a first piece of what is no HTTP."""
    raw = b""
    while b"\r\n\r\n" not in raw and not raw.startswith(b"\x16\x03"):
        if not (more := way.recv(65_536)):
            return raw
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length and (more := way.recv(65_536)):
        raw += more
        body += more
    return raw


def settings_for(server: Server, **changes: object) -> StarfaceSettings:
    """Return settings that lead to a server, with short limits."""
    plain: dict[str, object] = {
        "host": "127.0.0.1",
        "scheme": "http",
        "port": server.port,
        "connect_timeout": 1.0,
        "read_timeout": 1.0,
    }
    return StarfaceSettings.model_validate(plain | changes)


def post(server: Server, **changes: object) -> object:
    """Return what a server answers to a request."""
    return read_response(Transport(settings_for(server, **changes)).post(QUERY, BODY).body)


def hold(way: socket.socket, _: bytes) -> None:
    """Answer nothing until the client leaves."""
    way.settimeout(10)
    way.recv(1)


def json_answer(given: object, status: str = "200 OK", *headers: str) -> bytes:
    """Return an HTTP answer that is JSON."""
    return http(json.dumps(given).encode(), status, "application/json", *headers)


def by_path(answers: dict[str, bytes | Callable[[Request], bytes]]) -> Script:
    """Answer each "VERB /path" its own way, and 404 otherwise."""

    def script(way: socket.socket, raw: bytes) -> None:
        request = Request(raw)
        answer = answers.get(f"{request.verb} {request.path}", json_answer({}, "404 Not Found"))
        way.sendall(answer if isinstance(answer, bytes) else answer(request))

    return script
