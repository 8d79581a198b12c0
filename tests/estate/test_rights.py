"""What the rights of our accounts allow at each broker, from one table of refusals."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from bus.access.accounts import PROCESS_ACCOUNTS, Accounts, all_rights_of
from bus.access.roles import Grants, Right, Roles
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.topics import Topics, matches
from tests.estate.nodes import Cluster, Kind, cluster

T = Topics()
ALICE, BOB, PERSON = "0011", "0012", "anna.b@example.org"


@dataclass(frozen=True)
class Case:
    """An account, a topic it asks for or writes to, and whether it may."""

    account: str
    topic: str
    may: bool


READING = [
    Case(ALICE, T.calls(ALICE), may=True),
    Case(ALICE, T.caller(ALICE), may=True),
    Case(ALICE, T.info(), may=True),
    Case(ALICE, T.reply(ALICE, "1"), may=True),
    Case(f"{ALICE}~laptop", T.calls(ALICE), may=True),
    Case(PERSON, T.calls(PERSON), may=True),
    Case("wallboard", T.calls(ALICE), may=True),
    Case("caller", T.calls(ALICE), may=True),
    Case("dial", T.dial(ALICE), may=True),
    Case("panel", T.process("dial"), may=True),
    Case(ALICE, T.calls(BOB), may=False),
    Case(ALICE, T.state(BOB), may=False),
    Case(ALICE, T.calls(PERSON), may=False),
    Case(ALICE, T.reply(BOB, "1"), may=False),
    Case(ALICE, T.reply("caller", "calls"), may=False),
    Case(PERSON, T.calls(ALICE), may=False),
    Case("wallboard", T.calls(BOB), may=False),
    Case("wallboard", T.state(ALICE), may=False),
    Case("dial", T.journal(ALICE), may=False),
    Case("caller", T.reply("dial", "calls"), may=False),
    Case("gateway", T.caller(ALICE), may=False),
]
WRITING = [
    Case(ALICE, T.dial(ALICE), may=True),
    Case(ALICE, T.switch(ALICE), may=True),
    Case(PERSON, T.dial(PERSON), may=True),
    Case(f"{ALICE}~laptop", T.opened(ALICE), may=True),
    Case("gateway", T.calls(PERSON), may=True),
    Case("caller", T.caller(ALICE), may=True),
    Case("caller", T.reply(ALICE, "1"), may=True),
    Case("caller", T.process("caller"), may=True),
    Case(ALICE, T.dial(BOB), may=False),
    Case(ALICE, T.switch(BOB), may=False),
    Case(ALICE, T.calls(ALICE), may=False),
    Case(ALICE, T.state(ALICE), may=False),
    Case(ALICE, T.dial_result(ALICE), may=False),
    Case(ALICE, T.reply(ALICE, "1"), may=False),
    Case(ALICE, T.process("gateway"), may=False),
    Case("wallboard", T.dial(ALICE), may=False),
    Case("caller", T.calls(ALICE), may=False),
    Case("caller", T.dial(ALICE), may=False),
    Case("gateway", T.caller(ALICE), may=False),
    Case("dial", T.state(ALICE), may=False),
    Case("panel", T.calls(ALICE), may=False),
]
# What a filter of somebody who may read little must not bring.
GREEDY = ["#", "+/#", "starface/#", "starface/users/#", "starface/users/+/calls", "$MQTT/#",
          "$MQTT/sub/#", "$SYS/#", "$MQTT/msgs/#", "starface/users/*/calls",
          "starface/users/>"]  # fmt: skip


class Office:
    """A broker with all accounts, and for each topic somebody who may write and read it."""

    def __init__(self, nodes: Cluster, accounts: Accounts, roles: Roles) -> None:
        self._settings = nodes.settings()
        self._rights = {
            name: all_rights_of(T, name, roles)
            for name in accounts.passwords
            if name not in ("cli-1", "cli-2", "cli-3", "cli-4")
        }
        self._open: dict[str, Connection] = {}
        self._numbers = count()

    def may_read(self, case: Case, topic_filter: str = "") -> bool:
        """Return whether an account that asks for a topic gets what is published on it."""
        with self._connected(case.account) as reader:
            received = _listen(reader, topic_filter or case.topic)
            try:
                reader.wait_connected(20)
            except BrokerUnavailable:  # RabbitMQ ends the connection
                return False
            payload = self._publish(case.topic, besides=case.account)
            _drain(reader, 10.0 if case.may and not topic_filter else 0.1, received, payload)
            return payload in received

    def may_write(self, case: Case) -> bool:
        """Return whether what an account publishes on a topic arrives."""
        observer = self._reader_of(case.topic, besides=case.account)
        own = observer == case.account
        with self._connected(case.account) as writer:
            writer.wait_connected(20)
            reading = writer if own else self._opened(observer)
            received = _listen(reading, case.topic)
            payload = self._payload()
            with contextlib.suppress(PublishRefused, BrokerUnavailable):
                writer.publish_raw(case.topic, payload)
            writer.wait_connected(20)  # a broker may have ended the connection
            marker = self._publish(case.topic, besides=case.account, instead=writer)
            _drain(reading, 10.0, received, marker)
            assert marker in received
            reading.unsubscribe(case.topic)
            return payload in received

    def close(self) -> None:
        """Close all connections."""
        for account in list(self._open):
            self._release(account)

    def _publish(self, topic: str, *, besides: str, instead: Connection | None = None) -> bytes:
        payload = self._payload()
        writers = [
            name
            for name, rights in self._rights.items()
            if name != besides and any(matches(each, topic) for each in rights.write)
        ]
        writer = instead if instead and not writers else self._opened(writers[0])
        writer.publish_raw(topic, payload)
        return payload

    def _reader_of(self, topic: str, *, besides: str) -> str:
        readers = [
            name
            for name, rights in self._rights.items()
            if any(matches(each, topic) for each in rights.read)
        ]
        return next((name for name in readers if name != besides), besides)

    def _payload(self) -> bytes:
        return f"message {next(self._numbers)}".encode()

    def _opened(self, account: str) -> Connection:
        if account not in self._open:
            connection = Connection(self._settings, account, lasting=False).__enter__()
            self._open[account] = connection
        self._open[account].wait_connected(20)
        return self._open[account]

    def _connected(self, account: str) -> Connection:
        self._release(account)
        return Connection(self._settings, account, lasting=False)

    def _release(self, account: str) -> None:
        if account in self._open:
            self._open.pop(account).__exit__(None, None, None)


def _listen(connection: Connection, topic_filter: str) -> set[bytes]:
    received: set[bytes] = set()
    connection.subscribe(topic_filter, lambda message: received.add(message.payload))
    return received


def _drain(connection: Connection, limit: float, received: set[bytes], payload: bytes) -> None:
    end = time.monotonic() + limit
    while payload not in received and time.monotonic() < end:
        connection.work(0.02)


@pytest.fixture(
    scope="module",
    params=[
        "mosquitto",
        "nats",
        pytest.param("rabbitmq", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
def office(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    accounts, roles = Accounts(), Roles()
    for name in (*PROCESS_ACCOUNTS, ALICE, f"{ALICE}~laptop", BOB, PERSON, "wallboard"):
        accounts.add(name)
    roles.applications["wallboard"] = Grants()
    roles.applications["wallboard"].give(Right(reads=("calls",)), [ALICE], [])
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    with cluster(kind, folder, 1, accounts=accounts, roles=roles) as nodes:
        office = Office(nodes, accounts, roles)
        yield office
        office.close()


def test_who_may_read_what(office: Office) -> None:
    assert [case for case in READING if office.may_read(case) != case.may] == []


def test_who_may_write_what(office: Office) -> None:
    assert [case for case in WRITING if office.may_write(case) != case.may] == []


def test_a_wide_filter_brings_nothing_of_a_colleague(office: Office) -> None:
    of_a_colleague = Case(ALICE, T.calls(BOB), may=False)

    assert [each for each in GREEDY if office.may_read(of_a_colleague, each)] == []
