import logging
import socket
import time
import traceback
from typing import Any

import pytest

from starface.client import StarfaceClient
from starface.failures import (
    AnswerUnreadable,
    CallRefused,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
)
from starface.settings import StarfaceSettings
from starface.xmlrpc.reading import write_fault, write_response
from tests.starface.client_setup import CREDENTIAL, TOKEN, Serve, client, fault
from tests.starface.packet_server import Request, Script, http, value

NUMBER, PHONE = "+493023125123", "SIP/MARKER"


# ---- what goes wrong


LOGIN_PAGE = b"<html><form><input type=password></form></html>"
TO_LOGIN = "Location: https://pbx/auth/login"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (http(b"", "401 Unauthorized"), LoginRefused),
        (http(b"", "403 Forbidden"), LoginRefused),
        (http(b"", "302 Found", "text/html", TO_LOGIN), LoginRefused),
        (http(LOGIN_PAGE, "200 OK", "text/html"), LoginRefused),
        (fault("Wrong token"), LoginRefused),
        (fault("AuthenticationException"), LoginRefused),
        (fault(""), LoginRefused),
        (fault("UciIllegalAccessException: not allowed"), LoginRefused),
        (fault("UcpCommunicationException"), AnswerUnreadable),
        (fault("Internal error"), AnswerUnreadable),
        (http(b"<html>Bad Gateway</html>", "502 Bad Gateway", "text/html"), AnswerUnreadable),
        (http(b"", "400 Bad Request", "text/plain"), AnswerUnreadable),
        (http(b"", "404 Not Found", "text/html"), AnswerUnreadable),
        (http(b"", "500 Oops", "text/html"), AnswerUnreadable),
        (http(b"", "503 Starting", "text/html"), AnswerUnreadable),
        (http(b""), AnswerUnreadable),
        (http(b"OK", "200 OK", "text/plain"), AnswerUnreadable),
        (http(b'{"status":"OK"}', "200 OK", "application/json"), AnswerUnreadable),
        (http(b"<html>It works!</html>", "200 OK", "text/html"), AnswerUnreadable),
        (http(write_response(True)[:90]), AnswerUnreadable),
        (http("<?xml version='1.0'?><a>Müller</a>".encode("latin-1")), AnswerUnreadable),
        (http(b"<!DOCTYPE x [<!ENTITY a 'b'>]><methodResponse/>"), AnswerUnreadable),
        (value({"a": 1}), AnswerUnreadable),
        (value(["x"]), AnswerUnreadable),
        (http(b"", "302 Found", "text/html", "Location: https://pbx/xml-rpc"), AnswerUnreadable),
    ],
)
def test_every_bad_answer_to_a_login_has_its_name(
    serve: Serve, answer: bytes, failure: type[PbxFailure]
) -> None:
    server = serve(answer)

    with pytest.raises(PbxFailure) as raised:
        client(server).login()

    assert isinstance(raised.value, failure)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "certain"),
    [
        (value(False), True),
        (fault("AuthenticationException"), True),
        (http(b"", "401 Unauthorized"), True),
        (http(b"", "302 Found", "text/html", TO_LOGIN), False),
        (http(LOGIN_PAGE, "200 OK", "text/html"), False),
    ],
)
def test_a_page_in_place_of_an_answer_is_no_certain_refusal(
    serve: Serve, answer: bytes, certain: bool
) -> None:
    with pytest.raises(LoginRefused) as raised:
        client(serve(answer)).login()

    assert raised.value.certain is certain


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (http(b"", "401 Unauthorized"), LoginRefused),
        (http(b"", "403 Forbidden"), RequestForbidden),
        (fault("UcpNotConnectedException"), NotConnected),
        (fault("UciIllegalAccessException"), RequestForbidden),
        (fault("NumberFormatException"), CallRefused),
        (fault("No such method"), AnswerUnreadable),
        (http(b"", "400 Bad Request", "text/plain"), CallRefused),
        (http(b"<html>Bad Gateway</html>", "502 Bad Gateway", "text/html"), OutcomeUnknown),
        (http(write_response("u1")[:90]), OutcomeUnknown),
        (http(b""), OutcomeUnknown),
        (value({"id": "u1"}), OutcomeUnknown),
        (value("u1")[:-30], OutcomeUnknown),
    ],
)
def test_every_bad_answer_to_a_placed_call_says_whether_it_was_placed(
    serve: Serve, answer: bytes, failure: type[PbxFailure]
) -> None:
    server = serve(answer)

    with pytest.raises(failure):
        client(server).place_call("+493023125123")

    assert len(server.requests) == 1


