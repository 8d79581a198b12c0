"""The process of a workstation against a real broker."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.events import UserState, UserStateData, now
from bus.journal_events import MissedCounts, MissedData
from bus.mqtt.connection import Connection
from bus.mqtt.requests import Responder
from bus.panel_events import SettingsAnswer, SettingsAnswerData, SettingsRequest
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto
from consumers.desktop.icon import IconLook, MenuEntry
from consumers.desktop.instance import Spool
from consumers.desktop.process import DesktopProcess
from consumers.desktop.settings import DesktopSettings
from consumers.desktop.tray import TrayIcon
from tests.conftest import wait_until
from tests.consumers.desktop.desk import NewDesk, Notifier


class Seen(TrayIcon):
    """An icon on no desktop: what it would show."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.looks: list[IconLook] = []

    def show(self, look: IconLook, entries: Any) -> None:
        if not self.looks or self.looks[-1] != look:
            self.looks.append(look)
        self.entries: list[MenuEntry] = list(entries)

    @property
    def shape(self) -> str:
        return self.looks[-1].shape if self.looks else ""


class Desk:
    def __init__(self, folder: Path, broker: BrokerSettings) -> None:
        password = json.loads(broker.accounts_file.read_text())["0011"]
        own = broker.model_copy(update={"account": "0011", "password": _secret(password)})
        self.spool = Spool(folder)
        self.notifier, self.icon = Notifier(), Seen()
        self.process = DesktopProcess(
            "0011", DesktopSettings(language="en"), own, self.spool,
            lambda: self.notifier, self.icon,
        )  # fmt: skip
        self.thread = threading.Thread(target=self.process.run)

    def shows(self, text: str) -> bool:
        return any(text in message for _, message in self.notifier.history)


def _secret(password: str) -> Any:
    return BrokerSettings(password=password).password


@pytest.fixture
def desk(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk", broker_settings)
    made.thread.start()
    yield made
    made.process.stop()
    made.thread.join(10)
    assert not made.thread.is_alive()


@pytest.fixture
def sessions(connect: Callable[..., Connection]) -> Connection:
    connection = connect("sessions")
    connection.publish_raw(connection.topics.process("sessions"), b"online", retain=True)
    _say(connection, "active")
    return connection


def _say(sessions: Connection, state: Any) -> None:
    data = UserStateData(user="0011", state=state, since=now())
    sessions.publish(sessions.topics.state("0011"), UserState(data=data), retain=True)


def test_the_icon_follows_state_missed_calls_and_the_process_behind_it(
    desk: Desk, sessions: Connection, connect: Callable[..., Connection]
) -> None:
    wait_until(lambda: desk.icon.shape == "active")
    _say(sessions, "inactive")
    wait_until(lambda: desk.icon.shape == "off")
    counts = MissedCounts(data=MissedData(user="0011", open=2))
    connect("journal").publish(sessions.topics.missed("0011"), counts, retain=True)
    wait_until(lambda: desk.icon.looks[-1].missed == 2)
    sessions.publish_raw(sessions.topics.process("sessions"), b"offline", retain=True)
    wait_until(lambda: desk.icon.shape == "failing")


def test_a_broker_that_flaps_does_not_end_the_process(
    desk: Desk, sessions: Connection, broker: Mosquitto
) -> None:
    wait_until(lambda: desk.icon.shape == "active")
    for _ in range(3):
        broker.stop()
        wait_until(lambda: desk.icon.shape == "failing")
        broker.start()
        wait_until(lambda: desk.process._connection.connected)
    wait_until(lambda: sessions.connected)
    sessions.publish_raw(sessions.topics.process("sessions"), b"online", retain=True)
    _say(sessions, "active")
    wait_until(lambda: desk.icon.shape == "active")


def test_a_failure_inside_does_not_end_the_process_either(desk: Desk, sessions: Connection) -> None:
    wait_until(lambda: desk.icon.shape == "active")
    before = desk.process._connection
    desk.spool.ask("dnd soon")  # no number of minutes
    wait_until(lambda: desk.process._connection is not before)
    _say(sessions, "inactive")
    wait_until(lambda: desk.icon.shape == "off")


def test_the_switch_reaches_the_office_or_says_that_it_did_not(
    desk: Desk, sessions: Connection
) -> None:
    wait_until(lambda: desk.icon.shape == "active")
    desk.process._post_wish("off")
    wait_until(lambda: desk.shows("Not changed"))
    words: list[bytes] = []
    sessions.subscribe(
        sessions.topics.switch("0011"), lambda received: words.append(received.payload)
    )
    desk.process._post_wish("off")
    wait_until(lambda: sessions.work(0.05) and words)
    assert words == [b"off"]


def test_peace_for_half_an_hour_is_asked_for_and_confirmed(
    desk: Desk, sessions: Connection
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: SettingsRequest, _requester: object) -> SettingsAnswer:
        asked.append(dict(request.data.changes))
        return SettingsAnswer(data=SettingsAnswerData(request_id=request.data.request_id))

    Responder(sessions, "test").serve(sessions.topics.settings("0011"), SettingsRequest, answer)
    wait_until(lambda: desk.icon.shape == "active")
    desk.process._post_wish("dnd 30")
    wait_until(lambda: sessions.work(0.05) and asked)
    wait_until(lambda: desk.shows("Nothing opens until"))
    assert str(asked[0]["do_not_disturb"]).startswith("20")
    desk.process._post_wish("dnd 0")
    wait_until(lambda: sessions.work(0.05) and len(asked) == 2)
    wait_until(lambda: desk.shows("Calls open again."))
    assert asked[1] == {"do_not_disturb": False}


def test_why_of_no_call_says_so(desk: Desk, sessions: Connection) -> None:
    wait_until(lambda: desk.icon.shape == "active")
    desk.process._post_wish("why")
    wait_until(lambda: "No call has reached this workstation yet." in
               [title for title, _ in desk.notifier.history])  # fmt: skip


def test_a_call_that_was_shown_is_kept_for_why(
    desk: Desk, sessions: Connection, connect: Callable[..., Connection], new_desk: NewDesk
) -> None:
    wait_until(lambda: desk.icon.shape == "active")
    event = new_desk().report()

    connect("caller").publish(sessions.topics.caller("0011"), event)

    wait_until(lambda: '"shown":true' in (desk.spool.last() or ""))
