"""Whichever write to the event log fails, no notification is taken that is not on disk."""

import contextlib
import json
import random
import resource
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bus.events import CallEvent
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from gateway.eventlog.file import NAME
from tests.conftest import USERS, wait_until
from tests.gateway.accounting import Consumer
from tests.gateway.failing_disk import NAME as FAULTS_FILE
from tests.gateway.failing_disk import Fault, Faults
from tests.gateway.running import GatewayProcess, call_state, notify, path_of

WAL = f"{NAME}-wal"
AT_ONCE = 5  # notifications, so that some share a write
RENEWED = 3_000_000  # bytes of write-ahead log; at 4 MB SQLite begins it again
LONG = (pytest.mark.long, pytest.mark.timeout(1200))


class GatewayOnFailingDisk(GatewayProcess):
    """Its SQLite meets the faults it is set to meet."""

    COMMAND = (
        sys.executable, "-c", "from tests.gateway.failing_disk import main; main()",
    )  # fmt: skip


class Teller:
    """Reports calls, some at once, and keeps the accounts."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.acknowledged: list[str] = []
        self.reported: list[str] = []
        self._gateway = gateway
        self._paths = [path_of(user) for user in USERS]
        self._lines = ThreadPoolExecutor(AT_ONCE)

    def report(self, count: int = AT_ONCE) -> int:
        """Report some calls at once; return how many were taken."""
        first = len(self.reported)
        self.reported += [f"c-{number:06}" for number in range(first, first + count)]
        return sum(self._lines.map(self._report, range(first, first + count)))

    def taken(self) -> bool:
        """Report one call and return whether it was taken."""
        return self.report(1) == 1

    def _report(self, number: int) -> bool:
        call = self.reported[number]
        path = self._paths[number % len(USERS)]
        status = notify(self._gateway.port, path, call_state(call, "CONNECTED"))
        assert status in (200, 503)
        if status == 200:
            self.acknowledged.append(call)
        return status == 200

    def check(self) -> None:
        """Fail unless all that was acknowledged is in the log, as another process reads it."""
        lost = set(self.acknowledged) - _kept(self._gateway.folder)
        assert not lost, f"{len(lost)} acknowledged and not on disk, such as {sorted(lost)[:3]}"


def _kept(folder: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(folder / NAME, timeout=5)) as db:
        return {json.loads(reported)["data"]["call_id"] for (reported,) in db.execute(_PAYLOADS)}


_PAYLOADS = "SELECT payload FROM events"


def _settle(teller: Teller, consumer: Consumer, folder: Path) -> None:
    """Check that all that was acknowledged is carried out, once, and the file is whole."""
    wanted = set(teller.acknowledged)
    assert wanted
    wait_until(lambda: wanted <= set(consumer.executed()), 30)
    executed = consumer.executed()
    assert len(executed) == len(set(executed))
    # What was refused may have reached the disk: after a failed write nobody can know.
    assert set(executed) <= set(teller.reported)
    with contextlib.closing(sqlite3.connect(folder / NAME, timeout=5)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("fault", ["write", "torn", "sync"])
@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(range(1, 13), id="1 to 12"),
        pytest.param(range(1, 201), id="1 to 200", marks=LONG),
    ],
)
def test_nothing_is_acknowledged_whose_write_failed(
    tmp_path: Path, broker_settings: BrokerSettings, fault: Fault, numbers: range
) -> None:
    faults = Faults(tmp_path / FAULTS_FILE)
    consumer = Consumer(tmp_path / "consumer", broker_settings)
    consumer.start()
    refused = 0
    gateway = GatewayOnFailingDisk(
        tmp_path / "data", broker_settings, free_port(), rate=5_000, burst=5_000
    )
    with contextlib.closing(consumer), gateway:
        teller = Teller(gateway)
        for number in numbers:
            faults.at(fault, number, lasting=number % 3 + 1)
            while not faults.came:  # one after the other until it is near, or it would take long
                count = AT_ONCE if faults.left <= AT_ONCE else 1
                refused += count - teller.report(count)
            refused += AT_ONCE - teller.report()
            if number % 5 == 0:  # what the system kept in memory is all that is left
                gateway.kill()
                faults.end()
                gateway.start()
            faults.end()
            wait_until(teller.taken)
            teller.check()

        assert refused, "no fault met a notification, so nothing is proven"
        _settle(teller, consumer, gateway.folder)
        assert "not on disk" in gateway.log.read_text()
    teller.check()


@pytest.mark.parametrize(
    ("seed", "steps"), [pytest.param(1, 15, id="short"), pytest.param(2, 200, id="200", marks=LONG)]
)
def test_nothing_is_acknowledged_that_the_system_did_not_write(
    tmp_path: Path, broker_settings: BrokerSettings, seed: int, steps: int
) -> None:
    chance = random.Random(seed)
    consumer = Consumer(tmp_path / "consumer", broker_settings)
    consumer.start()
    folder = tmp_path / "data"
    gateway = GatewayProcess(folder, broker_settings, free_port(), rate=5_000, burst=5_000)
    with contextlib.closing(consumer), gateway:
        teller = Teller(gateway)
        for _ in range(steps):
            # The log ends in the middle of any write of any of the next few events.
            _limit(gateway, (folder / WAL).stat().st_size + chance.randrange(60_000))
            wait_until(lambda: teller.report() < AT_ONCE, 20)
            teller.check()
            if chance.random() < 0.1:
                gateway.kill()
                gateway.start()
            _limit(gateway, resource.RLIM_INFINITY)
            wait_until(teller.taken)
            if (folder / WAL).stat().st_size > RENEWED:
                assert gateway.stop() == 0
                gateway.start()
                wait_until(teller.taken)

        _settle(teller, consumer, folder)
    teller.check()


def _limit(gateway: GatewayProcess, size: int) -> None:
    """Have the system refuse to let any file of the running gateway grow beyond a size."""
    for process in gateway.children():
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_what_the_broker_did_not_take_is_not_forgotten_when_it_could_not_be_noted(
    tmp_path: Path,
    broker: Mosquitto,
    broker_settings: BrokerSettings,
    connect: Callable[..., Connection],
) -> None:
    broker.stop()
    with GatewayProcess(tmp_path / "data", broker_settings, free_port()) as gateway:
        teller = Teller(gateway)
        assert teller.report() == AT_ONCE
        with contextlib.closing(
            sqlite3.connect(gateway.folder / NAME, isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            broker.start()  # where nobody subscribes yet
            wait_until(lambda: "not noted" in gateway.log.read_text())
            other.execute("COMMIT")
        wait_until(lambda: _passed(gateway.folder) == AT_ONCE)
        gateway.kill()
        gateway.start()

        received: set[str] = set()
        wanted = set(teller.reported)
        journal = connect("journal")
        topic = journal.topics.calls("+")
        journal.consume(topic, CallEvent, lambda event, _: received.add(event.data.call_id))
        wait_until(lambda: (journal.work(0.005) and received == wanted) or received == wanted)


def test_a_log_that_was_full_takes_calls_again_once_they_are_published(
    tmp_path: Path, broker: Mosquitto, broker_settings: BrokerSettings
) -> None:
    broker.stop()
    consumer = Consumer(tmp_path / "consumer", broker_settings)
    gateway = GatewayProcess(
        tmp_path / "data", broker_settings, free_port(), rate=5_000, burst=5_000, log_megabytes=1
    )
    with gateway:
        teller = Teller(gateway)
        while teller.report(50):
            pass
        for _ in range(5):
            assert teller.report(50) == 0  # what is not published is not given up for it
        broker.start()
        consumer.start()
        with contextlib.closing(consumer):
            wait_until(lambda: set(teller.acknowledged) <= set(consumer.executed()), 30)
            wait_until(teller.taken)
            assert teller.report(200) == 200
        refusals = gateway.log.read_text().count("not on disk")

    assert 1 <= refusals <= 3


def _passed(folder: Path) -> int:
    """Return the place up to which the log is done with, except for what is held back."""
    with contextlib.closing(sqlite3.connect(folder / NAME, timeout=5)) as db:
        (place,) = db.execute("SELECT value FROM counters WHERE name = 'upto'").fetchone()
    return int(place)
