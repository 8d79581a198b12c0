import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from starface.simulator import Simulator
from tests.starface.simulator_fixtures import TLS


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


def logged_in(simulator: Simulator, word: str = "Geheim#2024") -> httpx.Response:
    """Log in as the REST pages say, without code of ours."""
    url = f"{simulator.url}/rest/login"
    told = httpx.get(url, verify=TLS).json()
    secret = sha512("0011" + told["nonce"] + sha512(word))
    return httpx.post(
        url, json=told | {"secret": f"0011:{secret}"}, headers={"X-Version": "2"}, verify=TLS
    )


def get(simulator: Simulator, path: str, **query: Any) -> Any:
    headers = {"authToken": logged_in(simulator).json()["token"], "X-Version": "2"}
    answer = httpx.get(f"{simulator.url}/rest/{path}", headers=headers, params=query, verify=TLS)
    assert answer.status_code == 200
    return answer.json()


def test_a_nonce_answered_rightly_gives_a_token(simulator: Simulator) -> None:
    assert logged_in(simulator).json()["token"]
    assert get(simulator, "users/me")["login"] == "0011"


def test_a_wrong_password_is_a_bad_request(simulator: Simulator) -> None:
    assert logged_in(simulator, "wrong").status_code == 400


def test_a_nonce_is_good_once(simulator: Simulator) -> None:
    url = f"{simulator.url}/rest/login"
    told = httpx.get(url, verify=TLS).json()
    secret = f"0011:{sha512('0011' + told['nonce'] + sha512('Geheim#2024'))}"

    first, second = (httpx.post(url, json=told | {"secret": secret}, verify=TLS) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 400)


@pytest.mark.parametrize("path", ["users", "users/me", "users/1", "accounts", "contacts"])
@pytest.mark.parametrize("headers", [{}, {"authToken": "x"}, {"Authorization": "Bearer x"}])
def test_nothing_is_told_without_a_token(
    simulator: Simulator, path: str, headers: dict[str, str]
) -> None:
    assert httpx.get(f"{simulator.url}/rest/{path}", headers=headers, verify=TLS).status_code == 401


def test_a_token_given_back_is_worth_nothing(simulator: Simulator) -> None:
    headers = {"authToken": logged_in(simulator).json()["token"]}

    assert (
        httpx.delete(f"{simulator.url}/rest/login", headers=headers, verify=TLS).status_code == 204
    )
    assert httpx.get(f"{simulator.url}/rest/users", headers=headers, verify=TLS).status_code == 401


def test_an_access_token_opens_rest_too(simulator: Simulator) -> None:
    form = {
        "client_id": "rest-client-headless",
        "client_secret": "simulator-secret",
        "grant_type": "password",
        "username": "0012",
        "password": "Muster!12",
    }
    issued = httpx.post(
        f"{simulator.url}/auth/realms/pbx/oauth2/token", data=form, verify=TLS
    ).json()

    headers = {"Authorization": f"Bearer {issued['access_token']}"}
    me = httpx.get(f"{simulator.url}/rest/users/me", headers=headers, verify=TLS).json()
    assert (me["login"], me["familyName"]) == ("0012", "Muster")


def test_users_are_found_by_a_term(simulator: Simulator) -> None:
    assert [each["login"] for each in get(simulator, "users")] == ["0011", "0012", "0013"]
    assert [each["login"] for each in get(simulator, "users", searchTerm="roth")] == ["0013"]
    assert get(simulator, "users/3")["firstName"] == "Clara"


def test_accounts_tell_the_extension(simulator: Simulator) -> None:
    told = get(simulator, "accounts")

    assert [each["primaryInternalPhoneNumber"] for each in told] == ["11", "12", "13"]


@pytest.mark.parametrize("first", [0, 1])
def test_the_address_book_comes_in_pages_from_either_base(simulator: Simulator, first: int) -> None:
    simulator.set(first_page=first)

    pages = [get(simulator, "contacts", page=first + at, pagesize=3) for at in (0, 1)]
    assert [len(page["contacts"]) for page in pages] == [3, 1]
    assert pages[0]["metadata"]["totalPages"] == 2
    ids = {each["id"] for page in pages for each in page["contacts"]}
    assert len(ids) == 4


@pytest.mark.parametrize(("below", "count"), [("first", 4), ("empty", 0)])
def test_a_page_below_the_first_is_by_switch(simulator: Simulator, below: str, count: int) -> None:
    simulator.set(first_page=1, page_below_first=below)

    assert len(get(simulator, "contacts", page=0)["contacts"]) == count


def test_contacts_are_found_by_number_name_and_tag(simulator: Simulator) -> None:
    [found] = get(simulator, "contacts", searchTerms="441234567")["contacts"]
    assert "+41441234567" in found["phoneNumberValues"]
    [tag] = [each for each in get(simulator, "contacts/tags") if each["name"] == "Kunden"]
    assert len(get(simulator, "contacts", tags=tag["id"])["contacts"]) == 2
    assert get(simulator, "contacts", searchTerms="nobody")["contacts"] == []


def test_a_contact_is_spelt_as_the_scheme_says(simulator: Simulator) -> None:
    [found] = get(simulator, "contacts", searchTerms="müller")["contacts"]
    contact = get(simulator, f"contacts/{found['id']}")
    scheme = get(simulator, "contacts/scheme")

    names = [
        [(each["displayKey"], each["name"]) for each in block["attributes"]]
        for block in scheme["blocks"]
    ]
    assert names == [
        [(each["displayKey"], each["name"]) for each in block["attributes"]]
        for block in contact["blocks"]
    ]
    values = {each["displayKey"]: each["value"] for each in contact["blocks"][0]["attributes"]}
    assert values["SURNAME"] == "Müller"


def test_the_version_is_told(simulator: Simulator) -> None:
    assert get(simulator, "server/version") == {"version": "9.0.1.4"}
