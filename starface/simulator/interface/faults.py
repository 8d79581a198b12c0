"""The ways in which a PBX, or what stands before it, answers badly."""

import functools
import gzip
import threading
from collections.abc import Iterator

import falcon

from starface.simulator.interface.http_port import break_connection
from starface.simulator.model.switches import Switches
from starface.xmlrpc.reading import write_fault

_HTML = b"<!DOCTYPE html><html><body><h1>STARFACE</h1><form>Login</form></body></html>"
_ELSEWHERE = "http://192.0.2.1/xml-rpc"  # an address that is nobody's
_MEGABYTE = 1024 * 1024
BEFORE = frozenset({"fault", "drop_before", "html", "status_502", "redirect", "huge", "gzip_bomb"})


class FaultInjector:
    """Decides which request meets trouble, and makes it."""

    def __init__(self, switches: Switches, stopping: threading.Event) -> None:
        self._switches = switches
        self._stopping = stopping
        self._lock = threading.Lock()

    def met_by(self, method: str) -> str:
        """Return the trouble that this request meets, mostly none."""
        switches = self._switches
        wanted = switches.trouble_methods
        if switches.trouble == "none" or (wanted and method.rpartition(".")[2] not in wanted):
            return "none"
        with self._lock:
            if switches.trouble_times == 0:
                return "none"
            if switches.trouble_times is not None:
                switches.trouble_times -= 1
        return switches.trouble

    def make(self, kind: str, req: falcon.Request, resp: falcon.Response) -> None:
        """Turn an answer into the wanted trouble."""
        match kind:
            case "fault":
                resp.data = write_fault(self._switches.fault_code, self._switches.fault_text)
            case "slow":
                self._stopping.wait(self._switches.slow_seconds)
            case "drop_before" | "drop_after":
                break_connection(req.env)
            case "html":
                html(resp, falcon.HTTP_200)
            case "status_502":
                html(resp, falcon.HTTP_502)
            case "redirect":
                redirect(resp, _ELSEWHERE)
            case "huge":
                resp.data = _huge()
            case "gzip_bomb":
                resp.set_header("Content-Encoding", "gzip")
                resp.data = _bomb()
            case "half":
                resp.data = (resp.data or b"")[: len(resp.data or b"") // 2]
            case "latin1":
                resp.data = (resp.data or b"") + "<!-- Zürich -->".encode("latin-1")
            case "drip":
                resp.stream = self._drip(resp.data or b"")
                resp.data = None

    def _drip(self, document: bytes) -> Iterator[bytes]:
        for byte in document:
            if self._stopping.wait(self._switches.slow_seconds / 4):
                return
            yield bytes([byte])


def html(resp: falcon.Response, status: str) -> None:
    """Answer with a page where a document is expected."""
    resp.status = status
    resp.content_type = "text/html;charset=UTF-8"
    resp.data = _HTML


def redirect(resp: falcon.Response, where: str) -> None:
    """Send the client elsewhere."""
    html(resp, falcon.HTTP_302)
    resp.set_header("Location", where)


@functools.cache
def _huge() -> bytes:
    return b"<methodResponse><params><param><value><string>" + b"x" * (10 * _MEGABYTE)


@functools.cache
@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(100 * _MEGABYTE), compresslevel=1)
