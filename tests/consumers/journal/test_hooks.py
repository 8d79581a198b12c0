import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from bus.events import CallData, Reference
from cli.demo.mosquitto import free_port
from consumers.journal.hooks import CallHooks, nameless
from consumers.journal.settings import JournalSettings
from tests.conftest import wait_until
from tests.consumers.journal.call_events import (
    CLIENT,
    WITHHELD,
    event,
    inside,
    outgoing,
    said,
)
from tests.consumers.journal.test_consumer import Office

SECRET = "0123456789abcdef"


class Listener:
    """A program that gets the calls."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        listener = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.bodies.append((self.headers["Content-Type"], body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}/calls"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reported(self) -> list[dict[str, Any]]:
        return [
            json.loads(body) if "json" in kind else parse_qs(body.decode())
            for kind, body in self.bodies
        ]


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Have the journal report calls, with these webhooks or commands."""
    office = Office(tmp_path)

    def play(calls: list[CallData], **settings: Any) -> None:
        configured = JournalSettings.model_validate(settings)
        with CallHooks(
            configured, tmp_path, "process/journal", lambda login: f"Name {login}"
        ) as hooks:
            office.observer = hooks
            office.restart()
            for data in calls:
                office.now = max(office.now, data.received_at.timestamp())
                office.journal.handle(event(data))
                hooks.tick(everything=data.state == "ended")
            office.wait(5)
            wait_until(lambda: hooks.waiting == 0)

    yield play
    office.store.close()


def _webhook(listener: Listener, **more: Any) -> dict[str, Any]:
    return {"name": "app", "url": listener.url, **more}


def _answered(**more: Any) -> list[CallData]:
    states = ("ringing", "connected", "ended")
    return [said("0011", state, 30 * place, **more) for place, state in enumerate(states)]  # type: ignore[arg-type]


def test_a_program_gets_each_step_once_and_the_duration(listener: Listener, play: Play) -> None:
    on = ["ringing", "answered", "ended"]
    play(_answered() + _answered(), webhooks=[_webhook(listener, secret=SECRET, on=on)])

    reported = listener.reported()
    assert [one["type"] for one in reported] == [
        "starface.record.ringing.v1", "starface.record.answered.v1", "starface.record.ended.v1",
    ]  # fmt: skip
    assert (reported[2]["data"]["result"], reported[2]["data"]["talk_seconds"]) == ("answered", 30)


def test_without_names_nobody_is_named(listener: Listener, play: Play) -> None:
    play(_answered(), webhooks=[_webhook(listener, secret=SECRET, names=False)])

    [(_, body)] = listener.bodies
    assert b"Muster" not in body
    assert b"+41443334455" in body


def test_who_it_may_have_been_is_a_name_too(tmp_path: Path) -> None:
    office = Office(tmp_path)
    candidate = Reference(kind="contact", id="9", title="Muster AG")
    office.report(said("0011", "ringing", 0), said("0011", "ended", 5))
    record = office.record().model_copy(update={"candidates": (candidate,)})
    office.store.close()

    assert "Muster" not in nameless(record).model_dump_json()


@pytest.mark.parametrize(
    ("more", "count"),
    [({"users": ["0012"]}, 0), ({"users": ["0011"]}, 1), ({"groups": ["7"]}, 0), ({}, 1)],
)
def test_only_chosen_users_and_groups_are_reported(
    listener: Listener, play: Play, more: dict[str, Any], count: int
) -> None:
    play(_answered(), webhooks=[_webhook(listener, secret=SECRET, **more)])

    assert len(listener.bodies) == count


def test_an_internal_call_is_reported_only_where_it_is_asked_for(
    listener: Listener, play: Play
) -> None:
    calls = _answered(caller=inside("12"), direction="internal")
    play(calls, webhooks=[_webhook(listener, format="zammad")])
    assert listener.bodies == []


