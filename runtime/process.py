"""What every process does at its start and end: log, listen to signals."""

import json
import logging
import os
import re
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Literal

from runtime.configuration import SettingsRefused

log = logging.getLogger(__name__)

_MOST_CAUSES = 5
_HARMLESS = (sqlite3.Error, SettingsRefused)  # they quote no caller
_SECRETS = re.compile(
    r"(?P<name>de\.vertico\.starface\.(?:auth|jwt)=)[^&\s\"']+"
    r"|(?P<path>/starface/[\w-]+/)[\w-]+/[\w-]+"
    r"|\b[0-9a-fA-F]{128}\b"
)
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HANDLES = re.compile(r"\s(?P<key>[a-z_]+)=(?P<value>.*?)(?=\s[a-z_]+=|$)")


def configure_logging(level: str = "INFO", form: Literal["text", "json"] = "text") -> None:
    """Write the log to standard error, one line a fact, without secrets."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[lines], force=True)
    sys.excepthook = _log_failure
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda failure: _log_failure(
            failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback
        )
    for noisy in ("httpx", "httpcore", "waitress.queue"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def without_secrets(text: str) -> str:
    """Return a line with tokens and callback paths made unreadable."""
    return _SECRETS.sub(lambda hit: (hit["name"] or hit["path"] or "") + "…", text)


def on_one_line(text: str) -> str:
    """Return a text without anything that some reader of logs takes for the end of a line."""
    return _BREAKS.sub(" ", text)


def where_it_failed(error: BaseException | None) -> str:
    """Return the way to a failure without its text, which may hold a number or a name."""
    chain: list[str] = []
    while error is not None and len(chain) < _MOST_CAUSES:
        frames = "".join(traceback.format_tb(error.__traceback__))
        chain.append(f"{frames}{type(error).__name__}{_harmless_text(error)}")
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return "\ncaused by:\n".join(chain)


def _harmless_text(error: BaseException) -> str:
    """Return what the system says, without the name of a file or what a library adds."""
    if isinstance(error, _HARMLESS):
        return f": {error}"
    if not isinstance(error, OSError):
        return ""
    home = type(error).__module__  # by name, since not every process needs these modules
    if home == "ssl":
        text = getattr(error, "reason", None)  # a word of OpenSSL's
    elif home == "socket":
        text = error.strerror
    else:
        text = os.strerror(error.errno) if error.errno else None
    return f": {text}" if text else ""


def _log_failure(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    log.critical("failed", exc_info=error)


class TextLines(logging.Formatter):
    """A line for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)-20s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return without_secrets(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own name)
        """Return the message as one line."""
        return on_one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's own name)
        """Return where it failed."""
        return where_it_failed(ei[1])


class JsonLines(logging.Formatter):
    """A line for a machine: what happened, and its handles as members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = without_secrets(on_one_line(record.getMessage()))
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _HANDLES.sub("", message),
            **{hit["key"]: hit["value"] for hit in _HANDLES.finditer(message)},
        }
        if record.exc_info:
            line["trace"] = without_secrets(where_it_failed(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False)


class Repetitions:
    """How often the same came, so that it is one line in a while and not one each time."""

    def __init__(self, every: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every  # seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()

    def count(self, what: str) -> int:
        """Return how often it came since it was said, 0 if it need not be said now."""
        with self._lock:
            self._unsaid[what] += 1
            now = self._clock()
            if now - self._said.get(what, float("-inf")) < self._every:
                return 0
            self._said[what] = now
            return self._unsaid.pop(what)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT; what is in hand is finished by the caller.

    It is called in a thread of its own: a signal may come while the main thread writes a log line
    or holds a lock, and what is done in the handler itself would then fail or wait for ever.
    """
    received: SimpleQueue[int] = SimpleQueue()  # its `put` may interrupt itself

    def wait() -> None:
        while True:
            name = signal.Signals(received.get()).name
            logging.getLogger(__name__).info("stopping signal=%s", name)
            stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received_number, _frame: received.put(received_number))
