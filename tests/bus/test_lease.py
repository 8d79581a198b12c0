"""Two machines and one lease, with a real broker: programs that act while they hold it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.lease import Lease, Timing, Unshared, _clock, lease_of
from bus.mqtt.connection import Connection
from bus.mqtt.publication import LET_IN_WITHIN
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto
from tests.conftest import wait_until
from tests.forked_program import ForkedProgram

FAST = Timing(term=1.2, beat=0.2, margin=0.2, silence=1.0)
_TIMING = "Timing(term=1.2, beat=0.2, margin=0.2, silence=1.0)"
_ACTS = f"""
import sys, threading, time
from pathlib import Path
from bus.lease import Lease, Timing
from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings

settings = BrokerSettings.model_validate_json(sys.argv[1]).model_copy(
    update={{"machine": sys.argv[2]}}
)
acts, careful = Path(sys.argv[3]).open("a", buffering=1), sys.argv[4] == "careful"
connection = Connection(settings, f"dial-{{sys.argv[2]}}")
lease = Lease(connection, settings, "dial", {_TIMING})


def act():
    while True:
        held = lease.held
        time.sleep(0.02)
        if lease.held if careful else held:
            acts.write(f"{{time.monotonic()}} {{sys.argv[2]}}\\n")


threading.Thread(target=act, daemon=True).start()
with connection, lease:
    connection.run()
