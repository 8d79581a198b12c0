import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from runtime.operations import OperationsServer

FAULTS: dict[str, str | None] = {"pbx": None, "broker": None}


@pytest.fixture
def port() -> Iterator[int]:
    with OperationsServer("127.0.0.1:0", lambda: FAULTS, lambda: "a 1\n") as server:
        yield server.port


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    status, text = answer.status, answer.read().decode()
    connection.close()
    return status, text


def test_a_process_that_answers_is_healthy(port: int) -> None:
    assert _get(port, "/healthz") == (200, "ok\n")
    assert _get(port, "/metrics?x=1") == (200, "a 1\n")
    assert _get(port, "/secrets")[0] == 404


def test_what_is_missing_is_named(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _get(port, "/readyz")[0] == 200
    monkeypatch.setitem(FAULTS, "pbx", "pbx-unreachable")

    status, text = _get(port, "/readyz")

    assert status == 503
    assert json.loads(text) == {
        "ready": False,
        "dependencies": {"pbx": "pbx-unreachable", "broker": "ok"},
    }


def test_what_is_harmless_is_named_and_keeps_nobody_out() -> None:
    faults: dict[str, str | None] = {"broker": None, "subscribers": "2 users have no process"}
    with OperationsServer("127.0.0.1:0", lambda: faults, str, {"subscribers"}) as server:
        status, text = _get(server.port, "/readyz")

    assert status == 200
    assert json.loads(text)["dependencies"]["subscribers"] == "2 users have no process"


def test_it_listens_on_an_ipv6_address_too() -> None:
    with OperationsServer("[::1]:0", dict, str) as server:
        assert server.port


def test_it_listens_without_asking_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(host: str = "") -> str:
        asked.append(host)
        return host

    monkeypatch.setattr(socket, "getfqdn", ask)

    with OperationsServer("127.0.0.1:0", dict, str) as server:
        assert server.port

    assert asked == []


def test_a_port_that_is_taken_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with OperationsServer(where, dict, str) as server:
            assert server.port == 0

    assert where in caplog.text


def test_without_an_address_there_is_no_endpoint() -> None:
    with OperationsServer("", dict, str) as server:
        assert server.port == 0


def test_a_visitor_who_says_nothing_keeps_nobody_out(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert _get(port, "/healthz")[0] == 200