def test_a_command_gets_what_its_arguments_name(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "given"
    program = "import sys; open(sys.argv[1], 'w').write(' '.join(sys.argv[2:]))"
    arguments = [sys.executable, "-c", program, str(file), "{result}", "{talk_seconds}", "{e164}"]
    play(_answered(), commands=[{"arguments": arguments}])

    wait_until(file.exists)
    wait_until(lambda: file.read_text() == "answered 30 +41443334455")


def test_zammad_gets_a_groups_call_once_with_all_it_rings(listener: Listener, play: Play) -> None:
    play(
        [said(user, "ringing", 0, group="7", call_id="g", called=inside("700", "Support"))
         for user in ("0011", "0012")]
        + [said("0012", "connected", 5, group="7", call_id="g"),
           said("0011", "ended", 5, group="7", call_id="g"),
           said("0012", "ended", 65, group="7", call_id="g")],
        webhooks=[_webhook(listener, format="zammad", groups=["7"])],
    )  # fmt: skip

    new, answer, hangup = listener.reported()
    assert listener.bodies[0][0] == "application/json"
    assert new == {
        "event": "newCall", "from": "41443334455", "to": "700", "direction": "in", "callId": "g",
        "user": ["Name 0011", "Name 0012"],
    }  # fmt: skip
    assert (answer["event"], answer["user"], answer["answeringNumber"]) == (
        "answer", "Name 0012", "0012",
    )  # fmt: skip
    assert (hangup["event"], hangup["cause"], hangup["callId"]) == (
        "hangup", "normalClearing", "g",
    )  # fmt: skip


@pytest.mark.parametrize("form", ["zammad", "sipgate"])
@pytest.mark.parametrize("restarts", [1, 2, 3, 4])
def test_a_listener_gets_each_event_once_although_the_journal_restarts_in_the_call(
    listener: Listener, play: Play, form: str, restarts: int
) -> None:
    calls = [
        said("0011", "ringing", 0, group="7", call_id="g"),
        said("0012", "ringing", 1, group="7", call_id="g"),
        said("0012", "connected", 5, group="7", call_id="g"),
        said("0011", "ended", 5, group="7", call_id="g"),
        said("0012", "ended", 65, group="7", call_id="g"),
    ]
    webhooks = [_webhook(listener, format=form)]
    play(calls[:restarts], webhooks=webhooks)
    play(calls[restarts:], webhooks=webhooks)

    events = [one["event"] if form == "zammad" else one["event"][0] for one in listener.reported()]
    assert events == ["newCall", "answer", "hangup"]


@pytest.mark.parametrize(
    ("calls", "ends", "cause"),
    [
        ([said("0011", "ringing", 0), said("0011", "ended", 9)], ("41443334455", "11"), "cancel"),
        (
            [said("0011", "ringing", 0, caller=WITHHELD),
             said("0011", "ended", 9, caller=WITHHELD)],
            ("anonymous", "11"), "cancel",
        ),
        (
            [outgoing("0011", "dialing", 0), outgoing("0011", "ended", 9)],
            ("0011", "41443334455"), "noAnswer",
        ),
    ],
)  # fmt: skip
def test_sipgates_form_says_who_called_whom_and_how_it_ended(
    listener: Listener, play: Play, calls: list[CallData], ends: tuple[str, str], cause: str
) -> None:
    play(calls, webhooks=[_webhook(listener, format="sipgate")])

    new, hangup = listener.reported()
    assert listener.bodies[0][0] == "application/x-www-form-urlencoded"
    assert (new["event"], new["from"], new["to"]) == (["newCall"], [ends[0]], [ends[1]])
    assert (new["user[]"], new["fullUserId[]"]) == (["Name 0011"], ["0011"])
    assert (hangup["event"], hangup["cause"]) == (["hangup"], [cause])
    assert new["callId"] == hangup["callId"]


@pytest.mark.parametrize(
    "webhook",
    [{"url": "https://a.example"}, {"url": "https://a.example", "secret": "short"},
     {"url": "http://a.example", "format": "zammad"},
     {"url": "https://a.example", "format": "other"}],
)  # fmt: skip
def test_a_webhook_that_cannot_be_is_refused(webhook: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JournalSettings.model_validate({"webhooks": [webhook]})


_NODE = """
const { createWebhookModule } = require("sipgateio");
createWebhookModule().createServer({
  port: Number(process.argv[2]), serverAddress: "http://127.0.0.1", hostname: "127.0.0.1",
  skipSignatureVerification: true,
}).then((server) => {
  for (const name of ["onNewCall", "onAnswer", "onHangUp"])
    server[name]((event) => console.log(JSON.stringify(event)));
  console.log("ready");
});
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_real_listener_for_sipgate_understands_every_event(play: Play, tmp_path: Path) -> None:
    port = free_port()
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node, "node is needed here: apt-get install nodejs npm"
    assert npm, "npm is needed here: apt-get install npm"
    folder = tmp_path / "node"
    folder.mkdir()
    subprocess.run(
        [npm, "install", "--no-fund", "--no-audit", "--prefix", folder, "sipgateio@2"],
        check=True, timeout=200, cwd=folder,
    )  # fmt: skip
    (folder / "listen.js").write_text(_NODE)
    listening = subprocess.Popen(
        [node, "listen.js", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert listening.stdout is not None
    try:
        assert listening.stdout.readline().strip() == "ready"
        url = f"http://127.0.0.1:{port}"
        play(_answered(), webhooks=[{"name": "app", "url": url, "format": "sipgate"}])
    finally:
        listening.terminate()  # what was sent was answered, so it is printed
        output, _ = listening.communicate(timeout=10)

    events = [json.loads(line) for line in output.splitlines()]
    assert [one["event"] for one in events] == ["newCall", "answer", "hangup"]
    assert {one["callId"] for one in events} == {"c-1"}
    assert events[0]["from"] == CLIENT.e164  # it puts the plus in front itself
    assert events[2]["cause"] == "normalClearing"
