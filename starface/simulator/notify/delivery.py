"""Delivers notifications: one after the other to each session, to several sessions at once."""

import contextlib
import functools
import http.client
import logging
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from starface.simulator.model.sessions import SimulatedSession
from starface.simulator.model.switches import Switches
from starface.simulator.notify import format as notification_format
from starface.xmlrpc.reading import Writable

log = logging.getLogger(__name__)

_AT_ONCE = 32
_LOGGED = 100_000


@dataclass(frozen=True)
class DeliveryAttempt:
    """One attempt to deliver a notification, and its result."""

    at: datetime
    user: str
    call_id: str
    state: str
    method: str
    status: int | None
    error: str
    attempt: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it for the log at the control door."""
        return asdict(self) | {"at": self.at.isoformat(timespec="milliseconds")}


@dataclass(frozen=True)
class _QueuedNotification:
    method: str
    call_id: str
    state: str
    body: bytes


class CallbackDelivery:
    """A queue for each session, worked off by a few threads."""

    def __init__(
        self,
        switches: Switches,
        failed: Callable[[SimulatedSession], None],
        reachable: Callable[[], bool],
    ) -> None:
        self.log: deque[DeliveryAttempt] = deque(maxlen=_LOGGED)
        self._switches = switches
        self._failed = failed
        self._reachable = reachable
        self._waiting: dict[SimulatedSession, deque[_QueuedNotification]] = {}
        self._open: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="callbacks")

    def __enter__(self) -> "CallbackDelivery":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for connection in list(self._open):
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
        self._workers.shutdown(wait=True, cancel_futures=True)

    def send(
        self,
        session: SimulatedSession,
        method: str,
        params: list[Writable],
        call_id: str,
        state: str,
    ) -> None:
        """Put a notification into the session's queue."""
        if session.callback is None or self._stopping.is_set():
            return
        letter = _QueuedNotification(
            method, call_id, state, notification_format.body(method, params, self._switches)
        )
        with self._lock:
            idle = session not in self._waiting
            queue = self._waiting.setdefault(session, deque())
            queue.extend([letter] * self._switches.repeat)
        if idle:
            self._workers.submit(self._work_off, session)

    def idle(self) -> bool:
        """Return whether nothing waits to be delivered."""
        with self._lock:
            return not self._waiting

    def _work_off(self, session: SimulatedSession) -> None:
        while not self._stopping.is_set():
            with self._lock:
                queue = self._waiting[session]
                if not queue:
                    del self._waiting[session]
                    return
                letter = queue.popleft()
            if not self._deliver(session, letter) and self._switches.on_failure == "drop":
                self._failed(session)

    def _deliver(self, session: SimulatedSession, letter: _QueuedNotification) -> bool:
        for attempt in range(1, self._switches.retries + 2):
            if attempt > 1 and self._stopping.wait(self._switches.retry_after):
                break
            if self._attempt(session, letter, attempt):
                return True
        return False

    def _attempt(
        self, session: SimulatedSession, letter: _QueuedNotification, attempt: int
    ) -> bool:
        status, error = None, ""
        began = time.monotonic()
        if session.silence or self._switches.half_open:
            error = f"withheld: {session.silence or 'half open'}"
        elif not self._reachable():
            error = "withheld: outage"
        else:
            try:
                status = self._post(session, letter.body)
            except (OSError, http.client.HTTPException, ValueError) as failure:
                error = type(failure).__name__
        took = round(time.monotonic() - began, 4)
        attempt_values = (session.login, letter.call_id, letter.state, letter.method)
        self.log.append(
            DeliveryAttempt(datetime.now(UTC), *attempt_values, status, error, attempt, took)
        )
        if error:
            log.debug("not delivered call=%s reason=%s", letter.call_id, error)
        return status is not None and 200 <= status < 300

    def _post(self, session: SimulatedSession, body: bytes) -> int:
        assert session.callback is not None  # noqa: S101  (asked in send)
        where = (session.callback.host, session.callback.port)
        limit = self._switches.callback_seconds
        connection: http.client.HTTPConnection
        if session.callback.scheme == "https":
            context = _tls(verify=self._switches.verify_callback_tls)
            connection = http.client.HTTPSConnection(*where, timeout=limit, context=context)
        else:
            connection = http.client.HTTPConnection(*where, timeout=limit)
        headers = {"Content-Type": self._switches.callback_content_type, "Connection": "close"}
        self._open.add(connection)
        try:
            connection.request(
                "POST", notification_format.target(session, self._switches), body, headers
            )
            answer = connection.getresponse()
            answer.read(64 * 1024)
            return answer.status
        finally:
            self._open.discard(connection)
            connection.close()


@functools.cache
def _tls(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context() if verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
