from uuid import uuid4

import pytest

from bus.events import DialRequest, DialResult, DialResultData, Message, Sentence
from bus.mqtt.connection import NO_SUBSCRIBERS
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.topics import Topics
from panel.dial_requests import DialNotRunning, DialOrder, DialRequests


class FakeBus:
    """Writes down what is published."""

    def __init__(self) -> None:
        self.topics = Topics()
        self.published: list[tuple[str, Message]] = []
        self.answer = 0
        self.away = False

    def publish(self, topic: str, message: Message) -> int:
        if self.away:
            raise BrokerUnavailable("away")
        self.published.append((topic, message))
        return self.answer


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def dialling(bus: FakeBus) -> DialRequests:
    return DialRequests(bus)


def _receive(
    dialling: DialRequests, wish: DialOrder, user: str = "0011", topic_of: str = "0011"
) -> None:
    data = DialResultData(
        user=user, request_id=wish.request_id, state="accepted", sentence=Sentence(de="", en="")
    )
    topic = Topics().dial_result(topic_of)
    dialling.receive(DialResult(data=data), ReceivedMessage(topic, b""))


def test_a_wish_becomes_a_request_on_the_users_topic(dialling: DialRequests, bus: FakeBus) -> None:
    wish = DialOrder(number="044 123 45 67", phone="SIP/11")

    dialling.ask("0011", wish, "crm")

    [(topic, request)] = bus.published
    assert topic == "starface/users/0011/dial"
    assert isinstance(request, DialRequest)
    assert request.source == "application/crm"
    assert request.data.request_id == wish.request_id


def test_the_next_result_answers_everybody_who_waits(dialling: DialRequests) -> None:
    wish = DialOrder(number="044")
    answers = [dialling.ask("0011", wish, "crm") for _ in range(2)]

    _receive(dialling, wish)

    assert [answer.result(0).state for answer in answers] == ["accepted", "accepted"]
    found = dialling.find("0011", wish.request_id)
    assert found is not None
    assert found.state == "accepted"


def test_a_result_on_another_users_topic_is_not_believed(dialling: DialRequests) -> None:
    wish = DialOrder(number="044")
    answer = dialling.ask("0011", wish, "crm")

    _receive(dialling, wish, topic_of="0012")

    assert not answer.done()


def test_the_result_of_another_user_answers_nobody(dialling: DialRequests) -> None:
    wish = DialOrder(number="044")
    answer = dialling.ask("0011", wish, "crm")

    _receive(dialling, wish, user="0012", topic_of="0012")

    assert not answer.done()
    assert dialling.find("0011", wish.request_id) is None


def test_who_gave_up_is_not_answered(dialling: DialRequests) -> None:
    wish = DialOrder(number="044")
    answer = dialling.ask("0011", wish, "crm")

    dialling.cancel(("0011", wish.request_id), answer)
    _receive(dialling, wish)

    assert not answer.done()


@pytest.mark.parametrize("away", [True, False])
def test_without_broker_or_dial_process_nobody_waits(
    dialling: DialRequests, bus: FakeBus, away: bool
) -> None:
    bus.away, bus.answer = away, NO_SUBSCRIBERS

    with pytest.raises(BrokerUnavailable if away else DialNotRunning):
        dialling.ask("0011", DialOrder(number="044"), "crm")


def test_old_requests_are_forgotten(dialling: DialRequests) -> None:
    first = DialOrder(number="044")
    _receive(dialling, first)

    for _ in range(2_000):
        _receive(dialling, first.model_copy(update={"request_id": uuid4()}))

    assert dialling.find("0011", first.request_id) is None
