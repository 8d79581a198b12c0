import logging
import socket
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from starface.client import (
    AnswerUnreadable,
    Callback,
    CallRefused,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    StarfaceClient,
    UnsupportedByApi,
)
from starface.credential import derive
from starface.settings import StarfaceSettings
from starface.wire import CallState
from starface.xmlrpc.reading import DateTime, Value, write_fault, write_response
from tests.starface.packet_server import Request, Script, Server, http, settings_for, value

Serve = Callable[..., Server]
Ask = Callable[[StarfaceClient], object]
CREDENTIAL = derive("sha512", "0011", "Geheim#2024")
TOKEN = CREDENTIAL.secret.get_secret_value()
CALLBACK = Callback("http", "cti.example.net", 8080, "/starface/MDAxMQ/s1/m1")
NUMBER, PHONE = "+493023125123", "SIP/MARKER"
SINCE = datetime(2025, 3, 14, 9, 0, tzinfo=UTC)


def client(server: Server, **changes: object) -> StarfaceClient:
    return StarfaceClient(settings_for(server, **changes), "0011", CREDENTIAL, CALLBACK)


def fault(text: str, code: int = 0) -> bytes:
    return http(write_fault(code, text))


def by_method(answers: dict[str, bytes], otherwise: bytes) -> Script:
    """Answer each method its own way."""

    def script(way: socket.socket, raw: bytes) -> None:
        method, _ = Request(raw).call
        way.sendall(answers.get(method, otherwise))

    return script


# ---- what is sent


def test_a_login_carries_token_and_callback_in_its_query(serve: Serve) -> None:
    server = serve(value(True))

    client(server).login()

    [request] = server.requests
    assert (request.verb, request.path) == ("POST", "/xml-rpc")
    assert request.call == ("ucp.v22.requests.connection.login", [])
    assert request.query == {
        "de.vertico.starface.user": "0011",
        "de.vertico.starface.auth": TOKEN,
        "de.vertico.starface.callback.type": "http",
        "de.vertico.starface.callback.host": "cti.example.net",
        "de.vertico.starface.callback.port": "8080",
        "de.vertico.starface.callback.path": "/starface/MDAxMQ/s1/m1",
    }
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-type"] == "text/xml; charset=UTF-8"


def test_every_request_carries_token_and_callback(serve: Serve) -> None:
    server = serve(value(True))
    pbx = client(server)

    pbx.login()
    pbx.subscribe_calls()
    pbx.keep_alive()

    assert len({request.target for request in server.requests}) == 1


@pytest.mark.parametrize("kind", ["md5", "ad"])
def test_every_kind_of_token_arrives_unchanged(serve: Serve, kind: Any) -> None:
    server = serve(value(True))
    credential = derive(kind, "anna+müller&x/y", "p?ss=wörd")

    StarfaceClient(settings_for(server), "anna+müller&x/y", credential).login()

    query = server.requests[0].query
    assert query["de.vertico.starface.user"] == "anna+müller&x/y"
    assert query["de.vertico.starface.auth"] == credential.secret.get_secret_value()
    assert "de.vertico.starface.callback.host" not in query


