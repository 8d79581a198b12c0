import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.demo.mosquitto import free_port
from consumers.sessions.callback_check import (
    CHECK,
    CallbackWatch,
    HttpGateway,
    NotTaken,
    Proof,
    locally,
    prove,
)
from consumers.sessions.faults import UNPROVEN, detail_of
from starface.request import Callback
from starface.xmlrpc.reading import Writable, read_call, write_fault, write_response
from tests.certificates import make, serving

OUTSIDE = Callback("http", "office.example.net", 8080, "/starface/a/b/c")
Answer = tuple[int, bytes]


class Door:
    """A gateway that is reached on some ways only."""

    certificate_ends: datetime | None = None

    def __init__(self, *hosts: str, code: str = "callback-unreachable") -> None:
        self._hosts = hosts
        self._code = code

    def post(self, callback: Callback, method: str, params: list[Writable]) -> None:
        if callback.host not in self._hosts:
            raise NotTaken(self._code)


@pytest.fixture
def served() -> Iterator[Callable[[int, bytes], Callback]]:
    answers: list[Answer] = []

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            method, _ = read_call(self.rfile.read(int(self.headers["Content-Length"])))
            assert method == CHECK
            status, body = answers[-1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def serve(status: int, body: bytes) -> Callback:
            answers.append((status, body))
            return Callback("http", "127.0.0.1", server.server_address[1], "/x")

        yield serve
        server.shutdown()


@pytest.mark.parametrize(
    ("left", "code", "failing"),
    [
        (timedelta(days=22), None, False),
        (timedelta(days=20), "callback-certificate-ends", False),
        (timedelta(days=-1), "callback-certificate-expired", True),
    ],
)
def test_a_certificate_of_our_own_warns_before_it_ends_and_fails_then(
    left: timedelta, code: str | None, failing: bool, tmp_path: Path
) -> None:
    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(write_response(True))

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        context = serving(*make(tmp_path, "gateway", ["127.0.0.1"], ends=left))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proof = prove(
            HttpGateway(), Callback("https", "127.0.0.1", server.server_port, "/x"), "local"
        )
        server.shutdown()

    watch = CallbackWatch(30.0)
    watch.found(proof)
    assert proof == Proof(code)
    assert watch.failing is failing
    assert code is None or detail_of(code) is not None


@pytest.mark.parametrize("value", [True, "1", 1])
def test_any_true_answer_proves_the_way(
    served: Callable[[int, bytes], Callback], value: Writable
) -> None:
    callback = served(200, write_response(value))

    assert prove(HttpGateway(), callback, "local") == Proof(None)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, write_response(False), "callback-foreign"),
        (200, write_fault(0, "no"), "callback-foreign"),
        (200, b"<html>It works!</html>", "callback-foreign"),
        (302, b"", "callback-foreign"),
        (403, b"", "callback-refused"),
        (404, b"", "callback-refused"),
        (503, b"", "callback-unreachable"),
        (429, b"", "callback-unreachable"),
    ],
)
def test_other_answers_say_what_is_wrong(
    served: Callable[[int, bytes], Callback], status: int, body: bytes, code: str
) -> None:
    assert prove(HttpGateway(), served(status, body), "local") == Proof(code)


def test_a_closed_port_is_unreachable() -> None:
    callback = Callback("http", "127.0.0.1", free_port(), "/x")

    assert prove(HttpGateway(), callback, "local") == Proof("callback-unreachable")


def test_behind_a_firewall_the_short_way_is_half_a_proof() -> None:
    door = Door(locally(OUTSIDE).host)

    assert prove(door, OUTSIDE, "cloud") == Proof(UNPROVEN, local=True)


def test_in_the_lan_the_short_way_proves_nothing() -> None:
    door = Door(locally(OUTSIDE).host)

    assert prove(door, OUTSIDE, "local") == Proof("callback-unreachable")


def test_a_gateway_that_is_not_there_is_missed_from_the_cloud_too() -> None:
    assert prove(Door(), OUTSIDE, "cloud") == Proof("callback-unreachable")


def test_nobody_is_called_well_before_the_first_check() -> None:
    assert CallbackWatch(30.0).failing


def test_a_way_that_works_again_is_news() -> None:
    watch = CallbackWatch(30.0)

    assert watch.found(Proof("callback-unreachable")) is False
    assert watch.found(Proof(None)) is True
    assert watch.found(Proof(None)) is False


def test_a_call_from_the_pbx_proves_the_way() -> None:
    watch = CallbackWatch(30.0)
    watch.found(Proof(UNPROVEN, local=True))

    assert watch.proven_by_call() is True
    assert watch.code is None
    assert watch.proven_by_call() is False
    watch.found(Proof(UNPROVEN, local=True))
    assert watch.code is None


def test_a_gateway_that_was_gone_has_to_be_proven_again() -> None:
    watch = CallbackWatch(30.0)
    watch.proven_by_call()
    watch.found(Proof("callback-unreachable"))
    watch.found(Proof(UNPROVEN, local=True))

    assert watch.code == UNPROVEN


def test_a_broken_way_is_tried_more_often_than_a_good_one() -> None:
    watch = CallbackWatch(30.0)
    watch.found(Proof(None))
    window = watch.pause(max)
    for _ in range(20):
        watch.found(Proof("callback-unreachable"))

    assert watch.pause(max) <= 4.0 < window <= 30.0
