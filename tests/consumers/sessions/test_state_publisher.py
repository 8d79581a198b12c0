import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.topics import Topics
from consumers.sessions.session import Health
from consumers.sessions.state_publisher import StatePublisher


@dataclass
class FakeDelivery:
    """A message whose confirmation does not come if it is to fail."""

    failure: Exception | None
    waited: list[float]

    def wait(self, timeout: float) -> int:
        self.waited.append(timeout if self.failure else 0.0)
        if self.failure is not None:
            raise self.failure
        return 0


@dataclass
class FakeBroker:
    """A connection that keeps what is sent."""

    topics: Topics = field(default_factory=Topics)
    connected: bool = True
    failure: Exception | None = None
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)  # seconds

    def send(self, topic: str, payload: bytes, *, retain: bool, **_: Any) -> FakeDelivery:
        assert retain
        self.sent.append((topic, payload))
        return FakeDelivery(self.failure, self.waited)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def states(broker: FakeBroker) -> StatePublisher:
    return StatePublisher(broker, clock=lambda: sum(broker.waited))


def test_a_state_is_reported_when_it_changes_and_only_then(
    states: StatePublisher, broker: FakeBroker
) -> None:
    for _ in range(3):
        states.show("0011", Health("active"))
        states.publish_pending()

    [(topic, payload)] = broker.sent
    assert topic == "starface/users/0011/state"
    assert json.loads(payload)["data"]["state"] == "active"


def test_a_failing_state_names_link_code_and_what_to_do(
    states: StatePublisher, broker: FakeBroker
) -> None:
    states.show("0011", Health("failing", "login-refused"))
    states.publish_pending()

    [(_, payload)] = broker.sent
    data = json.loads(payload)["data"]
    assert (data["link"], data["code"]) == ("login", "login-refused")
    assert "Administrator" in data["sentence"]["de"]
    assert "starface2mqtt user password" in data["detail"]["en"]


def test_while_the_broker_is_away_the_newest_state_waits(
    states: StatePublisher, broker: FakeBroker
) -> None:
    broker.connected = False
    states.show("0011", Health("failing", "session-lost"))
    states.publish_pending()
    states.show("0011", Health("active"))
    broker.connected = True
    states.publish_pending()

    [(_, payload)] = broker.sent
    assert json.loads(payload)["data"]["state"] == "active"


def test_a_state_the_broker_did_not_confirm_is_reported_again_once_it_is_back(
    states: StatePublisher, broker: FakeBroker
) -> None:
    broker.failure = BrokerUnavailable("gone")
    states.show("0011", Health("active"))
    states.publish_pending()
    broker.failure = None
    states.show_all_again()
    states.publish_pending()

    assert len(broker.sent) == 2


def test_a_broker_that_is_slow_to_confirm_is_neither_waited_for_nor_sent_the_same_again(
    states: StatePublisher, broker: FakeBroker
) -> None:
    broker.failure = BrokerUnavailable("not confirmed yet")
    states.show("0011", Health("failing", "session-lost"))
    states.publish_pending()
    states.publish_pending()
    before = len(broker.sent)
    states.show("0011", Health("active"))
    states.publish_pending()

    assert (before, len(broker.sent)) == (1, 2)
    assert set(broker.waited) == {0.0}
    assert states.pending


def test_all_states_that_are_not_confirmed_at_the_end_are_waited_for_together(
    states: StatePublisher, broker: FakeBroker
) -> None:
    broker.failure = BrokerUnavailable("not confirmed yet")
    for number in range(20):
        states.show(f"00{number}", Health("active"))
    states.publish_pending(0.5)

    assert len(broker.waited) == 20
    assert sum(broker.waited) == 0.5


def test_a_state_the_broker_refuses_is_not_repeated(
    states: StatePublisher, broker: FakeBroker
) -> None:
    broker.failure = PublishRefused("starface/users/0011/state", 0x87)
    states.show("0011", Health("active"))
    states.publish_pending()
    states.publish_pending()

    assert len(broker.sent) == 1


def test_a_broker_that_comes_back_receives_everything_again(
    states: StatePublisher, broker: FakeBroker
) -> None:
    for login in ("0011", "0012"):
        states.show(login, Health("active"))
    states.publish_pending()
    states.show_all_again()
    states.publish_pending()

    assert len(broker.sent) == 4


def test_a_user_who_is_gone_leaves_no_state_behind(
    states: StatePublisher, broker: FakeBroker
) -> None:
    states.show("0011", Health("active"))
    states.publish_pending()
    states.forget("0011")
    states.publish_pending()

    assert broker.sent[-1] == ("starface/users/0011/state", b"")
