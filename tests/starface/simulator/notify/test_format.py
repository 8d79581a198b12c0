import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from starface.simulator.model.switches import Switches
from starface.simulator.notify.format import number_as_sent
from tests.starface.simulator.fixtures import PREFIX, TOKEN_0011, anna_listens, wait_until


@pytest.mark.parametrize(
    ("number_format", "swiss", "german"),
    [
        ("00", "0041441234567", "00493023125123"),
        ("+", "+41441234567", "+493023125123"),
        ("national", "0441234567", "00493023125123"),
        ("withheld", "", ""),
    ],
)
def test_external_numbers_are_reported_in_the_format_that_is_set(
    number_format: str, swiss: str, german: str
) -> None:
    switches = Switches.model_validate({"number_format": number_format})

    assert number_as_sent("+41441234567", switches) == swiss
    assert number_as_sent("+493023125123", switches) == german
    assert number_as_sent("12", switches) == "12"
    assert number_as_sent("anonymous", switches) == "anonymous"


def test_only_who_calls_can_withhold_his_number() -> None:
    switches = Switches(number_format="withheld")

    assert number_as_sent("+41441234567", switches, called=True) == "0041441234567"


def test_an_italian_number_keeps_its_zero() -> None:
    switches = Switches(number_format="national", country="39")

    assert number_as_sent("+390612345678", switches) == "0612345678"


@pytest.mark.parametrize(
    ("switches", "states"),
    [
        ({"first_event": "none"}, ["RINGING", "HANGUP"]),
        ({"first_event": "empty"}, ["", "RINGING", "HANGUP"]),
        ({"repeat": 2}, ["INCOMING", "INCOMING", "RINGING", "RINGING", "HANGUP", "HANGUP"]),
        ({"order": "swapped"}, ["RINGING", "INCOMING", "HANGUP"]),
        ({"drop_states": "RINGING"}, ["INCOMING", "HANGUP"]),
        ({"drop_every": 2}, ["INCOMING", "HANGUP"]),
        ({"lower_case": True}, ["incoming", "ringing", "hangup"]),
        ({"details_late": True}, ["INCOMING", "RINGING", "RINGING", "HANGUP"]),
    ],
)
def test_the_line_has_the_habits_that_are_set(switches: dict[str, Any], states: list[str]) -> None:
    with anna_listens(**switches) as scene:
        scene.simulator.hang_up(scene.simulator.ring("0011", "+41441234567"))

        assert scene.states(len(states)) == states


def test_a_rejected_call_may_not_be_reported_at_all() -> None:
    with anna_listens(rejected_notified=False) as scene:
        scene.simulator.run("incoming-rejected", user="0011")
        scene.simulator.ring("0011")

        assert scene.states(2) == ["INCOMING", "RINGING"]


def test_the_first_event_may_be_complete() -> None:
    with anna_listens(first_event="complete") as scene:
        scene.simulator.ring("0011", "+41441234567")

        assert scene.received.wait_for(1)[0].call["callerNumber"] == "0041441234567"


def test_details_may_come_late() -> None:
    with anna_listens(details_late=True) as scene:
        scene.simulator.ring("0011", "+41441234567")

        reported = [each.call["callerNumber"] for each in scene.received.wait_for(3)]
        assert reported == ["", "", "0041441234567"]


@pytest.mark.parametrize(
    ("version", "switch", "spelling"),
    [
        ("v22", "auto", "groupID"),
        ("v30", "auto", "groupId"),
        ("v22", "groupId", "groupId"),
        ("v30", "groupID", "groupID"),
    ],
)
def test_the_group_is_spelt_as_set(version: str, switch: str, spelling: str) -> None:
    with anna_listens(version, group_member=switch) as scene:
        scene.simulator.ring_group("7")

        assert scene.received.wait_for(1)[0].call[spelling] == "7"


