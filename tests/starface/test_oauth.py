import itertools
import logging
import socket
import time
import traceback
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from starface import oauth
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.failures import (
    AnswerUnreadable,
    CallRefused,
    LoginRefused,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
)
from starface.oauth import AccessTokens
from starface.settings import StarfaceSettings
from tests.starface.packet_server import (
    Request,
    Server,
    by_path,
    http,
    json_answer,
    settings_for,
    value,
)

Serve = Callable[..., Server]
Routes = dict[str, bytes | Callable[[Request], bytes]]
WELL_KNOWN = "/.well-known/openid-configuration"
REALM = "/auth/realms/pbx/.well-known/openid-configuration"
TOKEN = "/auth/realms/pbx/oauth2/token"
PASSWORD, CLIENT_SECRET = "Geheim#2024", "client-s3cret"


def form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def issuing(expires_in: int = 300) -> Callable[[Request], bytes]:
    """Give tokens A1 and R1, then A2 and R2, and so on."""
    numbers = itertools.count(1)

    def issue(_: Request) -> bytes:
        number = next(numbers)
        return json_answer(
            {
                "access_token": f"A{number}",
                "refresh_token": f"R{number}",
                "expires_in": expires_in,
                "token_type": "Bearer",
            }
        )

    return issue


def version_10(serve: Serve, **routes: bytes | Callable[[Request], bytes]) -> Server:
    """Start a PBX of version 10: discovery behind a redirect, tokens, and the interface."""
    answers: Routes = {}
    server = serve(by_path(answers))
    answers |= {
        f"GET {WELL_KNOWN}": http(b"", "302 Found", "text/html", f"Location: {REALM}"),
        f"GET {REALM}": json_answer({"token_endpoint": f"http://127.0.0.1:{server.port}{TOKEN}"}),
        f"POST {TOKEN}": routes.get("token", issuing()),
        "POST /xml-rpc": routes.get("interface", value(True)),
    }
    return server


def settings(server: Server, **changes: object) -> StarfaceSettings:
    secret = {"oauth_client_secret": CLIENT_SECRET}
    return settings_for(server, **(secret | changes))


def paths(server: Server) -> list[str]:
    return [request.path for request in server.requests]


def test_a_password_becomes_tokens_by_discovery_and_is_not_kept(serve: Serve) -> None:
    server = version_10(serve)

    tokens = oauth.log_in(settings(server), "0011", PASSWORD)

    assert paths(server) == [WELL_KNOWN, REALM, TOKEN]
    assert form(server.requests[-1]) == {
        "client_id": "rest-client-headless",
        "client_secret": CLIENT_SECRET,
        "grant_type": "password",
        "scope": "login",
        "username": "0011",
        "password": PASSWORD,
    }
    assert tokens.current() == "A1"
    assert tokens.credential == Credential("oauth", SecretStr("R1"))
    assert PASSWORD not in repr(vars(tokens))


def test_a_stored_refresh_token_becomes_an_access_token_and_may_change(serve: Serve) -> None:
    server = version_10(serve)
    tokens = AccessTokens(settings(server), Credential("oauth", SecretStr("R0")))

    assert tokens.current() == "A1"

    assert form(server.requests[-1]) == {
        "client_id": "rest-client-headless",
        "client_secret": CLIENT_SECRET,
        "grant_type": "refresh_token",
        "refresh_token": "R0",
    }
    assert tokens.credential.secret.get_secret_value() == "R1"


def test_a_good_access_token_is_used_again(serve: Serve) -> None:
    server = version_10(serve)
    tokens = AccessTokens(settings(server), Credential("oauth", SecretStr("R0")))

    assert [tokens.current() for _ in range(3)] == ["A1", "A1", "A1"]
    assert paths(server).count(TOKEN) == 1


def test_an_access_token_is_renewed_before_it_ends(serve: Serve) -> None:
    now = [1000.0]
    server = version_10(serve)
    tokens = AccessTokens(
        settings(server), Credential("oauth", SecretStr("R0")), clock=lambda: now[0]
    )
    tokens.current()

    now[0] += 269
    assert tokens.current() == "A1"
    now[0] += 2
    assert tokens.current() == "A2"

    assert form(server.requests[-1])["refresh_token"] == "R1"


def test_a_refresh_token_that_does_not_change_is_kept(serve: Serve) -> None:
    server = version_10(serve, token=json_answer({"access_token": "A1"}))
    tokens = AccessTokens(settings(server), Credential("oauth", SecretStr("R0")))

    tokens.current()

    assert tokens.credential.secret.get_secret_value() == "R0"


# ---- at the interface


def client(server: Server, **changes: object) -> StarfaceClient:
    return StarfaceClient(settings(server, **changes), "0011", Credential("oauth", SecretStr("R0")))


def test_a_request_carries_the_access_token_and_no_other(serve: Serve) -> None:
    server = version_10(serve)
    pbx = client(server)

    pbx.login()
    pbx.keep_alive()

    for request in server.requests[-2:]:
        assert request.query == {"de.vertico.starface.jwt": "A1"}
    assert pbx.credential.secret.get_secret_value() == "R1"


TO_LOGIN = http(b"", "302 Found", "text/html", "Location: https://pbx.test/auth/realms/pbx/login")


