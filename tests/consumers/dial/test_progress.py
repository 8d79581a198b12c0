from pathlib import Path
from uuid import uuid4

import pytest

from bus.events import CallData, CallEvent, CallStateName, Party, now
from consumers.dial.placing import CallPlaced, OutcomeUnclear
from tests.consumers.dial_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("received", "given"),
    [
        ("dialing ringback connected ended", "own-phone-ringing remote-ringing connected ended"),
        ("dialing ended", "own-phone-ringing own-phone-not-lifted"),
        ("dialing ringback ended", "own-phone-ringing remote-ringing not-reached"),
        ("ended", "own-phone-not-lifted"),
        ("connected ended", "connected ended"),
        ("dialing connected held connected ended", "own-phone-ringing connected ended"),
        ("dialing dialing ringback dialing", "own-phone-ringing remote-ringing"),
        ("incoming ringing ringback", "own-phone-ringing remote-ringing"),
        ("other dialing other", "own-phone-ringing"),
        ("connected ended ended connected", "connected ended"),
    ],
)
def test_the_stages_follow_the_call_forwards_only(desk: Desk, received: str, given: str) -> None:
    request = desk.dial()

    for state in received.split():
        desk.receive(request, state)  # type: ignore[arg-type]

    assert desk.reported(request) == ["accepted", *given.split()]
    finals = [result.data.final for _, result, _ in desk.bus.published]
    assert finals.count(True) == (1 if "ended" in received else 0)


def test_the_call_of_a_colleague_says_nothing(desk: Desk) -> None:
    request = desk.dial()

    desk.receive(request, "ringing", "connected", "ended", login="0012")

    assert desk.reported() == ["accepted"]


def test_an_event_before_the_pbx_has_answered_means_that_it_accepted(desk: Desk) -> None:
    desk.tasks.at_once = False
    request = desk.dial()
    desk.receive(request, "dialing")

    desk.tasks.finish()

    assert desk.reported(request) == ["accepted", "own-phone-ringing"]


def test_a_pbx_with_an_id_of_its_own_is_followed_from_the_first_event_on(desk: Desk) -> None:
    desk.tasks.at_once = False
    desk.pbx.outcome = lambda _: CallPlaced("pbx-1")
    request = desk.dial()
    desk.receive("pbx-1", "dialing")

    desk.tasks.finish()
    desk.receive("pbx-1", "ringback")

    assert desk.reported(request) == ["accepted", "own-phone-ringing", "remote-ringing"]
    assert desk.last().data.call_id == "pbx-1"


def test_a_call_that_changes_its_id_is_followed(desk: Desk) -> None:
    request = desk.dial()
    changed = CallData(
        user="0011", call_id="new", previous_call_id=str(request), state="connected",
        received_at=now(),
    )  # fmt: skip
    desk.following.handle(CallEvent(type="starface.call.connected.v1", data=changed))

    desk.receive("new", "ended")

    assert desk.reported(request) == ["accepted", "connected", "ended"]


def test_an_unknown_outcome_is_cleared_up_by_asking(desk: Desk) -> None:
    desk.pbx.outcome = lambda _: OutcomeUnclear()
    request = desk.dial()
    desk.pbx.states[str(request)] = "dialing"

    desk.pass_time(2)

    assert desk.reported(request) == ["unknown", "accepted", "own-phone-ringing"]


def test_an_unknown_outcome_is_cleared_up_by_an_event(desk: Desk) -> None:
    desk.pbx.outcome = lambda _: OutcomeUnclear()
    request = desk.dial()

    desk.receive(request, "ringback", "ended")

    assert desk.reported(request) == ["unknown", "accepted", "remote-ringing", "not-reached"]


@pytest.mark.parametrize(
    ("called", "given"),
    [
        ("0041441234567", ["unknown", "accepted", "own-phone-ringing", "not-reached"]),
        ("0041441234568", ["unknown"]),
        ("", ["unknown"]),
    ],
)
def test_a_call_whose_id_was_lost_is_recognised_by_its_number(
    desk: Desk, called: str, given: list[str]
) -> None:
    desk.pbx.outcome = lambda _: OutcomeUnclear()
    request = desk.dial("044 123 45 67")

    for state in ("dialing", "ringback", "ended"):
        data = CallData(
            user="0011", call_id="pbx-1", state=state, called=Party(number=called),
            received_at=now(),
        )  # fmt: skip
        desk.following.handle(CallEvent(type=f"starface.call.{state}.v1", data=data))

    assert [state for state in desk.reported(request) if state != "remote-ringing"] == given


def test_an_unknown_outcome_does_not_hinder_the_next_call(desk: Desk) -> None:
    desk.pbx.outcome = lambda _: OutcomeUnclear()
    desk.dial("044 123 45 67")
    desk.dial("044 123 45 68")

    assert len(desk.pbx.asked) == 2


@pytest.mark.parametrize(
    ("received", "last"),
    [
        ([], "unknown"),
        (["dialing"], "own-phone-not-lifted"),
        (["dialing", "ringback"], "not-reached"),
        (["connected"], "ended"),
    ],
)
def test_a_call_whose_end_never_comes_is_closed_after_asking(
    desk: Desk, received: list[CallStateName], last: str
) -> None:
    request = desk.dial()
    desk.receive(request, *received)

    desk.pass_time(310)

    assert desk.pbx.looked == [str(request)]
    assert desk.reported(request)[-1] == last
    assert desk.last().data.final


def test_a_silent_call_that_continues_is_not_closed(desk: Desk) -> None:
    request = desk.dial()
    desk.pbx.states[str(request)] = "connected"

    desk.pass_time(1000)

    assert desk.reported(request) == ["accepted", "connected"]


def test_where_no_events_come_the_stages_are_asked_for(desk: Desk) -> None:
    request = desk.dial()
    desk.pbx.states[str(request)] = "dialing"
    desk.pass_time(25)
    desk.pbx.states[str(request)] = "ringback"
    desk.pass_time(35)

    assert desk.reported(request) == ["accepted", "own-phone-ringing", "remote-ringing"]


def test_while_the_pbx_is_away_a_call_is_not_closed(desk: Desk) -> None:
    desk.receive(desk.dial(), "connected")
    desk.pbx.reachable = False

    desk.pass_time(3600)

    assert desk.reported() == ["accepted", "connected"]


def test_at_last_a_call_nobody_reports_is_given_up(desk: Desk) -> None:
    desk.receive(desk.dial(), "connected")
    desk.pbx.reachable = False
    desk.clock.now += 13 * 3600

    desk.pass_time(2)

    assert desk.reported()[-1] == "unknown"
    assert desk.last().data.final


def test_a_busy_answer_makes_sure_that_the_call_still_runs(desk: Desk) -> None:
    desk.receive(desk.dial(), "connected")
    desk.pass_time(5)
    desk.dial("044 123 45 68")
    assert desk.last().data.code == "busy"

    desk.pass_time(2)
    desk.dial("044 123 45 68")

    assert desk.reported()[-2:] == ["ended", "accepted"]


def test_of_two_processes_one_asks_the_pbx(desk: Desk) -> None:
    other = desk.another()
    desk.receive(desk.dial(), "connected")
    desk.tasks.at_once = False
    desk.clock.now += 400

    desk.consumer.tick()
    other.consumer.tick()
    desk.tasks.finish()

    assert len(desk.pbx.looked) == 1


def test_events_of_other_calls_change_nothing(desk: Desk) -> None:
    desk.dial()

    desk.receive(uuid4(), "connected", "ended")

    assert desk.reported() == ["accepted"]
