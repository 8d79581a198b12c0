import hashlib
from typing import Any

import pytest

from starface.simulator import Simulator, UserHabits
from starface.simulator.model.calls import NoSuchCall, NoSuchUser
from starface.simulator.model.scenarios import STORIES, NoSuchScenario
from tests.starface.simulator.fixtures import PlainClient, anna_listens, wait_until

PLACE = "call.placeCallWithPhone"

SERIES = {  # what P 5.4 says a subscriber of v22 receives
    "incoming-answered": ["INCOMING", "RINGING", "CONNECTED", "HANGUP"],
    "incoming-missed": ["INCOMING", "RINGING", "HANGUP"],
    "incoming-rejected": ["INCOMING", "HANGUP"],
    "click-to-dial": ["PROCEEDING", "RINGBACK", "CONNECTED", "HANGUP"],
    "own-phone-not-lifted": ["PROCEEDING", "HANGUP"],
    "not-reached": ["PROCEEDING", "RINGBACK", "HANGUP"],
    "dialled-at-phone": ["PROCEEDING", "RINGBACK", "CONNECTED", "HANGUP"],
    "internal": ["PROCEEDING", "RINGBACK", "CONNECTED", "HANGUP"],
    "group-call": ["INCOMING", "RINGING", "CONNECTED", "HANGUP"],
    "group-missed": ["INCOMING", "RINGING", "HANGUP"],
    "hold": ["INCOMING", "RINGING", "CONNECTED", "CONNECTED", "HANGUP"],
    "blind-transfer": ["INCOMING", "RINGING", "CONNECTED", "HANGUP"],
    "attended-transfer": ["INCOMING", "RINGING", "CONNECTED", "CONNECTED", "HANGUP", "HANGUP"],
    "voicemail": ["INCOMING", "RINGING", "HANGUP"],
    "parallel-calls": ["INCOMING", "RINGING", "CONNECTED"] * 2 + ["HANGUP", "CONNECTED", "HANGUP"],
    "no-hangup": ["INCOMING", "RINGING", "CONNECTED"],
}
SPECIAL = {  # and what v30 adds
    "hold": ["INCOMING", "RINGING", "CONNECTED", "PARKED", "CONNECTED", "HANGUP"],
    "voicemail": ["INCOMING", "RINGING", "VOICEMAIL_LINKED", "HANGUP"],
    "click-to-dial": ["OUTGOING", "RINGBACK", "CONNECTED", "HANGUP"],
}


def test_every_scenario_has_its_series() -> None:
    assert SERIES.keys() == STORIES.keys()


@pytest.mark.parametrize("name", SERIES)
def test_a_scenario_is_reported_as_the_dossier_says(name: str) -> None:
    with anna_listens() as scene:
        run = scene.simulator.run(name, user="0011")

        assert run.wait(5)
        wait_until(scene.simulator.idle)
        assert scene.received.states == SERIES[name]
        assert scene.anna.v22("call.getCallIds") == []


@pytest.mark.parametrize("name", SPECIAL)
def test_v30_reports_more_of_a_call(name: str) -> None:
    with anna_listens("v30") as scene:
        assert scene.simulator.run(name, user="0011").wait(5)
        wait_until(scene.simulator.idle)

        assert scene.received.states == SPECIAL[name]


def test_an_answered_call_is_reported_with_its_parties() -> None:
    with anna_listens() as scene:
        call_id = scene.simulator.ring("0011", "+41441234567", "Dupont", 2, 5)

        assert scene.states(4) == ["INCOMING", "RINGING", "CONNECTED", "HANGUP"]
        incomplete, ringing, *_ = [each.call for each in scene.received.received]
        assert {each.call["id"] for each in scene.received.received} == {call_id}
        assert incomplete["callerNumber"] == ""
        assert ringing["callerNumber"] == "0041441234567"
        assert ringing["callerName"] == "Dupont"
        assert (ringing["calledNumber"], ringing["calledName"]) == ("11", "Anna Beispiel")
        assert scene.received.received[1].method == "ucp.v22.events.call.receiveCallState"


def test_a_placed_call_rings_the_own_phone_first() -> None:
    with anna_listens(talk_for=100) as scene:
        call_id = scene.anna.v22(PLACE, "+493023125123", "", "")

        assert scene.states(4) == ["PROCEEDING", "RINGBACK", "CONNECTED", "HANGUP"]
        first = scene.received.received[0].call
        assert first["id"] == call_id
        assert first["callerNumber"] == "11"
        assert first["calledNumber"] == "00493023125123"


