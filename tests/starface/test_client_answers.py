import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from starface.failures import (
    AnswerUnreadable,
    CallRefused,
    LoginRefused,
    PbxFailure,
    RequestForbidden,
    UnsupportedByApi,
)
from starface.wire import CallState
from starface.xmlrpc.reading import DateTime, Value
from tests.starface.client_setup import SINCE, Serve, client, fault
from tests.starface.packet_server import Request, Script, http, value


def by_method(answers: dict[str, bytes], otherwise: bytes) -> Script:
    """Answer each method its own way."""

    def script(way: socket.socket, raw: bytes) -> None:
        method, _ = Request(raw).call
        way.sendall(answers.get(method, otherwise))

    return script


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


def test_a_placed_call_sends_empty_texts_for_what_is_not_reported(serve: Serve) -> None:
    server = serve(value("5f0c3c1e"))

    client(server).place_call("+493023125123")

    assert server.requests[0].call[1] == ["+493023125123", "", ""]


def test_an_empty_id_is_a_refused_call(serve: Serve) -> None:
    with pytest.raises(CallRefused):
        client(serve(value(""))).place_call("+493023125123")


def test_an_unknown_call_has_no_state(serve: Serve) -> None:
    assert client(serve(value({}))).call_state("u1") is None


def test_the_state_of_a_call_is_read(serve: Serve) -> None:
    reported = {
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

    state = client(serve(value(reported))).call_state("u1")

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
