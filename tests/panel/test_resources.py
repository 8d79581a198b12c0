import asyncio
import gzip
import json
import re
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import falcon.testing
import pytest

from bus.events import ChoiceRequest, Message
from bus.journal_events import JournalRequest
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.publication import Unconfirmed
from bus.panel_events import Access, AccessData, SettingsRequest
from bus.topics import Topics
from panel.api import PeoplePorts, create_app
from panel.applications import Applications
from panel.bus_port import BusPort
from panel.dial_requests import DialNotRunning
from panel.login import AccessList, LoginCookies
from panel.settings import PanelSettings
from panel.streams import Streams
from panel.visitors import COOKIE
from runtime.secret_box import SecretBox, new_key
from tests.panel.test_api import FakeDialPort
from texts import LANGUAGES, catalogue

HOST = "falconframework.org"
KEY = new_key()
TOPICS = Topics()


class FakeBus:
    """Writes down what is published, and answers at once, never, or not at all."""

    topics = TOPICS

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.away = False
        self.silent = False

    async def publish(self, topic: str, message: Message) -> None:
        if self.away:
            raise BrokerUnavailable("away")
        self.published.append((topic, message))

    async def publish_word(self, topic: str, word: str) -> None:
        self.published.append((topic, word))

    async def ask(self, topic: str, request: Message, within: float) -> dict[str, Any]:
        if self.away:
            raise BrokerUnavailable("away")
        if self.silent:
            raise TimeoutError
        self.published.append((topic, request))
        return self.answers.get(topic, {})


class FakeFeed:
    """A broker that runs, and states nobody has published."""

    settled = True

    def __init__(self) -> None:
        self.broker = True

    def links(self) -> dict[str, Any]:
        return {"broker": self.broker, "missing": []}

    def state(self, user: str) -> None:
        return None

    def processes(self) -> list[dict[str, Any]]:
        return [{"name": "gateway", "online": True}]


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def feed() -> FakeFeed:
    return FakeFeed()


@pytest.fixture
def dial_port() -> FakeDialPort:
    return FakeDialPort()


@pytest.fixture
def known() -> AccessList:
    return AccessList(TOPICS)


def enter(known: AccessList, user: str = "0011", *, admin: bool = False) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    message = Access(data=AccessData(user=user, name="Anna", since=since, admin=admin))
    known.receive(ReceivedMessage(TOPICS.access(user), message.encoded(), retained=True))


@pytest.fixture
def client(
    bus: FakeBus, feed: FakeFeed, known: AccessList, dial_port: FakeDialPort, tmp_path: Any
) -> falcon.testing.TestClient:
    people: Any = PeoplePorts(
        bus, feed, Streams(), LoginCookies(KEY, known), SecretBox(KEY), 0.0,  # type: ignore[arg-type]
    )  # fmt: skip
    settings = PanelSettings(hosts=(HOST,), patience=1)
    app = create_app(dial_port, Applications(tmp_path / "applications.db"), settings, people)
    return falcon.testing.TestClient(app)


@pytest.fixture
def cookies(known: AccessList) -> dict[str, str]:
    enter(known)
    return {COOKIE: LoginCookies(KEY, known).issue("0011")}


def log_in(client: falcon.testing.TestClient, **headers: str) -> falcon.testing.Result:
    body = {"login": "0011", "password": "Geheim#2024"}
    return client.simulate_post("/session", json=body, headers=headers)


def test_a_login_sends_the_password_sealed_and_sets_a_strict_cookie(
    client: falcon.testing.TestClient, bus: FakeBus, known: AccessList
) -> None:
    enter(known)

    answer = log_in(client)

    assert answer.status_code == 200
    cookie = answer.cookies[COOKIE]
    assert (cookie.http_only, cookie.same_site, cookie.secure) == (True, "Strict", False)
    [(topic, request)] = bus.published
    assert topic == TOPICS.settings("0011")
    assert isinstance(request, SettingsRequest)
    assert b"Geheim" not in request.encoded()
    opened = json.loads(SecretBox(KEY).open_text(request.data.sealed or ""))
    assert opened["password"] == "Geheim#2024"


