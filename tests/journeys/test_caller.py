"""From a call event on a real broker to the answer, with the caller process as it runs."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bus.connection import Connection
from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    CallEvent,
    DialRequest,
    DialResult,
    DialResultData,
    Party,
    Sentence,
    call_event_type,
    now,
)
from bus.settings import BrokerSettings
from cli.mosquitto import Mosquitto
from consumers.changes import Change, Changes, ContactRecord, DossierRecord, MatterRecord
from consumers.contacts import ContactNumber
from consumers.directory import Directory
from consumers.trace import find
from consumers.users import User, Users

ADA = Party(number="0441234567", e164="+41441234567", kind="external")
ROOT = Path(__file__).parent.parent.parent
_CALLER = """
import sys
from pathlib import Path
from bus.numbers import NumberProfile
from bus.process import configure_logging
from bus.settings import BrokerSettings
from consumers.caller import run
from consumers.caller_settings import CallerSettings
configure_logging()
run(None, CallerSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]), NumberProfile(), Path(sys.argv[3]),
    Path(sys.argv[4]))
"""
_DESKTOP = """
import sys
from pathlib import Path
from bus.process import configure_logging
from bus.settings import BrokerSettings
from consumers.desktop import run
from consumers.desktop_settings import DesktopSettings
configure_logging()
run("0011", DesktopSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]), Path(sys.argv[3]))
"""


class Office:
    """A database with users and one client, a broker, and the processes of the office."""

    def __init__(self, folder: Path, broker: BrokerSettings, connect: Any) -> None:
        self.folder = folder
        self.database = folder / "starface2mqtt.db"
        self.data = folder / "data"
        self.broker = broker
        self.gateway: Connection = connect("gateway")
        self.dial: Connection = connect("dial")
        self.panel: Connection = connect("panel")
        self.answers: list[CallerData] = []
        self.panel.consume(
            "starface/users/+/caller", CallerEvent, lambda told, _: self.answers.append(told.data)
        )
        self.settings: dict[str, object] = {
            "matter": "https://files.example/matters/{id}",
            "pops_per_minute": 600,
        }
        with Users(self.database) as users:
            for login in ("0011", "0012", "0013"):
                users.add(User(login=login, extension=login[2:]))
        with Directory(self.database) as directory:
            number = ContactNumber(raw="044 123 45 67", e164="+41441234567")
            records: list[Change] = [
                ContactRecord(key="c1", name="Ada Lovelace", numbers=(number,)),
                DossierRecord(key="d1", contact_key="c1", title="Lovelace"),
                MatterRecord(key="m/1", dossier_key="d1", reference="2026-1", title="Will"),
            ]
            directory.apply(Changes(source="test", records=records))

    @contextmanager
    def caller(self) -> Iterator["subprocess.Popen[bytes]"]:
        arguments = [json.dumps(self.settings), self.broker.model_dump_json()]
        online: list[bytes] = []
        self.panel.subscribe(
            "starface/processes/caller", lambda arrived: online.append(arrived.payload)
        )
        with _running(_CALLER, *arguments, self.database, self.data) as process:
            self.wait(lambda: online[-1:] == [b"online"])
            yield process

    @contextmanager
    def desktop(self, **settings: object) -> Iterator["subprocess.Popen[bytes]"]:
        accounts = json.loads(self.broker.accounts_file.read_text())
        broker = self.broker.model_dump(mode="json") | {
            "account": "0011", "password": accounts["0011"],
        }  # fmt: skip
        arguments = [json.dumps(settings), json.dumps(broker), self.folder / "desktop"]
        with _running(_DESKTOP, *arguments) as process:
            yield process

    def tell(self, state: Any = "ringing", age: float = 0.0, **more: Any) -> CallEvent:
        told = {
            "user": "0011", "call_id": "c-1", "state": state, "direction": "in", "caller": ADA,
            "received_at": now() - timedelta(seconds=age), **more,
        }  # fmt: skip
        event = CallEvent(
            source="gateway/g1",
            type=call_event_type(state),
            subject=told["call_id"],
            data=CallData.model_validate(told),
        )
        self.gateway.publish(self.gateway.topics.calls(event.data.user), event)
        return event

    def wait(self, condition: Callable[[], object]) -> None:
        for _ in range(750):
            if condition():
                return
            self.panel.work(0.02)
        raise AssertionError(f"waited in vain; answers so far: {self.answers}")

    def wait_for(self, **told: object) -> CallerData:
        def wanted() -> list[CallerData]:
            return [
                one
                for one in self.answers
                if all(getattr(one, name) == value for name, value in told.items())
            ]

        self.wait(wanted)
        return wanted()[0]

    def open_claims(self) -> int:
        with sqlite3.connect(self.data / "caller.db") as db:
            [count] = db.execute("SELECT count(*) FROM claims WHERE state <> 'done'").fetchone()
        return int(count)


@contextmanager
def _running(script: str, *arguments: object) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT)
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    return Office(tmp_path, broker_settings, connect)


def test_a_known_caller_opens_the_matter_and_leaves_a_story(office: Office) -> None:
    with office.caller():
        office.tell()
        answer = office.wait_for(call_id="c-1", trigger="ringing")

    assert answer.quality == "exact"
    assert answer.opens == "matter"
    assert answer.url == "https://files.example/matters/m%2F1"
    assert answer.contact is not None
    assert answer.contact.title == "Ada Lovelace"
    [story] = find(office.data)
    assert story.reason == "only-open-matter"
    with Directory(office.database) as directory:
        [use] = directory.uses("0011", int(answer.contact.id))
    assert use.record == "matter"


def test_when_one_of_a_group_answers_the_cards_of_the_others_close(office: Office) -> None:
    with office.caller():
        for user in ("0011", "0012", "0013"):
            office.tell(user=user, group="Sales")
        office.tell("connected", user="0012", group="Sales")
        office.wait_for(user="0011", trigger="closed", reason="answered-elsewhere")
        office.wait_for(user="0013", trigger="closed", reason="answered-elsewhere")
        office.tell("ended", user="0012", group="Sales")
        office.wait_for(user="0012", trigger="closed", reason="ended")


def test_a_contact_made_during_a_call_is_known_at_the_next_event(office: Office) -> None:
    number = ContactNumber(raw="044 999 99 99", e164="+41449999999")
    grace = Party(number="0449999999", e164="+41449999999", kind="external")
    with office.caller():
        office.tell(caller=grace)
        office.wait_for(reason="unknown-caller")
        with Directory(office.database) as directory:
            directory.apply(
                Changes(
                    source="new",
                    records=[ContactRecord(key="c2", name="Grace", numbers=(number,))],
                )
            )
        office.tell(call_id="c-2", caller=grace)
        answer = office.wait_for(call_id="c-2")

    assert answer.contact is not None
    assert answer.contact.title == "Grace"


def test_a_user_added_while_the_process_runs_is_followed(office: Office) -> None:
    with office.caller():
        with Users(office.database) as users:
            users.add(User(login="anna/é", action="business-card"))
        office.tell(user="anna/é")
        answer = office.wait_for(user="anna/é")

    assert answer.opens == "card"


def test_a_call_placed_by_a_click_does_not_open_on_its_own_user(office: Office) -> None:
    request = uuid4()
    told = DialResultData(
        user="0011", request_id=request, call_id=str(request), state="accepted",
        sentence=Sentence(de="", en=""),
    )  # fmt: skip
    with office.caller():
        office.dial.publish(office.dial.topics.dial_result("0011"), DialResult(data=told))
        office.tell(call_id=str(request))
        answer = office.wait_for(call_id=str(request))

    assert (answer.opens, answer.reason) == ("nothing", "own-dialling")


def test_what_rang_while_the_process_was_away_opens_nothing(office: Office) -> None:
    with office.caller():
        pass
    office.tell(call_id="old", age=50)
    with office.caller():
        answer = office.wait_for(call_id="old")

    assert (answer.opens, answer.reason) == ("nothing", "too-old")


def test_a_retained_event_of_a_third_party_opens_nothing(office: Office) -> None:
    office.gateway.publish(
        office.gateway.topics.calls("0011"),
        office.tell(call_id="retained"),
        retain=True,
    )
    with office.caller():
        office.tell(call_id="live")
        office.wait_for(call_id="live")

    assert [one.call_id for one in office.answers] == ["live"]


def test_programs_and_webhooks_fail_without_hiding_each_other(office: Office) -> None:
    heard = office.folder / "heard"
    office.settings |= {
        "commands": [
            {"name": "fails", "arguments": ["/bin/false"]},
            {"name": "works", "arguments": ["/bin/cp", "/dev/null", f"{heard}-{{call_id}}"]},
        ],
        "webhooks": [
            {"url": "http://127.0.0.1:9/", "secret": "0123456789abcdef", "give_up_after": 0}
        ],
    }
    with office.caller():
        office.tell()
        answer = office.wait_for(opens="matter")
        office.wait_for(trigger="outcome", reason="executor-failed")
        office.wait(lambda: Path(f"{heard}-c-1").exists())
        office.wait(lambda: len([one for one in office.answers if one.trigger == "outcome"]) == 2)

    assert [one.executor for one in answer.outcomes] == ["mqtt", "webhook", "fails", "works"]
    assert office.open_claims() == 0


def test_killed_at_any_moment_each_call_is_answered_and_opens_once(office: Office) -> None:
    """T3: the process dies again and again; a call opens once, twice only by its own repeat."""
    log = office.folder / "opened"
    office.settings |= {
        "commands": [{"arguments": ["/bin/sh", "-c", f'echo "$1" >> {log}', "sh", "{call_id}"]}]
    }
    told: list[str] = []
    for run in range(4):
        with office.caller() as process:
            for number in range(5):
                told.append(f"c-{run}-{number}")
                office.tell(call_id=told[-1])
            if run < 3:
                office.wait_for(call_id=f"c-{run}-{run}")
                process.kill()
                process.wait()
            else:
                office.wait(lambda: {one.call_id for one in office.answers} >= set(told))
                office.wait(lambda: office.open_claims() == 0)

    opened = log.read_text().split()
    assert set(opened) == set(told)
    ids = [one.call_id for one in office.answers if one.opens == "matter"]
    assert set(ids) == set(told)


def test_a_broker_that_forgot_everything_does_not_stop_the_next_call(
    office: Office, broker: Mosquitto
) -> None:
    with office.caller():
        broker.kill()
        (broker.folder / "mosquitto.db").unlink(missing_ok=True)
        broker.start()
        office.wait(lambda: office.panel.connected and office.gateway.connected)
        online: list[bytes] = []
        office.panel.subscribe(
            "starface/processes/caller", lambda arrived: online.append(arrived.payload)
        )
        office.wait(lambda: online[-1:] == [b"online"])
        office.tell(call_id="after")
        office.wait_for(call_id="after", opens="matter")


def test_the_workstation_opens_the_file_once(office: Office, broker: Mosquitto) -> None:
    log = office.folder / "opened"
    program = ["/bin/sh", "-c", f'echo "$1 $2" >> {log}', "sh", "{call_id}", "{url}"]
    settings = {"opens": "program", "program": program, "notification": False}
    with office.caller(), office.desktop(**settings):
        office.wait(lambda: " as 0011 " in broker.log.read_text())
        number = 0
        while not log.exists():  # the workstation keeps no calls from before it was there
            number += 1
            office.tell(call_id=f"c-{number}")
            office.wait_for(call_id=f"c-{number}")
            office.panel.work(0.2)
        office.tell("connected", call_id=f"c-{number}")
        office.tell("ended", call_id=f"c-{number}")
        office.wait_for(trigger="closed")

    opened = log.read_text().splitlines()
    assert f"c-{number} https://files.example/matters/m%2F1" in opened
    assert len(opened) == len(set(opened))


def test_a_number_handed_to_the_workstation_is_dialled_by_its_user(office: Office) -> None:
    requests: list[DialRequest] = []
    office.dial.consume(
        office.dial.topics.dial("+"), DialRequest, lambda told, _: requests.append(told)
    )
    with office.desktop(notification=False):
        folder = office.folder / "desktop"
        office.wait(lambda: (folder / "lock").exists())
        for _ in range(100):
            (folder / "x.half").write_text(json.dumps({"number": "tel:+41441234567", "at": _at()}))
            (folder / "x.half").replace(folder / "x.dial")
            if office.dial.work(0.2) and requests:
                break

    assert requests[0].data.number == "tel:+41441234567"
    assert requests[0].data.user is None


def _at() -> float:
    return now().timestamp()