EVERYTHING: list[tuple[str, Ask, Value, dict[str, tuple[str, list[Value]]]]] = [
    (
        "login",
        lambda pbx: pbx.login(),
        True,
        {
            "v20": ("ucp.v20.server.connection.login", []),
            "v22": ("ucp.v22.requests.connection.login", []),
            "v30": ("ucp.v30.requests.connection.login", []),
        },
    ),
    (
        "subscribe",
        lambda pbx: pbx.subscribe_calls(),
        True,
        {
            "v20": (
                "ucp.v20.server.connection.setProvidedServices",
                [["ucp.v20.client.communication.call", "ucp.v20.client.connection"]],
            ),
            "v22": ("ucp.v22.requests.service.subscribeEvents", ["ucp.v22.events.call"]),
            "v30": ("ucp.v30.requests.service.subscribeEvents", ["ucp.v30.events.call"]),
        },
    ),
    (
        "keep alive",
        lambda pbx: pbx.keep_alive(),
        True,
        {
            "v20": ("ucp.v20.server.connection.probe", []),
            "v22": ("ucp.v22.requests.connection.keepAlive", []),
            "v30": ("ucp.v30.requests.connection.keepAlive", []),
        },
    ),
    (
        "logout",
        lambda pbx: pbx.logout(),
        True,
        {
            "v20": ("ucp.v20.server.connection.logout", []),
            "v22": ("ucp.v22.requests.connection.logout", []),
            "v30": ("ucp.v30.requests.connection.logout", []),
        },
    ),
    (
        "place",
        lambda pbx: pbx.place_call("011", "SIP/16", "u1"),
        "u1",
        {
            "v20": ("ucp.v20.server.communication.call.placeCall", ["011", "SIP/16", "u1"]),
            "v22": ("ucp.v22.requests.call.placeCallWithPhone", ["011", "SIP/16", "u1"]),
            "v30": ("ucp.v30.requests.call.placeCallWithPhone", ["011", "SIP/16", "u1"]),
        },
    ),
    (
        "hang up",
        lambda pbx: pbx.hang_up("u1"),
        True,
        {
            "v20": ("ucp.v20.server.communication.call.hangupCall", ["u1"]),
            "v22": ("ucp.v22.requests.call.hangupCall", ["u1"]),
            "v30": ("ucp.v30.requests.call.hangupCall", ["u1"]),
        },
    ),
    (
        "calls",
        lambda pbx: pbx.call_ids(),
        ["u1"],
        {
            "v20": ("ucp.v20.server.communication.call.getCallIds", []),
            "v22": ("ucp.v22.requests.call.getCallIds", []),
            "v30": ("ucp.v30.requests.call.getCallIds", []),
        },
    ),
    (
        "call state",
        lambda pbx: pbx.call_state("u1"),
        {},
        {
            "v20": ("ucp.v20.server.communication.call.getCallState", ["u1"]),
            "v22": ("ucp.v22.requests.call.getCallState", ["u1"]),
            "v30": ("ucp.v30.requests.call.getCallState", ["u1"]),
        },
    ),
    (
        "phones",
        lambda pbx: pbx.phones(),
        ["SIP/16"],
        {
            "v20": ("ucp.v20.server.communication.call.getPhoneIds", []),
            "v22": ("ucp.v22.requests.phone.getPhoneIds", []),
            "v30": ("ucp.v30.requests.phone.getPhoneIds", []),
        },
    ),
    (
        "primary phone",
        lambda pbx: pbx.primary_phone(),
        "SIP/16",
        {
            "v22": ("ucp.v22.requests.phone.getPrimaryPhoneId", []),
            "v30": ("ucp.v30.requests.phone.getPrimaryPhoneId", []),
        },
    ),
    (
        "user state",
        lambda pbx: pbx.user_state(),
        {"telephonyState": "ACTIVE"},
        {
            "v22": ("ucp.v22.requests.userState.getUserState", []),
            "v30": ("ucp.v30.requests.userState.getUserState", []),
        },
    ),
    (
        "do not disturb",
        lambda pbx: pbx.set_do_not_disturb(True),
        True,
        {
            "v22": ("ucp.v22.requests.userState.setDoNotDisturbSetting", [True]),
            "v30": ("ucp.v30.requests.userState.setDoNotDisturbSetting", [True]),
        },
    ),
    (
        "groups",
        lambda pbx: pbx.groups(),
        [{"name": "Zentrale"}],
        {
            "v22": ("ucp.v22.requests.group.getGroupSettings", []),
            "v30": ("ucp.v30.requests.group.getGroupSettings", []),
        },
    ),
    (
        "function keys",
        lambda pbx: pbx.function_keys(),
        [{"id": "k1"}],
        {
            "v22": ("ucp.v22.requests.functionKey.getFunctionKeys", []),
            "v30": ("ucp.v30.requests.functionKey.getFunctionKeys", []),
        },
    ),
    (
        "calls of a key",
        lambda pbx: pbx.calls_of_key("k1"),
        [{"id": "u1"}],
        {
            "v22": ("ucp.v22.requests.functionKey.getCallInfoForKey", ["k1"]),
            "v30": ("ucp.v30.requests.functionKey.getCallInfoForKey", ["k1"]),
        },
    ),
    (
        "press a key",
        lambda pbx: pbx.press_key("k1", ["x"]),
        True,
        {
            "v22": ("ucp.v22.requests.functionKey.pressKey", ["k1", ["x"]]),
            "v30": ("ucp.v30.requests.functionKey.pressKey", ["k1", ["x"]]),
        },
    ),
    (
        "set a redirect",
        lambda pbx: pbx.set_redirect({"id": "1"}),
        True,
        {
            "v22": ("ucp.v22.requests.redirect.setRedirectSetting", [{"id": "1"}]),
            "v30": ("ucp.v30.requests.redirect.setRedirectSetting", [{"id": "1"}]),
        },
    ),
    (
        "redirects",
        lambda pbx: pbx.redirects(),
        [{"type": "BUSY"}],
        {
            "v30": ("ucp.v30.requests.redirect.getRedirectSettings", ["", "", "", ""]),
        },
    ),
    (
        "hold",
        lambda pbx: pbx.hold("u1"),
        None,
        {
            "v30": ("ucp.v30.requests.call.hold", ["u1"]),
        },
    ),
    (
        "forward",
        lambda pbx: pbx.forward("u1", "12"),
        None,
        {
            "v30": ("ucp.v30.requests.call.forward", ["u1", "12"]),
        },
    ),
    (
        "conference",
        lambda pbx: pbx.conference(["u1", "u2"], "SIP/16"),
        None,
        {
            "v30": ("ucp.v30.requests.call.conference", [["u1", "u2"], "SIP/16"]),
        },
    ),
    (
        "call list",
        lambda pbx: pbx.call_list(SINCE, SINCE),
        {"entries": [], "totalCount": 0},
        {
            api: (
                f"ucp.{name}.requests.callList.getCallList",
                [
                    DateTime("20250314T09:00:00"),
                    DateTime("20250314T09:00:00"),
                    "",
                    "",
                    "",
                    "startTime",
                    "ASCENDING",
                    0,
                    100,
                ],
            )
            for api, name in (("v20", "v22"), ("v22", "v22"), ("v30", "v30"))
        },
    ),
    (
        "version",
        lambda pbx: pbx.server_version(),
        "6.7.3.20",
        {api: ("ucp.v30.requests.system.getServerVersion", []) for api in ("v20", "v22", "v30")},
    ),
]


