from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bus.events import CallData, CallerData, CallerEvent, CallEvent, Outcome, Party
from bus.mqtt.connection import Publication
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from consumers.caller.shared_actions import Shard, SharedActions

QUEUED = Outcome(executor="note", state="queued")


class FakeLease:
    def __init__(self, *, held: bool) -> None:
        self.held = held
        self.lost = self.others_seen = False
        self.claims: list[str] = []
        self.elsewhere: set[str] = set()
        self.confirms = True

    def claim(self, key: str) -> bool:
        self.claims.append(key)
        return self.confirms

    def claimed(self, key: str) -> bool:
        return key in self.elsewhere


class FakeActions:
    stands_by = False

    def __init__(self) -> None:
        self.begun: list[str] = []

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        self.begun.append(event.id)
        return 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _answer(number: int = 1, **changes: object) -> CallerEvent:
    call = f"call-{number}"
    data = CallerData(
        user="0011",
        call_id=call,
        event_id=call,
        trigger="ringing",
        caller=Party(number="0441234567"),
        opens="card",
        outcomes=(QUEUED,),
    )
    return CallerEvent(id=f"answer-{number}", data=data.model_copy(update=changes))


def _call(number: int, received_at: float) -> CallEvent:
    moment = datetime.fromtimestamp(received_at, UTC)
    data = CallData(
        user="0011", call_id=f"call-{number}", state="ringing", received_at=moment, direction="in"
    )
    return CallEvent(id=f"event-{number}", source="gateway/a", type="call.ringing", data=data)


def _shared(*, held: bool) -> tuple[SharedActions, FakeLease, FakeActions, Clock]:
    lease, actions, clock = FakeLease(held=held), FakeActions(), Clock()
    shared = SharedActions(lease, actions, 30.0, clock)
    shared.note_connected()
    return shared, lease, actions, clock


def _sent(event: CallerEvent) -> Publication:
    return Publication(event.id)


def test_the_holder_claims_an_action_and_begins_it() -> None:
    shared, lease, actions, _ = _shared(held=True)

    assert shared.hand_over(_answer(), {}, "ringing")
    assert (len(lease.claims), actions.begun) == (1, ["answer-1"])


@pytest.mark.parametrize("elsewhere", [True, False])
def test_what_another_may_have_begun_is_not_begun(elsewhere: bool) -> None:
    shared, lease, actions, _ = _shared(held=True)
    shared.hand_over(_answer(), {}, "ringing")
    actions.begun.clear()
    lease.confirms = elsewhere
    lease.elsewhere = set(lease.claims) if elsewhere else set()

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


def _taken_over(shared: SharedActions, lease: FakeLease, actions: FakeActions) -> list[str]:
    lease.held = True
    shared.lease_changed()
    return actions.begun


def test_a_party_opens_once_though_the_machines_learned_of_it_by_different_events() -> None:
    shared, lease, actions, _ = _shared(held=False)
    shared.hand_over(_answer(1, event_id="connected", trigger="party-change"), {}, "ringing")
    shared.note_answer(CallerEvent(id="another", data=_answer(1).data), ReceivedMessage("", b""))

    assert _taken_over(shared, lease, actions) == []


def test_who_takes_over_opens_for_another_party_of_the_call() -> None:
    shared, lease, actions, _ = _shared(held=False)
    shared.note_answer(_answer(), ReceivedMessage("", b""))
    other = _answer(1, trigger="party-change", caller=Party(number="0317654321"))
    shared.hand_over(other.model_copy(update={"id": "other"}), {}, "changed")

    assert _taken_over(shared, lease, actions) == ["other"]


def test_nothing_opens_for_a_call_that_is_over_when_the_lease_is_taken() -> None:
    shared, lease, actions, _ = _shared(held=False)
    send = shared.sender(_sent)
    answer = _answer(1)
    shared.hand_over(answer, {}, "ringing")
    shared.hand_over(_answer(2), {}, "ringing")
    with pytest.raises(BrokerUnavailable):
        send(CallerEvent(id="end", data=_answer(1, trigger="closed", opens="nothing").data))

    assert send(answer).wait() == 0, "not kept to be sent later"
    assert _taken_over(shared, lease, actions) == ["answer-2"]


@pytest.mark.parametrize("holder", [True, False])
def test_a_call_that_began_before_this_process_is_the_holders_if_there_was_one(
    holder: bool,
) -> None:
    shared, lease, actions, clock = _shared(held=False)
    clock.now = 5.0
    lease.others_seen = holder
    note = shared.noting(lambda event: None)
    note(_call(1, received_at=-1.0))
    note(_call(2, received_at=1.0))
    shared.hand_over(_answer(1), {}, "ringing")
    shared.hand_over(_answer(2), {}, "ringing")

    assert _taken_over(shared, lease, actions) == (
        ["answer-2"] if holder else ["answer-1", "answer-2"]
    )


def test_a_call_that_began_before_the_first_connect_is_the_holders() -> None:
    lease, actions, clock = FakeLease(held=False), FakeActions(), Clock()
    shared = SharedActions(lease, actions, 30.0, clock)
    lease.others_seen = True
    clock.now = 15.0  # so long took the broker
    shared.note_connected()
    clock.now = 20.0
    shared.note_connected()
    note = shared.noting(lambda event: None)
    note(_call(1, received_at=14.0))
    note(_call(2, received_at=16.0))
    shared.hand_over(_answer(1), {}, "ringing")
    shared.hand_over(_answer(2), {}, "ringing")

    assert _taken_over(shared, lease, actions) == ["answer-2"]


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
