from pathlib import Path

import pytest

from bus.events import DIAL_EXPIRY
from tests.consumers.dial_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_the_broker_did_not_get_is_reported_when_it_is_back(desk: Desk) -> None:
    desk.bus.away = True
    request = desk.dial()
    desk.receive(request, "dialing")
    assert desk.reported() == []

    desk.bus.away = False
    desk.pass_time(1)

    assert desk.reported() == ["accepted", "own-phone-ringing"]


def test_what_comes_too_late_for_anybody_is_not_reported(desk: Desk) -> None:
    desk.bus.away = True
    desk.dial()
    desk.clock.now += DIAL_EXPIRY + 1

    desk.bus.away = False
    desk.pass_time(1)

    assert "accepted" not in desk.reported()


def test_what_a_killed_process_did_not_report_another_does(desk: Desk) -> None:
    other = desk.another()
    desk.bus.away = True
    desk.dial()
    desk.bus.away = False

    other.pass_time(7)

    assert desk.reported() == ["accepted"]


def test_a_refused_response_topic_does_not_hold_up_the_rest(desk: Desk) -> None:
    desk.bus.forbidden.add("starface/users/0011/replies/crm")
    request = desk.dial(response_topic="starface/users/0011/replies/crm")

    desk.receive(request, "dialing")

    assert desk.reported() == ["accepted", "own-phone-ringing"]


def test_a_result_names_call_and_request(desk: Desk) -> None:
    request = desk.dial()

    result = desk.last()
    assert (result.subject, result.data.request_id) == (str(request), request)
    assert result.source == "dial/dial"


def test_no_result_overtakes_one_that_another_process_is_publishing(desk: Desk) -> None:
    other = desk.another()
    desk.bus.away = True
    request = desk.dial()  # accepted, noted and not published yet
    desk.bus.away = False

    other.receive(request, "ringback", "ended")
    assert desk.reported() == []
    desk.consumer.tick()
    other.consumer.tick()

    assert desk.reported() == ["accepted", "remote-ringing", "not-reached"]


def test_a_repeat_asked_of_another_process_does_not_overtake_either(desk: Desk) -> None:
    other = desk.another()
    request = desk.dial()
    desk.bus.away = True
    desk.receive(request, "ringback", "ended")
    desk.bus.away = False

    desk.clock.now += 20  # no longer the same click
    other.dial(request_id=request)
    desk.pass_time(1)
    other.pass_time(1)

    assert desk.reported() == [
        "accepted", "remote-ringing", "not-reached", "not-reached",
    ]  # fmt: skip
