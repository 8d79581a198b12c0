"""The client with the mqtt5 codec at a broker that follows a script, which no real one does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from bus.mqtt.client import (
    QUEUED,
    UNSUPPORTED_VERSION,
    Client,
    InboundPublish,
    Login,
    PublishQueueFull,
)
from bus.mqtt.mqtt5_client import CodecClient
from bus.settings import BrokerSettings
from tests.conftest import wait_until

WELCOME = b"\x20\x03\x00\x00\x00"
PUBLISH, DISCONNECT = 0x30, 0xE0
TOPIC = "starface/users/0011/calls"


class Received:
    """A listener that notes what it receives."""

    def __init__(self) -> None:
        self.welcome = threading.Event()
        self.messages: list[InboundPublish] = []
        self.codes: dict[int, int] = {}
        self.refused: list[str] = []
        self.end: list[tuple[str, bool]] = []

    def on_connect(self, client: Client) -> None:
        self.welcome.set()

    def on_refused(self, client: Client, reason: str) -> None:
        self.refused.append(reason)

    def on_subscribe(self, client: Client, mid: int, codes: Sequence[int]) -> None:
        """Not asked for here."""

    def on_publish(self, client: Client, mid: int, code: int) -> None:
        self.codes[mid] = code

    def on_message(self, client: Client, message: InboundPublish) -> None:
        self.messages.append(message)

    def on_disconnect(self, client: Client, reason: str, *, session_taken: bool) -> None:
        self.end.append((reason, session_taken))


class ScriptedBroker:
    """Takes one connection; the test says what it answers and when it reads."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.line: socket.socket

    def take(self, answer: bytes) -> None:
        self.line, _ = self._listening.accept()
        self.line.settimeout(10)
        assert self.packet()[0] == 0x10
        self.line.sendall(answer)

    def packet(self) -> tuple[int, bytes]:
        """Return kind and content of the next packet."""
        kind = self._exactly(1)[0] & 0xF0
        length = shift = 0
        while (byte := self._exactly(1)[0]) & 0x80:
            length |= (byte & 0x7F) << shift
            shift += 7
        return kind, self._exactly(length | byte << shift)

    def confirm(self, content: bytes) -> None:
        """Confirm a publish."""
        length = int.from_bytes(content[:2], "big")
        self.line.sendall(b"\x40\x02" + content[2 + length : 4 + length])

    def silent(self) -> bool:
        """Return whether nothing more has come."""
        self.line.settimeout(0.2)
        try:
            return not self.line.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.line.settimeout(10)

    def close(self) -> None:
        self._listening.close()
        self.line.close()

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            part = self.line.recv(count - len(got))
            assert part, "the client closed the connection"
            got += part
        return got


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.fixture
def broker() -> Iterator[ScriptedBroker]:
    scripted = ScriptedBroker()
    yield scripted
    scripted.close()


@pytest.fixture
def meet(broker: ScriptedBroker, received: Received) -> Iterator[Callable[..., CodecClient]]:
    """Let a client connect and the broker answer."""
    begun: list[tuple[CodecClient, threading.Thread]] = []

    def met(answer: bytes = WELCOME, keep_alive: int = 60) -> CodecClient:
        settings = BrokerSettings(port=broker.port, keep_alive=keep_alive)
        client = CodecClient(Login(settings, "gateway", "x", lasting=True, presence=None), received)
        thread = threading.Thread(target=client.run)
        begun.append((client, thread))
        thread.start()
        broker.take(answer)
        return client

    yield met
    for client, thread in begun:
        client.disconnect()
        broker.line.close()
        thread.join(5)
        assert not thread.is_alive()


Meet = Callable[..., CodecClient]


