import contextlib
import socket
import threading
import time

import pytest

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.presence import Presence
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from tests.bus.mqtt.connection.conftest import Connect, dial_request, work_until
from tests.conftest import wait_until

LET_IN = bytes([0x20, 2, 0, 0])  # CONNACK of MQTT 3.1.1


class FlakyLine:
    """A way to the broker that can be cut without a word."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> "FlakyLine":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    @property
    def used(self) -> bool:
        return bool(self._open)

    def cut(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


def test_subscriptions_survive_a_broker_that_forgot_everything(
    broker: Mosquitto, connect: Connect
) -> None:
    received: list[ReceivedMessage] = []
    dial, person = connect("dial"), connect("0011")
    dial.subscribe("starface/users/+/dial", received.append)

    broker.kill()
    (broker.folder / "mosquitto.db").unlink(missing_ok=True)
    broker.start()
    work_until(dial, lambda: dial.connected and person.connected)
    person.publish("starface/users/0011/dial", dial_request())

    work_until(dial, lambda: received)


def test_nothing_is_kept_for_later_while_the_broker_is_away(
    broker: Mosquitto, connect: Connect
) -> None:
    received: list[ReceivedMessage] = []
    dial, person = connect("dial"), connect("0011")
    dial.subscribe("starface/users/+/dial", received.append)
    broker.stop()
    work_until(dial, lambda: not person.connected)

    with pytest.raises(BrokerUnavailable):
        person.publish("starface/users/0011/dial", dial_request())

    broker.start()
    work_until(dial, lambda: dial.connected and person.connected)
    person.publish_raw("starface/users/0011/dial", b"last")
    work_until(dial, lambda: received)
    assert [message.payload for message in received] == [b"last"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_line_that_flaps_is_no_second_process(
    broker_settings: BrokerSettings, version: str
) -> None:
    with FlakyLine(broker_settings.port) as line:
        settings = broker_settings.model_copy(update={"port": line.port, "version": version})
        with Connection(settings, "0011", lasting=False, gives_way=True) as person:
            for _ in range(4):
                work_until(person, lambda: person.connected)
                line.cut()
                work_until(person, lambda: not person.connected)
            work_until(person, lambda: person.connected)


def test_a_client_whose_node_is_gone_goes_to_another(
    broker: Mosquitto, connection: Connect, broker_settings: BrokerSettings
) -> None:
    with FlakyLine(broker.port) as first, FlakyLine(broker.port) as second:
        lines = {first.port: first, second.port: second}
        nodes = broker_settings.model_copy(
            update={"hosts": tuple(f"127.0.0.1:{port}" for port in lines)}
        )
        with connection(nodes, "caller") as caller:
            caller.wait_connected()
            used = next(port for port, line in lines.items() if line.used)
            lines.pop(used).__exit__()

            other = lines.popitem()[1]
            wait_until(lambda: other.used and caller.connected)


def test_a_persons_command_tries_each_node(
    broker: Mosquitto, connection: Connect, broker_settings: BrokerSettings
) -> None:
    hosts = (f"127.0.0.1:{free_port()}", f"127.0.0.1:{broker.port}")
    for nodes in (hosts, hosts[::-1]):  # one of the two begins at the node that is not there
        settings = broker_settings.model_copy(update={"hosts": nodes})
        with connection(settings, "cli-1", lasting=False) as command:
            command.wait_connected()


def test_what_is_retained_is_published_again_where_the_broker_may_not_have_it(
    broker_settings: BrokerSettings, connect: Connect, connection: Connect
) -> None:
    repeating = broker_settings.model_copy(update={"repeat_retained": 1})
    panel = connect("panel")
    came: list[tuple[str, bool]] = []
    panel.subscribe(panel.topics.processes(), lambda each: came.append((each.topic, each.retained)))
    presence = Presence("sessions")
    states: list[float] = []
    with connection(repeating, "sessions", presence=presence) as sessions:
        sessions.republish(lambda: states.append(time.monotonic()))
        work_until(sessions, lambda: len(states) >= 3)
    work_until(panel, lambda: came.count(("starface/processes/sessions", False)) >= 3)

    assert states[2] - states[1] > 0.9


def test_a_broker_that_lets_in_later_than_a_keep_alive_is_waited_for(
    broker_settings: BrokerSettings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        nodes = {"port": door.getsockname()[1], "version": "3.1.1"}
        settings = broker_settings.model_copy(update=nodes)
        with Connection(settings, "0011", lasting=False) as person:
            client, _ = door.accept()
            with client:
                client.recv(1000)
                client.settimeout(settings.keep_alive)
                with pytest.raises(TimeoutError):
                    client.recv(1)
                client.sendall(LET_IN)
                person.wait_connected()
