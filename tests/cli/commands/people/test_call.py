import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bus.events import DialRequest, DialResult, DialResultData, Sentence
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from cli.commands.people.call import call
from cli.site.context import CommandFailed
from consumers.users import User, Users

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(call)
Connect = Callable[..., Connection]


@app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "starface2mqtt.toml"
    path.write_text('[site]\ncountry = "CH"\narea_code = "44"\nlanguage = "en"\n')
    return path


@pytest.fixture
def reachable(site: Path, broker_settings: BrokerSettings) -> Path:
    accounts = broker_settings.accounts_file
    broker = f'[broker]\nport = {broker_settings.port}\naccounts_file = "{accounts}"\n'
    site.write_text(site.read_text() + broker)
    return site


class ScriptedDial:
    """Answers every dial request with the same stages."""

    def __init__(self, connection: Connection, results: list[dict[str, object]]) -> None:
        self.requests: list[tuple[str, DialRequest]] = []
        self._connection = connection
        self._results = results
        self._stop = threading.Event()
        connection.consume(connection.topics.dial("+"), DialRequest, self._answer)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._connection.work(0.02)

    def _answer(self, request: DialRequest, arrived: ReceivedMessage) -> None:
        user = self._connection.topics.user_of(arrived.topic)
        self.requests.append((user, request))
        for result in self._results:
            words = Sentence(de=f"de {result['state']}", en=f"en {result['state']}")
            data = DialResultData.model_validate(
                {"user": user, "request_id": request.data.request_id, "sentence": words} | result
            )
            self._connection.publish(
                self._connection.topics.dial_result(user), DialResult(data=data)
            )


@pytest.fixture
def scripted(connect: Connect) -> Iterator[Callable[..., ScriptedDial]]:
    running: list[ScriptedDial] = []

    def start(*results: dict[str, object]) -> ScriptedDial:
        running.append(ScriptedDial(connect("dial"), list(results)))
        return running[-1]

    yield start
    for dial in running:
        dial.stop()


def _run(site: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [str(site), "call", *words])


def test_a_dry_run_shows_what_would_be_dialled(site: Path) -> None:
    result = _run(site, "+41 (0)44 123 45 67", "--dry-run")

    assert result.exit_code == 0
    assert "understood  +41441234567 (external" in result.output
    assert "dialled     0441234567" in result.output


def test_a_dry_run_says_why_a_number_is_refused(site: Path) -> None:
    result = _run(site, "0900 123 456", "--dry-run", "--lang", "de")

    assert result.exit_code == 1
    assert "abgelehnt (premium): Kostenpflichtige Sondernummern" in result.output


def test_a_call_is_shown_to_its_end(reachable: Path, scripted: Callable[..., ScriptedDial]) -> None:
    dial = scripted(
        {"state": "accepted"}, {"state": "own-phone-ringing"}, {"state": "remote-ringing"},
        {"state": "connected"}, {"state": "ended", "final": True},
    )  # fmt: skip

    result = _run(reachable, "044 123 45 67", "--as", "0012", "--phone", "SIP/12")

    assert result.exit_code == 0
    shown = [line.split()[1] for line in result.output.splitlines()]
    assert shown == ["accepted", "own-phone-ringing", "remote-ringing", "connected", "ended"]
    [(user, request)] = dial.requests
    assert (user, request.data.number, request.data.phone) == ("0012", "044 123 45 67", "SIP/12")
    assert request.source.startswith("cli/")


def test_a_refused_call_ends_with_its_sentence_and_a_code(
    reachable: Path, scripted: Callable[..., ScriptedDial]
) -> None:
    scripted({"state": "refused", "code": "premium", "final": True})

    result = _run(reachable, "0900 123 456", "--as", "0011", "--lang", "de")

    assert result.exit_code == 1
    assert "de refused [premium]" in result.output


def test_an_unknown_outcome_has_its_own_exit_code(
    reachable: Path, scripted: Callable[..., ScriptedDial]
) -> None:
    scripted(
        {"state": "unknown", "code": "unknown_outcome"},
        {"state": "unknown", "code": "unknown_outcome", "final": True},
    )

    assert _run(reachable, "044 123 45 67", "--as", "0011").exit_code == 3


def test_without_a_dial_process_nothing_waits(reachable: Path) -> None:
    result = _run(reachable, "044 123 45 67", "--as", "0011")

    assert isinstance(result.exception, CommandFailed)
    assert "nothing was dialled" in str(result.exception)


def test_the_only_user_need_not_be_named(
    reachable: Path, scripted: Callable[..., ScriptedDial]
) -> None:
    dial = scripted({"state": "ended", "final": True})
    with Users(reachable.parent / "data" / "starface2mqtt.db") as users:
        users.add(User(login="0013"))

    assert _run(reachable, "044 123 45 67").exit_code == 0
    assert dial.requests[0][0] == "0013"


def test_several_users_must_be_distinguished(site: Path) -> None:
    with Users(site.parent / "data" / "starface2mqtt.db") as users:
        users.add(User(login="0011"))
        users.add(User(login="0012"))

    result = _run(site, "044 123 45 67")

    assert isinstance(result.exception, CommandFailed)
    assert "--as LOGIN (0011, 0012)" in str(result.exception)