@pytest.mark.parametrize(
    ("switch", "form"),
    [
        ("local", r"<timestamp:dateTime.iso8601>\d{8}T\d\d:\d\d:\d\d"),
        ("utc", r"<timestamp:dateTime.iso8601>\d{8}T\d\d:\d\d:\d\d"),
        ("string", r"<timestamp:string>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ],
)
def test_the_time_is_reported_as_set(switch: str, form: str) -> None:
    with anna_listens(timestamp=switch, time_zone="Asia/Tokyo") as scene:
        scene.simulator.ring("0011")

        body = scene.received.wait_for(1)[0].body.decode()
        member = re.sub(r"<name>(\w+)</name><value><([\w.]+)>", r"<\1:\2>", body)
        assert re.search(form, member)
        digits = re.sub(r"\D", "", str(scene.received.received[0].call["timestamp"]))[:14]
        reported = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        hours = round((reported - datetime.now(UTC)).total_seconds() / 3600)
        assert hours == (9 if switch == "local" else 0)


def test_values_may_be_bare() -> None:
    with anna_listens(bare_values=True) as scene:
        scene.simulator.ring("0011", "+41441234567", "Jörg & Söhne")

        ringing = scene.received.wait_for(2)[1]
        assert b"<string>" not in ringing.body
        assert ringing.call["callerName"] == "Jörg & Söhne"


def test_elements_may_stand_on_lines_of_their_own() -> None:
    with anna_listens(layout="spread") as scene:
        scene.simulator.ring("0011", "+41441234567")

        ringing = scene.received.wait_for(2)[1]
        assert b"<value>\n" in ringing.body
        assert ringing.call["callerNumber"] == "0041441234567"
        assert ringing.call["callerName"] == ""


def test_there_may_be_members_nobody_knows() -> None:
    with anna_listens(extra_members=True) as scene:
        scene.simulator.ring("0011")

        assert scene.received.wait_for(1)[0].call["accountId"] == "4711"


@pytest.mark.parametrize(
    ("switch", "states"),
    [("connected", ["CONNECTED", "CONNECTED"]), ("same", ["CONNECTED", "PARKED"])],
)
def test_v22_reports_a_held_call_by_switch(switch: str, states: list[str]) -> None:
    with anna_listens(v22_special_states=switch) as scene:
        call_id = scene.simulator.ring("0011")
        scene.simulator.answer(call_id)
        scene.simulator.pbx.hold(call_id, "0011")

        assert scene.states(4)[2:] == states


@pytest.mark.parametrize(
    ("switches", "query"),
    [
        ({}, f"{PREFIX}user=0011&{PREFIX}auth={TOKEN_0011}"),
        (
            {"callback_auth": "percent"},
            f"{PREFIX}user=0011&{PREFIX}auth={TOKEN_0011.replace(':', '%3A')}",
        ),
        (
            {"callback_user": "underscores", "callback_auth": "none"},
            "de_vertico_starface_user=0011",
        ),
        ({"callback_user": "none", "callback_auth": "none"}, ""),
    ],
)
def test_the_query_of_a_callback_is_written_as_set(switches: dict[str, Any], query: str) -> None:
    with anna_listens(**switches) as scene:
        scene.simulator.ring("0011")

        assert scene.received.wait_for(1)[0].raw_query == query


@pytest.mark.parametrize(
    ("switch", "given"),
    [
        ("same_id", ["PROCEEDING", "INCOMING", "RINGING", "RINGBACK"]),
        ("other_id", ["PROCEEDING", "INCOMING", "RINGING", "RINGBACK", "HANGUP"]),
    ],
)
def test_the_own_phone_of_a_placed_call_may_seem_to_be_called(
    switch: str, given: list[str]
) -> None:
    with anna_listens(own_phone_notified=switch, far_end="never") as scene:
        call_id = scene.anna.v22("call.placeCallWithPhone", "0441234567", "", "")

        assert scene.states(len(given)) == given
        ringing = scene.received.received[2].call
        assert ringing["callerNumber"] == "0441234567"
        assert (ringing["id"] == call_id) == (switch == "same_id")


def test_nothing_is_reported_after_a_logout() -> None:
    with anna_listens() as scene:
        scene.received.answers.clear()
        scene.simulator.ring("0011")
        wait_until(lambda: len(scene.received.received) == 1)
        scene.anna.v22("connection.logout")
        scene.received.answers.set()
        wait_until(scene.simulator.idle)

        assert scene.received.states == ["INCOMING"]
        assert [each.error for each in scene.simulator.notifications] == [
            "",
            "withheld: session over",
        ]


def test_a_stand_in_ends_though_a_receiver_never_answers() -> None:
    began = time.monotonic()
    with anna_listens(callback_seconds=60) as scene:
        scene.received.answers.clear()
        scene.simulator.ring("0011")
        wait_until(lambda: len(scene.received.received) == 1)
        scene.simulator.__exit__()
        took = time.monotonic() - began
        scene.received.answers.set()

    assert took < 10


def test_every_attempt_to_report_is_on_record() -> None:
    with anna_listens() as scene:
        scene.received.status = 503
        scene.simulator.ring("0011")

        wait_until(lambda: len(scene.simulator.notifications) == 2)
        reported = [(each.state, each.status, each.user) for each in scene.simulator.notifications]
        assert reported == [("INCOMING", 503, "0011"), ("RINGING", 503, "0011")]


def test_a_failed_callback_is_repeated_as_often_as_set() -> None:
    with anna_listens(retries=2, retry_after=0, drop_states="RINGING") as scene:
        scene.received.status = 500
        scene.simulator.ring("0011")

        wait_until(lambda: len(scene.simulator.notifications) == 3)
        assert [each.attempt for each in scene.simulator.notifications] == [1, 2, 3]
        assert len(scene.simulator.sessions) == 1


def test_a_failed_callback_may_end_the_session() -> None:
    with anna_listens(on_failure="drop") as scene:
        scene.received.status = 404
        scene.simulator.ring("0011")

        wait_until(lambda: scene.simulator.sessions == [])
        assert scene.anna.v22("connection.keepAlive") is False


def test_a_receiver_that_never_answers_costs_the_time_that_is_set() -> None:
    with anna_listens(callback_seconds=0.1, drop_states="RINGING") as scene:
        scene.received.answers.clear()
        scene.simulator.ring("0011")

        wait_until(lambda: len(scene.simulator.notifications) == 1)
        [attempt] = scene.simulator.notifications
        scene.received.answers.set()
        assert attempt.error == "TimeoutError"
        assert 0.1 <= attempt.seconds < 1


def test_a_session_is_notified_of_one_thing_after_the_other() -> None:
    with anna_listens() as scene:
        scene.received.answers.clear()
        scene.simulator.ring("0011")
        wait_until(lambda: len(scene.received.received) == 1)

        assert scene.received.states == ["INCOMING"]
        assert not scene.simulator.idle()
        scene.received.answers.set()
        assert scene.states(2) == ["INCOMING", "RINGING"]


def test_a_half_open_session_looks_well_and_receives_nothing() -> None:
    with anna_listens() as scene:
        scene.simulator.deafen("0011")
        call_id = scene.simulator.ring("0011")
        wait_until(scene.simulator.idle)

        assert scene.received.received == []
        assert scene.anna.v22("connection.keepAlive") is True
        assert scene.anna.v22("call.getCallIds") == [call_id]
        scene.anna.log_in()
        scene.simulator.hang_up(call_id)
        assert scene.states(1) == ["HANGUP"]
