"""What each broker keeps, loses and lacks: the table of docs/estate.md, cell by cell."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bus.access.accounts import Accounts
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.settings import read_accounts
from bus.topics import Topics
from tests.conftest import ROOT, wait_until
from tests.estate.nodes import Cluster, Kind, NodeNotStarted, cluster
from tests.estate.raw_client import RawClient

T = Topics()
ALICE, BOB = "0011", "0012"
COLUMNS: tuple[Kind, ...] = ("mosquitto", "nats", "rabbitmq")


def documented(kind: Kind) -> dict[str, str]:
    """Return the column of a broker in the table of docs/estate.md, by its rows."""
    text = (ROOT / "docs" / "estate.md").read_text()
    table = re.search(r"(?ms)^\| promise .*?\n\n", text)
    assert table is not None
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table[0].strip().splitlines()[2:]
    ]
    return {row[0]: row[1 + COLUMNS.index(kind)] for row in rows}


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", COLUMNS)
def test_the_table_of_what_a_broker_keeps_is_true(kind: Kind, tmp_path: Path) -> None:
    accounts = Accounts()
    for name in (ALICE, BOB):
        accounts.add(name)
    with cluster(kind, tmp_path, accounts=accounts) as nodes:
        observed = {promise: observe(nodes) for promise, observe in PROMISES.items()}

    assert observed == documented(kind)


def mqtt_5(nodes: Cluster) -> str:
    settings = nodes.settings().model_copy(update={"version": "5"})
    with Connection(settings, "cli-1", lasting=False) as connection:
        try:
            connection.wait_connected()
        except BrokerUnavailable as error:
            return "no" if "MQTT 5" in str(error) else str(error)
    return "yes"


def refused_publication(nodes: Cluster) -> str:
    with Connection(nodes.settings(), ALICE, lasting=False) as connection:
        connection.wait_connected(20)
        try:
            connection.publish_raw(T.calls(BOB), b"x")
        except PublishRefused:
            return "reason code"
        except BrokerUnavailable:
            return "connection ends"
    return "silence"


def wide_filter(nodes: Cluster) -> str:
    with RawClient(nodes.nodes[0].port, ALICE, *_login(nodes, ALICE)) as client:
        answer = client.subscribe("#")
    return "refused" if answer is None or answer >= 0x80 else "accepted, brings what one may read"


def client_id_once(nodes: Cluster) -> str:
    """Connect twice with one account, at different nodes."""
    with Connection(nodes.settings(nodes.nodes[0]), "dial", lasting=False) as one:
        one.wait_connected(20)
        with RawClient(nodes.nodes[-1].port, "dial", *_login(nodes, "dial")) as other:
            assert other.accepted
            try:
                wait_until(lambda: not one.connected, 5)
            except AssertionError:
                return "no"
    return "yes"


def client_id_bound(nodes: Cluster) -> str:
    """Come as another account with the client id of a session for which something waits."""
    settings = nodes.settings()
    with Connection(settings, "caller") as caller:
        caller.subscribe(T.calls(BOB), lambda _: None)
        caller.wait_connected(20)
    _publish(nodes, T.calls(BOB), b"secret")
    port = nodes.nodes[0].port
    with RawClient(port, "caller", *_login(nodes, ALICE), clean=False) as thief:
        if b"secret" in thief.payloads(3):
            return "no: another's messages are read"
    with Connection(settings, "caller", lasting=True) as caller:
        caller.wait_connected(20)
        with RawClient(port, "caller", *_login(nodes, ALICE), clean=True):
            try:
                wait_until(lambda: not caller.connected, 3)
            except AssertionError:
                return "yes"
    return "no: another's connection ends"


def last_will(nodes: Cluster) -> str:
    received: list[bytes] = []
    with Connection(nodes.settings(nodes.nodes[-1]), "panel", lasting=False) as panel:
        panel.subscribe(T.process("journal"), lambda message: received.append(message.payload))
        panel.wait_connected(20)
        will = (T.process("journal"), b"offline")
        with RawClient(nodes.nodes[0].port, "journal", *_login(nodes, "journal"), will=will):
            pass
        return "yes" if _comes(panel, lambda: b"offline" in received) else "no"


def retained_elsewhere(nodes: Cluster) -> str:
    if len(nodes.nodes) == 1:
        return "-"
    _publish(nodes, T.info(), b"retained", retain=True)
    return "yes" if _is_retained(nodes, -1, T.info()) else "no"


def retained_by_wildcard(nodes: Cluster) -> str:
    _publish(nodes, T.head(ALICE, "g"), b"retained", retain=True)
    return "yes" if _is_retained(nodes, 0, T.heads("+"), "caller") else "no"


def retained_after_restart(nodes: Cluster) -> str:
    _publish(nodes, T.info(), b"retained", retain=True)
    node = nodes.nodes[0]
    node.stop()
    node.start()
    nodes.wait_ready(node)
    return "keeps" if _is_retained(nodes, 0, T.info()) else "loses"


def session_after_power_cut(nodes: Cluster) -> str:
    with Connection(nodes.settings(), "caller") as caller:
        caller.subscribe(T.calls(ALICE), lambda _: None)
        caller.wait_connected(20)
    _publish(nodes, T.calls(ALICE), b"waiting")
    for node in nodes.nodes:
        node.kill()
    for node in nodes.nodes:
        node.start()
    try:
        nodes.wait_ready()
    except NodeNotStarted:
        return "nodes hang at their start"
    received: list[bytes] = []
    with Connection(nodes.settings(), "caller") as caller:
        caller.subscribe(T.calls(ALICE), lambda message: received.append(message.payload))
        try:
            caller.wait_connected(30)
        except BrokerUnavailable:
            return "lets the consumer in no more"
        return "keeps" if _comes(caller, lambda: b"waiting" in received) else "loses"


PROMISES: Mapping[str, Callable[[Cluster], str]] = {
    "MQTT 5 (expiry of messages, reason codes, response topics)": mqtt_5,
    "what may not be published is refused by": refused_publication,
    "a filter wider than the rights is": wide_filter,
    "a client id is let in once, over all nodes": client_id_once,
    "a client id belongs to its account": client_id_bound,
    "the last will of a process that dies is published": last_will,
    "a retained message is seen at another node": retained_elsewhere,
    "a retained message is seen by a filter with `+`": retained_by_wildcard,
    "a retained message, its node restarted": retained_after_restart,
    "an acknowledged message for a consumer that is away, power cut on all nodes": (
        session_after_power_cut
    ),
}


def _login(nodes: Cluster, account: str) -> tuple[str, str]:
    return account, read_accounts(nodes.folder / "accounts.json")[account]


def _publish(nodes: Cluster, topic: str, payload: bytes, *, retain: bool = False) -> None:
    with Connection(nodes.settings(nodes.nodes[0]), "gateway", lasting=False) as gateway:
        gateway.wait_connected(20)
        gateway.publish_raw(topic, payload, retain=retain)


def _is_retained(nodes: Cluster, node: int, topic_filter: str, account: str = "panel") -> bool:
    received: list[bytes] = []
    with Connection(nodes.settings(nodes.nodes[node]), account, lasting=False) as reader:
        reader.subscribe(topic_filter, lambda message: received.append(message.payload))
        reader.wait_connected(20)
        return _comes(reader, lambda: b"retained" in received)


def _comes(connection: Connection, condition: Callable[[], bool]) -> bool:
    for _ in range(60):
        if condition():
            return True
        connection.work(0.05)
    return False
