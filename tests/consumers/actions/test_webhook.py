import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from consumers.actions.webhook import SIGNATURE, WebhookResult, Webhooks, signature
from consumers.caller.settings import WebhookSettings
from tests.journeys.small_disk import small_disk

SECRET = "a secret of the site"


class Application:
    """The program elsewhere; it answers with the given codes, then with 204."""

    def __init__(
        self, *codes: int, location: str = "", says: bytes = b"", kind: str = "text/plain"
    ) -> None:
        self.codes = list(codes)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        application = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                application.requests.append((self.path, dict(self.headers), body))
                self.send_response(application.codes.pop(0) if application.codes else 204)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(says)))
                self.end_headers()
                self.wfile.write(says)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}/calls"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def application() -> Iterator[Callable[..., Application]]:
    made: list[Application] = []

    def new(
        *codes: int, location: str = "", says: bytes = b"", kind: str = "text/plain"
    ) -> Application:
        made.append(Application(*codes, location=location, says=says, kind=kind))
        return made[-1]

    yield new
    for one in made:
        one.close()


@pytest.fixture
def webhooks(tmp_path: Path) -> Iterator[Callable[..., tuple[Webhooks, list[WebhookResult]]]]:
    made: list[Webhooks] = []

    def new(
        url: str, give_up_after: int = 600, users: tuple[str, ...] | None = None
    ) -> tuple[Webhooks, list[WebhookResult]]:
        reported: list[WebhookResult] = []
        settings = WebhookSettings.model_validate(
            {"url": url, "secret": SECRET, "give_up_after": give_up_after, "timeout": 1}
        )
        path = tmp_path / "caller.db"
        made.append(Webhooks(path, (settings,), reported.append, users=users, pause=0.05))
        made[-1].start()
        return made[-1], reported

    yield new
    for one in made:
        one.stop()


def _until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        threading.Event().wait(0.01)


def test_a_message_is_signed_over_time_and_body(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application()
    hooks, reported = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b'{"data": 1}')
    _until(lambda: reported)

    [(path, headers, body)] = app.requests
    stamp, digest = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    wanted = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert path == "/calls"
    assert hmac.compare_digest(digest, wanted)
    assert abs(time.time() - int(stamp)) < 60
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert reported == [WebhookResult("webhook", "0011", "c-1", True, "status-204")]


def test_a_signature_is_what_the_documentation_shows() -> None:
    assert signature("0123456789abcdef", b"{}", 1700000000) == (
        "t=1700000000,v1=" + hmac.new(b"0123456789abcdef", b"1700000000.{}", "sha256").hexdigest()
    )


@pytest.mark.parametrize("codes", [(500,), (503, 500), (429,), (408,)])
def test_a_receiver_in_trouble_is_asked_again(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
    codes: tuple[int, ...],
) -> None:
    app = application(*codes)
    hooks, reported = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported)

    assert len(app.requests) == len(codes) + 1
    assert reported[0].done


@pytest.mark.parametrize("code", [400, 401, 404, 410])
def test_a_refusal_is_final(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
    code: int,
) -> None:
    app = application(code)
    hooks, reported = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported)

    assert len(app.requests) == 1
    assert reported == [WebhookResult("webhook", "0011", "c-1", False, f"status-{code}")]
    assert hooks.waiting() == 0


def test_a_redirect_is_not_followed(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    other = application()
    app = application(302, location=other.url)
    hooks, reported = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported)

    assert other.requests == []
    assert reported[0].reason == "status-302"


def test_a_message_outlives_the_process_that_queued_it(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application(503, 503, 503, 503, 503, 503)
    hooks, _ = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: app.requests)
    hooks.stop()
    app.codes.clear()

    _, reported = webhooks(app.url)
    _until(lambda: reported)

    assert reported[0].done


def test_of_a_shared_queue_each_process_sends_what_is_about_its_users(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application()
    one, results_one = webhooks(app.url, users=("0011",))
    two, results_two = webhooks(app.url, users=("0012",))
    one.add("webhook", "e-2", "0012", "c-2", b"{}")
    one.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: results_one)
    two.add("webhook", "e-3", "0012", "c-3", b"{}")
    _until(lambda: len(results_two) == 2)

    assert [sent.call_id for sent in results_one] == ["c-1"]
    assert [sent.call_id for sent in results_two] == ["c-2", "c-3"]
    assert len(app.requests) == 3


def test_a_receiver_that_is_not_there_is_given_up_in_the_end(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application()
    app.close()
    hooks, reported = webhooks(app.url, give_up_after=0)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported)

    assert not reported[0].done
    assert reported[0].reason == "ConnectError"


def test_a_message_is_queued_once(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application(500, 500)
    hooks, reported = webhooks(app.url)
    for _ in range(5):
        hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported and not hooks.waiting())

    assert len(reported) == 1


def test_a_name_reaches_the_receiver_as_text_and_changes_no_header(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
    hostile_names: tuple[str, ...],
) -> None:
    """One request each, to the configured address, with the name inside the JSON only."""
    app = application()
    hooks, reported = webhooks(app.url)
    for number, name in enumerate(hostile_names):
        hooks.add("webhook", f"e-{number}", "0011", "c-1", json.dumps({"name": name}).encode())
    _until(lambda: len(reported) == len(hostile_names))

    assert {path for path, _, _ in app.requests} == {"/calls"}
    assert not any("X-Header" in headers for _, headers, _ in app.requests)
    names = [json.loads(body)["name"] for _, _, body in app.requests]
    assert sorted(names) == sorted(hostile_names)


def test_what_the_receiver_said_is_reported_and_not_logged(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    app = application(422, says=b'{"error": "no such client"}', kind="application/json")
    hooks, reported = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported)

    assert reported == [
        WebhookResult("webhook", "0011", "c-1", False, "status-422", '{"error": "no such client"}')
    ]
    assert "no such client" not in caplog.text


def test_of_an_endless_answer_only_the_beginning_is_read(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application(200, says=b"word " * 1_000_000)
    hooks, reported = webhooks(app.url)
    hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
    _until(lambda: reported)

    assert reported[0].done
    assert reported[0].answer == ("word " * 60)[:299] + "…"


def test_what_is_reported_of_one_call_comes_in_order_whatever_fails_in_between(
    application: Callable[..., Application],
    webhooks: Callable[..., tuple[Webhooks, list[WebhookResult]]],
) -> None:
    app = application(500, 500)
    hooks, reported = webhooks(app.url)
    for number in range(3):
        hooks.add("webhook", f"e-{number}", "0011", "c-1", str(number).encode())
    _until(lambda: len(reported) == 3)

    bodies = [body for _, _, body in app.requests]
    assert bodies == [b"0", b"0", b"0", b"1", b"2"]


def test_a_message_is_sent_once_though_the_disk_does_not_take_that_it_was(
    tmp_path: Path, application: Callable[..., Application], caplog: pytest.LogCaptureFixture
) -> None:
    app, reported = application(), list[WebhookResult]()
    settings = WebhookSettings.model_validate({"url": app.url, "secret": SECRET, "timeout": 1})
    with small_disk(tmp_path / "disk", 1) as disk:
        hooks = Webhooks(disk.folder / "caller.db", (settings,), reported.append)
        hooks.add("webhook", "e-1", "0011", "c-1", b"{}")
        disk.fill()
        hooks.start()
        _until(lambda: "waits for storage" in caplog.text)
        disk.free()
        _until(lambda: reported)
        hooks.stop()

    assert len(app.requests) == 1
    assert [one.done for one in reported] == [True]
