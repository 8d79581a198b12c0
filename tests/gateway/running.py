"""A gateway as a real process, and a PBX that notifies it, for the tests."""

import contextlib
import json
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from bus.settings import BrokerSettings
from gateway.settings import GatewaySettings
from starface.callback import callback_path
from starface.xmlrpc.reading import write_call
from tests.conftest import ROOT, wait_until
from tests.forked_program import ForkedProgram

KEY = b"k" * 32
PROGRAM = """
import logging, sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from gateway.process import run
from gateway.settings import GatewaySettings
configure_logging("DEBUG")
run(GatewaySettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]),
    NumberProfile(country="CH", area_code="44"), b"k" * 32, Path(sys.argv[3]))
"""


class GatewayProcess:
    """Can be ended in order, killed, and started again on the same folder and port."""

    COMMAND: tuple[str, ...] = ()  # what starts the program, where it is not just forked

    def __init__(self, folder: Path, broker: BrokerSettings, port: int, **settings: object) -> None:
        self.folder = folder
        self.port = port
        self.secure = 0  # the port with TLS, if there is one
        self.operations = 0  # the port of the operations endpoint, if there is one
        self.log = folder.parent / f"gateway-{port}.log"
        reported = {"listen": (f"127.0.0.1:{port}",), "operations": "", **settings}
        self._arguments = [
            GatewaySettings.model_validate(reported).model_dump_json(),
            broker.model_dump_json(),
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | ForkedProgram | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def children(self) -> dict[int, str]:
        """Return the processes it has forked and what they are called."""
        found = {}
        for child in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                found[child.pid] = child.name()
        return found

    def workers(self) -> list[int]:
        """Return those of them that answer the PBX."""
        return [pid for pid, name in self.children().items() if name.startswith("gateway ")]

    def publisher(self) -> int:
        """Return the one that publishes; raise StopIteration while there is none."""
        return next(pid for pid, name in self.children().items() if name == "publisher")

    def start(self) -> None:
        if self.COMMAND:
            words = [*self.COMMAND, PROGRAM, *self._arguments]
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(words, cwd=ROOT, stderr=log, stdout=log)
        else:
            self._process = ForkedProgram(PROGRAM, *self._arguments, log=self.log)
        wait_until(self.answers, 30)  # as long as a busy machine needs to start Python

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return request(self.port, "GET", "/")[0] == 200
        except OSError:
            return False

    def stop(self, timeout: float = 5.0) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout)
        self._process = None
        return code

    def kill(self) -> None:
        """Kill all its processes at once, as a machine that fails does."""
        assert self._process is not None
        parent = psutil.Process(self.pid)
        parent.suspend()  # it would start children again, and they would end in order without it
        children = parent.children()
        for process in (*children, parent):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(5)
        wait_until(lambda: not any(map(_runs, children)))
        self._process = None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def path_of(user: str, token: str | None = None) -> str:
    return callback_path(user, KEY, token)


def call_state(call_id: str, state: object = "RINGING", **members: Any) -> bytes:
    reported = {
        "id": call_id,
        "state": state,
        "timestamp": "20250314T09:15:21",
        "callerNumber": "0041441234567",
        "callerName": "Grace Hopper",
        "calledNumber": "11",
        "calledName": "Anna Beispiel",
        **members,
    }
    return write_call("ucp.v22.events.call.receiveCallState", [reported])


def raw(port: int, payload: bytes, timeout: float = 5.0, host: str = "127.0.0.1") -> bytes:
    """Send bytes and return all that comes back until the other side closes."""
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(payload)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def request(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    timeout: float = 5.0,
) -> tuple[int, dict[str, str], bytes]:
    reported = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in reported.items())
    answer = raw(port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body, timeout)
    return parsed(answer)


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, rest = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    if not first:
        raise ConnectionResetError("no answer")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    return int(first.split()[1]), headers, rest


def notify(port: int, path: str, body: bytes, user: str | None = None, timeout: float = 5.0) -> int:
    query = f"?de.vertico.starface.user={user}" if user else ""
    headers = {"Content-Type": "text/xml"}
    status, _, _ = request(port, "POST", path + query, body, headers, timeout)
    return status


def reported(payload: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(payload)
    return event
