from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from starface.client import StarfaceClient
from starface.credential import derive
from starface.failures import LoginRefused
from starface.oauth import BrowserLogin
from starface.password_check import check_browser, check_password
from starface.settings import StarfaceSettings
from starface.simulator import Simulator
from starface.xmlrpc.reading import write_fault
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
PASSWORD = "Geheim#2024"
TOKENS = {kind: derive(kind, "0011", PASSWORD) for kind in ("sha512", "md5", "ad")}


def pbx(serve: Serve, version: str | None, accepted: set[str]) -> Server:
    """Start a PBX of a version that accepts some kinds of tokens; None: reports no version."""

    def interface(request: Request) -> bytes:
        method, _ = request.call
        if method.endswith("getServerVersion"):
            return value(version) if version else http(write_fault(0, "UciException"))
        shown = request.query.get("de.vertico.starface.auth")
        known = {TOKENS[kind].secret.get_secret_value() for kind in accepted if kind != "oauth"}
        by_jwt = request.query.get("de.vertico.starface.jwt") == "A1" and "oauth" in accepted
        return value(shown in known or by_jwt)

    routes: dict[str, bytes | Callable[[Request], bytes]] = {"POST /xml-rpc": interface}
    server = serve(by_path(routes))
    if "oauth" in accepted:
        endpoint = f"http://127.0.0.1:{server.port}/token"
        tokens = json_answer({"access_token": "A1", "refresh_token": "R1"})
        routes["GET /.well-known/openid-configuration"] = json_answer({"token_endpoint": endpoint})
        routes["POST /token"] = tokens
    return server


def logins(server: Server) -> int:
    return sum(b"connection.login" in request.body for request in server.requests)


@pytest.mark.parametrize("auth", ["sha512", "md5", "ad", "oauth"])
def test_a_chosen_way_is_used_and_proven(serve: Serve, auth: str) -> None:
    server = pbx(serve, None, {auth})

    credential = check_password(settings_for(server, auth=auth), "0011", PASSWORD)

    assert credential.kind == auth
    assert logins(server) == 1


@pytest.mark.parametrize("auth", ["sha512", "md5", "ad"])
def test_a_wrong_password_is_tried_once(serve: Serve, auth: str) -> None:
    server = pbx(serve, None, {auth})

    with pytest.raises(LoginRefused):
        check_password(settings_for(server, auth=auth), "0011", "wrong")

    assert logins(server) == 1


@pytest.mark.parametrize(
    ("version", "accepted", "expected"),
    [
        ("6.4.2.19", {"sha512"}, "sha512"),
        ("9.0.0.1", {"sha512"}, "sha512"),
        ("10.0.2.6", {"sha512", "oauth"}, "oauth"),
        (None, {"sha512"}, "sha512"),
        (None, {"oauth"}, "oauth"),
    ],
)
def test_auto_goes_by_the_version_and_then_by_what_is_accepted(
    serve: Serve, version: str | None, accepted: set[str], expected: str
) -> None:
    settings = settings_for(
        pbx(serve, version, accepted), auth="auto", oauth_client_secret="client-s3cret"
    )

    assert check_password(settings, "0011", PASSWORD).kind == expected


def test_auto_without_a_client_secret_shows_version_10_the_token(serve: Serve) -> None:
    settings = settings_for(pbx(serve, "10.0.2.6", {"sha512"}), auth="auto")

    assert check_password(settings, "0011", PASSWORD).kind == "sha512"


def test_auto_never_chooses_md5(serve: Serve) -> None:
    server = pbx(serve, "6.4.2.12", {"md5"})

    with pytest.raises(LoginRefused, match='auth = "md5"'):
        check_password(settings_for(server, auth="auto"), "0011", PASSWORD)

    assert logins(server) == 0


def test_auto_with_a_wrong_password_is_tried_once(serve: Serve) -> None:
    server = pbx(serve, None, {"sha512"})

    with pytest.raises(LoginRefused):
        check_password(settings_for(server, auth="auto"), "0011", "wrong")

    assert logins(server) == 1


# with a browser


@pytest.fixture
def browsers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as browsers:
        yield browsers


def log_in_as_a_person(login: str, password: str, address: str) -> int:
    """Do what a browser does: fetch the page, send its form, follow where it leads."""
    with httpx.Client(timeout=10) as browser:
        assert "<form" in browser.get(address).text
        person = {"username": login, "password": password}
        return browser.post(address, data=person, follow_redirects=True).status_code


def by_browser(simulator: Simulator) -> StarfaceSettings:
    return StarfaceSettings(
        host="127.0.0.1",
        scheme="http",
        port=simulator.port,
        auth="oauth",
        oauth_client_id="rest-client",
    )


def test_a_person_logs_in_with_a_browser_and_the_tokens_are_renewed(
    browsers: ThreadPoolExecutor,
) -> None:
    with Simulator() as simulator:
        settings = by_browser(simulator)
        person = partial(log_in_as_a_person, "0011", PASSWORD)

        credential = check_browser(settings, "0011", lambda url: browsers.submit(person, url))

        assert credential.kind == "oauth"
        client = StarfaceClient(settings, "0011", credential)
        client.login()
        assert client.credential != credential


def test_somebody_else_at_the_browser_is_not_taken_for_the_user(
    browsers: ThreadPoolExecutor,
) -> None:
    with Simulator() as simulator:
        person = partial(log_in_as_a_person, "0012", "Muster!12")

        with pytest.raises(LoginRefused, match="'0012' logged in"):
            check_browser(by_browser(simulator), "0011", lambda url: browsers.submit(person, url))


def test_an_answer_to_another_login_is_not_taken() -> None:
    with Simulator() as simulator, BrowserLogin(by_browser(simulator)) as login:
        redirect = dict(parse_qsl(urlsplit(login.url).query))["redirect_uri"]
        with ThreadPoolExecutor(1) as browsers:
            answer = browsers.submit(httpx.get, f"{redirect}?code=c&state=wrong", timeout=10)
            with pytest.raises(LoginRefused, match="in time"):
                login.wait(2)
        assert answer.result().status_code == 404
