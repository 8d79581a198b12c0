import json
import logging
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.files import private_file
from runtime.process import (
    JsonLines,
    TextLines,
    stop_on_signals,
    where_it_failed,
    without_secrets,
)

PATH = "/starface/MDAxMQ/qrqTZqzteVwR15B300a-0nRW1W2K/N7EcT6KczF9zR9-8ZUq0PA"
_CALLER = "Ada Lovelace, 0441234567"
TOKEN = "2c1a012f" * 16


def _record(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("gateway.app", logging.INFO, "", 0, text, values, None)


@pytest.mark.parametrize(
    "text",
    [
        f"refused path={PATH}",
        f"url http://x/?de.vertico.starface.auth=0011:{TOKEN}&x=1",
        "url http://x/?de.vertico.starface.jwt=abc.def",
        f"token {TOKEN}",
    ],
)
def test_a_log_line_holds_no_secret(text: str) -> None:
    reported = TextLines().format(_record(text)) + JsonLines().format(_record(text))

    assert not any(secret in reported for secret in (TOKEN, "N7EcT6KczF9", "qrqTZq", "abc.def"))


def test_what_is_no_secret_is_left_alone() -> None:
    text = "published topic=starface/users/0011/calls event=6744aa0c-0000-4000-8000-000000000000"

    assert without_secrets(text) == text


def test_a_line_for_a_machine_holds_its_handles_as_members() -> None:
    document = json.loads(
        JsonLines().format(_record("refused source=%s reason=%s", "1.2.3.4", "a b"))
    )

    assert (document["message"], document["source"], document["reason"]) == (
        "refused",
        "1.2.3.4",
        "a b",
    )


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x1b", "\0"])
def test_nothing_in_a_message_ends_its_line(sign: str) -> None:
    record = _record("refused reason=%s", f"a{sign}2026-01-01 ERROR forged")

    for line in (TextLines().format(record), json.loads(JsonLines().format(record))["reason"]):
        assert len(line.splitlines()) == 1
        assert sign not in line


def _failing(kind: type[Exception]) -> Exception:
    try:
        try:
            raise ValueError(_CALLER)
        except ValueError as error:
            raise kind(_CALLER) from error
    except kind as error:
        return error


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_a_failure_reports_its_place_and_not_its_text(lines: logging.Formatter) -> None:
    error = _failing(KeyError)
    record = _record("posted work failed")
    record.exc_info = (type(error), error, error.__traceback__)

    reported = lines.format(record)

    assert "KeyError" in reported
    assert "caused by" in reported
    assert "in _failing" in reported
    assert _CALLER not in reported


def test_what_quotes_no_caller_is_reported() -> None:
    assert "database is locked" in where_it_failed(sqlite3.OperationalError("database is locked"))


class _RequestFailed(OSError):
    """As an HTTP library raises it."""


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (PermissionError(13, "Permission denied", _CALLER), "PermissionError: Permission denied"),
        (OSError(28, _CALLER), "OSError: No space left on device"),
        (_RequestFailed(_CALLER), "_RequestFailed"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, _CALLER), "SSLError"),
    ],
)
def test_the_system_says_what_failed_and_no_file_and_no_library(error: OSError, given: str) -> None:
    text = where_it_failed(error)

    assert text.endswith(given)
    assert _CALLER not in text


def test_a_process_that_dies_reports_its_place_and_not_its_text() -> None:
    number = "0441234567"
    program = (
        "import sys, threading\nfrom runtime.process import configure_logging\n"
        "configure_logging('DEBUG')\n"
        "def fail(): int(sys.argv[1] + 'x')\n"
        "one = threading.Thread(target=fail); one.start(); one.join()\nfail()"
    )
    died = subprocess.run(
        [sys.executable, "-c", program, number], capture_output=True, text=True, check=False
    )

    assert died.returncode == 1
    assert died.stderr.count("ValueError") == 2
    assert number not in died.stderr


def test_a_private_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = private_file(tmp_path / "new" / "file")

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_signal_stops_whatever_the_main_thread_is_doing() -> None:
    lock, stopped = threading.Lock(), threading.Event()

    def stop() -> None:
        assert lock.acquire(timeout=5), "the main thread cannot continue"
        stopped.set()

    stop_on_signals(stop)
    with lock:
        signal.raise_signal(signal.SIGTERM)

    assert stopped.wait(10)
