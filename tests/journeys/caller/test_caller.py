"""From a call event on a real broker to the answer, with the caller process as it runs."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bus.events import (
    ChoiceRequest,
    ChoiceRequestData,
    DialRequest,
    DialResult,
    DialResultData,
    Party,
    ProcessDetail,
    Sentence,
    now,
)
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto
from consumers.caller.trace_store import find
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from consumers.users import User, Users
from tests.journeys.caller.caller_office import Office


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    return Office(tmp_path, broker_settings, connect)


def test_a_known_caller_opens_the_matter_and_leaves_a_story(office: Office) -> None:
    with office.caller():
        office.report()
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


def test_a_call_that_ended_while_the_process_was_away_opens_nothing(office: Office) -> None:
    with office.caller():
        pass  # the broker keeps what is published from now on
    for number in range(20):
        office.report(call_id=f"over-{number}", age=20)
    office.report(call_id="rings", age=8)
    for number in range(20):
        office.report("ended", call_id=f"over-{number}", age=15)
    with office.caller():
        office.wait_for(call_id="rings", opens="matter")
        office.report(call_id="after")
        office.wait_for(call_id="after", opens="matter")

    assert {one.call_id for one in office.answers if one.opens != "nothing"} == {"rings", "after"}
    assert {story.reason for story in find(office.data, last=99)} == {"ended", "only-open-matter"}


def test_a_command_whose_program_is_gone_is_named_and_ends_nothing(office: Office) -> None:
    office.settings["commands"] = [
        {"name": "dms", "arguments": ["/nowhere/dms", "{id}"]},
        {"name": "works", "arguments": [sys.executable, "-c", "pass"]},
    ]
    details: list[ProcessDetail] = []
    office.panel.subscribe(
        office.panel.topics.process_detail("caller"),
        lambda received: details.append(ProcessDetail.model_validate_json(received.payload)),
    )
    with office.caller():
        office.report()
        office.wait_for(opens="matter")
        failed = office.wait_for(trigger="outcome")
        office.wait(lambda: office.open_claims() == 0)
        office.wait(lambda: details)

    assert [(one.executor, one.reason) for one in failed.outcomes] == [("dms", "no-program")]
    assert "dms: there is no program '/nowhere/dms'" in details[0].data.faults[0]


def test_when_one_of_a_group_answers_the_cards_of_the_others_close(office: Office) -> None:
    with office.caller():
        for user in ("0011", "0012", "0013"):
            office.report(user=user, group="Sales")
        office.report("connected", user="0012", group="Sales")
        office.wait_for(user="0011", trigger="closed", reason="answered-elsewhere")
        office.wait_for(user="0013", trigger="closed", reason="answered-elsewhere")
        office.report("ended", user="0012", group="Sales")
        office.wait_for(user="0012", trigger="closed", reason="ended")


def test_a_process_of_one_user_learns_that_a_colleague_has_answered(office: Office) -> None:
    with office.caller(users=["0011"]):
        office.report(group="Sales")
        office.report(user="0012", group="Sales")
        office.wait_for(user="0011", opens="matter")
        office.report("connected", user="0012", group="Sales")
        office.wait_for(user="0011", trigger="closed", reason="answered-elsewhere")

    assert {one.user for one in office.answers} == {"0011"}
    assert {story.user for story in find(office.data)} == {"0011"}


def test_a_process_of_one_user_opens_nothing_late_that_a_colleague_has(office: Office) -> None:
    office.settings |= {"delay": 1.0}
    with office.caller(users=["0011"]):
        office.report(group="Sales")
        office.report(user="0012", group="Sales")
        office.report("connected", user="0012", group="Sales")
        office.wait_for(trigger="closed", reason="answered-elsewhere")
        office.report(call_id="c-2")
        office.wait_for(call_id="c-2", opens="matter")

    assert [one.call_id for one in office.answers if one.opens != "nothing"] == ["c-2"]


def test_a_contact_made_during_a_call_is_known_at_the_next_event(office: Office) -> None:
    number = ContactNumber(raw="044 999 99 99", e164="+41449999999")
    grace = Party(number="0449999999", e164="+41449999999", kind="external")
    with office.caller():
        office.report(caller=grace)
        office.wait_for(reason="unknown-caller")
        with Directory(office.database) as directory:
            directory.apply(
                Changes(
                    source="new",
                    records=[ContactRecord(key="c2", name="Grace", numbers=(number,))],
                )
            )
        office.report(call_id="c-2", caller=grace)
        answer = office.wait_for(call_id="c-2")

    assert answer.contact is not None
    assert answer.contact.title == "Grace"


def test_a_choice_opens_counts_at_the_next_call_and_can_be_revoked(
    office: Office, connect: Any
) -> None:
    with Directory(office.database) as directory:
        number = ContactNumber(raw="044 123 45 67", e164="+41441234567")
        twin = ContactRecord(key="c2", name="Byron Lovelace", numbers=(number,))
        directory.apply(Changes(source="test", records=[twin]))
    person = connect("0011")

    def choose(given: str | None) -> None:
        chosen = ChoiceRequestData(call_id=call_id, id=given)
        request = ChoiceRequest(source="desktop/0011", time=now(), data=chosen)
        person.publish(person.topics.choose("0011"), request)

    with office.caller():
        for call_id in ("c-1", "c-2", "c-3"):
            office.report(call_id=call_id)
            offered = office.wait_for(call_id=call_id, trigger="ringing")
            if call_id == "c-1":
                assert (offered.reason, offered.opens) == ("several-contacts", "nothing")
                ada = next(one for one in offered.candidates if one.title == "Ada Lovelace")
                choose(ada.id)
                assert office.wait_for(call_id="c-1", trigger="chosen").opens == "matter"
            elif call_id == "c-2":
                assert (offered.remembered, offered.opens) == (True, "matter")
                assert len(offered.candidates) == 2
                choose(None)
                office.wait_for(call_id="c-2", trigger="chosen", reason="several-contacts")
            else:
                assert (offered.reason, offered.opens) == ("several-contacts", "nothing")


def test_a_user_added_while_the_process_runs_is_followed(office: Office) -> None:
    with office.caller():
        with Users(office.database) as users:
            users.add(User(login="anna/é", action="business-card"))
        office.report(user="anna/é")
        answer = office.wait_for(user="anna/é")

    assert answer.opens == "card"


def test_a_call_placed_by_a_click_does_not_open_on_its_own_user(office: Office) -> None:
    request = uuid4()
    reported = DialResultData(
        user="0011", request_id=request, call_id=str(request), state="accepted",
        sentence=Sentence(de="", en=""),
    )  # fmt: skip
    with office.caller():
        office.dial.publish(office.dial.topics.dial_result("0011"), DialResult(data=reported))
        office.report(call_id=str(request))
        answer = office.wait_for(call_id=str(request))

    assert (answer.opens, answer.reason) == ("nothing", "own-dialling")


def test_what_rang_while_the_process_was_away_opens_nothing(office: Office) -> None:
    with office.caller():
        pass
    office.report(call_id="old", age=50)
    with office.caller():
        answer = office.wait_for(call_id="old")

    assert (answer.opens, answer.reason) == ("nothing", "too-old")


def test_a_retained_event_of_a_third_party_opens_nothing(office: Office) -> None:
    office.gateway.publish(
        office.gateway.topics.calls("0011"),
        office.report(call_id="retained"),
        retain=True,
    )
    with office.caller():
        office.report(call_id="live")
        office.wait_for(call_id="live")

    assert [one.call_id for one in office.answers] == ["live"]


def test_programs_and_webhooks_fail_without_hiding_each_other(office: Office) -> None:
    received = office.folder / "received"
    office.settings |= {
        "commands": [
            {"name": "fails", "arguments": ["/bin/false"]},
            {"name": "works", "arguments": ["/bin/cp", "/dev/null", f"{received}-{{call_id}}"]},
        ],
        "webhooks": [
            {"url": "http://127.0.0.1:9/", "secret": "0123456789abcdef", "give_up_after": 0}
        ],
    }
    with office.caller():
        office.report()
        answer = office.wait_for(opens="matter")
        office.wait_for(trigger="outcome", reason="executor-failed")
        office.wait(lambda: Path(f"{received}-c-1").exists())
        office.wait(lambda: len([one for one in office.answers if one.trigger == "outcome"]) == 2)

    assert [one.executor for one in answer.outcomes] == ["mqtt", "webhook", "fails", "works"]
    assert office.open_claims() == 0


def test_killed_at_any_moment_each_call_is_answered_and_opens_once(office: Office) -> None:
    """The process dies again and again; a call opens once, twice only by its own repeat."""
    log = office.folder / "opened"
    office.settings |= {
        "commands": [{"arguments": ["/bin/sh", "-c", f'echo "$1" >> {log}', "sh", "{call_id}"]}]
    }
    reported: list[str] = []
    for run in range(4):
        with office.caller() as process:
            for number in range(5):
                reported.append(f"c-{run}-{number}")
                office.report(call_id=reported[-1])
            if run < 3:
                office.wait_for(call_id=f"c-{run}-{run}")
                process.kill()
                process.wait()
            else:
                office.wait(lambda: {one.call_id for one in office.answers} >= set(reported))
                office.wait(lambda: office.open_claims() == 0)

    opened = log.read_text().split()
    assert set(opened) == set(reported)
    ids = [one.call_id for one in office.answers if one.opens == "matter"]
    assert set(ids) == set(reported)


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
        office.report(call_id="after")
        office.wait_for(call_id="after", opens="matter")


def test_the_workstation_opens_the_file_once(office: Office) -> None:
    log = office.folder / "opened"
    program = ["/bin/sh", "-c", f'echo "$1 $2" >> {log}', "sh", "{call_id}", "{url}"]
    settings: dict[str, Any] = {"opens": "program", "program": program, "notification": False}
    with office.caller(), office.desktop(**settings):
        office.report()
        office.wait(log.exists)
        office.report("connected")
        office.report("ended")
        office.wait_for(trigger="closed")

    assert log.read_text().splitlines() == ["c-1 https://files.example/matters/m%2F1"]


def test_a_number_handed_to_the_workstation_is_dialled_by_its_user(office: Office) -> None:
    requests: list[DialRequest] = []
    office.dial.consume(
        office.dial.topics.dial("+"), DialRequest, lambda message, _: requests.append(message)
    )
    with office.desktop(notification=False):
        folder = office.folder / "desktop"
        (folder / "x.half").write_text(json.dumps({"number": "tel:+41441234567", "at": _at()}))
        (folder / "x.half").replace(folder / "x.dial")
        office.wait(lambda: (office.dial.work(0.02), requests)[1])

    assert [request.data.number for request in requests] == ["tel:+41441234567"]
    assert requests[0].data.user is None


def _at() -> float:
    return now().timestamp()
