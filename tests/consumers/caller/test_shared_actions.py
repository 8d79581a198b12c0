from collections.abc import Mapping

import pytest

from bus.events import CallerData, CallerEvent, Outcome, Party
from bus.mqtt.connection import Publication
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from consumers.caller.shared_actions import Shard, SharedActions

QUEUED = Outcome(executor="note", state="queued")


class FakeLease:
    def __init__(self, *, held: bool) -> None:
        self.held = held
        self.lost = False
        self.claims: list[str] = []
        self.elsewhere: set[str] = set()
        self.confirms = True

    def claim(self, key: str) -> bool:
        self.claims.append(key)
        return self.confirms

    def claimed(self, key: str) -> bool:
        return key in self.elsewhere


class FakeActions:
    def __init__(self) -> None:
        self.begun: list[str] = []

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        self.begun.append(event.id)
        return 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _answer(number: int = 1) -> CallerEvent:
    call = f"call-{number}"
    data = CallerData(
        user="0011",
        call_id=call,
        event_id=call,
        trigger="ringing",
        caller=Party(),
        opens="card",
        outcomes=(QUEUED,),
    )
    return CallerEvent(id=f"answer-{number}", data=data)


def _shared(*, held: bool) -> tuple[SharedActions, FakeLease, FakeActions, Clock]:
    lease, actions, clock = FakeLease(held=held), FakeActions(), Clock()
    return SharedActions(lease, actions, 30.0, clock), lease, actions, clock


def _sent(event: CallerEvent) -> Publication:
    return Publication(event.id)


def test_the_holder_claims_an_action_and_begins_it() -> None:
    shared, lease, actions, _ = _shared(held=True)

    assert shared.hand_over(_answer(), {}, "ringing")
    assert (lease.claims, actions.begun) == (["answer-1"], ["answer-1"])


@pytest.mark.parametrize("elsewhere", [True, False])
def test_what_another_may_have_begun_is_not_begun(elsewhere: bool) -> None:
    shared, lease, actions, _ = _shared(held=True)
    lease.confirms = False
    lease.elsewhere = {"answer-1"} if elsewhere else set()

    assert not shared.hand_over(_answer(), {}, "ringing")
    assert actions.begun == []


def test_who_takes_over_begins_what_the_holder_has_not_answered() -> None:
    shared, lease, actions, clock = _shared(held=False)
    shared.hand_over(_answer(1), {}, "ringing")
    clock.now = 20.0
    shared.hand_over(_answer(2), {}, "ringing")
    shared.hand_over(_answer(3), {}, "ringing")
    shared.note_answer(_answer(3), ReceivedMessage("", b""))
    clock.now = 40.0

    lease.held = True
    shared.lease_changed()

    assert actions.begun == ["answer-2"], "the first is too old, the third is done"


def test_an_answer_is_sent_by_the_holder_alone_and_not_again() -> None:
    shared, lease, _, _ = _shared(held=False)
    sent: list[str] = []

    def send(event: CallerEvent) -> Publication:
        sent.append(event.id)
        return _sent(event)

    with pytest.raises(BrokerUnavailable):
        shared.sender(send)(_answer(1))
    shared.note_answer(_answer(1), ReceivedMessage("", b""))
    lease.held = True

    assert shared.sender(send)(_answer(1)).wait() == 0
    shared.sender(send)(_answer(2))
    assert sent == ["answer-2"]


def test_each_user_is_in_one_part_and_the_parts_are_alike() -> None:
    parts = [Shard(number, 4) for number in range(1, 5)]
    logins = [str(login) for login in range(4_000)]

    assert all(sum(login in part for part in parts) == 1 for login in logins)
    assert all(900 < sum(login in part for login in logins) < 1_100 for part in parts)
