import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest

from bus.events import DialRequest
from bus.mqtt.client import Client, ClientFactory, InboundPublish, Listener, Login
from bus.mqtt.connection import (
    Connection,
    NetworkDead,
    PublishRefused,
    client_for,
)
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.paho_client import PahoClient
from bus.mqtt.publication import Options
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto
from tests.bus.mqtt.connection.conftest import Connect, dial_request, work_until
from tests.conftest import ROOT


def test_a_message_reaches_its_handler_as_a_model(connect: Connect) -> None:
    dial, person = connect("dial"), connect("0011")
    received: list[DialRequest] = []
    dial.consume("starface/users/+/dial", DialRequest, lambda message, _: received.append(message))

    person.publish("starface/users/0011/dial", dial_request())

    work_until(dial, lambda: received)
    assert received[0].data.number == "+41"


def test_what_waited_at_the_broker_is_delivered_after_a_restart(
    connection: Connect, broker_settings: BrokerSettings, connect: Connect
) -> None:
    with connection(broker_settings, "dial") as dial:
        dial.wait_connected()
        dial.subscribe("starface/users/+/dial", lambda _: None)
        connect("0011").publish("starface/users/0011/dial", dial_request())
        dial.work(2.0)
    person = connect("0012")
    for _ in range(10):
        person.publish("starface/users/0012/dial", dial_request())

    received: list[ReceivedMessage] = []
    with connection(broker_settings, "dial") as dial:
        dial.subscribe("starface/users/+/dial", received.append)
        dial.wait_connected()
        work_until(dial, lambda: len(received) == 10)


def test_an_unhandled_message_comes_again(
    connection: Connect, broker_settings: BrokerSettings, connect: Connect
) -> None:
    with connection(broker_settings, "dial") as dial:
        dial.subscribe("starface/users/+/dial", lambda _: None)
        dial.wait_connected()
        connect("0011").publish("starface/users/0011/dial", dial_request())

    received: list[ReceivedMessage] = []
    with connection(broker_settings, "dial") as dial:
        dial.subscribe("starface/users/+/dial", received.append)
        dial.wait_connected()
        work_until(dial, lambda: received)


def test_a_message_that_a_process_did_not_survive_is_marked_when_it_comes_again(
    connection: Connect, broker_settings: BrokerSettings, connect: Connect
) -> None:
    received: list[ReceivedMessage] = []

    def killed(message: ReceivedMessage) -> None:
        received.append(message)
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt), connection(broker_settings, "dial") as dial:
        dial.subscribe("starface/users/+/dial", killed)
        dial.wait_connected()
        connect("0011").publish("starface/users/0011/dial", dial_request())
        work_until(dial, lambda: False)
    with connection(broker_settings, "dial") as dial:
        dial.subscribe("starface/users/+/dial", received.append)
        dial.wait_connected()
        work_until(dial, lambda: len(received) == 2)

    assert [message.redelivered for message in received] == [False, True]
    assert received[0].payload == received[1].payload


def test_a_publish_the_broker_forbids_is_refused(connect: Connect) -> None:
    with pytest.raises(PublishRefused) as refused:
        connect("0011").publish("starface/users/0012/dial", dial_request())

    assert refused.value.code == 0x87


def test_a_message_nobody_subscribes_to_is_distinguished(connect: Connect) -> None:
    assert connect("0011").publish("starface/users/0011/dial", dial_request()) == 0x10