def test_over_tls_the_cookie_stays_there(
    client: falcon.testing.TestClient, known: AccessList
) -> None:
    enter(known)
    body = {"login": "0011", "password": "x"}

    answer = client.simulate_post("/session", json=body, protocol="https")

    assert answer.cookies[COOKIE].secure
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    ("code", "status"), [("refused", 403), ("wait", 429), ("pbx", 503), ("other-key", 503)]
)
def test_a_login_that_fails_sets_no_cookie(
    client: falcon.testing.TestClient, bus: FakeBus, code: str, status: int
) -> None:
    bus.answers[TOPICS.settings("0011")] = {"code": code}

    answer = log_in(client)

    assert answer.status_code == status
    assert answer.json["code"] == code
    assert COOKIE not in answer.cookies


def test_a_sixth_wrong_password_in_a_minute_is_not_asked_for(
    client: falcon.testing.TestClient, bus: FakeBus
) -> None:
    bus.answers[TOPICS.settings("0011")] = {"code": "refused"}

    answers = [log_in(client).json["code"] for _ in range(7)]

    assert answers == ["refused"] * 5 + ["wait"] * 2
    assert len(bus.published) == 5


def test_another_page_cannot_log_in_or_act(
    client: falcon.testing.TestClient, bus: FakeBus, cookies: dict[str, str]
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}

    assert log_in(client, **headers).status_code == 403
    switch = client.simulate_post("/switch", json={"on": False}, headers=headers, cookies=cookies)
    assert switch.status_code == 403
    form = client.simulate_post(
        "/switch", body=b"on=true", cookies=cookies,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert form.status_code == 415
    assert bus.published == []


@pytest.mark.parametrize(
    "path",
    ["/switch", "/choose", "/opened", "/call", "/journal", "/directory", "/settings"],
)
def test_nobody_acts_without_a_login(
    client: falcon.testing.TestClient, bus: FakeBus, path: str
) -> None:
    assert client.simulate_post(path, json={}).status_code == 401
    assert client.simulate_get("/events").status_code == 401
    assert bus.published == []


def test_nobody_is_logged_out_because_the_broker_is_away(
    client: falcon.testing.TestClient, feed: FakeFeed, cookies: dict[str, str], known: AccessList
) -> None:
    known.receive(ReceivedMessage(TOPICS.access("0011"), b"", retained=True))
    feed.broker = False

    assert client.simulate_get("/session", cookies=cookies).status_code == 503
    feed.broker = True
    assert client.simulate_get("/session", cookies=cookies).json == {"user": None}


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


def test_logging_out_takes_the_cookie_away(
    client: falcon.testing.TestClient, cookies: dict[str, str]
) -> None:
    answer = client.simulate_delete("/session", cookies=cookies)

    assert answer.headers["set-cookie"].startswith(f'{COOKIE}=""; expires=')


def test_a_person_gets_a_page_for_an_error_and_a_program_json(
    client: falcon.testing.TestClient,
) -> None:
    page = client.simulate_get("/nowhere", headers={"Accept": "text/html,*/*;q=0.8"})
    program = client.simulate_get("/nowhere", headers={"Accept": "*/*"})

    assert page.status_code == program.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>404</h1>" in page.text
    assert program.json["title"] == "404 Not Found"


def test_an_answer_of_the_bus_is_read_as_data() -> None:
    class Answering:
        def send(self, topic: str, request: Message) -> Any:
            answer: Future[bytes] = Future()
            answer.set_result(b'{"data": {"code": null}}')
            return answer

    class Connection:
        topics = TOPICS

    port = BusPort(Connection(), Answering())  # type: ignore[arg-type]

    assert asyncio.run(port.ask("topic", Message(type="x"), 1.0)) == {"code": None}


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
