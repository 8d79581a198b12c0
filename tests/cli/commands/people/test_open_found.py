"""`open` as a person types it, over a real broker, with a caller process that only answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bus.events import CallerData, CallerEvent, ChoiceRequest, Party, Reference
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from cli.app import app
from cli.site.settings import Settings
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, path_of
from consumers.users import User, Users
from tests.cli.broker_site import site_with_broker
from tests.conftest import wait_until

WILL = Reference(kind="matter", id="70", title="Will", reference="2026-1")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Settings]:
    with site_with_broker(tmp_path / "site") as settings:
        with Users(settings.database) as users:
            users.add(User(login="0011", extension="0011"))
        traces = TraceStore(path_of(settings.site.data_folder, "caller"))
        traces.add(
            [TraceEntry(TraceSubject("0011", call, also=f"{call}-later"), (), at)
             for at, call in enumerate(("c-1", "c-2"))]
        )  # fmt: skip
        traces.close()
        yield settings


def _open(site: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(site.file), "open", *words])


@contextmanager
def _answering(site: Settings) -> Iterator[list[ChoiceRequest]]:
    """Answer each choice as the caller process does."""
    asked: list[ChoiceRequest] = []
    with Connection(site.broker, "caller", presence=Presence("caller")) as caller:

        def answer(request: ChoiceRequest, _arrived: ReceivedMessage) -> None:
            asked.append(request)
            data = CallerData(
                user="0011", call_id=request.data.call_id, event_id=request.id, trigger="chosen",
                caller=Party(), opens="matter", opened=WILL, url="https://files.example/70",
            )  # fmt: skip
            caller.publish(caller.topics.caller("0011"), CallerEvent(data=data))

        caller.consume("starface/users/+/choose", ChoiceRequest, answer)
        caller.wait_connected()
        over = threading.Event()

        def work() -> None:
            wait_until(lambda: over.is_set() or caller.work(0.05), 40)
            while not over.is_set():
                caller.work(0.05)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield asked
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("words", "call"), [((), "c-2"), (("c-1",), "c-1"), (("c-1-later", "--user", "0011"), "c-1")]
)
def test_what_was_found_for_a_call_is_opened(
    site: Settings, words: tuple[str, ...], call: str
) -> None:
    with _answering(site) as asked:
        opened = _open(site, *words)

    assert opened.exit_code == 0, opened.output
    assert "opens      matter Will" in opened.output
    [request] = asked
    assert (request.data.kind, request.data.id, request.data.call_id) == ("found", None, call)


def test_nobody_who_answers_is_said(site: Settings) -> None:
    reported = str(_open(site).exception)

    assert "the caller process is not running, or 0011 is off" in reported
    assert "ten minutes" not in reported


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("c-9",), "0011 had no call c-9; see: starface2mqtt why --user 0011"),
        (("--user", "0099"), "starface2mqtt user add 0099"),
    ],
)
def test_a_call_or_user_that_is_not_known_is_named(
    site: Settings, words: tuple[str, ...], said: str
) -> None:
    assert said in str(_open(site, *words).exception)
