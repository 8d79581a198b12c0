"""How a process is, for this machine's monitoring: `/healthz`, `/readyz` and `/metrics`."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from runtime.addresses import split_address

log = logging.getLogger(__name__)

Faults = Callable[[], dict[str, str | None]]  # what it depends on, with what is wrong there
_PATIENCE = 5.0  # seconds for a request to be complete


class OperationsServer:
    """The endpoint, on an address of its own; use it in a `with` block.

    What is secondary stops nothing: a port that is taken is said and does without.
    """

    def __init__(
        self,
        listen: str,
        faults: Faults,
        metrics: Callable[[], str],
        harmless: Collection[str] = (),  # with whose faults the process is ready all the same
    ) -> None:
        self._listen = listen
        self._pages: dict[str, Callable[[], tuple[int, str, str]]] = {
            "/healthz": lambda: (200, "text/plain", "ok\n"),
            "/readyz": lambda: _readiness(faults(), harmless),
            "/metrics": lambda: (200, "text/plain; version=0.0.4; charset=utf-8", metrics()),
        }
        self._server: ThreadingTCPServer | None = None

    @property
    def port(self) -> int:
        """The port it listens on, 0 if it does not."""
        return self._server.server_address[1] if self._server else 0

    def __enter__(self) -> "OperationsServer":
        if self._listen:
            try:
                self._server = _EitherFamilyServer(
                    split_address(self._listen), _handler(self._pages)
                )
            except OSError as error:
                log.error(
                    "no operations endpoint at=%s reason=%s", self._listen, error.strerror or error
                )
            else:
                threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _EitherFamilyServer(ThreadingTCPServer):
    """Listens on an IPv4 or an IPv6 address.

    No HTTPServer, which asks DNS for its own name first: after a power cut nobody may answer there.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


def _readiness(faults: dict[str, str | None], harmless: Collection[str]) -> tuple[int, str, str]:
    ready = not any(fault for name, fault in faults.items() if name not in harmless)
    states = {name: fault or "ok" for name, fault in faults.items()}
    text = json.dumps({"ready": ready, "dependencies": states}) + "\n"
    return (200 if ready else 503), "application/json", text


def _handler(
    pages: dict[str, Callable[[], tuple[int, str, str]]],
) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        timeout = _PATIENCE

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, kind, text = page() if page else (404, "text/plain", "there is no such page\n")
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of each request."""

    return Page