"""


class Act(NamedTuple):
    at: float
    machine: str


class Site:
    """Machines that run the program, and what they did."""

    def __init__(self, settings: BrokerSettings, folder: Path) -> None:
        self._settings = settings
        self._file = folder / "acts"
        self._file.touch()
        self._programs: dict[str, ForkedProgram] = {}

    def start(self, machine: str, *, careful: bool = True) -> None:
        how = "careful" if careful else "careless"
        self._programs[machine] = ForkedProgram(
            _ACTS, self._settings.model_dump_json(), machine, self._file, how
        )

    def signal(self, machine: str, number: signal.Signals) -> None:
        self._programs[machine].send_signal(number)

    def close(self) -> None:
        for program in self._programs.values():
            program.kill()
            program.wait(10)

    def acts(self) -> list[Act]:
        rows = (line.split() for line in self._file.read_text().splitlines())
        return [Act(float(at), machine) for at, machine in rows]

    def wait_for_act(self, machine: str, after: float = 0.0) -> None:
        wait_until(lambda: any(a.machine == machine and a.at > after for a in self.acts()))

    def changes(self) -> list[str]:
        """Return who acted, each time it is another one, in the order of time."""
        acts = sorted(self.acts())
        return [acts[0].machine, *(b.machine for a, b in pairwise(acts) if a.machine != b.machine)]


@pytest.fixture
def machines() -> tuple[str, ...]:
    return ("dial-a", "dial-b")


@pytest.fixture
def site(broker_settings: BrokerSettings, tmp_path: Path) -> Iterator[Site]:
    site = Site(broker_settings, tmp_path)
    yield site
    site.close()


def test_one_acts_and_another_follows_when_it_is_killed(site: Site) -> None:
    site.start("a")
    site.wait_for_act("a")
    site.start("b")
    time_of_start = time.monotonic()
    site.wait_for_act("a", after=time_of_start + 3 * FAST.silence)

    site.signal("a", signal.SIGKILL)
    site.wait_for_act("b")

    assert site.changes() == ["a", "b"]


def test_a_holder_that_was_paused_past_its_lease_does_not_act_when_it_wakes(site: Site) -> None:
    _pause_past_the_lease(site, careful=True)

    assert site.changes() == ["a", "b"]


def test_a_holder_that_does_not_look_at_its_lease_is_found(site: Site) -> None:
    _pause_past_the_lease(site, careful=False)

    assert site.changes()[:3] == ["a", "b", "a"]


def _pause_past_the_lease(site: Site, *, careful: bool) -> None:
    site.start("a", careful=careful)
    site.wait_for_act("a")
    site.start("b")
    site.signal("a", signal.SIGSTOP)
    site.wait_for_act("b")
    site.signal("a", signal.SIGCONT)
    site.wait_for_act("b", after=time.monotonic() + 2 * FAST.silence)


def test_after_a_restart_of_the_broker_one_acts_again(site: Site, broker: Mosquitto) -> None:
    site.start("a")
    site.wait_for_act("a")
    site.start("b")
    broker.kill()
    gone = time.monotonic()
    broker.start()
    wait_until(lambda: any(act.at > gone + FAST.term for act in site.acts()))

    came_back = max(act.at for act in site.acts())
    wait_until(lambda: max(act.at for act in site.acts()) > came_back + 1)

    first = min(act.at for act in site.acts() if act.at > gone + FAST.term)
    assert first - gone < 15
    assert len(site.changes()) <= 2


class Machine:
    """A machine in this process: its connection, its lease and the thread of its handlers."""

    def __init__(self, settings: BrokerSettings, name: str) -> None:
        here = settings.model_copy(update={"machine": name})
        self.connection = Connection(here, f"dial-{name}")
        self.lease = Lease(self.connection, here, "dial", FAST)
        self.claims: list[str] = []
        self.lease.on_claim(self.claims.append)
        self._thread = threading.Thread(target=self.connection.run, daemon=True)

    def start(self) -> None:
        self.connection.__enter__()
        self._thread.start()
        self.lease.__enter__()

    def end(self) -> None:
        self.lease.__exit__(None, None, None)
        self.connection.stop()
        self._thread.join(10)
        self.connection.__exit__(None, None, None)


@pytest.fixture
def machine(broker_settings: BrokerSettings) -> Iterator[Callable[[str], Machine]]:
    started: list[Machine] = []

    def start(name: str) -> Machine:
        started.append(Machine(broker_settings, name))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.end()


def test_a_claim_is_known_to_the_machine_that_acts_next(machine: Callable[[str], Machine]) -> None:
    first, second = machine("a"), machine("b")
    wait_until(lambda: first.lease.held or second.lease.held)
    holder, other = (first, second) if first.lease.held else (second, first)

    assert holder.lease.claim("request-1")
    assert not other.lease.claim("request-2")
    holder.lease.__exit__(None, None, None)
    wait_until(lambda: other.lease.held)

    assert other.lease.claimed("request-1")
    assert "request-1" in other.claims
    assert not other.lease.claimed("request-2")
    assert not holder.lease.claim("request-3")


def test_a_lease_that_is_given_back_is_taken_before_it_would_run_out(
    machine: Callable[[str], Machine],
) -> None:
    first = machine("a")
    wait_until(lambda: first.lease.held)
    second = machine("b")
    wait_until(lambda: second.lease.others_seen)

    first.lease.__exit__(None, None, None)
    given_back = time.monotonic()
    wait_until(lambda: second.lease.held)

    assert time.monotonic() - given_back < FAST.term + FAST.margin + FAST.silence


def test_a_broker_that_takes_long_to_let_the_holder_in_costs_no_second_attempt(
    machine: Callable[[str], Machine], broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    first = machine("a")
    wait_until(lambda: first.connection.connected)
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    wait_until(lambda: _clock() - first.lease._served > FAST.silence)
    os.kill(broker.pid, signal.SIGCONT)

    wait_until(lambda: first.lease.held)

    assert "lease given up" not in caplog.text


def test_who_stops_does_not_wait_for_a_broker_that_lets_nobody_in(
    broker_settings: BrokerSettings, broker: Mosquitto
) -> None:
    first = Machine(broker_settings.model_copy(update={"version": "3.1.1"}), "a")
    first.start()
    wait_until(lambda: first.connection.connected)
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    wait_until(lambda: _clock() - first.lease._served > FAST.silence / 2)

    stopped = time.monotonic()
    first.lease.__exit__(None, None, None)
    waited = time.monotonic() - stopped
    os.kill(broker.pid, signal.SIGCONT)
    first.end()

    assert waited < LET_IN_WITHIN / 3


def test_a_site_of_one_machine_has_no_lease_and_no_cost(
    connect: Callable[..., Connection], broker_settings: BrokerSettings
) -> None:
    lease = lease_of(connect("dial"), broker_settings, "dial")

    assert isinstance(lease, Unshared)
    assert lease.held
    assert lease.claim("request-1")
    assert "lease" not in {thread.name for thread in threading.enumerate()}
