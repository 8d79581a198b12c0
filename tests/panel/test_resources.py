import gzip
import re

import falcon.testing
import pytest

from bus.events import ChoiceRequest
from bus.journal_events import JournalRequest
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.publication import Unconfirmed
from panel.dial_requests import DialNotRunning
from panel.login import AccessList
from tests.panel.conftest import TOPICS, FakeBus, enter
from tests.panel.test_api import FakeDialPort
from texts import LANGUAGES, catalogue


def test_a_click_switches_the_own_interface(
    client: falcon.testing.TestClient, bus: FakeBus, cookies: dict[str, str]
) -> None:
    client.simulate_post("/switch", json={"on": False}, cookies=cookies)

    assert bus.published == [(TOPICS.switch("0011"), "off")]


def test_a_choice_is_the_users_whatever_the_body_says(
    client: falcon.testing.TestClient, bus: FakeBus, cookies: dict[str, str]
) -> None:
    body = {"call_id": "c1", "kind": "contact", "id": "7", "user": "0012"}

    answer = client.simulate_post("/choose", json=body, cookies=cookies)

    [(topic, request)] = bus.published
    assert topic == TOPICS.choose("0011")
    assert isinstance(request, ChoiceRequest)
    assert answer.json == {"id": request.id}


def test_a_question_gets_an_id_of_ours(
    client: falcon.testing.TestClient, bus: FakeBus, cookies: dict[str, str]
) -> None:
    bus.answers[TOPICS.journal("0011")] = {"records": []}
    body = {"action": "list", "request_id": "theirs", "account": "0012"}

    answer = client.simulate_post("/journal", json=body, cookies=cookies)

    assert answer.json == {"records": []}
    [(_, request)] = bus.published
    assert isinstance(request, JournalRequest)
    assert request.data.request_id != "theirs"
    assert request.data.account is None


def test_a_process_that_does_not_answer_is_named(
    client: falcon.testing.TestClient, bus: FakeBus, cookies: dict[str, str]
) -> None:
    bus.silent = True

    answer = client.simulate_post("/journal", json={"action": "list"}, cookies=cookies)

    assert answer.status_code == 503
    assert answer.json["description"] == "journal"


def test_the_password_check_is_reached_by_the_login_only(
    client: falcon.testing.TestClient, bus: FakeBus, cookies: dict[str, str]
) -> None:
    body = {"action": "login", "sealed": "x"}

    assert client.simulate_post("/settings", json=body, cookies=cookies).status_code == 403
    assert bus.published == []


def test_only_an_administrator_sees_the_site(
    client: falcon.testing.TestClient, bus: FakeBus, known: AccessList, cookies: dict[str, str]
) -> None:
    plain = client.simulate_post("/settings", json={"action": "status"}, cookies=cookies).json
    enter(known, admin=True)
    admin = client.simulate_post("/settings", json={"action": "status"}, cookies=cookies).json

    assert "processes" not in plain
    assert admin["processes"] == [{"name": "gateway", "online": True}]


def test_a_person_gets_a_page_for_an_error_and_a_program_json(
    client: falcon.testing.TestClient,
) -> None:
    page = client.simulate_get("/nowhere", headers={"Accept": "text/html,*/*;q=0.8"})
    program = client.simulate_get("/nowhere", headers={"Accept": "*/*"})

    assert page.status_code == program.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>404</h1>" in page.text
    assert program.json["title"] == "404 Not Found"


def test_the_first_load_is_small_and_asks_nobody_else(client: falcon.testing.TestClient) -> None:
    index = client.simulate_get("/").text
    named = set(re.findall(r'(?:href|src)="([^"#]+)"', index)) | {"texts/de.json", "js/write.js"}

    packed = {"Accept-Encoding": "gzip, br"}
    files = {name: client.simulate_get(f"/{name}", headers=packed) for name in named}

    assert all(one.status_code == 200 for one in files.values()), files
    assert len(index) + sum(len(one.content) for one in files.values()) < 50_000
    for name, one in files.items():
        assert gzip.decompress(one.content) == client.simulate_get(f"/{name}").content
    assert "://" not in client.simulate_get("/app.css").text


def test_what_the_browser_has_is_not_sent_again(client: falcon.testing.TestClient) -> None:
    first = client.simulate_get("/js/app.js")

    again = client.simulate_get("/js/app.js", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (BrokerUnavailable("away"), "broker"),
        (Unconfirmed("no confirmation"), "unconfirmed"),
        (DialNotRunning("nobody"), "process"),
    ],
)
def test_the_page_is_given_the_name_of_what_keeps_it_from_dialling(
    client: falcon.testing.TestClient, cookies: dict[str, str], dial_port: FakeDialPort,
    fault: Exception, word: str,
) -> None:  # fmt: skip
    dial_port.fault = fault

    answer = client.simulate_post("/call", json={"number": "044 123 45 67"}, cookies=cookies)

    assert (answer.status_code, answer.json["title"]) == (503, word)
    for language in LANGUAGES:
        assert catalogue(language)[f"panel.undialled.{word}"]