def test_a_handler_that_fails_puts_the_message_aside(connect: Connect) -> None:
    aside: list[tuple[str, str]] = []
    received: list[ReceivedMessage] = []

    def fail_once(message: ReceivedMessage) -> None:
        received.append(message)
        if len(received) <= 3:
            raise ZeroDivisionError

    dial = connect("dial", dead_letter=lambda message, why: aside.append((message.topic, why)))
    dial.subscribe("starface/users/+/dial", fail_once)
    person = connect("0011")
    person.publish("starface/users/0011/dial", dial_request())
    person.publish("starface/users/0011/dial", dial_request())

    work_until(dial, lambda: len(received) == 4)
    assert aside == [("starface/users/0011/dial", "the handler failed")]


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff\xfe", b'{"data": 1}', b"x" * 65_000, b"[" * 65_000]
)
def test_poison_is_put_aside_and_the_next_message_handled(connect: Connect, payload: bytes) -> None:
    aside: list[str] = []
    received: list[DialRequest] = []
    dial = connect("dial", dead_letter=lambda message, why: aside.append(why))
    dial.consume("starface/users/+/dial", DialRequest, lambda each, _: received.append(each))
    person = connect("0011")

    person.publish_raw("starface/users/0011/dial", payload)
    person.publish("starface/users/0011/dial", dial_request())

    work_until(dial, lambda: received)
    assert len(aside) == 1


