"""The brokers of several nodes that the tests start are what they say they are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection
from bus.topics import Topics
from tests.conftest import wait_until
from tests.estate.nodes import Cluster, Kind, Node, cluster

CALLS = Topics().calls("0011")


@pytest.mark.parametrize(
    "kind",
    [
        "mosquitto",
        pytest.param("nats", marks=pytest.mark.long),
        pytest.param("rabbitmq", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
def test_what_one_node_takes_another_hands_out(kind: Kind, tmp_path: Path) -> None:
    with cluster(kind, tmp_path) as nodes:
        assert passes_on(nodes, nodes.nodes[0], nodes.nodes[-1]) == [b"ringing"]


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["nats", "rabbitmq"])
@pytest.mark.parametrize("fault", [Node.kill, Node.pause])
def test_two_of_three_nodes_are_enough(
    kind: Kind, fault: Callable[[Node], None], tmp_path: Path
) -> None:
    with cluster(kind, tmp_path) as nodes:
        fault(nodes.nodes[0])
        nodes.wait_ready(nodes.nodes[1], nodes.nodes[2])

        assert passes_on(nodes, nodes.nodes[1], nodes.nodes[2]) == [b"ringing"]


def passes_on(nodes: Cluster, first: Node, second: Node) -> list[bytes]:
    """Publish by one node and return what came out of the other."""
    received: list[bytes] = []
    with (
        Connection(nodes.settings(second), "caller", lasting=False) as caller,
        Connection(nodes.settings(first), "gateway", lasting=False) as gateway,
    ):
        caller.subscribe(CALLS, lambda message: received.append(message.payload))
        caller.wait_connected(20)
        gateway.wait_connected(20)
        gateway.publish_raw(CALLS, b"ringing")
        wait_until(lambda: caller.work(0.1) and received)
    return received
