"""Two machines that receive each request; a lease handed in says which of them acts."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from bus.mqtt.inbox import ReceivedMessage
from consumers.dial.standby import SharedRequests
from tests.consumers.dial_desk import Desk


class FakeLease:
    """A lease that is held when a test says so."""

    def __init__(self, *, held: bool) -> None:
        self.held = held
        self.lost = self.others_seen = False
        self.claims: set[str] = set()

    def claim(self, key: str) -> bool:
        return self.held

    def claimed(self, key: str) -> bool:
        return key in self.claims


class Machine:
    def __init__(self, desk: Desk, lease: FakeLease) -> None:
        self.desk = desk
        self.lease = lease
        self.requests = SharedRequests(lease, desk.consumer, desk.following, desk.clock)

    def receive(self, request_id: UUID, **more: float) -> None:
        self.requests.handle(self.desk.message("044 123 45 67", "0011", request_id, **more))

    def see_claim(self, request_id: UUID) -> None:
        self.lease.claims.add(f"0011/{request_id}")
        self.requests.note_claim(f"0011/{request_id}")

    def see_results_of(self, other: "Machine") -> None:
        for _, result, _ in other.desk.bus.published:
            self.requests.note_result(result, ReceivedMessage("", b""))

    def take_over(self) -> None:
        self.lease.held = True
        self.requests.lease_changed()


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "b").mkdir()
    desk = Desk(tmp_path / "b", "dial-b")
    yield Machine(desk, FakeLease(held=False))
    desk.book.close()


@pytest.fixture
def holder(tmp_path: Path, standby: Machine) -> Iterator[Machine]:
    (tmp_path / "a").mkdir()
    desk = Desk(tmp_path / "a", "dial-a")
    desk.clock = standby.desk.clock
    yield Machine(desk, FakeLease(held=True))
    desk.book.close()


def test_a_machine_that_stands_by_dials_nothing(standby: Machine) -> None:
    standby.receive(uuid4())
    standby.requests.tick()

    assert standby.desk.pbx.asked == []
    assert standby.desk.reported() == []


def test_what_nobody_claimed_is_dialled_by_who_takes_over(standby: Machine) -> None:
    request = uuid4()
    standby.receive(request)

    standby.take_over()

    assert [order.call_id for order in standby.desk.pbx.asked] == [str(request)]
    assert standby.desk.reported(request) == ["accepted"]


def test_what_was_claimed_and_not_answered_is_unknown_and_not_dialled(standby: Machine) -> None:
    request = uuid4()
    standby.receive(request)
    standby.see_claim(request)

    standby.take_over()
    standby.receive(request)

    assert standby.desk.pbx.asked == []
    assert standby.desk.pbx.looked == [str(request)]
    assert standby.desk.reported(request)[:1] == ["unknown"]


def test_a_claim_that_comes_before_its_request_counts(standby: Machine) -> None:
    request = uuid4()
    standby.see_claim(request)

    standby.take_over()
    standby.receive(request)

    assert standby.desk.pbx.asked == []


def test_a_call_that_another_machine_placed_is_followed_to_its_end(
    standby: Machine, holder: Machine
) -> None:
    request = uuid4()
    for machine in (holder, standby):
        machine.receive(request)
    standby.see_claim(request)
    standby.see_results_of(holder)

    standby.take_over()
    standby.desk.receive(request, "dialing", "ringback", "connected", "ended")

    assert standby.desk.pbx.asked == []
    assert standby.desk.reported(request) == [
        "own-phone-ringing", "remote-ringing", "connected", "ended",
    ]  # fmt: skip


def test_what_another_machine_refused_is_not_answered_again(
    standby: Machine, holder: Machine
) -> None:
    request = uuid4()
    for machine in (holder, standby):
        machine.receive(request, age=60)
    standby.see_results_of(holder)

    standby.take_over()

    assert holder.desk.reported(request) == ["refused"]
    assert standby.desk.reported(request) == []


def test_what_waited_too_long_is_not_dialled(standby: Machine) -> None:
    standby.receive(uuid4())
    standby.desk.clock.now += 31

    standby.take_over()

    assert standby.desk.pbx.asked == []
