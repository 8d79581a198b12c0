import queue
from collections.abc import Callable, Iterator

import pytest

from bus.events import DialRequest
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from consumers.dial.plain_numbers import PlainNumbers

Connect = Callable[..., Connection]
TOPIC = "starface/users/0011/dial/number"
Received = queue.Queue[ReceivedMessage]


@pytest.fixture
def received(broker_settings: BrokerSettings, connect: Connect) -> Iterator[Received]:
    connect("0011").publish_raw(TOPIC, b"0449999999")  # while nobody listens
    connect("0012").publish_raw("starface/users/0012/dial/number", b"0448888888", retain=True)
    received: Received = queue.Queue()
    with PlainNumbers(broker_settings, lambda work: work(), received.put) as numbers:
        numbers.wait_connected()
        yield received


def test_a_number_becomes_a_request_of_the_topics_user_and_nothing_old_does(
    received: Received, connect: Connect
) -> None:
    person = connect("0011")
    for nonsense in (b"", b"   ", b"1" * 65):
        person.publish_raw(TOPIC, nonsense)
    person.publish_raw(TOPIC, b" +41 44 123 45 67\n")

    message = received.get(timeout=10)
    request = DialRequest.model_validate_json(message.payload)
    assert message.topic == "starface/users/0011/dial"
    assert request.data.number == "+41 44 123 45 67"
    assert received.empty()


def test_nobody_has_a_number_dialled_for_another(received: Received, connect: Connect) -> None:
    with pytest.raises(PublishRefused):
        connect("0012").publish_raw(TOPIC, b"0441234567")