@pytest.mark.parametrize(
    ("ask", "told", "calls"),
    [pytest.param(*case[1:], id=case[0]) for case in EVERYTHING],
)
@pytest.mark.parametrize("api", ["v20", "v22", "v30"])
def test_a_request_has_its_name_in_each_version_or_is_clearly_missing(
    serve: Serve,
    api: str,
    ask: Ask,
    told: Value,
    calls: dict[str, tuple[str, list[Value]]],
) -> None:
    server = serve(value(told))
    pbx = client(server, api=api)

    if api in calls:
        ask(pbx)
        assert [request.call for request in server.requests] == [calls[api]]
    else:
        with pytest.raises(UnsupportedByApi, match=f"{api} does not have"):
            ask(pbx)
        assert server.requests == []


# ---- what is read


def test_a_false_login_is_refused(serve: Serve) -> None:
    with pytest.raises(LoginRefused, match="check login ID and password"):
        client(serve(value(False))).login()


@pytest.mark.parametrize("yes", [True, 1, "1", "true", None, ""])
def test_a_yes_may_be_written_in_several_ways(serve: Serve, yes: Value) -> None:
    pbx = client(serve(value(yes)))

    pbx.login()
    pbx.subscribe_calls()

    assert pbx.keep_alive() is True


def test_a_subscription_that_is_denied_is_a_missing_right(serve: Serve) -> None:
    with pytest.raises(RequestForbidden):
        client(serve(value(False))).subscribe_calls()


