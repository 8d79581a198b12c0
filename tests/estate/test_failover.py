"""Clients of a broker with several nodes when one of these is gone."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.reconnect import ReconnectPolicy
from bus.topics import Topics
from tests.estate.nodes import Kind, Node, cluster

CALLS = Topics().calls("0011")
WITHIN = 15.0  # seconds


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("nats", Node.kill),
        pytest.param("nats", Node.pause, marks=pytest.mark.long),
        pytest.param("rabbitmq", Node.kill, marks=[pytest.mark.long, pytest.mark.timeout(300)]),
        pytest.param("rabbitmq", Node.pause, marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
def test_a_consumer_has_what_was_accepted_while_its_node_was_lost(
    kind: Kind, fault: Callable[[Node], None], tmp_path: Path
) -> None:
    with cluster(kind, tmp_path) as nodes:
        settings = nodes.settings()
        at = {port: node for node, (_, port) in zip(nodes.nodes, settings.addresses, strict=True)}
        consumer, *others = [
            at[ReconnectPolicy(settings.addresses, account).address[1]]
            for account in ("caller", "gateway")
        ]
        assert consumer not in others, "the two begin at different nodes"
        received: set[bytes] = set()

        def note(message: ReceivedMessage) -> None:
            received.add(message.payload)

        with (
            Connection(settings, "caller") as caller,
            Connection(settings, "gateway") as gateway,
        ):
            caller.subscribe(CALLS, note)
            caller.wait_connected(30)
            gateway.wait_connected(30)
            fault(consumer)
            accepted: set[bytes] = set()
            began = time.monotonic()
            number = 0
            while not accepted or not accepted <= received:
                assert time.monotonic() - began < WITHIN
                number += 1
                payload = str(number).encode()
                if _accepts(gateway, payload) and number <= 20:
                    accepted.add(payload)
                caller.work(0.1)


def _accepts(gateway: Connection, payload: bytes) -> bool:
    try:
        gateway.publish_raw(CALLS, payload)
    except BrokerUnavailable:
        return False
    return True
