from collections.abc import Callable
from typing import Any

import pytest

from starface.client import StarfaceClient
from starface.credential import derive
from starface.failures import UnsupportedByApi
from starface.xmlrpc.reading import DateTime, Value
from tests.starface.client_setup import SINCE, TOKEN, Serve, client
from tests.starface.packet_server import settings_for, value

Ask = Callable[[StarfaceClient], object]


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
    ("ask", "given", "calls"),
    [pytest.param(*case[1:], id=case[0]) for case in EVERYTHING],
)
@pytest.mark.parametrize("api", ["v20", "v22", "v30"])
def test_a_request_has_its_name_in_each_version_or_is_clearly_missing(
    serve: Serve,
    api: str,
    ask: Ask,
    given: Value,
    calls: dict[str, tuple[str, list[Value]]],
) -> None:
    server = serve(value(given))
    pbx = client(server, api=api)

    if api in calls:
        ask(pbx)
        assert [request.call for request in server.requests] == [calls[api]]
    else:
        with pytest.raises(UnsupportedByApi, match=f"{api} does not have"):
            ask(pbx)
        assert server.requests == []