@pytest.mark.parametrize("no", [value(False), value("0"), fault("UcpNotConnectedException")])
def test_a_lost_session_is_no_failure_of_keep_alive(serve: Serve, no: bytes) -> None:
    assert client(serve(no)).keep_alive() is False


@pytest.mark.parametrize("status", ["401 Unauthorized", "302 Found"])
def test_a_refused_token_is_settled_by_the_next_login(serve: Serve, status: str) -> None:
    pbx = client(serve(http(b"", status)))

    assert pbx.keep_alive() is False
    with pytest.raises(LoginRefused):
        pbx.login()


def test_a_placed_call_gives_the_id_of_the_pbx(serve: Serve) -> None:
    assert client(serve(value("5f0c3c1e"))).place_call("+493023125123") == "5f0c3c1e"


def test_a_placed_call_sends_empty_texts_for_what_is_not_told(serve: Serve) -> None:
    server = serve(value("5f0c3c1e"))

    client(server).place_call("+493023125123")

    assert server.requests[0].call[1] == ["+493023125123", "", ""]


def test_an_empty_id_is_a_refused_call(serve: Serve) -> None:
    with pytest.raises(CallRefused):
        client(serve(value(""))).place_call("+493023125123")


def test_an_unknown_call_has_no_state(serve: Serve) -> None:
    assert client(serve(value({}))).call_state("u1") is None


def test_the_state_of_a_call_is_read(serve: Serve) -> None:
    told = {
        "id": "u1",
        "state": "Ringing",
        "timestamp": DateTime("20250314T09:15:21"),
        "callerNumber": "00491713920042",
        "callerName": "Jörg Müller",
        "calledNumber": "11",
        "calledName": "",
        "groupID": "7",
        "somethingNew": ["x"],
    }

    state = client(serve(value(told))).call_state("u1")

    assert state == CallState(
        id="u1",
        pbx_state="Ringing",
        timestamp="20250314T09:15:21",
        caller_number="00491713920042",
        caller_name="Jörg Müller",
        called_number="11",
        group="7",
    )
    assert state is not None
    assert state.state == "RINGING"


def test_a_state_without_id_is_the_one_that_was_asked_for(serve: Serve) -> None:
    state = client(serve(value({"state": "CONNECTED"}))).call_state("u1")

    assert state is not None
    assert state.id == "u1"


def test_a_hang_up_may_be_denied(serve: Serve) -> None:
    assert client(serve(value(False))).hang_up("u1") is False


def test_the_call_list_is_read_page_by_page(serve: Serve) -> None:
    def page(first: int, count: int) -> bytes:
        entries: list[Value] = [
            {
                "direction": "INBOUND",
                "result": "MISSED",
                "callerNumber": str(number),
                "startTime": DateTime("20250314T09:15:21"),
                "duration": 12,
                "groupId": "7",
            }
            for number in range(first, first + count)
        ]
        return value({"entries": entries, "totalCount": 230})

    server = serve(page(0, 100), page(100, 100), page(200, 30))

    entries = client(server, api="v30").call_list(SINCE)

    assert [entry.caller_number for entry in entries] == [str(number) for number in range(230)]
    assert [request.call[1][-2:] for request in server.requests] == [
        [0, 100],
        [100, 100],
        [200, 100],
    ]
    assert entries[0].started_at == datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)
    assert (entries[0].duration, entries[0].result, entries[0].group) == (12, "MISSED", "7")


def test_a_call_list_that_claims_more_than_it_has_ends(serve: Serve) -> None:
    server = serve(value({"entries": [], "totalCount": 5}))

    assert client(server, api="v30").call_list(SINCE) == []
    assert len(server.requests) == 1


def test_a_call_list_without_end_ends(serve: Serve) -> None:
    server = serve(value({"entries": [{"callerNumber": "1"}], "totalCount": 10**9}))

    assert len(client(server, api="v30").call_list(SINCE)) == 100