def test_a_message_to_nobody_leaves_no_trace_of_its_payload(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dial = connect("dial")
    dial.consume("starface/users/+/dial", DialRequest, lambda *_: None)
    connect("0011").publish_raw("starface/users/0011/dial", b'{"data": "+41441234567"}')

    dial.work(2.0)

    assert "1234567" not in caplog.text


def test_version_3_carries_the_same_payloads(broker_settings: BrokerSettings) -> None:
    settings = broker_settings.model_copy(update={"version": "3.1.1"})
    received: list[DialRequest] = []
    with Connection(settings, "dial") as dial, Connection(settings, "0011") as person:
        dial.consume(
            "starface/users/+/dial", DialRequest, lambda message, _: received.append(message)
        )
        dial.wait_connected()
        person.wait_connected()
        person.publish("starface/users/0011/dial", dial_request())
        work_until(dial, lambda: received)


def test_an_interrupted_message_comes_again(connect: Connect) -> None:
    received: list[ReceivedMessage] = []
    dial, person = connect("dial"), connect("0011")

    def interrupted_at_first(message: ReceivedMessage) -> None:
        received.append(message)
        if len(received) <= 2:
            raise BrokerUnavailable("no confirmation in time")

    dial.subscribe("starface/users/+/dial", interrupted_at_first)
    for payload in (b"1", b"2", b"3"):
        person.publish_raw("starface/users/0011/dial", payload)

    work_until(dial, lambda: {b"1", b"2", b"3"} <= {each.payload for each in received[2:]})


def test_a_subscription_made_while_connecting_is_not_lost(
    connection: Connect, broker_settings: BrokerSettings
) -> None:
    with connection(broker_settings, "0011") as person:
        person.wait_connected()
        for _ in range(10):
            received: list[ReceivedMessage] = []
            with connection(broker_settings, "dial", lasting=False) as dial:
                dial.subscribe("starface/users/+/dial", received.append)
                dial.wait_connected()
                for _ in range(20):
                    person.publish_raw("starface/users/0011/dial", b"x")
                    if dial.work(0.05):
                        break
                assert received


def test_a_type_of_a_later_release_is_ignored(connect: Connect) -> None:
    aside: list[str] = []
    received: list[DialRequest] = []
    dial = connect("dial", dead_letter=lambda _, why: aside.append(why))
    dial.consume("starface/users/+/dial", DialRequest, lambda message, _: received.append(message))
    person = connect("0011")
    later = dial_request().model_copy(update={"type": "starface.dial.request.v2"})

    person.publish("starface/users/0011/dial", later)
    person.publish_raw("starface/users/0011/dial", b'{"type": "starface.dial.request.v2"}')
    person.publish("starface/users/0011/dial", dial_request())

    work_until(dial, lambda: received)
    assert [message.type for message in received] == ["starface.dial.request.v1"]
    assert aside == []


def test_a_process_can_be_stopped_by_a_signal_at_any_moment(
    connection: Connect,
    broker_settings: BrokerSettings,
) -> None:
    with connection(broker_settings, "dial") as dial:
        dial.wait_connected()
        before = signal.signal(signal.SIGALRM, lambda *_: dial.stop())
        try:
            for _ in range(50):
                dial.stopping.clear()
                signal.setitimer(signal.ITIMER_REAL, 0.002)
                while not dial.stopping.is_set():
                    dial.post(lambda: None)
                    dial.work(0.0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_a_certificate_file_that_is_not_there_is_named(
    connection: Connect, broker: Mosquitto, tmp_path: Path
) -> None:
    settings = BrokerSettings(
        port=broker.port, account="dial", password="x", tls=True, ca_file=tmp_path / "none.pem"
    )
    with connection(settings, "dial") as dial, pytest.raises(BrokerUnavailable) as refused:
        dial.wait_connected(2)

    assert "none.pem" in str(refused.value)


def test_a_process_whose_network_thread_has_ended_must_end_too(
    clients: ClientFactory,
    broker_settings: BrokerSettings,
) -> None:
    class Dead(Connection):
        def _keep_connected(self) -> None:
            """End at once, as a thread does that has met something unforeseen."""

    with Dead(broker_settings, "dial", clients=clients) as dial, pytest.raises(NetworkDead):
        work_until(dial, lambda: False)


def test_a_fault_in_a_callback_costs_a_connection_and_no_message(
    clients: ClientFactory, broker_settings: BrokerSettings, connect: Connect
) -> None:
    faults: list[str] = []
    received: list[bytes] = []

    class Faulty(Connection):
        def on_message(self, client: Client, message: InboundPublish) -> None:
            if not faults:
                faults.append("once")
                raise ZeroDivisionError
            super().on_message(client, message)

    with Faulty(broker_settings, "dial", clients=clients) as dial:
        dial.subscribe("starface/users/+/dial", lambda message: received.append(message.payload))
        dial.wait_connected()
        person = connect("0011")
        person.publish_raw("starface/users/0011/dial", b"1")
        person.publish_raw("starface/users/0011/dial", b"2")

        work_until(dial, lambda: len(received) >= 2)
    assert received[:2] == [b"1", b"2"]


class EarlyClient:
    """A broker that delivers what waited before it answers to the subscription, as it may."""

    def __init__(self, login: Login, listener: Listener) -> None:
        self.listener = listener
        self.on_disconnect = threading.Event()
        self.sent = threading.Event()

    def run(self) -> None:
        self.listener.on_connect(self)
        self.listener.on_message(
            self, InboundPublish("starface/users/0011/dial", b"x", False, None, None, 1)
        )
        if self.sent.wait(10):
            self.listener.on_publish(self, 7, 0)
        self.listener.on_subscribe(self, 1, [1])
        self.on_disconnect.wait(10)

    def publish(self, topic: str, payload: bytes, options: Options) -> int:
        self.sent.set()
        return 7

    def together(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        return 1

    def unsubscribe(self, topic_filter: str) -> None:
        """Nothing is asked for twice."""

    def acknowledge(self, mid: int) -> None:
        """Nothing comes again."""

    def disconnect(self) -> None:
        self.on_disconnect.set()


class RefusingClient(EarlyClient):
    """A broker that refuses each subscription."""

    def __init__(self, login: Login, listener: Listener) -> None:
        super().__init__(login, listener)
        self._wanted: SimpleQueue[int] = SimpleQueue()
        self._mids = count(1)

    def run(self) -> None:
        self.listener.on_connect(self)
        while mid := self._wanted.get():
            self.listener.on_subscribe(self, mid, [0x87])

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        mid = next(self._mids)
        self._wanted.put(mid)
        return mid

    def disconnect(self) -> None:
        self._wanted.put(0)


def test_a_subscription_that_is_refused_is_logged_with_its_topic(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = BrokerSettings(account="dial", password="x")
    dial = Connection(settings, "dial", clients=RefusingClient)
    dial.subscribe("starface/users/+/dial", lambda _: None)
    with dial:
        dial.wait_connected()
        dial.subscribe("starface/users/+/calls", lambda _: None)

    assert "topic=starface/users/+/dial reason=0x87" in caplog.text
    assert "topic=starface/users/+/calls reason=0x87" in caplog.text


def test_what_comes_before_the_subscription_is_confirmed_can_be_answered() -> None:
    settings = BrokerSettings(account="dial", password="x")
    answered: list[int] = []
    reconnect: list[EarlyClient] = []

    def begin(login: Login, listener: Listener) -> EarlyClient:
        reconnect.append(EarlyClient(login, listener))
        return reconnect[-1]

    dial = Connection(settings, "dial", clients=begin)
    dial.subscribe(
        "starface/users/+/dial",
        lambda _: answered.append(dial.publish_raw("starface/users/0011/dial/result", b"y")),
    )
    with dial:
        work_until(dial, lambda: answered)

    assert answered == [0]
    assert len(reconnect) == 1  # it did not have to come again


def _delays(port: int) -> list[int]:
    """Return TCP_NODELAY of each socket of this process that is connected to a port."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(int(path.name))) as opened,
        ):
            if opened.getpeername()[1:2] == (port,):
                found.append(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    return found


def test_a_small_message_does_not_wait_for_the_one_before_it(
    broker: Mosquitto, connect: Connect
) -> None:
    connect("dial")

    assert _delays(broker.port) == [1]
    conf = (ROOT / "mosquitto.conf").read_text().splitlines()
    assert "set_tcp_nodelay true" in conf  # the other direction


def test_dots_can_be_kept_from_a_broker_to_which_they_are_slashes(
    broker_settings: BrokerSettings, connect: Connect, connection: Connect
) -> None:
    escaping = broker_settings.model_copy(update={"escape_dots": True})
    topics, on_wire, received = broker_settings.topics(), list[str](), list[str]()
    plain = connect("panel")
    plain.subscribe(topics.calls("+"), lambda message: on_wire.append(message.topic))
    with connection(escaping, "caller") as caller, connection(escaping, "gateway") as gateway:
        caller.subscribe(topics.calls("anna.b"), lambda message: received.append(message.topic))
        caller.wait_connected()
        gateway.wait_connected()
        gateway.publish_raw(topics.calls("anna.b"), b"x")
        work_until(caller, lambda: received)
    work_until(plain, lambda: on_wire)

    assert on_wire == ["starface/users/anna%2Eb/calls"]
    assert received == [topics.calls("anna.b")]


def test_a_node_needs_a_port() -> None:
    with pytest.raises(ValueError, match="an address and a port"):
        BrokerSettings(hosts=("a.example",))


def test_a_process_whose_tick_is_far_ticks_soon_after_a_message_and_a_loss(
    clients: ClientFactory, broker_settings: BrokerSettings, connect: Connect
) -> None:
    received: list[bytes] = []
    connected: list[bool] = []
    began = time.monotonic()

    def tick() -> float:
        connected.append(dial.connected)
        if received and connected[-1]:
            dial._reconnect()
        elif received:
            dial.stop()
        return 30.0

    with Connection(broker_settings, "dial", clients=clients) as dial:
        dial.subscribe("starface/users/+/dial", lambda message: received.append(message.payload))
        dial.wait_connected()
        connect("0011").publish_raw("starface/users/0011/dial", b"1")
        dial.run(tick, soon=0.1)

    assert connected[-2:] == [True, False]
    assert time.monotonic() - began < 15


def test_a_workstation_without_the_packages_of_the_server_speaks_mqtt_5_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mqtt5", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "bus.mqtt.mqtt5_client")

    assert client_for(BrokerSettings(version="5")) is PahoClient
