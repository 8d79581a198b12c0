from datetime import UTC, datetime

import pytest

from consumers.caller.pending_actions import Backlog


class Desk:
    """A clock, a broker, and what watches them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.connected = True
        self.backlog = Backlog(lambda: self.connected, 5.0, lambda: self.now)

    def arrives(self, delay: float = 0.0) -> None:
        self.backlog.arrived(datetime.fromtimestamp(self.now - delay, UTC))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_comes_at_once_waits_for_nothing(desk: Desk) -> None:
    desk.arrives(0.3)

    assert desk.backlog.looked_through


def test_after_a_late_event_more_may_come(desk: Desk) -> None:
    desk.arrives(20)
    assert not desk.backlog.looked_through

    desk.now += 0.4
    desk.arrives(10)
    desk.now += 0.4
    assert not desk.backlog.looked_through

    desk.now += 0.2
    assert desk.backlog.looked_through


def test_after_a_connect_more_may_come(desk: Desk) -> None:
    desk.connected = False
    assert not desk.backlog.looked_through

    desk.connected = True
    assert not desk.backlog.looked_through
    desk.now += 0.6
    assert desk.backlog.looked_through


@pytest.mark.parametrize("skew", [-30.0, 2.0, 4.9])
def test_a_clock_that_differs_becomes_usual(desk: Desk, skew: float) -> None:
    for _ in range(60):
        desk.arrives(skew)
        desk.now += 0.1
    desk.arrives(skew)
    desk.now += 1
    desk.arrives(skew)

    assert desk.backlog.looked_through


def test_a_long_backlog_does_not_become_usual(desk: Desk) -> None:
    for _ in range(500):
        desk.arrives(20)
        desk.now += 0.01

    assert not desk.backlog.looked_through
