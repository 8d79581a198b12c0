"""Two machines of one site: whichever is killed or paused, the other acts, and never both."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from starface.simulator import Simulator
from tests.conftest import wait_until
from tests.journeys.dial.dial_office import Office, Person

Connect = Callable[..., Connection]
WITHIN = 15.0  # seconds after which one of the machines acts again


@pytest.fixture
def machines() -> tuple[str, ...]:
    return ("dial-a", "dial-b")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.switches.lift_after = None
        yield simulator


@pytest.fixture
def offices(
    tmp_path: Path, broker_settings: BrokerSettings, simulator: Simulator
) -> Iterator[tuple[Office, Office]]:
    offices = []
    for machine in ("a", "b"):
        (tmp_path / machine).mkdir()
        here = broker_settings.model_copy(update={"machine": machine})
        offices.append(Office(tmp_path / machine, here, simulator))
    with offices[0], offices[1]:
        yield offices[0], offices[1]


class Dialler:
    """Somebody who dials until it works, and ends each call."""

    def __init__(
        self, person: Person, gateway: Connection, office: Office, simulator: Simulator
    ) -> None:
        self._simulator = simulator
        self._person = person
        self._gateway = gateway
        self._office = office
        self.requests: list[UUID] = []

    def dial(self) -> UUID:
        self.requests.append(self._person.dial())
        return self.requests[-1]

    def end(self, request: UUID) -> None:
        if str(request) in self._simulator.pbx.calls:
            self._simulator.hang_up(str(request))
        self._office.report(self._gateway, request, "dialing", "ringback", "connected", "ended")

    def works_within(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            request = self.dial()
            if self._answered(request, limit) and "accepted" in self._person.reported(request):
                self.end(request)
                if self._answered(request, limit, "ended"):
                    return
        raise AssertionError("nobody dials")

    def _answered(self, request: UUID, limit: float, state: str = "") -> bool:
        while time.monotonic() < limit:
            states = self._person.reported(request)
            if state in states if state else states:
                return True
            time.sleep(0.05)
        return False


def test_of_two_machines_one_dials_each_request_once(
    offices: tuple[Office, Office], connect: Connect, simulator: Simulator
) -> None:
    a = offices[0].start(per_minute=999, per_hour=999, site_per_hour=999, double_click=0)
    with Person(connect("0011"), "0011") as anna:
        dialler = Dialler(anna, connect("gateway"), offices[0], simulator)
        offices[0].wait_online("dial-a")
        dialler.works_within(WITHIN)
        b = offices[1].start(per_minute=999, per_hour=999, site_per_hour=999, double_click=0)
        offices[1].wait_online("dial-b")
        dialler.works_within(WITHIN)

        simulator.switches.trouble = "slow"
        simulator.switches.trouble_methods = frozenset({"placeCallWithPhone"})
        in_flight = dialler.dial()
        wait_until(lambda: simulator.placements[str(in_flight)])
        a.send_signal(signal.SIGSTOP)
        simulator.switches.trouble = "none"
        began = time.monotonic()
        wait_until(
            lambda: "unknown" in anna.reported(in_flight) or "accepted" in anna.reported(in_flight)
        )
        assert time.monotonic() - began < WITHIN
        dialler.end(in_flight)
        dialler.works_within(WITHIN)

        a.send_signal(signal.SIGCONT)
        dialler.works_within(WITHIN)
        b.kill()
        dialler.works_within(WITHIN)

        assert a.poll() is None
        assert max(simulator.placements.values()) == 1
        assert all(anna.reported(request) for request in dialler.requests)
