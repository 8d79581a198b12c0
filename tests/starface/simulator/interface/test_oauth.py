import base64
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from starface.simulator import Simulator
from tests.certificates import make

VERIFIER = "a-verifier-of-enough-letters-for-the-standard-0123456789"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
SECRET = {"client_id": "rest-client-headless", "client_secret": "simulator-secret"}
PASSWORD = {"grant_type": "password", "username": "0011", "password": "Geheim#2024"}
LOOPBACK = "http://127.0.0.1:5000/callback"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(certificate=make(tmp_path_factory.mktemp("tls"), "pbx.example")) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with httpx.Client(verify=trusting, base_url=simulator.url, timeout=30) as client:
        yield client


def discovered(client: httpx.Client) -> dict[str, str]:
    found: dict[str, str] = client.get(
        "/.well-known/openid-configuration", follow_redirects=True
    ).json()
    return found


def test_discovery_behind_a_certificate_names_https(
    simulator: Simulator, client: httpx.Client
) -> None:
    found = discovered(client)

    for name in ("issuer", "token_endpoint", "authorization_endpoint"):
        assert found[name].startswith(f"{simulator.url}/")


@pytest.mark.parametrize("place", ["form", "address", "basic"])
def test_a_password_is_taken_in_form_and_address_and_the_client_by_basic(
    client: httpx.Client, place: str
) -> None:
    endpoint = discovered(client)["token_endpoint"]
    if place == "form":
        answer = client.post(endpoint, data=SECRET | PASSWORD)
    elif place == "address":
        answer = client.post(endpoint, params=SECRET | PASSWORD)
    else:
        auth = (SECRET["client_id"], SECRET["client_secret"])
        answer = client.post(endpoint, data=PASSWORD, auth=auth)

    assert answer.status_code == 200
    refresh = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    assert client.post(endpoint, data=refresh | SECRET).status_code == 200


@pytest.mark.parametrize(
    "change", [{"client_id": "nobody"}, {"client_secret": "x"}, {"client_id": "rest-client"}]
)
def test_a_program_that_is_not_known_gets_nothing(
    client: httpx.Client, change: dict[str, str]
) -> None:
    answer = client.post(discovered(client)["token_endpoint"], data=SECRET | PASSWORD | change)

    assert answer.status_code == 401
    assert answer.json()["error"] in ("invalid_client", "unauthorized_client")


def question(client_id: str, redirect: str) -> dict[str, str]:
    return {
        "client_id": client_id,
        "redirect_uri": redirect,
        "response_type": "code",
        "scope": "pbx-login",
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


def coded(client: httpx.Client, asked: dict[str, str]) -> str:
    """Log in as a person does with a browser, and return the code in the redirect."""
    endpoint = discovered(client)["authorization_endpoint"]
    assert "<form" in client.get(endpoint, params=asked).text
    person = {"username": "0011", "password": "Geheim#2024"}
    answer = client.post(endpoint, params=asked, data=person)
    where = urlsplit(answer.headers["Location"])
    reported = parse_qs(where.query)
    assert answer.headers["Location"].startswith(asked["redirect_uri"])
    assert reported["state"] == ["s1"]
    return reported["code"][0]


@pytest.mark.parametrize(
    ("client_id", "redirect"),
    [("rest-client", LOOPBACK), ("windows-app", "starface-app://login")],
)
def test_a_person_logs_in_with_a_browser(
    client: httpx.Client, client_id: str, redirect: str
) -> None:
    code = coded(client, question(client_id, redirect))
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client_id,
        "redirect_uri": redirect,
    }
    endpoint = discovered(client)["token_endpoint"]

    wrong = client.post(endpoint, data=form | {"code_verifier": "wrong"})
    again = client.post(endpoint, data=form | {"code_verifier": VERIFIER})
    assert [wrong.status_code, again.status_code] == [400, 400]  # a code is good once

    form["code"] = coded(client, question(client_id, redirect))
    issued = client.post(endpoint, data=form | {"code_verifier": VERIFIER})
    headers = {"Authorization": f"Bearer {issued.json()['access_token']}"}
    assert client.get("/rest/users/me", headers=headers).json()["login"] == "0011"
    refresh = {"grant_type": "refresh_token", "refresh_token": issued.json()["refresh_token"]}
    assert client.post(endpoint, data=refresh | {"client_id": client_id}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"client_id": "rest-client-headless"},
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": "starface-app://login"},
        {"scope": "openid"},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
    ],
)
def test_the_login_page_is_for_known_programs_with_pkce_alone(
    client: httpx.Client, change: dict[str, str]
) -> None:
    endpoint = discovered(client)["authorization_endpoint"]

    answer = client.get(endpoint, params=question("rest-client", LOOPBACK) | change)

    assert answer.status_code == 400


def test_a_wrong_password_shows_the_form_again(client: httpx.Client, tmp_path: Path) -> None:
    endpoint = discovered(client)["authorization_endpoint"]
    asked = question("rest-client", LOOPBACK)

    answer = client.post(endpoint, params=asked, data={"username": "0011", "password": "x"})

    assert (answer.status_code, "wrong" in answer.text) == (200, True)