def test_a_fault_with_an_http_status_of_its_own_is_still_a_fault(serve: Serve) -> None:
    answer = http(write_fault(0, "UcpNotConnectedException"), "500 Internal Server Error")

    with pytest.raises(NotConnected):
        client(serve(answer)).call_ids()


def test_a_latin_1_answer_that_says_so_is_read(serve: Serve) -> None:
    body = write_response({"id": "u1", "callerName": "Müller"}).decode()
    latin = body.replace("UTF-8", "ISO-8859-1").encode("latin-1")

    state = client(serve(http(latin))).call_state("u1")

    assert state is not None
    assert state.caller_name == "Müller"


def close(_: socket.socket, __: bytes) -> None:
    """The server's `with` closes."""


def act_and_close(way: socket.socket, _: bytes) -> None:
    way.sendall(value("u1")[:40])


@pytest.mark.parametrize("script", [close, act_and_close])
def test_a_dial_is_sent_exactly_once_in_200_tries(serve: Serve, script: Script) -> None:
    server = serve(script)
    pbx = client(server)

    for _ in range(200):
        with pytest.raises(OutcomeUnknown, match="not known"):
            pbx.place_call("+493023125123")

    assert len(server.requests) == 200


def test_a_silent_pbx_is_given_up_in_time(serve: Serve) -> None:
    def hold(way: socket.socket, _: bytes) -> None:
        way.recv(1)

    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        client(serve(hold), read_timeout=0.3).place_call("+493023125123")

    assert time.monotonic() - started < 4


def test_a_pbx_that_is_away_received_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    settings = StarfaceSettings(host="127.0.0.1", scheme="http", port=port)

    with pytest.raises(PbxUnreachable):
        StarfaceClient(settings, "0011", CREDENTIAL).place_call("+493023125123")


def test_a_number_that_cannot_be_sent_is_not(serve: Serve) -> None:
    server = serve(value("u1"))

    with pytest.raises(CallRefused):
        client(server).place_call("1\x002")

    assert server.requests == []


def test_what_the_pbx_said_is_kept_apart_from_the_sentence(serve: Serve) -> None:
    with pytest.raises(PbxFailure) as raised:
        client(serve(fault("UciException: Anna Beispiel +4930123", 7))).call_ids()

    assert "fault 7, UciException" in str(raised.value)
    assert "Anna" not in str(raised.value)
    assert raised.value.pbx_text == "UciException: Anna Beispiel +4930123"


def echo(way: socket.socket, raw: bytes) -> None:
    """Answer with a fault that holds everything that was sent."""
    request = Request(raw)
    way.sendall(fault(f"{request.target} {request.body.decode()} http://pbx/xml-rpc"))


def nonsense(way: socket.socket, raw: bytes) -> None:
    way.sendall(http(raw.partition(b"\r\n\r\n")[2].replace(b"methodCall", b"methodResponse")))


@pytest.mark.parametrize(
    "answer",
    [
        echo,
        nonsense,
        close,
        act_and_close,
        value(""),
        value(False),
        value({"a": "b"}),
        http(b"", "401 No"),
        http(b"", "302 Found", "text/html", "Location: http://evil/xml-rpc"),
        http(LOGIN_PAGE, "200 OK", "text/html"),
        http(b"x" * 2_000_000),
    ],
)
def test_no_failure_and_no_log_line_holds_a_secret_a_number_or_a_url(
    serve: Serve, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pbx = client(serve(answer))
    reported = repr(pbx) + repr(CREDENTIAL)

    for ask in (
        pbx.login,
        lambda: pbx.place_call(NUMBER, PHONE, "u1"),
        pbx.call_ids,
    ):
        try:
            ask()
        except PbxFailure as failure:
            reported += "".join(traceback.format_exception(failure)) + repr(failure)
    reported += caplog.text

    for secret in (
        TOKEN,
        TOKEN[5:],
        "Geheim",
        NUMBER,
        PHONE,
        "://",
        "/xml-rpc?",
        "s1/m1",
    ):
        assert secret not in reported
