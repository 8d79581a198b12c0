from collections.abc import Callable

import pytest

from starface.client import Callback, CallRefused, LoginRefused, StarfaceClient
from starface.token import derive
from tests.starface.packet_server import Server, settings_for, value

Serve = Callable[..., Server]
CREDENTIAL = derive("sha512", "0011", "Geheim#2024")
CALLBACK = Callback("http", "cti.example.net", 8080, "/starface/MDAxMQ/s1/m1")


def client(server: Server, **changes: object) -> StarfaceClient:
    return StarfaceClient(settings_for(server, **changes), "0011", CREDENTIAL, CALLBACK)


def test_a_login_carries_token_and_callback_in_its_query(serve: Serve) -> None:
    server = serve(value(True))

    client(server).login()

    [request] = server.requests
    assert (request.verb, request.path) == ("POST", "/xml-rpc")
    assert request.call == ("ucp.v22.requests.connection.login", [])
    assert request.query == {
        "de.vertico.starface.user": "0011",
        "de.vertico.starface.auth": CREDENTIAL.secret.get_secret_value(),
        "de.vertico.starface.callback.type": "http",
        "de.vertico.starface.callback.host": "cti.example.net",
        "de.vertico.starface.callback.port": "8080",
        "de.vertico.starface.callback.path": "/starface/MDAxMQ/s1/m1",
    }
    assert request.headers["accept-encoding"] == "identity"


def test_a_false_login_is_refused(serve: Serve) -> None:
    with pytest.raises(LoginRefused, match="check login ID and password"):
        client(serve(value(False))).login()


def test_a_placed_call_gives_its_id(serve: Serve) -> None:
    server = serve(value("5f0c3c1e"))

    assert client(server).place_call("+493023125123", "SIP/16", "my-id") == "5f0c3c1e"
    assert server.requests[0].call == (
        "ucp.v22.requests.call.placeCallWithPhone",
        ["+493023125123", "SIP/16", "my-id"],
    )


def test_an_empty_id_is_a_refused_call(serve: Serve) -> None:
    with pytest.raises(CallRefused):
        client(serve(value(""))).place_call("+493023125123")
