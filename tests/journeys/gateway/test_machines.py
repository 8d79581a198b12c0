"""Gateways on several machines behind a balancer: each has its own event log and account."""

import random
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.events import CallEvent
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from tests.conftest import USERS, wait_until
from tests.gateway.running import GatewayProcess, call_state, notify, path_of

CALLS = 40  # of each user
Balancer = Callable[[str], GatewayProcess]
Begin = Callable[[], "Journal"]


@pytest.fixture
def machines(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[list[GatewayProcess]]:
    first, second = (
        GatewayProcess(tmp_path / account, broker_settings, free_port(), account=account)
        for account in ("gateway", "gateway-2")
    )
    with first, second:
        yield [first, second]


@pytest.fixture
def journals(
    connect: Callable[..., Connection], tmp_path: Path
) -> Iterator[Callable[[], "Journal"]]:
    opened: list[Journal] = []

    def begin() -> Journal:
        opened.append(Journal(connect("journal"), tmp_path))
        return opened[-1]

    yield begin
    for journal in opened:
        journal.close()


class Journal:
    """A consumer of all users' events, and what it was handed."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.events: list[CallEvent] = []
        self._connection = connection
        self._progress = ConsumerOffsets(folder / "progress.db")
        CallStream(connection, self._progress, self.events.append).follow_all()

    def receive(self, count: int) -> None:
        """Work until so many events came, and as long as anything else comes."""
        wait_until(lambda: self._connection.work(0.005) and len(self.events) >= count)
        while self._connection.work(0.3):
            pass

    def close(self) -> None:
        self._progress.close()

    def by_gateway(self) -> dict[tuple[str, str], list[CallEvent]]:
        """Return the events of each user and gateway, by number."""
        found = defaultdict(list)
        for event in sorted(self.events, key=lambda event: event.seq or 0):
            found[event.data.user, event.source].append(event)
        return dict(found)


def _report(user: str, balancer: Balancer, calls: range) -> None:
    path = path_of(user)
    for number in calls:
        body = call_state(f"{user}-{number:03}", "CONNECTED")
        assert notify(balancer(path).port, path, body) == 200


def _report_all(balancer: Balancer, calls: range = range(CALLS)) -> list[threading.Thread]:
    """Report each user's calls one after the other, all users' at once."""
    lines = [threading.Thread(target=_report, args=(user, balancer, calls)) for user in USERS]
    for line in lines:
        line.start()
    return lines


def _by_user(path: str) -> int:
    return zlib.crc32(path.split("/")[2].encode()) % 2


def _calls(events: list[CallEvent]) -> list[str]:
    return [event.data.call_id for event in events]


def _all_once(journal: Journal) -> None:
    reported = [f"{user}-{number:03}" for user in USERS for number in range(CALLS)]
    assert sorted(_calls(journal.events)) == reported
    for events in journal.by_gateway().values():
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert _calls(events) == sorted(_calls(events))


def test_a_balancer_may_spread_each_users_notifications_over_all_machines(
    machines: list[GatewayProcess], journals: Begin
) -> None:
    journal = journals()
    chance = random.Random(1)

    lines = _report_all(lambda _: chance.choice(machines))
    journal.receive(CALLS * len(USERS))

    for line in lines:
        line.join()
    _all_once(journal)
    assert len(journal.by_gateway()) == len(USERS) * len(machines)


def test_what_a_broker_forgot_is_asked_for_from_the_machine_that_has_it(
    machines: list[GatewayProcess], broker: Mosquitto, journals: Begin
) -> None:
    chance = random.Random(2)
    for line in _report_all(lambda _: chance.choice(machines)):  # nobody listens yet
        line.join()
    broker.kill()
    broker.start()

    journal = journals()
    journal.receive(CALLS * len(USERS))

    _all_once(journal)


def test_a_balancer_by_path_keeps_each_users_order_and_may_change_over(
    machines: list[GatewayProcess], journals: Begin
) -> None:
    journal = journals()
    half = range(CALLS // 2)
    for line in _report_all(lambda path: machines[_by_user(path)], half):
        line.join()
    journal.receive(len(half) * len(USERS))
    assert len({source for _, source in journal.by_gateway()}) == len(machines)

    machines[0].kill()
    for line in _report_all(lambda _: machines[1], range(CALLS // 2, CALLS)):
        line.join()
    journal.receive(CALLS * len(USERS))

    _all_once(journal)
    for user in USERS:
        own = [call for call in _calls(journal.events) if call.startswith(user)]
        assert own == sorted(own)
