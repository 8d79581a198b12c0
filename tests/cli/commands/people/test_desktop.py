import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bus.events import DialRequest, DialResult, DialResultData, Sentence, TraceStep, now
from bus.mqtt.connection import Connection
from bus.mqtt.requests import Responder
from bus.panel_events import (
    DirectoryAnswer,
    DirectoryAnswerData,
    DirectoryRequest,
    SettingsAnswer,
    SettingsAnswerData,
    SettingsRequest,
)
from bus.settings import BrokerSettings, SettingsRefused
from cli.commands.people import desktop
from cli.site.context import CommandFailed
from consumers.desktop.history import ShownCall
from consumers.desktop.instance import Spool
from tests.conftest import wait_until

Type = Callable[..., Result]
_FILE = '[broker]\nhost = "127.0.0.1"\nport = {port}\naccount = "0011"\npassword = "{password}"\n'


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type a command on a workstation with a home of its own."""
    for name, folder in {
        "HOME": "", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_DATA_HOME": "data",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / folder))
    app = typer.Typer()
    app.add_typer(desktop.app, name="desktop")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["desktop", *arguments])

    return run


def _configure(folder: Path, text: str, mode: int = 0o600) -> None:
    path = folder / "config" / "starface2mqtt" / "desktop.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)


def test_a_missing_file_is_named_with_what_it_needs(type_: Type) -> None:
    error = type_("run").exception

    assert isinstance(error, SettingsRefused)
    assert "desktop.toml: there is no such file" in str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[broker", "this is not TOML"),
        ("[desktop]\nopen = 1\n", "[desktop] open: there is no such key; known are clock"),
        ("[broker]\nhost = 'x'\n", "account and password"),
    ],
)
def test_a_wrong_file_is_named_with_the_key(
    type_: Type, tmp_path: Path, text: str, said: str
) -> None:
    _configure(tmp_path, text)
    error = type_("run").exception

    assert isinstance(error, SettingsRefused)
    assert said in str(error)


def test_a_file_with_a_password_that_others_can_read_is_refused(
    type_: Type, tmp_path: Path
) -> None:
    _configure(tmp_path, _FILE.format(port=1, password="planted"), 0o644)
    error = type_("run").exception

    assert "chmod 600" in str(error)
    assert "planted" not in str(error)


def test_links_are_registered_and_taken_back(type_: Type, tmp_path: Path) -> None:
    entry = tmp_path / "data/applications/starface2mqtt.desktop"
    assert type_("install", "--autostart").exit_code == 0
    assert entry.exists()
    assert (tmp_path / "config/autostart/starface2mqtt.desktop").exists()

    assert type_("uninstall").exit_code == 0
    assert not entry.exists()


def test_a_link_goes_to_the_running_process(type_: Type, tmp_path: Path) -> None:
    _configure(tmp_path, _FILE.format(port=1, password="x"))
    folder = tmp_path / "state/starface2mqtt/desktop-0011"
    with Spool(folder):
        result = type_("open", "--", "tel:+41441234567\n")

        assert result.exit_code == 0
        [path] = folder.glob("*.dial")
        assert json.loads(path.read_text())["number"] == "tel:+41441234567"


def test_a_link_is_dialled_where_no_process_runs(
    type_: Type, tmp_path: Path, broker_settings: BrokerSettings, connect: Callable[..., object]
) -> None:
    password = json.loads(broker_settings.accounts_file.read_text())["0011"]
    _configure(tmp_path, _FILE.format(port=broker_settings.port, password=password))

    nobody = type_("open", "tel:+41441234567")

    assert isinstance(nobody.exception, CommandFailed)
    assert "is the dial process running" in str(nobody.exception)


@pytest.mark.parametrize(
    ("state", "said"), [("refused", "This is no telephone number."), ("accepted", "Ringing soon.")]
)
def test_what_becomes_of_a_number_is_said(
    type_: Type, tmp_path: Path, broker_settings: BrokerSettings,
    connect: Callable[..., Connection], state: Any, said: str,
) -> None:  # fmt: skip
    password = json.loads(broker_settings.accounts_file.read_text())["0011"]
    _configure(tmp_path, _FILE.format(port=broker_settings.port, password=password))
    dial, stop = connect("dial"), threading.Event()

    def answer(request: DialRequest, _received: object) -> None:
        sentence = Sentence(de=said, en=said)
        data = DialResultData(
            user="0011", request_id=request.data.request_id, state=state, sentence=sentence
        )
        dial.send(dial.topics.dial_result("0011"), DialResult(data=data).encoded())

    def work() -> None:
        while not stop.is_set():
            dial.work(0.05)

    dial.consume(dial.topics.dial("0011"), DialRequest, answer)
    thread = threading.Thread(target=work)
    thread.start()
    result = type_("open", "abc")
    stop.set()
    thread.join()

    assert isinstance(result.exception, CommandFailed) == (state == "refused")
    assert said in f"{result.output}{result.exception}"


@pytest.mark.parametrize("number", ["", " ", "\x00\x1b", "9" * 300])
def test_what_cannot_be_a_number_is_not_dialled(type_: Type, tmp_path: Path, number: str) -> None:
    _configure(tmp_path, _FILE.format(port=1, password="x"))

    assert isinstance(type_("open", "--", number).exception, CommandFailed)


def _site(tmp_path: Path) -> Spool:
    _configure(tmp_path, _FILE.format(port=1, password="x"))
    return Spool(tmp_path / "state" / "starface2mqtt" / "desktop-0011")


@pytest.mark.parametrize("wish", ["close-all", "open-last"])
def test_a_wish_is_handed_to_the_running_process(type_: Type, tmp_path: Path, wish: str) -> None:
    with _site(tmp_path) as spool:
        assert type_(wish).exit_code == 0
        assert spool.wishes() == [wish]
    assert "starface2mqtt desktop run" in str(type_(wish).exception)
    assert spool.wishes() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Nothing opens here until: starface2mqtt desktop resume"),
        (("2h",), "Nothing opens here until 20"),
        (("2199-01-01T12:00",), "Nothing opens here until 2199-01-01 12:00."),
    ],
)
def test_a_workstation_is_paused_until_the_end_or_resume(
    type_: Type, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    spool = _site(tmp_path)

    assert said in type_("pause", *words).output
    assert spool.paused()
    assert spool.wishes() == ["close-all"]
    assert "again" in type_("resume").output
    assert spool.wishes() == []
    assert not spool.paused()


def test_a_pause_that_cannot_be_read_is_refused(type_: Type, tmp_path: Path) -> None:
    spool = _site(tmp_path)

    assert "pause: on, off, 30m, 2h, 18:00" in str(type_("pause", "long").exception)
    assert not spool.paused()


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff" * 20])
def test_a_last_call_that_cannot_be_read_is_none(
    type_: Type, tmp_path: Path, damaged: bytes
) -> None:
    _site(tmp_path)
    none = type_("why").output
    (tmp_path / "state" / "starface2mqtt" / "desktop-0011" / "last-call").write_bytes(damaged)

    assert type_("why").output == none != ""


def _serving(connection: Connection) -> Callable[[], None]:
    """Work through what arrives in a thread; return how to end it."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            connection.work(0.05)

    thread = threading.Thread(target=work)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end