def test_a_placed_call_keeps_the_id_it_is_given() -> None:
    with anna_listens() as scene:
        assert scene.anna.v22(PLACE, "0441234567", "SIP/11", "my-own-id") == "my-own-id"
        assert scene.simulator.placements == {"my-own-id": 1}
        assert [each.number for each in scene.simulator.placed] == ["0441234567"]


@pytest.mark.parametrize(
    ("number", "phone", "call_id"),
    [("", "", ""), ("no number", "", ""), ("0441", "SIP/99", ""), ("0441", "", "a/b")],
)
def test_what_cannot_be_placed_is_refused_by_an_empty_id(
    number: str, phone: str, call_id: str
) -> None:
    with anna_listens() as scene:
        assert scene.anna.v22(PLACE, number, phone, call_id) == ""
        assert [each.accepted for each in scene.simulator.placed] == [False]


def test_a_second_call_is_refused_while_the_own_phone_rings() -> None:
    with anna_listens(lift_after=None) as scene:
        assert scene.anna.v22(PLACE, "0441", "", "") != ""
        assert scene.anna.v22(PLACE, "0442", "", "") == ""


def test_hanging_up_ends_a_call_for_the_user() -> None:
    with anna_listens(lift_after=None) as scene:
        call_id = scene.anna.v22(PLACE, "0441", "", "")
        assert scene.anna.v22("call.getCallIds") == [call_id]

        assert scene.anna.v22("call.hangupCall", call_id) is True
        assert scene.states(2) == ["PROCEEDING", "HANGUP"]
        assert scene.anna.v22("call.getCallIds") == []
        assert scene.anna.v22("call.hangupCall", call_id) is False


@pytest.mark.parametrize(
    ("switches", "given"),
    [
        ({"far_end": "busy"}, ["PROCEEDING", "RINGBACK", "HANGUP"]),
        ({"far_end": "never", "ring_limit": 5}, ["PROCEEDING", "RINGBACK", "HANGUP"]),
        ({"lift_after": None, "ring_limit": 5}, ["PROCEEDING", "HANGUP"]),
        ({"users.0011.lifts": False, "ring_limit": 5}, ["PROCEEDING", "HANGUP"]),
        ({"numbers.0441.far_end": "busy"}, ["PROCEEDING", "RINGBACK", "HANGUP"]),
        ({"numbers.0441.talk_for": 2}, ["PROCEEDING", "RINGBACK", "CONNECTED", "HANGUP"]),
    ],
)
def test_people_have_the_habits_that_are_set(switches: dict[str, Any], given: list[str]) -> None:
    with anna_listens(**switches) as scene:
        scene.anna.v22(PLACE, "0441", "", "")

        assert scene.states(len(given)) == given


def test_an_internal_call_is_reported_to_both_under_one_id() -> None:
    with anna_listens() as scene, PlainClient(scene.simulator, scene.received) as bernd:
        bernd.query |= {
            "de.vertico.starface.auth": hashlib.md5(b"0012*Muster!12").hexdigest(),
            "de.vertico.starface.callback.path": "/bernd",
        }
        bernd.log_in()
        scene.simulator.set(**{"users.0012.answer_after": 1})
        call_id = scene.anna.v22(PLACE, "12", "", "")

        scene.received.wait_for(6)
        reported = {
            path: [each.state for each in scene.received.received if each.path == path]
            for path in ("/x", "/bernd")
        }
        assert reported["/x"] == ["PROCEEDING", "RINGBACK", "CONNECTED"]
        assert reported["/bernd"] == ["INCOMING", "RINGING", "CONNECTED"]
        assert {each.call["id"] for each in scene.received.received} == {call_id}


def test_a_group_call_names_its_group() -> None:
    with anna_listens() as scene:
        scene.simulator.ring_group("7", "+41441234567", ended_after=3)

        scene.received.wait_for(3)
        ringing = scene.received.received[1].call
        assert ringing["groupID"] == "7"
        assert (ringing["calledNumber"], ringing["calledName"]) == ("20", "Kanzlei")


def test_a_colleague_who_answers_silences_the_phone() -> None:
    with anna_listens() as scene:
        call_id = scene.simulator.ring_group("7", "+41441234567")
        scene.simulator.answer(call_id, "0012")

        assert scene.states(3) == ["INCOMING", "RINGING", "HANGUP"]
        assert call_id in scene.simulator.pbx.calls


def test_do_not_disturb_rejects_a_call() -> None:
    with anna_listens() as scene:
        assert scene.anna.v22("userState.setDoNotDisturbSetting", True) is True
        scene.simulator.ring("0011", "+41441234567")

        assert scene.states(2) == ["INCOMING", "HANGUP"]
        assert scene.anna.v22("userState.getUserState")["chatPresence"] == "DO_NOT_DISTURB"