@pytest.mark.parametrize("api", ["v20", "v22", "v30"])
def test_a_call_list_that_has_only_the_other_name_is_found(serve: Serve, api: str) -> None:
    listed = value({"entries": [{"callerNumber": "1"}], "totalCount": 1})
    server = serve(fault("NoSuchMethodException", 5), listed)

    assert len(client(server, api=api).call_list(SINCE)) == 1
    asked = [request.call[0].split(".")[1] for request in server.requests]
    assert asked == (["v30", "v22"] if api == "v30" else ["v22", "v30"])


@pytest.mark.parametrize("said", ["NoSuchMethodException", "UciIllegalAccessException", "No item"])
def test_a_call_list_that_is_not_shown_is_said(serve: Serve, said: str) -> None:
    server = serve(fault(said, 5), fault(said, 5))

    with pytest.raises(UnsupportedByApi, match="right to the call list"):
        client(server, api="v22").call_list(SINCE)


def test_a_call_list_that_is_busy_is_asked_for_later(serve: Serve) -> None:
    server = serve(fault("UciException: database is locked", 0))

    with pytest.raises(PbxFailure) as failed:
        client(server, api="v22").call_list(SINCE)
    assert not isinstance(failed.value, UnsupportedByApi)


def test_the_clock_of_the_pbx_is_measured(serve: Serve) -> None:
    late = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    answer = value(True).replace(b"\r\n", f"\r\nDate: {late}\r\n".encode(), 1)
    pbx = client(serve(answer), api="v22")
    assert pbx.clock_offset is None

    pbx.keep_alive()

    assert pbx.clock_offset is not None
    assert abs(pbx.clock_offset + timedelta(hours=1)) < timedelta(seconds=5)


# ---- api = auto


@pytest.mark.parametrize(
    ("version", "spoken", "expected"),
    [
        (value("6.7.3.20"), {"v22"}, "v22"),
        (value("6.0.0.1"), {"v20"}, "v20"),
        (value("10.0.2.6"), {"v30", "v22"}, "v30"),
        (value("10.0.2.6"), {"v22"}, "v22"),
        (fault("NoSuchMethodException", 5), {"v22", "v20"}, "v22"),
        (fault("NoSuchMethodException", 5), {"v30"}, "v30"),
        (fault("Internal error"), {"v20"}, "v20"),
    ],
)
def test_auto_speaks_what_the_pbx_answers(
    serve: Serve, version: bytes, spoken: set[str], expected: str
) -> None:
    logins = {
        "v20": "ucp.v20.server.connection.login",
        "v22": "ucp.v22.requests.connection.login",
        "v30": "ucp.v30.requests.connection.login",
    }
    answers = {logins[api]: value(True) for api in spoken}
    answers["ucp.v30.requests.system.getServerVersion"] = version
    pbx = client(serve(by_method(answers, fault("java.lang.NoSuchMethodException"))), api="auto")

    pbx.login()

    assert pbx.api == expected


def test_auto_tries_a_refused_password_once(serve: Serve) -> None:
    version = {"ucp.v30.requests.system.getServerVersion": value("6.7.3.20")}
    server = serve(by_method(version, value(False)))

    with pytest.raises(LoginRefused):
        client(server, api="auto").login()

    assert len(server.requests) == 2


def test_auto_with_a_pbx_that_speaks_nothing_says_so(serve: Serve) -> None:
    with pytest.raises(AnswerUnreadable, match="check api"):
        client(serve(fault("unknown method")), api="auto").login()


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


def test_a_pbx_that_is_not_there_was_told_nothing() -> None:
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
    told = repr(pbx) + repr(CREDENTIAL)

    for ask in (
        pbx.login,
        lambda: pbx.place_call(NUMBER, PHONE, "u1"),
        pbx.call_ids,
    ):
        try:
            ask()
        except PbxFailure as failure:
            told += "".join(traceback.format_exception(failure)) + repr(failure)
    told += caplog.text

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
        assert secret not in told


def test_the_pbx_echoes_the_token_as_it_was_sent(serve: Serve) -> None:
    assert client(serve(value(True))).callback_token() == TOKEN