@pytest.fixture
def own(tmp_path: Path, broker_settings: BrokerSettings) -> Path:
    """Return the folder of a workstation with the account of a user."""
    password = json.loads(broker_settings.accounts_file.read_text())["0011"]
    _configure(tmp_path, _FILE.format(port=broker_settings.port, password=password))
    return tmp_path / "state" / "starface2mqtt" / "desktop-0011"


@pytest.mark.parametrize("word", ["on", "off"])
@pytest.mark.usefixtures("own")
def test_a_switch_reaches_the_office_beside_the_desktop_process(
    type_: Type, connect: Callable[..., Connection], word: str
) -> None:
    assert isinstance(type_(word).exception, CommandFailed)  # nobody listens
    desktop_process, sessions = connect("0011"), connect("sessions")
    received: list[bytes] = []
    sessions.subscribe(
        sessions.topics.switch("0011"), lambda message: received.append(message.payload)
    )
    end = _serving(sessions)
    result = type_(word)
    wait_until(lambda: received)
    end()

    assert result.exit_code == 0
    assert received == [word.encode()]
    assert desktop_process.connected


@pytest.mark.parametrize(
    ("words", "wish", "said"),
    [
        (("2199-01-01T12:00",), "2199-01-01T12:00", "Bis 12:00 wird nichts geöffnet."),
        ((), True, "bis Sie es beenden"),
        (("off",), False, "wieder geöffnet"),
    ],
)
@pytest.mark.usefixtures("own")
def test_peace_is_set_at_the_office_and_confirmed(
    type_: Type, connect: Callable[..., Connection], words: tuple[str, ...], wish: Any, said: str
) -> None:
    sessions, asked = connect("sessions"), []

    def answer(request: SettingsRequest, _requester: object) -> SettingsAnswer:
        asked.append(request.data.changes["do_not_disturb"])
        return SettingsAnswer(data=SettingsAnswerData(request_id=request.data.request_id))

    Responder(sessions, "test").serve(sessions.topics.settings("0011"), SettingsRequest, answer)
    end = _serving(sessions)
    result = type_("dnd", *words)
    end()

    assert said in result.output
    assert str(asked[0]).startswith(str(wish))


def test_why_joins_the_story_of_the_office_with_what_was_shown_here(
    type_: Type, own: Path, connect: Callable[..., Connection]
) -> None:
    assert "noch kein Anruf" in type_("why").output
    Spool(own).keep_last(
        ShownCall(call_id="c-7", at=now(), reason="no-contact", shown=True).model_dump_json()
    )
    caller, asked = connect("caller"), []

    def answer(request: DirectoryRequest, _requester: object) -> DirectoryAnswer:
        asked.append(request.data.call_id)
        step = TraceStep(step="x", code="y", at=now(), de="Niemand hat diese Nummer.")
        data = DirectoryAnswerData(request_id=request.data.request_id, trace=(step,))
        return DirectoryAnswer(data=data)

    Responder(caller, "test").serve(caller.topics.directory("0011"), DirectoryRequest, answer)
    end = _serving(caller)
    result = type_("why")
    end()

    assert asked == ["c-7"]
    assert "Niemand hat diese Nummer." in result.output
    assert "Dieser Arbeitsplatz: angezeigt, nichts geöffnet" in result.output


def test_why_without_the_office_says_what_the_workstation_knows(
    type_: Type, tmp_path: Path
) -> None:
    call = ShownCall(call_id="c-7", at=now(), reason="no-contact", shown=True, opened="")
    _site(tmp_path).keep_last(call.model_dump_json())
    output = type_("why").output

    assert "Grund: no-contact" in output
    assert "angezeigt, geöffnet" in output
    assert "Der Server antwortet nicht" in output
