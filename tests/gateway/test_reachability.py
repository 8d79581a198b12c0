import sqlite3
from pathlib import Path

import falcon.testing
import pytest

from gateway.calls.notifications import CHECK
from gateway.eventlog.file import NAME
from gateway.eventlog.writer import EventLog
from starface.callback import TEST_USER
from starface.xmlrpc.reading import write_call
from tests.gateway.conftest import post
from tests.gateway.running import call_state, path_of

Client = falcon.testing.TestClient


def test_the_page_counts_visits_and_notifications_and_not_our_own_checks(client: Client) -> None:
    client.simulate_get("/")
    client.simulate_head("/")
    client.simulate_get("/favicon.ico")
    post(client, path_of("0011"), write_call(CHECK))
    post(client, path_of(TEST_USER), call_state("c-test", "DOCTOR"))
    post(client, path_of("0011"), call_state("c-1"))
    response = client.simulate_get("/", headers={"Accept": "application/json"}).json

    assert (response["hits"], response["visits"], response["notifications"]) == (3, 2, 1)
    assert response["your_address"] == "127.0.0.1"
    assert response["last_notification"] is not None


@pytest.mark.parametrize(
    ("accepted", "language", "sentence"),
    [("de-CH,de;q=0.9", "de", "HTTP-Zugriffe total"), ("fr", "fr", "Total des accès"),
     ("it;q=0.8,en;q=0.7", "it", "Totale accessi"), ("", "en", "HTTP hits total"),
     ("es,pt", "en", "HTTP hits total"), ("en;q=0.1,de;q=x,fr;q=0.5", "fr", "Total des accès")],
)  # fmt: skip
def test_the_page_speaks_the_readers_language(
    client: Client, accepted: str, language: str, sentence: str
) -> None:
    answer = client.simulate_get("/", headers={"Accept": "text/html", "Accept-Language": accepted})

    assert answer.headers["content-language"] == language
    assert sentence in answer.text


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("127.0.0.1", "own machine"), ("::1", "own machine"), ("192.0.2.7", "at this address")],
)
def test_a_visit_from_the_own_machine_proves_nothing(
    client: Client, source: str, sentence: str
) -> None:
    answer = client.simulate_get(
        "/", headers={"Accept": "text/html"}, extras={"REMOTE_ADDR": source}
    )

    assert sentence in answer.text


def test_the_page_never_echoes_input_as_html(client: Client) -> None:
    marker = "<script>alert(1)</script>"
    answer = client.simulate_get(
        "/",
        params={"lang": marker, "x": marker},
        headers={"Accept-Language": marker, "X-Forwarded-For": marker, "User-Agent": marker},
    )

    assert answer.status_code == 200
    assert "<script" not in answer.text


def test_hits_survive_a_restart(client: Client, events: EventLog, tmp_path: Path) -> None:
    for _ in range(3):
        client.simulate_get("/")
    events.write_counts()

    with sqlite3.connect(tmp_path / NAME) as db:
        found = db.execute("SELECT value FROM counters WHERE name = 'visits'").fetchone()
    db.close()
    assert found == (3,)
