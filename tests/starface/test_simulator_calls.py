from collections.abc import Iterator

import pytest

from starface.simulator import Simulator
from tests.starface.simulator_fixtures import PlainClient, Receiver, listening, wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.switches.speed = 100
        yield simulator


@pytest.fixture
def anna(simulator: Simulator, receiver: Receiver) -> Iterator[PlainClient]:
    with PlainClient(simulator, receiver) as client:
        client.log_in()
        yield client


def test_an_answered_call_is_told_step_by_step(
    simulator: Simulator, receiver: Receiver, anna: PlainClient
) -> None:
    call_id = simulator.ring("0011", "+41441234567", answered_after=2, ended_after=5)

    heard = receiver.wait_for(4)
    assert [each.state for each in heard] == ["INCOMING", "RINGING", "CONNECTED", "HANGUP"]
    assert {each.call["id"] for each in heard} == {call_id}
    assert heard[1].call["callerNumber"] == "0041441234567"
    assert heard[1].call["calledNumber"] == "11"
    assert heard[0].method == "ucp.v22.events.call.receiveCallState"


def test_a_placed_call_rings_the_own_phone_first(
    simulator: Simulator, receiver: Receiver, anna: PlainClient
) -> None:
    call_id = anna.v22("call.placeCallWithPhone", "+493023125123", "", "")

    heard = receiver.wait_for(3)
    assert [each.state for each in heard] == ["PROCEEDING", "RINGBACK", "CONNECTED"]
    assert heard[0].call["id"] == call_id
    assert heard[0].call["callerNumber"] == "11"
    assert heard[0].call["calledNumber"] == "00493023125123"
    assert anna.v22("call.getCallIds") == [call_id]
    assert anna.v22("call.hangupCall", call_id) is True
    assert receiver.wait_for(4)[3].state == "HANGUP"
    assert anna.v22("call.getCallIds") == []


def test_every_attempt_to_tell_is_on_record(
    simulator: Simulator, receiver: Receiver, anna: PlainClient
) -> None:
    receiver.status = 503
    simulator.ring("0011")

    wait_until(lambda: len(simulator.notifications) == 2)
    assert [each.status for each in simulator.notifications] == [503, 503]
