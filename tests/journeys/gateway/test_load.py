"""An office of 200 users on a busy morning, and everything at once."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port
from tests.gateway.running import GatewayProcess, call_state, notify, path_of, reported

USERS = [f"{number:04}" for number in range(200)]
LINES = 32  # connections the PBX has at once at most


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path / "data", broker_settings, free_port()) as process:
        yield process


class Office:
    """Notifies for all users, and receives as a consumer of all users does."""

    def __init__(self, gateway: GatewayProcess, listener: Connection) -> None:
        self.answers: list[int] = []
        self._paths = {user: path_of(user) for user in USERS}
        self._gateway = gateway
        self._listener = listener
        self._sent: dict[str, float] = {}
        self._answered: list[float] = []
        self._received: dict[str, list[float]] = {}
        self._order: dict[str, list[int]] = {}
        listener.subscribe(listener.topics.calls("+"), self._receive)

    def call(self, count: int, per_second: float | None) -> None:
        """Notify of so many calls, at a rate or as fast as can be, and receive each once."""
        chance = random.Random(22)
        begin = time.monotonic() + 0.1
        due = [begin + number / per_second if per_second else 0.0 for number in range(count)]
        first = len(self._sent)
        with ThreadPoolExecutor(LINES) as lines:
            done = [
                lines.submit(self._report, f"c-{first + number:06}", chance.choice(USERS), when)
                for number, when in enumerate(due)
            ]
            self._listen(lambda: all(one.done() for one in done))
            for one in done:
                one.result()
        self._listen(lambda: len(self._received) == len(self._sent))

    def report(self) -> str:
        """Return the latencies of all calls since the last report."""
        ways = [times[0] - self._sent[call] for call, times in self._received.items()]
        lines = [_spread("answer", self._answered), _spread("to a consumer", ways)]
        self._answered = []
        return "; ".join(lines)

    def check(self) -> None:
        """Fail unless each call was taken and received once, in each user's order."""
        assert set(self.answers) == {200}
        assert self._received.keys() == self._sent.keys()
        assert all(len(times) == 1 for times in self._received.values())
        assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in self._order.values())

    def _report(self, call: str, user: str, when: float) -> None:
        threading.Event().wait(max(0.0, when - time.monotonic()))
        body = call_state(call, "CONNECTED")
        self._sent[call] = before = time.monotonic()
        self.answers.append(notify(self._gateway.port, self._paths[user], body))
        self._answered.append(time.monotonic() - before)

    def _listen(self, enough: Callable[[], bool]) -> None:
        limit = time.monotonic() + 120
        while not enough():
            assert time.monotonic() < limit, "waited in vain"
            self._listener.work(0.01)

    def _receive(self, arrived: ReceivedMessage) -> None:
        now = time.monotonic()
        event = reported(arrived.payload)
        self._received.setdefault(event["subject"], []).append(now)
        self._order.setdefault(event["data"]["user"], []).append(event["seq"])


def _spread(name: str, times: list[float]) -> str:
    ordered = sorted(times)
    p50, p99 = (1000 * ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
    return f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {1000 * ordered[-1]:.1f} ms"


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(4, id="short"),
        pytest.param(60, id="a minute", marks=(pytest.mark.long, pytest.mark.timeout(240))),
    ],
)
def test_200_users_are_received_at_fifty_events_a_second(
    gateway: GatewayProcess, connect: Callable[..., Connection], seconds: int
) -> None:
    office = Office(gateway, connect("journal"))

    office.call(seconds * 50, per_second=50)

    print(f"50/s for {seconds} s: {office.report()}")
    office.check()


def test_a_thousand_events_at_once_are_all_received(
    gateway: GatewayProcess, connect: Callable[..., Connection]
) -> None:
    office = Office(gateway, connect("journal"))
    before = time.monotonic()

    office.call(1_000, per_second=None)

    print(f"1,000 at once in {time.monotonic() - before:.2f} s: {office.report()}")
    office.check()
