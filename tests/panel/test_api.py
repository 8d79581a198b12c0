import json
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid4

import falcon.testing
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.events import DialResultData, Sentence
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.publication import Unconfirmed
from panel import openapi
from panel.api import create_app
from panel.applications import Applications
from panel.dial_requests import DialOrder, RequestKey
from panel.settings import PanelSettings
from runtime.configuration import SettingsRefused

PATH = "/api/v1/users/0011/dial"
NUMBER = {"number": "044 123 45 67"}
HOST = "falconframework.org"  # what the test client says unless asked otherwise


class FakeDialPort:
    """Answers every wish at once, or never."""

    def __init__(self) -> None:
        self.requested: list[tuple[str, DialOrder, str]] = []
        self.cancelled: list[RequestKey] = []
        self.code: str | None = None
        self.silent = False
        self.fault: Exception | None = None
        self.known: dict[RequestKey, DialResultData] = {}

    def ask(self, user: str, wish: DialOrder, application: str) -> Future[DialResultData]:
        if self.fault is not None:
            raise self.fault
        self.requested.append((user, wish, application))
        answer: Future[DialResultData] = Future()
        if not self.silent:
            answer.set_result(result(user, wish.request_id, self.code))
        return answer

    def cancel(self, key: RequestKey, answer: Future[DialResultData]) -> None:
        self.cancelled.append(key)

    def find(self, user: str, request_id: UUID) -> DialResultData | None:
        return self.known.get((user, request_id))


def result(user: str, request_id: UUID, code: str | None = None) -> DialResultData:
    return DialResultData(
        user=user, request_id=request_id, state="refused" if code else "accepted", code=code,
        sentence=Sentence(de="so", en="so"), final=bool(code),
    )  # fmt: skip


@pytest.fixture
def dial_port() -> FakeDialPort:
    return FakeDialPort()


@pytest.fixture
def applications(tmp_path: Path) -> Applications:
    return Applications(tmp_path / "applications.db")


@pytest.fixture
def token(applications: Applications) -> str:
    return applications.add("crm", ["0011"])


@pytest.fixture
def client(
    dial_port: FakeDialPort, applications: Applications, token: str
) -> falcon.testing.TestClient:
    app = create_app(
        dial_port, applications, PanelSettings(hosts=("Phone.Kanzlei.test", HOST), patience=1)
    )
    headers = {"Authorization": f"Bearer {token}"}
    return falcon.testing.TestClient(app, headers=headers)


def test_a_wish_is_asked_for_in_the_name_of_the_application(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    answer = client.simulate_post(PATH, json=NUMBER | {"phone": "SIP/11"})

    assert answer.status_code == 202
    [(user, wish, application)] = dial_port.requested
    assert (user, wish.number, wish.phone, application) == (
        "0011", "044 123 45 67", "SIP/11", "crm",
    )  # fmt: skip
    assert answer.json["request_id"] == str(wish.request_id)
    assert answer.headers["location"] == f"{PATH}/{wish.request_id}"


def test_a_damaged_file_of_applications_keeps_only_them_out(
    client: falcon.testing.TestClient, tmp_path: Path, applications: Applications
) -> None:
    fresh = tmp_path / "fresh"  # another file, as one is that was put back
    fresh.write_bytes(b"no database at all" * 1_000)
    fresh.chmod(0o600)
    fresh.replace(tmp_path / "applications.db")

    answer = client.simulate_post(PATH, json=NUMBER)

    assert answer.status_code == 503
    assert answer.json["description"] == "the tokens cannot be read just now"
    assert str(tmp_path) not in answer.text
    assert client.simulate_get("/").status_code == 200
    assert "restore it from a backup" in str(applications.fault)


def test_a_fault_of_the_settings_elsewhere_is_not_put_down_to_the_tokens(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    dial_port.fault = SettingsRefused("another file")

    answer = client.simulate_post(PATH, json=NUMBER)

    assert answer.status_code == 500
    assert "tokens" not in answer.text


def test_an_id_of_the_application_is_kept(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    request_id = uuid4()
    client.simulate_post(PATH, json=NUMBER | {"request_id": str(request_id)})

    assert dial_port.requested[0][1].request_id == request_id


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("not_a_number", 400), ("premium", 403), ("busy", 409), ("expired", 410), ("rate", 429),
        ("refused_by_pbx", 502), ("unknown_outcome", 504),
    ],
)  # fmt: skip
def test_each_refusal_has_its_status(
    client: falcon.testing.TestClient, dial_port: FakeDialPort, code: str, status: int
) -> None:
    dial_port.code = code

    answer = client.simulate_post(PATH, json=NUMBER)

    assert answer.status_code == status
    assert answer.json["code"] == code
    assert answer.json["sentence"]["de"] == answer.json["sentence"]["en"] == "so"


@pytest.mark.parametrize("auth", ["", "Bearer", "Bearer wrong", "Basic MDAxMTp4", "Bearer \u00fc"])
def test_without_the_right_token_nobody_dials(
    client: falcon.testing.TestClient, dial_port: FakeDialPort, auth: str
) -> None:
    answer = client.simulate_post(PATH, json=NUMBER, headers={"Authorization": auth})

    assert answer.status_code == 401
    assert dial_port.requested == []


def test_a_token_is_only_for_its_users(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    answer = client.simulate_post("/api/v1/users/0012/dial", json=NUMBER)

    assert answer.status_code == 403
    assert dial_port.requested == []


def test_a_removed_token_is_refused_at_once(
    client: falcon.testing.TestClient, applications: Applications
) -> None:
    applications.remove("crm")

    assert client.simulate_post(PATH, json=NUMBER).status_code == 401


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"number=044", "application/x-www-form-urlencoded", 415),
        (b'{"number": "044"}', "text/plain", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"number": ""}', "application/json", 400),
        (b'{"number": 44}', "application/json", 400),
        (b'{"number": "044", "request_id": "x"}', "application/json", 400),
        (b'{"number": "' + b"4" * 300 + b'"}', "application/json", 400),
        (b'{"number": "' + b"4" * 5000 + b'"}', "application/json", 413),
        (b"\xff", "application/json", 400),
    ],
)
def test_a_faulty_body_is_refused_and_not_echoed(
    client: falcon.testing.TestClient, dial_port: FakeDialPort, body: bytes, kind: str, status: int
) -> None:
    answer = client.simulate_post(PATH, body=body, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert dial_port.requested == []
    assert "4444" not in answer.text


@pytest.mark.parametrize("host", ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "x"])
def test_a_foreign_name_is_not_answered(
    client: falcon.testing.TestClient, dial_port: FakeDialPort, host: str
) -> None:
    answer = client.simulate_post(PATH, json=NUMBER, host=host)

    assert answer.status_code == 421
    assert dial_port.requested == []


