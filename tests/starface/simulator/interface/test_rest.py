import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from starface.simulator import Simulator
from tests.starface.simulator.fixtures import TLS


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


def logged_in(simulator: Simulator, word: str = "Geheim#2024") -> httpx.Response:
    """Log in as the REST pages say, without code of ours."""
    url = f"{simulator.url}/rest/login"
    reported = httpx.get(url, verify=TLS).json()
    secret = sha512("0011" + reported["nonce"] + sha512(word))
    return httpx.post(
        url, json=reported | {"secret": f"0011:{secret}"}, headers={"X-Version": "2"}, verify=TLS
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
    reported = httpx.get(url, verify=TLS).json()
    secret = f"0011:{sha512('0011' + reported['nonce'] + sha512('Geheim#2024'))}"

    first, second = (
        httpx.post(url, json=reported | {"secret": secret}, verify=TLS) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (200, 400)


@pytest.mark.parametrize("path", ["users", "users/me", "users/1", "accounts", "contacts"])
@pytest.mark.parametrize("headers", [{}, {"authToken": "x"}, {"Authorization": "Bearer x"}])
def test_nothing_is_reported_without_a_token(
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


def test_accounts_report_the_extension(simulator: Simulator) -> None:
    reported = get(simulator, "accounts")

    assert [each["primaryInternalPhoneNumber"] for each in reported] == ["11", "12", "13", "20"]
    assert [(each["firstname"], each["lastname"]) for each in reported][2:] == [
        ("Clara", "Roth"),
        ("", "Kanzlei"),
    ]


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
        for block in scheme["detailBlocks"]
    ]
    assert names == [
        [(each["displayKey"], each["name"]) for each in block["attributes"]]
        for block in contact["blocks"]
    ]
    values = {each["displayKey"]: each["value"] for each in contact["blocks"][0]["attributes"]}
    assert values["SURNAME"] == "Müller"


def test_the_version_is_reported(simulator: Simulator) -> None:
    assert get(simulator, "server/version") == {"version": "9.0.1.4"}


def send(simulator: Simulator, verb: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"authToken": logged_in(simulator).json()["token"]}
    url = f"{simulator.url}/rest/{path}"
    return httpx.request(verb, url, headers=headers, json=body, verify=TLS)


def test_contacts_are_written_and_removed(simulator: Simulator) -> None:
    field = {"displayKey": "SURNAME", "name": "familyname", "value": "Meier"}
    body = {"editable": True, "tags": [], "blocks": [{"name": "contact", "attributes": [field]}]}

    added = send(simulator, "POST", "contacts", body)
    contact = added.json()["id"]
    changed = send(simulator, "PUT", f"contacts/{contact}", body)
    removed = send(simulator, "DELETE", f"contacts/{contact}")

    assert [each.status_code for each in (added, changed, removed)] == [201, 204, 204]
    assert send(simulator, "GET", f"contacts/{contact}").status_code == 404


def test_folders_come_in_pages_of_twenty_and_are_written(simulator: Simulator) -> None:
    simulator.set(first_page=0)
    before = len(get(simulator, "contacts/tags"))
    made = [send(simulator, "POST", "contacts/tags", {"name": f"F{n}"}) for n in range(25)]
    try:
        assert {each.status_code for each in made} == {201}
        pages = [get(simulator, "contacts/tags", page=page) for page in (0, 1, 2)]
        assert [len(page) for page in pages] == [20, before + 5, 0]
        assert len(get(simulator, "contacts/tags", pagesize="")) == 20
        assert all(isinstance(each["owner"], str) for each in pages[0])
        folder = made[0].json()["id"]
        assert send(simulator, "PUT", f"contacts/tags/{folder}", {"name": "G"}).status_code == 204
        assert get(simulator, f"contacts/tags/{folder}")["name"] == "G"
    finally:
        gone = [send(simulator, "DELETE", f"contacts/tags/{each.json()['id']}") for each in made]
    assert {each.status_code for each in gone} == {204}


def test_a_user_is_added_changed_and_removed(simulator: Simulator) -> None:
    body = {"login": "0099", "firstName": "Nina", "familyName": "Neu", "password": "Neu!99"}

    added = send(simulator, "POST", "users", body)
    number = added.json()["id"]
    changed = send(simulator, "PUT", f"users/{number}", {"familyName": "Alt"})

    assert (added.status_code, changed.status_code) == (201, 204)
    assert get(simulator, f"users/{number}")["familyName"] == "Alt"
    assert send(simulator, "DELETE", f"users/{number}").status_code == 204
    assert send(simulator, "GET", f"users/{number}").status_code == 404


def test_groups_numbers_redirects_and_the_state_are_reported(simulator: Simulator) -> None:
    [group] = get(simulator, "groups", searchTerm="kanz")
    assert get(simulator, f"groups/{group['id']}")["name"] == "Kanzlei"
    assert "20" in [each["number"] for each in get(simulator, "phonenumbers", type="INTERNAL")]
    assert get(simulator, "phonenumbers", assigned="false") == []
    assert get(simulator, "users/")
    always, *_ = get(simulator, "redirects")
    put = send(
        simulator, "PUT", f"redirects/{always['id']}", {"enabled": True, "destination": "12"}
    )
    assert put.status_code == 204
    assert get(simulator, f"redirects/{always['id']}")["lastDestinationNumber"] == "12"
    assert get(simulator, "server/state")


def test_a_picture_is_kept(simulator: Simulator) -> None:
    headers = {"authToken": logged_in(simulator).json()["token"], "Content-Type": "image/png"}
    url = f"{simulator.url}/rest/users/1/avatar"

    assert httpx.get(url, headers=headers, verify=TLS).status_code == 404
    assert httpx.put(url, headers=headers, content=b"png", verify=TLS).status_code == 204
    assert httpx.get(url, headers=headers, verify=TLS).content == b"png"


def test_errors_have_a_code_and_a_message(simulator: Simulator) -> None:
    assert set(send(simulator, "GET", "contacts/nobody").json()) == {"code", "message"}
    assert set(httpx.get(f"{simulator.url}/rest/users", verify=TLS).json()) == {"code", "message"}
    bad = send(simulator, "GET", "contacts?pagesize=none")
    assert (bad.status_code, set(bad.json())) == (400, {"code", "message"})


def test_contacts_may_have_guids() -> None:
    with Simulator() as simulator:
        simulator.set(guid_ids=True)

        [found] = get(simulator, "contacts", searchTerms="rossi")["contacts"]
        [tag, *_] = get(simulator, "contacts/tags")
        assert (len(found["id"]), len(tag["id"])) == (36, 36)
        assert get(simulator, f"contacts/{found['id']}")["id"] == found["id"]
        assert get(simulator, "contacts", tags=tag["id"])["contacts"]
