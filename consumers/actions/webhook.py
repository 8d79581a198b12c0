"""Notifies a program elsewhere by HTTP, signed, from a queue on disk that outlives this process.

The receiver checks `Starface2mqtt-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA256 with the shared
secret over `<seconds>.<body>`, and refuses an old `t`. The event's id shows repeats.
"""

import hashlib
import hmac
import json
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from consumers.actions.response_text import MOST, answer_text
from consumers.actions.settings import WebhookTarget
from runtime.outage import StorageOutage
from runtime.sqlite import open_database

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

SIGNATURE = "Starface2mqtt-Signature"
_LONGEST_PAUSE = 60.0  # seconds between two attempts
_WORTH_ANOTHER = frozenset({408, 425, 429})  # beside the 5xx
_CAPACITY = 10_000  # messages waiting, of all webhooks
_SCHEMA = """
CREATE TABLE IF NOT EXISTS webhooks (id INTEGER PRIMARY KEY, name TEXT NOT NULL,
    event_id TEXT NOT NULL, user TEXT NOT NULL, call_id TEXT NOT NULL, body BLOB NOT NULL,
    created REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, event_id));
"""
# What is sent of one call is sent in order, so that an end never comes before its beginning.
_FIRST = (
    "NOT EXISTS (SELECT 1 FROM webhooks AS earlier WHERE earlier.name = webhooks.name"
    " AND earlier.call_id = webhooks.call_id AND earlier.id < webhooks.id)"
)
_OURS = "(?2 IS NULL OR user IN (SELECT value FROM json_each(?2)))"


@dataclass(frozen=True)
class WebhookResult:
    """What became of one message; `answer` is what the receiver said, for the story alone."""

    name: str
    user: str
    call_id: str
    done: bool
    reason: str
    answer: str = ""


class _Attempt(NamedTuple):
    """What came of one request."""

    reason: str
    final: bool = False
    done: bool = False
    answer: str = ""


def signature(secret: str, body: bytes, at: int) -> str:
    """Return the value of the signature's header."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhooks:
    """All configured webhooks, their queue on disk and the thread that empties it.

    Processes may share a queue; each sends only what is about its own `users`, None: everybody.
    """

    def __init__(
        self,
        path: Path,
        settings: Sequence[WebhookTarget],
        finished: Callable[[WebhookResult], None],
        *,
        users: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,
        pause: float = 1.0,  # seconds before the first repetition
    ) -> None:
        self._settings: Mapping[str, WebhookTarget] = {one.name: one for one in settings}
        self._finished = finished
        self._users = None if users is None else json.dumps(sorted(users))
        self._clock = clock
        self._pause = pause
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._not_noted: dict[int, _Attempt] = {}  # what came of it, while the disk takes nothing
        self._lock = threading.Lock()
        self._db = open_database(
            path, _SCHEMA, durable=True, secondary=True,
            expendable="what the receivers of webhooks have not taken yet",
        )  # fmt: skip
        self._thread = threading.Thread(target=self._send_all, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send, first what an earlier process left."""
        if self._settings:
            self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Send no more; what waits stays on disk."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if not self._thread.is_alive():
            with self._lock:
                self._db.close()

    def add(self, name: str, event_id: str, user: str, call_id: str, body: bytes) -> None:
        """Put a message into the queue; one that waits already is not doubled."""
        now = self._clock()
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO webhooks (name, event_id, user, call_id, body, created, due)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, event_id, user, call_id, body, now, now),
            )
            self._db.execute(
                "DELETE FROM webhooks WHERE id <= (SELECT max(id) FROM webhooks) - ?", (_CAPACITY,)
            )
        self._wake.set()

    def waiting(self) -> int:
        """Return how many messages are still to be sent."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM webhooks").fetchone()[0])

    def _send_all(self) -> None:
        import httpx  # costs memory, so only where there is a webhook

        outage = StorageOutage("webhooks")
        with httpx.Client(follow_redirects=False, trust_env=False) as client:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    pause = self._send_due(client)
                    outage.over()
                except sqlite3.Error as error:
                    if not outage.failed(error):
                        raise
                    pause = outage.pause
                self._wake.wait(pause)

    def _send_due(self, client: "httpx.Client") -> float:
        """Send what is due; return the seconds until something else may be."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, name, event_id, user, call_id, body, created, attempts FROM webhooks"  # noqa: S608
                f" WHERE due <= ?1 AND {_OURS} AND {_FIRST} ORDER BY due, id LIMIT 20",
                (self._clock(), self._users),
            ).fetchall()
        for row in rows:
            if self._stopping.is_set():
                return 0.0
            self._send_one(client, row)
        with self._lock:
            [next_due] = self._db.execute(
                f"SELECT min(due) FROM webhooks WHERE {_OURS} AND {_FIRST}",  # noqa: S608
                (None, self._users),
            ).fetchone()
        return 60.0 if next_due is None else max(0.01, min(60.0, next_due - self._clock()))

    def _send_one(self, client: "httpx.Client", row: tuple[Any, ...]) -> None:
        number, name, event_id, user, call_id, body, created, attempts = row
        settings = self._settings.get(name)
        if settings is None:  # the configuration no longer has it
            self._drop(number)
            return
        if number not in self._not_noted:
            self._not_noted[number] = self._attempt(client, settings, body)
        reason, final, done, answer = self._not_noted[number]
        log.info("webhook name=%s event=%s answer=%s attempt=%s", name, event_id, reason, attempts)
        now = self._clock()
        if not final and now - created < settings.give_up_after:
            pause = min(_LONGEST_PAUSE, self._pause * 2**attempts) * random.uniform(0.5, 1.0)  # noqa: S311
            with self._lock:
                self._db.execute(
                    "UPDATE webhooks SET attempts = attempts + 1, due = ? WHERE id = ?",
                    (now + pause, number),
                )
            del self._not_noted[number]
            return
        self._drop(number)
        del self._not_noted[number]
        if not done:
            log.error("webhook given up name=%s event=%s reason=%s", name, event_id, reason)
        self._finished(WebhookResult(name, user, call_id, done, reason, answer))

    def _attempt(self, client: "httpx.Client", settings: WebhookTarget, body: bytes) -> _Attempt:
        """Send a message once."""
        import httpx

        headers = {
            "Content-Type": settings.content_type,
            "User-Agent": "starface2mqtt",
            "Accept-Encoding": "identity",  # the answer is kept as it comes
        }
        if settings.secret is not None:
            secret = settings.secret.get_secret_value()
            headers[SIGNATURE] = signature(secret, body, int(self._clock()))
        try:
            with client.stream(
                "POST", settings.url, content=body, headers=headers, timeout=settings.timeout
            ) as answer:
                status, said = answer.status_code, _said(answer, settings.timeout)
        except httpx.HTTPError as error:
            return _Attempt(type(error).__name__)
        done = 200 <= status < 300
        final = done or (status < 500 and status not in _WORTH_ANOTHER)
        return _Attempt(f"status-{status}", final, done, said)

    def _drop(self, number: int) -> None:
        with self._lock:
            self._db.execute("DELETE FROM webhooks WHERE id = ?", (number,))


def _said(answer: "httpx.Response", patience: float) -> str:
    """Return the beginning of an answer; what is wrong with the rest of it counts no more."""
    import httpx

    limit = time.monotonic() + patience
    body = b""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        return ""
    try:
        for piece in answer.iter_raw():
            body += piece
            if len(body) >= MOST or time.monotonic() > limit:
                break
    except httpx.HTTPError as error:
        log.debug("an answer broke off reason=%s", type(error).__name__)
    return answer_text(answer.headers.get("Content-Type", ""), body)