def test_a_transferred_call_changes_its_id() -> None:
    with anna_listens("v30") as scene:
        run = scene.simulator.run("attended-transfer", user="0012", other="0011")

        assert run.wait(5)
        wait_until(scene.simulator.idle)
        first, second = run.calls
        [change] = [each for each in scene.received.received if "callChangesId" in each.method]
        assert change.params == ({"oldId": second, "newId": first},)
        after = scene.received.received[scene.received.received.index(change) + 1]
        assert (after.state, after.call["id"]) == ("CONNECTED", first)
        assert after.call["callerNumber"] == "0041441234567"


def test_a_version_without_id_changes_gets_the_end_of_the_old_id() -> None:
    with anna_listens() as scene:
        run = scene.simulator.run("attended-transfer", user="0012", other="0011")

        assert run.wait(5)
        wait_until(scene.simulator.idle)
        first, second = run.calls
        reported = [(each.state, each.call["id"] == first) for each in scene.received.received]
        assert reported[-3:] == [("HANGUP", False), ("CONNECTED", True), ("HANGUP", True)]
        assert scene.received.received[0].call["id"] == second


def test_a_call_missed_while_nobody_is_logged_in_stands_in_the_list() -> None:
    with anna_listens("v30") as scene:
        scene.anna.v30("connection.logout")
        call_id = scene.simulator.ring("0011", "+41441234567")
        scene.simulator.hang_up(call_id)
        scene.anna.log_in("v30")

        asked = ["", "", "INBOUND", "MISSED", "", "startTime", "DESCENDING", 0, 10]
        reported = scene.anna.v30("callList.getCallList", *asked)
        assert reported["totalCount"] == 1
        [entry] = reported["entries"]
        assert entry["callerNumber"] == "0041441234567"
        assert (entry["direction"], entry["result"]) == ("INBOUND", "MISSED")


def test_the_call_list_comes_in_pages() -> None:
    with anna_listens("v30") as scene:
        for number in range(5):
            scene.simulator.hang_up(scene.simulator.ring("0011", f"+4144123450{number}"))

        asked = ["", "", "", "", "NON_GROUP", "startTime", "ASCENDING"]
        pages = [scene.anna.v30("callList.getCallList", *asked, at, 2) for at in (0, 2, 4)]
        numbers = [entry["callerNumber"][-1] for page in pages for entry in page["entries"]]
        assert numbers == ["0", "1", "2", "3", "4"]
        assert {page["totalCount"] for page in pages} == {5}


def test_an_unknown_call_has_an_empty_state() -> None:
    with anna_listens() as scene:
        assert scene.anna.v22("call.getCallState", "nobody-knows") == {}


def test_a_running_call_reports_its_state() -> None:
    with anna_listens("v30") as scene:
        call_id = scene.simulator.ring("0011", "+41441234567")
        scene.simulator.answer(call_id)

        reported = scene.anna.v30("call.getCallState", call_id)
        assert (reported["id"], reported["state"]) == (call_id, "CONNECTED")


def test_a_user_is_rung_while_another_call_continues() -> None:
    with anna_listens() as scene:
        first = scene.simulator.ring("0011", "+41441234567")
        second = scene.simulator.ring("0011", "+41441234568")

        assert scene.anna.v22("call.getCallIds") == [first, second]


def test_a_second_call_is_rejected_without_call_waiting() -> None:
    with anna_listens() as scene:
        scene.simulator.ring("0011", "+41441234567")
        assert scene.anna.v22("phone.setCallWaitingIndication", False) is True
        scene.simulator.ring("0011", "+41441234568")

        assert scene.states(4) == ["INCOMING", "RINGING", "INCOMING", "HANGUP"]
        assert len(scene.simulator.pbx.calls) == 1


def test_what_is_not_there_is_named() -> None:
    with Simulator() as simulator:
        with pytest.raises(NoSuchUser, match="0099"):
            simulator.ring("0099")
        with pytest.raises(NoSuchCall, match="x"):
            simulator.answer("x")
        with pytest.raises(NoSuchScenario, match="incoming-missed"):
            simulator.run("nothing")


def test_a_scenario_bears_that_somebody_hangs_up() -> None:
    with Simulator() as simulator:
        simulator.switches.speed = 50
        simulator.switches.users = {"0011": UserHabits(answer_after=1)}
        run = simulator.run("incoming-answered", user="0011")
        simulator.hang_up(run.call_id)

        assert run.wait(5)
