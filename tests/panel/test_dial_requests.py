from uuid import uuid4

import pytest

from bus.events import DialRequest, DialResult, DialResultData, Message, Sentence
from bus.mqtt.connection import NO_SUBSCRIBERS
from bus.mqtt.inbox import Arrived, BrokerUnavailable
from bus.topics import Topics
from panel.dial_requests import Dialling, DialWish


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
def dialling(bus: FakeBus) -> Dialling:
    return Dialling(bus)


def _hear(dialling: Dialling, wish: DialWish, user: str = "0011", topic_of: str = "0011") -> None:
    data = DialResultData(
        user=user, request_id=wish.request_id, state="accepted", sentence=Sentence(de="", en="")
    )
    topic = Topics().dial_result(topic_of)
    dialling.hear(DialResult(data=data), Arrived(topic, b""))


def test_a_wish_becomes_a_request_on_the_users_topic(dialling: Dialling, bus: FakeBus) -> None:
    wish = DialWish(number="044 123 45 67", phone="SIP/11")

    dialling.ask("0011", wish, "crm")

    [(topic, request)] = bus.published
    assert topic == "starface/users/0011/dial"
    assert isinstance(request, DialRequest)
    assert request.source == "application/crm"
    assert request.data.request_id == wish.request_id


def test_the_next_result_answers_everybody_who_waits(dialling: Dialling) -> None:
    wish = DialWish(number="044")
    answers = [dialling.ask("0011", wish, "crm") for _ in range(2)]

    _hear(dialling, wish)

    assert [answer.result(0).state for answer in answers] == ["accepted", "accepted"]
    found = dialling.find("0011", wish.request_id)
    assert found is not None
    assert found.state == "accepted"


def test_a_result_on_another_users_topic_is_not_believed(dialling: Dialling) -> None:
    wish = DialWish(number="044")
    answer = dialling.ask("0011", wish, "crm")

    _hear(dialling, wish, topic_of="0012")

    assert not answer.done()


def test_the_result_of_another_user_answers_nobody(dialling: Dialling) -> None:
    wish = DialWish(number="044")
    answer = dialling.ask("0011", wish, "crm")

    _hear(dialling, wish, user="0012", topic_of="0012")

    assert not answer.done()
    assert dialling.find("0011", wish.request_id) is None


def test_who_gave_up_is_not_answered(dialling: Dialling) -> None:
    wish = DialWish(number="044")
    answer = dialling.ask("0011", wish, "crm")

    dialling.give_up(("0011", wish.request_id), answer)
    _hear(dialling, wish)

    assert not answer.done()


@pytest.mark.parametrize("away", [True, False])
def test_without_broker_or_dial_process_nobody_waits(
    dialling: Dialling, bus: FakeBus, away: bool
) -> None:
    bus.away, bus.answer = away, NO_SUBSCRIBERS

    with pytest.raises(BrokerUnavailable):
        dialling.ask("0011", DialWish(number="044"), "crm")


def test_old_requests_are_forgotten(dialling: Dialling) -> None:
    first = DialWish(number="044")
    _hear(dialling, first)

    for _ in range(2_000):
        _hear(dialling, first.model_copy(update={"request_id": uuid4()}))

    assert dialling.find("0011", first.request_id) is None