@pytest.mark.parametrize(
    "refused", [TO_LOGIN, http(b"<html>Hello</html>", "200 OK", "text/html"), http(b"", "401 No")]
)
def test_a_refused_access_token_is_renewed_once_and_the_request_then_sent(
    serve: Serve, refused: bytes
) -> None:
    def interface(request: Request) -> bytes:
        return refused if request.query["de.vertico.starface.jwt"] == "A1" else value("u1")

    server = version_10(serve, interface=interface)

    assert client(server).place_call("+493023125123") == "u1"
    assert paths(server).count("/xml-rpc") == 2


def test_an_access_token_refused_twice_is_a_refused_login(serve: Serve) -> None:
    server = version_10(serve, interface=TO_LOGIN)

    with pytest.raises(LoginRefused):
        client(server).login()

    assert paths(server).count("/xml-rpc") == 2


def test_a_refused_call_is_not_sent_again(serve: Serve) -> None:
    server = version_10(serve, interface=value(""))

    with pytest.raises(CallRefused):
        client(server).place_call("+493023125123")

    assert paths(server).count("/xml-rpc") == 1


# ---- what goes wrong


@pytest.mark.parametrize(
    ("answer", "failure", "given"),
    [
        (json_answer({"error": "invalid_grant"}, "400 Bad Request"), LoginRefused, "password"),
        (json_answer({"error": "invalid_grant"}, "401 No"), LoginRefused, "password"),
        (json_answer({"error": "invalid_client"}, "401 No"), LoginRefused, "client_secret"),
        (json_answer({"error": "access_denied"}, "403 No"), RequestForbidden, "Password Grant"),
        (json_answer({"error": "server_error"}, "500 No"), AnswerUnreadable, "status 500"),
        (http(b"<html>", "502 No", "text/html"), AnswerUnreadable, "status 502"),
        (json_answer({"expires_in": 300}), AnswerUnreadable, "access token"),
        (http(b"<html>", "200 OK", "text/html"), AnswerUnreadable, "status 200"),
        (TO_LOGIN, AnswerUnreadable, "status 302"),
    ],
)
def test_every_bad_answer_of_the_login_service_has_its_name(
    serve: Serve, answer: bytes, failure: type[PbxFailure], given: str
) -> None:
    server = version_10(serve, token=answer)

    with pytest.raises(failure, match=given):
        client(server).login()

    assert "/xml-rpc" not in paths(server)


def test_a_login_without_refresh_token_is_of_no_use(serve: Serve) -> None:
    server = version_10(serve, token=json_answer({"access_token": "A1"}))

    with pytest.raises(AnswerUnreadable, match="refresh token"):
        oauth.log_in(settings(server), "0011", PASSWORD)


def test_a_pbx_before_version_10_has_no_login_service(serve: Serve) -> None:
    with pytest.raises(AnswerUnreadable, match="version 10"):
        oauth.log_in(settings(serve(by_path({}))), "0011", PASSWORD)


def test_a_discovery_that_goes_round_in_circles_ends(serve: Serve) -> None:
    circle = http(b"", "302 Found", "text/html", f"Location: {WELL_KNOWN}")
    server = serve(by_path({f"GET {WELL_KNOWN}": circle}))

    with pytest.raises(AnswerUnreadable, match="without end"):
        oauth.log_in(settings(server), "0011", PASSWORD)

    assert len(server.requests) == 5


def test_a_token_request_that_is_redirected_is_not_followed(serve: Serve) -> None:
    other = serve(json_answer({"access_token": "X", "refresh_token": "X"}))
    away = http(b"", "307 Go", "text/html", f"Location: http://127.0.0.1:{other.port}/")
    server = version_10(serve, token=away)

    with pytest.raises(AnswerUnreadable):
        oauth.log_in(settings(server), "0011", PASSWORD)

    assert other.requests == []


def test_a_login_service_that_is_not_there_means_that_nothing_was_asked() -> None:
    nowhere = StarfaceSettings(host="127.0.0.1", scheme="http", port=1)
    pbx = StarfaceClient(nowhere, "0011", Credential("oauth", SecretStr("R0")))

    with pytest.raises(PbxUnreachable):
        pbx.place_call("+493023125123")


def test_a_dripping_login_service_is_given_up_in_time(serve: Serve) -> None:
    def drip(way: socket.socket, _: bytes) -> None:
        way.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        way.settimeout(0.05)
        while True:
            way.sendall(b"x")
            try:
                if not way.recv(1):
                    return
            except TimeoutError:
                continue

    server = serve(drip)
    started = time.monotonic()

    with pytest.raises(PbxUnreachable):
        oauth.log_in(settings(server, connect_timeout=0.2, read_timeout=0.4), "0011", PASSWORD)

    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"error": "invalid_grant", "error_description": PASSWORD}, "400 Bad Request"),
        json_answer({"error": PASSWORD}, "500 No"),
        http(b"x" * 2_000_000),
        http(b"", "200 OK", "text/html", "Content-Encoding: gzip"),
    ],
)
def test_no_failure_and_no_log_line_holds_a_password_or_a_token(
    serve: Serve, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = version_10(serve, token=answer)
    stored = SecretStr("STORED-REFRESH")

    with pytest.raises(PbxFailure) as at_login:
        oauth.log_in(settings(server), "0011", PASSWORD)
    with pytest.raises(PbxFailure) as later:
        AccessTokens(settings(server), Credential("oauth", stored)).current()

    reported = "".join(
        text for raised in (at_login, later) for text in traceback.format_exception(raised.value)
    )
    for secret in (PASSWORD, CLIENT_SECRET, "STORED-REFRESH", "http://", TOKEN):
        assert secret not in reported + caplog.text