@pytest.mark.parametrize("host", ["localhost", "phone.kanzlei.test", "PHONE.kanzlei.test", "[::1]"])
def test_our_own_names_are_answered(client: falcon.testing.TestClient, host: str) -> None:
    assert client.simulate_post(PATH, json=NUMBER, host=host).status_code == 202


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost.evil.test"])
def test_a_page_of_another_site_does_not_dial(
    client: falcon.testing.TestClient, dial_port: FakeDialPort, origin: str
) -> None:
    answer = client.simulate_post(PATH, json=NUMBER, headers={"Origin": origin})

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert dial_port.requested == []


def test_a_dial_process_that_does_not_answer_is_named(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    dial_port.silent = True

    answer = client.simulate_post(PATH, json=NUMBER)

    assert answer.status_code == 503
    assert "do not dial again" in answer.json["description"]
    assert len(dial_port.cancelled) == 1


def test_a_missing_broker_is_named(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    dial_port.fault = BrokerUnavailable("away")

    answer = client.simulate_post(PATH, json=NUMBER)

    assert answer.status_code == 503
    assert answer.json["title"] == "Nothing was dialled"


def test_it_is_not_said_that_nothing_was_dialled_when_nobody_knows(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    dial_port.fault = Unconfirmed("no confirmation")

    answer = client.simulate_post(PATH, json=NUMBER)

    assert answer.status_code == 503
    assert "do not dial again" in answer.json["description"]


def test_the_last_stage_can_be_asked_for(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    request_id = uuid4()
    dial_port.known["0011", request_id] = result("0011", request_id)

    assert client.simulate_get(f"{PATH}/{request_id}").json["state"] == "accepted"
    assert client.simulate_get(f"{PATH}/{uuid4()}").status_code == 404
    assert client.simulate_get(f"/api/v1/users/0012/dial/{request_id}").status_code == 403


def test_the_description_fits_what_is_answered(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    document = client.simulate_get("/api/v1/openapi.json").json
    answer = client.simulate_post(PATH, json=NUMBER).json

    assert document == json.loads(json.dumps(openapi.document()))
    schema = {"$ref": "#/components/schemas/DialResultData", "components": document["components"]}
    jsonschema.validate(answer, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer | {"state": "dialled"}, schema)


@pytest.mark.parametrize("path", ["/", "/dial", "/dial/token", "/dial.js", "/js/app.js"])
def test_the_small_page_needs_no_token_and_runs_no_foreign_script(
    client: falcon.testing.TestClient, path: str
) -> None:
    answer = client.simulate_get(path, headers={"Authorization": ""})

    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_page_holds_no_script_of_its_own_and_no_address_elsewhere(
    client: falcon.testing.TestClient,
) -> None:
    page = client.simulate_get("/dial/token").text

    assert page.count("<script") == page.count('<script src="../dial.js"')
    assert "://" not in page
    assert "onclick" not in page


def test_opening_the_page_with_a_number_does_not_dial(
    client: falcon.testing.TestClient, dial_port: FakeDialPort
) -> None:
    client.simulate_get("/dial", params={"number": "044 123 45 67"})

    assert dial_port.requested == []


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), login=st.text(min_size=1, max_size=20))
def test_nothing_that_is_sent_breaks_the_door(
    client: falcon.testing.TestClient, body: bytes, login: str
) -> None:
    headers = {"Content-Type": "application/json"}
    path = f"/api/v1/users/{quote(login, safe='')}/dial"

    assert client.simulate_post(path, body=body, headers=headers).status_code in (401, 403, 404)
    assert client.simulate_post(PATH, body=body, headers=headers).status_code in (202, 400)
