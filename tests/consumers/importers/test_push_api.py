import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from bus.numbers.number import NumberProfile
from bus.settings import SettingsRefused
from consumers.directory.changes import Changes, ImportResult
from consumers.directory.directory import Directory, DirectoryUnavailable
from consumers.importers.push_api import PATH, create_app, read_token

TOKEN = "t" * 40
PROFILE = NumberProfile(country="CH", area_code="44")
ANNA = {"key": "1", "name": "Anna Meier", "numbers": ["044 123 45 67"]}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "site.db") as directory:
        yield directory


@pytest.fixture
def client(directory: Directory) -> falcon.testing.TestClient:
    return falcon.testing.TestClient(create_app(directory, PROFILE, TOKEN, 10_000))


def _push(
    client: falcon.testing.TestClient, given: Any, query: str = "", token: str = TOKEN
) -> falcon.testing.Result:
    return client.simulate_post(
        PATH, body=json.dumps(given), query_string=query,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip


def test_a_pushed_contact_is_known_at_the_next_call(
    client: falcon.testing.TestClient, directory: Directory
) -> None:
    answer = _push(client, {"source": "crm", "contacts": [ANNA]})

    assert answer.status_code == 200
    assert answer.json["contacts"]["added"] == 1
    found = directory.find("+41441234567", user="0011")
    assert found.contact is not None
    assert found.contact.name == "Anna Meier"


def test_a_removed_contact_is_unknown_at_the_next_call(
    client: falcon.testing.TestClient, directory: Directory
) -> None:
    _push(client, {"source": "crm", "contacts": [ANNA]})

    _push(client, {"source": "crm", "remove": {"contacts": ["1"]}}, "force=true")

    assert directory.find("+41441234567", user="0011").contact is None


def test_a_trial_changes_nothing_and_says_so_in_the_log(
    client: falcon.testing.TestClient, directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    answer = _push(client, {"source": "crm", "contacts": [ANNA]}, "dry_run=true")

    assert answer.json["contacts"]["added"] == 1
    assert directory.find("+41441234567", user="0011").contact is None
    assert caplog.messages == ["push tried, nothing changed source=crm rows=1"]


def test_a_number_that_is_none_is_reported_with_its_place(
    client: falcon.testing.TestClient,
) -> None:
    bad = ANNA | {"numbers": ["044 123 45 67", "ask Bernd"]}

    answer = _push(client, {"source": "crm", "contacts": [bad]})

    [refused] = answer.json["refused"]
    assert "contacts.0" in refused["where"]


def test_a_push_that_would_empty_the_source_is_refused(
    client: falcon.testing.TestClient, directory: Directory
) -> None:
    people = [ANNA | {"key": str(key)} for key in range(10)]
    _push(client, {"source": "crm", "contacts": people})

    answer = _push(client, {"source": "crm", "contacts": [], "complete": ["contacts"]})

    assert answer.status_code == 409
    assert len(list(directory.contacts("crm"))) == 10


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "t", "é" * 40])
def test_without_the_token_nothing_is_taken(
    client: falcon.testing.TestClient, directory: Directory, token: str
) -> None:
    answer = client.simulate_post(
        PATH, body=json.dumps({"source": "crm", "contacts": [ANNA]}),
        headers={"Authorization": f"Bearer {token}".encode().decode("latin-1"),
                 "Content-Type": "application/json"},
    )  # fmt: skip

    assert answer.status_code == 401
    assert list(directory.contacts()) == []


@pytest.mark.parametrize("given", [[], {}, {"source": "crm", "contacts": [{}]}, "text"])
def test_what_was_not_agreed_is_refused_and_not_echoed(
    client: falcon.testing.TestClient, given: Any
) -> None:
    answer = _push(client, given)

    assert answer.status_code == 400
    assert answer.json["title"] == "not what was agreed"


def test_a_push_that_is_too_large_is_refused(client: falcon.testing.TestClient) -> None:
    assert _push(client, {"source": "crm", "x": "x" * 10_000}).status_code == 413


def test_a_form_from_a_web_page_is_refused(client: falcon.testing.TestClient) -> None:
    answer = client.simulate_post(
        PATH, body="{}",
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"},
    )  # fmt: skip

    assert answer.status_code == 415


def test_a_directory_that_cannot_be_written_asks_to_come_again() -> None:
    class Locked:
        def apply(
            self, changes: Changes, *, dry_run: bool = False, force: bool = False
        ) -> ImportResult:
            raise DirectoryUnavailable("database is locked")

    client = falcon.testing.TestClient(create_app(Locked(), PROFILE, TOKEN, 10_000))

    answer = _push(client, {"source": "crm", "contacts": [ANNA]})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_token_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)

    with pytest.raises(SettingsRefused, match="chmod 600"):
        read_token(path)


def test_a_missing_token_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="write one of 32 characters"):
        read_token(tmp_path / "token")
