"""What a user sees of a call on the desktop's own notifications, and presses there."""

import math
import os
from pathlib import Path
from typing import Any

import pytest

from bus.events import ChoiceRequest, ChoiceRequestData, Party, now
from bus.settings import BrokerSettings
from consumers.desktop.instance import CLOSE_ALL, Spool
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from consumers.users import Users
from tests.journeys.caller.caller_office import Office
from tests.journeys.caller.notification_service import (
    NotificationService,
    Shown,
    notification_service,
)

URL = "https://files.example/matters/m%2F1"


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    return Office(tmp_path, broker_settings, connect)


def _add_a_twin(office: Office) -> None:
    with Directory(office.database) as directory:
        number = ContactNumber(raw="044 123 45 67", e164="+41441234567")
        twin = ContactRecord(key="c2", name="Byron <b>Lovelace", numbers=(number,))
        directory.apply(Changes(source="test", records=[twin]))


def _environment(folder: Path, address: str) -> dict[str, str]:
    opener = folder / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/opened\n')
    opener.chmod(0o755)
    path = f"{opener.parent}:{os.environ['PATH']}"
    return {"PATH": path, "DBUS_SESSION_BUS_ADDRESS": address}


def _ring(office: Office) -> str:
    """Let a call ring, and return it once the caller process has answered."""
    office.report(call_id="c-1")
    office.wait_for(call_id="c-1", trigger="ringing")
    return "c-1"


def _chosen(office: Office, call_id: str, opened: Path) -> bool:
    data = ChoiceRequestData(call_id=call_id, id="1")
    request = ChoiceRequest(time=now(), data=data)
    office.panel.publish(office.panel.topics.choose("0011"), request)
    return opened.exists()


def _found(office: Office, call_id: str, opened: Path) -> bool:
    data = ChoiceRequestData(call_id=call_id, kind="found")
    office.panel.publish(office.panel.topics.choose("0011"), ChoiceRequest(time=now(), data=data))
    return opened.exists()


def _pressed(service: NotificationService, card: Shown, opened: Path, label: str) -> bool:
    """Press once more: a press in the very moment a card is shown is not noticed."""
    service.press(card, label)
    return opened.exists()


def _taken_away(spool: Spool, service: NotificationService) -> bool:
    """Ask once more: of the last calls a card may be shown only after the first time."""
    spool.ask(CLOSE_ALL)
    return not service.shown


@pytest.mark.parametrize(
    ("markup", "name"), [(True, "Byron &lt;b&gt;Lovelace"), (False, "Byron <b>Lovelace")]
)
def test_a_button_opens_who_is_meant_and_the_next_call_knows_it(
    office: Office, tmp_path: Path, name: str, *, markup: bool
) -> None:
    _add_a_twin(office)
    opened = tmp_path / "opened"
    with notification_service(tmp_path, markup=markup) as service:
        environment = _environment(tmp_path, service.address if service else "unix:path=/nowhere")
        with office.caller(), office.desktop(environment, schemes=["https"]):
            call = _ring(office)
            if service is not None:
                office.wait(lambda: service.shown)
                [card] = service.shown.values()
                assert set(card.buttons) == {"", "Ada Lovelace", "Byron <b>Lovelace"}
                assert name in card.message
                office.wait(lambda: _pressed(service, card, opened, "Ada Lovelace"))
            else:  # a workstation without notifications still opens
                office.wait(lambda: _chosen(office, call, opened))
            office.wait(opened.exists)
            office.report("ended", call_id=call)
            office.report(call_id="later")
            later = office.wait_for(call_id="later", trigger="ringing")
            office.wait(lambda: opened.read_text().splitlines()[-2:] == [URL, URL])
            if service is not None:
                office.wait(lambda: service.titles() == ["Ada Lovelace"])
                office.report("ended", call_id="later")
                office.wait(lambda: service.titles() == [])

    assert (later.remembered, later.opens) == (True, "matter")


def test_where_a_click_opens_nothing_opens_before_and_all_can_be_taken_away(
    office: Office, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    office.settings |= {"rules": [{"name": "cards", "actions": {"click": "business-card"}}]}
    office.settings |= {"card": "https://files.example/cards/{id}"}
    with Users(office.database) as users:
        users.change("0011", triggers=("click",))
    with notification_service(tmp_path) as service:
        environment = _environment(tmp_path, service.address if service else "unix:path=/nowhere")
        with office.caller(), office.desktop(environment, schemes=["https"]):
            call = _ring(office)
            if service is not None:
                office.wait(lambda: service.shown)
                [card] = service.shown.values()
                assert set(card.buttons) == {"", "Öffnen"}
                assert not opened.exists()
                office.wait(lambda: _pressed(service, card, opened, "Öffnen"))
                for number in range(50):
                    office.report(call_id=f"d-{number}")
                office.wait_for(call_id="d-49")
                office.wait(lambda: len(service.shown) == 3)
                spool = Spool(tmp_path / "desktop")
                office.wait(lambda: _taken_away(spool, service))
            else:
                office.wait(lambda: _found(office, call, opened))
            office.wait(opened.exists)

    assert set(opened.read_text().splitlines()) == {"https://files.example/cards/c1"}


def test_a_notification_follows_the_call_and_a_pause_takes_it_away(
    office: Office, tmp_path: Path
) -> None:
    colleague = Party(number="12", kind="internal", name="Bernd")
    opened = tmp_path / "opened"
    with notification_service(tmp_path) as service:
        environment = _environment(tmp_path, service.address if service else "unix:path=/nowhere")
        with office.caller(), office.desktop(environment, schemes=["https"]):
            call = _ring(office)
            if service is not None:
                office.wait(lambda: service.shown)
                assert service.titles() == ["Ada Lovelace"]
                office.report("connected", call_id=call)
                office.report("connected", call_id=call, caller=colleague)
                office.wait(lambda: service.titles() == ["Bernd"])
                office.report("connected", call_id=call)
                office.wait(lambda: service.titles() == ["Ada Lovelace"])
                spool = Spool(tmp_path / "desktop")
                spool.pause(math.inf)
                spool.ask(CLOSE_ALL)
                office.wait(lambda: service.titles() == [])
            office.wait(opened.exists)

    assert set(opened.read_text().splitlines()) == {URL}
