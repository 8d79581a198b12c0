"""The fault tests of the gateway: acknowledged is carried out, nothing twice."""

import contextlib
import random
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from bus.events import Party
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import NAME
from gateway.eventlog.writer import EventLog
from tests.conftest import USERS, wait_until
from tests.gateway.accounting import Consumer, Pbx, in_order, settle
from tests.gateway.running import GatewayProcess, call_state, notify, path_of

SHORT = 5.0  # seconds of load
LONG = 40.0
SEEDS = [
    pytest.param(1, SHORT, id="short"),
    *(
        pytest.param(
            seed, LONG, id=f"seed {seed}", marks=(pytest.mark.long, pytest.mark.timeout(400))
        )
        for seed in range(2, 7)
    ),
]


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    folder = tmp_path / "data"
    with GatewayProcess(folder, broker_settings, free_port(), rate=5_000, burst=5_000) as process:
        yield process


@pytest.fixture
def consumer(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[Consumer]:
    process = Consumer(tmp_path / "consumer", broker_settings)
    process.start()
    wait_until(process.is_connected)
    yield process
    process.close()


def _during(seconds: float, chance: random.Random, fault: Callable[[], None]) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        threading.Event().wait(chance.uniform(0.3, 1.5))
        fault()


@pytest.mark.parametrize(("seed", "seconds"), SEEDS)
def test_nothing_is_lost_when_the_gateway_is_killed(
    gateway: GatewayProcess, consumer: Consumer, seed: int, seconds: float
) -> None:
    def kill() -> None:
        gateway.kill()
        gateway.start()

    with Pbx([gateway.port], seed) as pbx:
        _during(seconds, random.Random(seed), kill)

    settle(pbx, consumer)
    assert in_order(consumer.executed())


@pytest.mark.parametrize(("seed", "seconds"), SEEDS)
def test_nothing_is_lost_when_the_broker_is_killed(
    gateway: GatewayProcess, consumer: Consumer, broker: Mosquitto, seed: int, seconds: float
) -> None:
    def kill() -> None:
        broker.kill()
        broker.start()

    with Pbx([gateway.port], seed) as pbx:
        _during(seconds, random.Random(seed), kill)

    settle(pbx, consumer)


@pytest.mark.parametrize(("seed", "seconds"), SEEDS)
def test_nothing_is_lost_when_the_consumer_is_killed(
    gateway: GatewayProcess, consumer: Consumer, seed: int, seconds: float
) -> None:
    def kill() -> None:
        consumer.kill()
        consumer.start()

    with Pbx([gateway.port], seed) as pbx:
        _during(seconds, random.Random(seed), kill)

    settle(pbx, consumer)


def _combined(
    gateway: GatewayProcess, consumer: Consumer, broker: Mosquitto, seed: int, seconds: float
) -> Pbx:
    """Kill the broker while the consumer is down: what it kept for him is gone."""
    chance = random.Random(seed)

    def kill() -> None:
        consumer.kill()
        threading.Event().wait(chance.uniform(0.3, 1.0))
        broker.kill()
        broker.start()
        consumer.start()

    with Pbx([gateway.port], seed) as pbx:
        _during(seconds, chance, kill)
    return pbx


@pytest.mark.parametrize(("seed", "seconds"), SEEDS)
def test_nothing_is_lost_when_the_broker_is_killed_while_the_consumer_is_down(
    gateway: GatewayProcess, consumer: Consumer, broker: Mosquitto, seed: int, seconds: float
) -> None:
    settle(_combined(gateway, consumer, broker, seed, seconds), consumer)


@pytest.mark.parametrize(("seed", "seconds"), SEEDS)
def test_without_numbers_events_are_lost_so_these_tests_prove_something(
    gateway: GatewayProcess,
    broker: Mosquitto,
    broker_settings: BrokerSettings,
    tmp_path: Path,
    seed: int,
    seconds: float,
) -> None:
    believer = Consumer(tmp_path / "believer", broker_settings, "plain")
    believer.start()
    wait_until(believer.is_connected)
    try:
        pbx = _combined(gateway, believer, broker, seed, seconds)
        with pytest.raises(AssertionError, match="lost"):
            settle(pbx, believer, 5)
    finally:
        believer.close()


@pytest.mark.parametrize("part", ["gateway", "consumer", "broker"])
def test_each_part_ends_in_order_under_load_and_nothing_is_lost(
    gateway: GatewayProcess, consumer: Consumer, broker: Mosquitto, part: str
) -> None:
    with Pbx([gateway.port], 5) as pbx:
        for _ in range(3):
            threading.Event().wait(0.5)
            if part == "gateway":
                assert gateway.stop() == 0
                gateway.start()
            elif part == "consumer":
                assert consumer.stop() == 0
                consumer.start()
                wait_until(consumer.is_connected)
            else:
                broker.stop()
                broker.start()

    settle(pbx, consumer)


def test_a_broker_that_forgot_everything_is_caught_up_with(
    gateway: GatewayProcess, consumer: Consumer, broker: Mosquitto
) -> None:
    with Pbx([gateway.port], 6) as pbx:
        threading.Event().wait(1.0)
        broker.kill()
        (broker.folder / "mosquitto.db").unlink(missing_ok=True)
        broker.start()
        threading.Event().wait(1.0)

    settle(pbx, consumer)


def test_the_pbx_is_answered_at_once_while_the_broker_is_away(
    gateway: GatewayProcess, consumer: Consumer, broker: Mosquitto
) -> None:
    broker.stop()
    with Pbx([gateway.port], 7) as pbx:
        threading.Event().wait(SHORT)
    assert not pbx.refused
    assert not pbx.unknown
    assert sorted(pbx.took)[int(len(pbx.took) * 0.95)] < 0.5

    broker.start()

    settle(pbx, consumer)
    assert in_order(consumer.executed())


def test_a_long_backlog_leaves_in_order(
    tmp_path: Path, broker_settings: BrokerSettings, consumer: Consumer
) -> None:
    folder = tmp_path / "data"
    events = EventLog(folder, "gateway", Counters(), lambda: None, greatest=100_000_000)
    for number in range(5_000):
        note = Notification(user=USERS[number % 3], call_id=f"{number % 3}-{number:06}",
                            state="connected")  # fmt: skip
        events.append(ResolvedNotification(note, Party(), Party(), time.time()))
    events.close()

    with GatewayProcess(folder, broker_settings, free_port()):
        executed = consumer.executed()
        while len(executed) < 5_000:  # as long as there are more: a busy machine may take its time
            executed = consumer.more(len(executed))

    assert len(executed) == len(set(executed)) == 5_000
    assert in_order(executed)


class RefusingBroker:
    """A broker of forty lines that answers every event with one reason code."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.tries: list[float] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError), connection:
            stream = connection.makefile("rb")
            while first := stream.read(1):
                body = stream.read(self._length(stream))
                kind = first[0] >> 4
                if kind == 1:
                    connection.sendall(b"\x20\x03\x00\x00\x00")
                elif kind == 8:
                    connection.sendall(b"\x90\x04" + body[:2] + b"\x00\x01")
                elif kind == 12:
                    connection.sendall(b"\xd0\x00")
                elif kind == 3:
                    self._acknowledge(connection, body)

    def _acknowledge(self, connection: socket.socket, body: bytes) -> None:
        size = int.from_bytes(body[:2], "big")
        topic, mid = body[2 : 2 + size], body[2 + size : 4 + size]
        is_event = topic.endswith(b"/calls")
        if is_event:
            self.tries.append(time.monotonic())
        code = self.code if is_event else 0
        connection.sendall(b"\x40\x03" + mid + bytes([code]))

    @staticmethod
    def _length(stream: BinaryIO) -> int:
        value, shift = 0, 0
        while True:
            byte = stream.read(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


@pytest.mark.parametrize("code", [0x10, 0x87, 0x97])
def test_what_the_broker_does_not_take_stays_and_is_tried_again_without_haste(
    tmp_path: Path, code: int
) -> None:
    broker = RefusingBroker(code)
    settings = BrokerSettings(port=broker.port, account="gateway", password="x")
    folder = tmp_path / "data"
    with GatewayProcess(folder, settings, free_port()) as gateway:
        for number in range(3):
            assert notify(gateway.port, path_of("0011"), call_state(f"c-{number}")) == 200
        wait_until(lambda: len(broker.tries) >= 3)

        pauses = [late - soon for soon, late in zip(broker.tries, broker.tries[1:], strict=False)]
        assert min(pauses) > 0.8
        assert len(_held(folder)) == 3

        broker.code = 0
        wait_until(lambda: not _held(folder), 15)
    broker.close()


def _held(folder: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(folder / NAME, timeout=5)) as db:
        return [place for (place,) in db.execute("SELECT place FROM held")]


DISK = """
import os, subprocess, sys
folder = sys.argv[-1]
os.makedirs(folder, exist_ok=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""


class GatewayOnSmallDisk(GatewayProcess):
    """Its data folder is a disk of 2 MB of its own."""

    COMMAND = ("unshare", "-rm", sys.executable, "-c", DISK)

    @property
    def inside(self) -> Path:
        return Path(f"/proc/{self.pid}/root{self.folder}")


def test_a_full_disk_is_reported_and_recovered_from(
    tmp_path: Path, broker_settings: BrokerSettings, consumer: Consumer
) -> None:
    folder = tmp_path / "small"
    with GatewayOnSmallDisk(folder, broker_settings, free_port()) as gateway:
        with Pbx([gateway.port], 16) as pbx:
            threading.Event().wait(0.5)
            _fill(gateway.inside / "filler")
            wait_until(lambda: len(pbx.refused) > 5, 20)

            (gateway.inside / "filler").unlink()
            reported = len(pbx.acknowledged)
            wait_until(lambda: len(pbx.acknowledged) > reported + 5)

        assert not pbx.unknown
        settle(pbx, consumer)
        with contextlib.closing(sqlite3.connect(gateway.inside / NAME)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert "not on disk" in gateway.log.read_text()


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)


def test_several_gateways_share_the_load_and_one_after_the_other_is_killed(
    tmp_path: Path, broker_settings: BrokerSettings, consumer: Consumer
) -> None:
    gateways = [GatewayProcess(tmp_path / "data", broker_settings, free_port()) for _ in range(2)]
    with gateways[0], gateways[1]:
        with Pbx([each.port for each in gateways], 22) as pbx:
            for number in range(4):
                threading.Event().wait(0.5)
                gateways[number % 2].kill()
                gateways[number % 2].start()
            threading.Event().wait(0.5)

        settle(pbx, consumer)
    assert in_order(consumer.executed())
