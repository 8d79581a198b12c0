import gzip
import json

import falcon
import falcon.asgi
import falcon.testing
import pytest

from panel.pages import add_page, serialize_error
from texts import LANGUAGES, catalogue


@pytest.fixture
def client() -> falcon.testing.TestClient:
    app = falcon.asgi.App()
    add_page(app)
    app.set_error_serializer(serialize_error)
    return falcon.testing.TestClient(app)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/dial", "text/html"), ("/dial/token", "text/html"),
     ("/js/app.js", "text/javascript"), ("/app.css", "text/css"), ("/icons/icon.svg", "image/svg"),
     ("/manifest.webmanifest", "application/manifest")],
)  # fmt: skip
def test_each_file_has_its_kind(client: falcon.testing.TestClient, path: str, kind: str) -> None:
    answer = client.simulate_get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)


def test_a_file_that_has_not_changed_is_not_sent_again(client: falcon.testing.TestClient) -> None:
    tag = client.simulate_get("/app.css").headers["etag"]

    again = client.simulate_get("/app.css", headers={"If-None-Match": tag})

    assert (again.status_code, again.content) == (304, b"")


def test_a_file_is_packed_for_who_can_unpack_it(client: falcon.testing.TestClient) -> None:
    plain = client.simulate_get("/js/app.js")
    packed = client.simulate_get("/js/app.js", headers={"Accept-Encoding": "br, gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_gets_its_own_sentences_only(
    client: falcon.testing.TestClient, language: str
) -> None:
    sentences = json.loads(client.simulate_get(f"/texts/{language}.json").content)

    assert sentences["page.calls"] == catalogue(language)["panel.page.calls"]
    assert len(sentences) == sum(key.startswith("panel.") for key in catalogue("en"))


def test_an_error_is_a_page_for_a_person_and_json_for_a_program(
    client: falcon.testing.TestClient,
) -> None:
    page = client.simulate_get("/nothing", headers={"Accept": "text/html"})
    data = client.simulate_get("/nothing", headers={"Accept": "application/json"})

    assert page.headers["content-type"].startswith("text/html")
    assert "404" in page.text
    assert data.json["title"] == "404 Not Found"