def test_a_packet_may_come_in_pieces_and_several_in_one(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    meet(WELCOME[:2])
    message = b"\x32\x08\x00\x01a\x00\x07\x00hi"
    for byte in WELCOME[2:] + message[:7]:
        broker.line.sendall(bytes([byte]))
    broker.line.sendall(message[7:] + message + message[:1])
    broker.line.sendall(message[1:])

    wait_until(lambda: len(received.messages) == 3)
    assert {(one.topic, one.payload, one.mid) for one in received.messages} == {("a", b"hi", 7)}


def test_no_more_is_under_way_than_the_broker_allows(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    client = meet(b"\x20\x06\x00\x00\x03\x21\x00\x02")  # Receive Maximum 2
    assert received.welcome.wait(5)
    mids = [client.publish(TOPIC, b"%d" % number, {}) for number in range(5)]

    first, second = broker.packet()[1], broker.packet()[1]
    assert broker.silent()
    broker.confirm(first)
    third = broker.packet()[1]
    assert broker.silent()
    for content in (second, third):
        broker.confirm(content)
    for _ in range(2):
        broker.confirm(broker.packet()[1])

    wait_until(lambda: len(received.codes) == 5)
    assert received.codes == dict.fromkeys(mids, 0)


def test_what_is_published_together_leaves_at_the_end_of_the_block(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    client = meet()
    assert received.welcome.wait(5)
    with client.together():
        mids = [client.publish(TOPIC, b"%d" % number, {}) for number in range(3)]
        assert broker.silent()

    for _ in mids:
        broker.confirm(broker.packet()[1])
    wait_until(lambda: received.codes == dict.fromkeys(mids, 0))


def test_what_cannot_wait_any_more_is_refused(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    client = meet(b"\x20\x06\x00\x00\x03\x21\x00\x01")  # Receive Maximum 1
    assert received.welcome.wait(5)
    for _ in range(1 + QUEUED):
        client.publish(TOPIC, b"x", {})

    with pytest.raises(PublishQueueFull, match="too many"):
        client.publish(TOPIC, b"x", {})


def test_a_broker_that_reads_slowly_gets_everything_whole(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    client = meet()
    assert received.welcome.wait(5)
    sent = [bytes([65 + number]) * 1_000_000 for number in range(15)]
    for payload in sent:
        client.publish(TOPIC, payload, {"expiry": 60, "content_type": "application/json"})

    on_message = [broker.packet()[1] for _ in sent]
    assert [content[-1_000_000:] for content in on_message] == sent


def test_a_broker_that_falls_silent_is_left(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    meet(keep_alive=5)
    began = time.monotonic()
    broker.line.settimeout(20)
    assert broker.packet()[0] == 0xC0  # a ping, which is not answered

    wait_until(lambda: received.end, 15)
    assert 5 < time.monotonic() - began < 10  # whole intervals would be two of them
    assert "silent" in received.end[0][0]


@pytest.mark.parametrize("nonsense", [b"\x00\x00", b"\x30\x04\x00\x01\xff\x00"])
def test_nonsense_ends_the_connection(
    meet: Meet, broker: ScriptedBroker, received: Received, nonsense: bytes
) -> None:
    meet()
    broker.line.sendall(nonsense)

    wait_until(lambda: received.end)
    assert "not MQTT 5" in received.end[0][0]


def test_a_session_that_another_took_is_reported(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    meet()
    broker.line.sendall(b"\xe0\x01\x8e")

    broker.line.shutdown(socket.SHUT_WR)
    wait_until(lambda: received.end)
    assert received.end == [("Session taken over", True)]


def test_a_refusal_is_reported_in_words(meet: Meet, received: Received) -> None:
    meet(b"\x20\x03\x00\x87\x00")

    wait_until(lambda: received.refused)
    assert received.refused == ["Not authorized"]
    assert not received.welcome.is_set()


def test_a_broker_that_knows_no_mqtt_5_says_so_in_its_own_words(
    meet: Meet, received: Received
) -> None:
    meet(b"\x20\x02\x00\x01")

    wait_until(lambda: received.refused)
    assert received.refused == [UNSUPPORTED_VERSION]


def test_after_the_end_nothing_is_taken(
    meet: Meet, broker: ScriptedBroker, received: Received
) -> None:
    client = meet()
    assert received.welcome.wait(5)
    client.disconnect()
    assert broker.packet()[0] == DISCONNECT
    wait_until(lambda: received.end)

    with pytest.raises(PublishQueueFull):
        client.publish(TOPIC, b"x", {})
