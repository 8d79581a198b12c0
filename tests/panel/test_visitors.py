import json

import falcon.testing
import pytest

from bus.mqtt.inbox import ReceivedMessage
from bus.panel_events import SettingsRequest
from panel.login import AccessList
from panel.visitors import COOKIE
from runtime.secret_box import SecretBox
from tests.panel.conftest import KEY, TOPICS, FakeBus, FakeFeed, enter


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


def test_logging_out_takes_the_cookie_away(
    client: falcon.testing.TestClient, cookies: dict[str, str]
) -> None:
    answer = client.simulate_delete("/session", cookies=cookies)

    assert answer.headers["set-cookie"].startswith(f'{COOKIE}=""; expires=')
