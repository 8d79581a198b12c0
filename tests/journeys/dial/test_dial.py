import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from bus.access.accounts import Accounts, write_broker_files
from bus.events import CallStateName, DialRequest, DialRequestData, now
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto
from starface.simulator import Simulator
from tests.conftest import wait_until
from tests.journeys.dial.dial_office import NUMBER, Office, Person

Connect = Callable[..., Connection]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.switches.lift_after = None
        yield simulator


@pytest.fixture
def office(
    tmp_path: Path, broker_settings: BrokerSettings, simulator: Simulator
) -> Iterator[Office]:
    with Office(tmp_path, broker_settings, simulator) as office:
        yield office


@pytest.fixture
def anna(connect: Connect) -> Iterator[Person]:
    with Person(connect("0011"), "0011") as person:
        yield person


def test_a_request_becomes_one_call_and_is_reported_to_its_end(
    office: Office, anna: Person, connect: Connect, simulator: Simulator
) -> None:
    process = office.start()
    office.wait_online()
    gateway = connect("gateway")

    request = anna.dial()
    wait_until(lambda: anna.reported(request) == ["accepted"])
    states: tuple[CallStateName, ...] = ("dialing", "ringback", "connected", "ended")
    office.report(gateway, request, *states)

    wait_until(lambda: anna.results and anna.results[-1].data.final)
    assert anna.reported(request) == [
        "accepted", "own-phone-ringing", "remote-ringing", "connected", "ended",
    ]  # fmt: skip
    [placed] = simulator.placed
    assert (placed.login, placed.number, placed.call_id) == ("0011", "0441234567", str(request))
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_killed_while_the_pbx_answers_the_call_is_not_placed_again(
    office: Office, anna: Person, simulator: Simulator
) -> None:
    simulator.switches.trouble = "slow"
    simulator.switches.trouble_methods = frozenset({"placeCallWithPhone"})
    process = office.start()
    office.wait_online()
    request = anna.dial()
    wait_until(lambda: simulator.placements[str(request)] == 1)

    process.kill()
    process.wait()
    simulator.switches.trouble = "none"
    office.start()

    wait_until(lambda: anna.reported(request)[:1] == ["accepted"])
    assert simulator.placements == {str(request): 1}


def test_killed_at_any_moment_no_request_is_placed_twice(
    office: Office, anna: Person, connect: Connect, simulator: Simulator
) -> None:
    gateway = connect("gateway")
    moments: list[Callable[[UUID], object]] = [
        lambda _: True,
        lambda request: office.claimed(request),
        lambda request: simulator.placements[str(request)],
        lambda request: any(call.call_id == str(request) for call in simulator.placed),
        lambda request: anna.reported(request),
    ]
    process = office.start(per_minute=100, double_click=0)
    office.wait_online()
    requests = []
    for last, moment in enumerate(moments):
        request = anna.dial(f"044 123 45 {last:02}")
        wait_until(lambda moment=moment, request=request: moment(request))  # type: ignore[misc]
        process.kill()
        process.wait()
        for call in list(simulator.pbx.calls):
            simulator.hang_up(call)
        process = office.start(per_minute=100, double_click=0)
        office.wait_online()
        wait_until(lambda request=request: anna.reported(request), 30)  # type: ignore[misc]
        office.report(gateway, request, "ended")
        requests.append(request)

    assert all(simulator.placements[str(request)] <= 1 for request in requests)
    assert len(simulator.placements) >= 3


def test_two_dial_processes_place_one_call(
    office: Office, anna: Person, connect: Connect, simulator: Simulator,
    broker: Mosquitto, broker_settings: BrokerSettings,
) -> None:  # fmt: skip
    _add_account(broker, broker_settings, "dial-2")
    for account in ("dial", "dial-2"):
        office.start(account, per_minute=100, double_click=0)
        office.wait_online(account)
    gateway = connect("gateway")

    for last in range(20):
        anna.dial(f"044 123 45 {last:02}")
        wait_until(lambda last=last: len(anna.results) == 2 * last + 1)  # type: ignore[misc]
        simulator.hang_up(simulator.placed[-1].call_id)
        office.report(gateway, simulator.placed[-1].call_id, "ended")
        wait_until(lambda last=last: len(anna.results) == 2 * last + 2)  # type: ignore[misc]

    assert len(simulator.placed) == 20
    assert set(simulator.placements.values()) == {1}
    assert len(anna.results) == 40


_RANK = {
    "accepted": 1, "own-phone-ringing": 2, "remote-ringing": 3, "connected": 4, "refused": 9,
    "unknown": 0, "not-reached": 9, "own-phone-not-lifted": 9, "ended": 9,
}  # fmt: skip


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8))]
)
def test_each_request_has_one_outcome_after_its_stages_though_processes_are_killed(
    office: Office, anna: Person, connect: Connect, simulator: Simulator,
    broker: Mosquitto, broker_settings: BrokerSettings, seed: int,
) -> None:  # fmt: skip
    _add_account(broker, broker_settings, "dial-2")
    dice = random.Random(seed)
    limits = {"per_minute": 100, "double_click": 0, "site_per_hour": 1_000, "per_hour": 1_000}
    processes = {account: office.start(account, **limits) for account in ("dial", "dial-2")}
    for account in processes:
        office.wait_online(account)
    gateway = connect("gateway")

    requests = []
    for last in range(8):
        request = anna.dial(f"044 123 45 {last:02}")
        requests.append(request)
        placed = len(simulator.placed)
        if last % 4 == 2:
            account = dice.choice(("dial", "dial-2"))
            processes[account].kill()
            processes[account].wait()
            processes[account] = office.start(account, **limits)
            office.wait_online(account)
        with suppress(AssertionError):  # one that was killed before has placed nothing
            wait_until(lambda placed=placed: len(simulator.placed) > placed, 2)  # type: ignore[misc]
        office.report(gateway, request, "dialing", "ringback", "ended")
        for call in list(simulator.pbx.calls):
            simulator.hang_up(call)
        wait_until(lambda request=request: _final(anna, request), 60)  # type: ignore[misc]

    assert set(simulator.placements.values()) <= {1}
    for request in requests:
        results = {one.id: one.data for one in anna.results if one.data.request_id == request}
        ranks = [_RANK[data.state] for data in results.values()]
        assert ranks == sorted(ranks)
        assert [data.final for data in results.values()].count(True) == 1


def _final(person: Person, request: UUID) -> bool:
    return any(one.data.final for one in person.results if one.data.request_id == request)


def test_requests_made_while_no_dial_process_ran_are_not_dialled_later(
    office: Office, anna: Person, simulator: Simulator
) -> None:
    process = office.start(expiry=1)
    office.wait_online()
    process.send_signal(signal.SIGTERM)
    process.wait(5)
    request = anna.dial()
    asked = now()
    wait_until(lambda: (now() - asked).total_seconds() > 1.2)

    office.start(expiry=1)

    wait_until(lambda: anna.reported(request) == ["refused"])
    assert anna.results[-1].data.code == "expired"
    assert simulator.placed == []


def test_a_flood_is_held_to_the_unit(
    office: Office, anna: Person, connect: Connect, simulator: Simulator
) -> None:
    office.start(double_click=0)
    office.wait_online()
    gateway = connect("gateway")
    placed: list[str] = []

    requests = []
    for last in range(100):
        requests.append(anna.dial(f"044 123 45 {last:02}"))
        if len(simulator.placed) > len(placed):
            placed = [call.call_id for call in simulator.placed]
            simulator.hang_up(placed[-1])
            office.report(gateway, placed[-1], "ended")
    wait_until(lambda: all(anna.reported(request) for request in requests), 30)

    refused = [event.data.code for event in anna.results if event.data.state == "refused"]
    assert len(simulator.placed) <= 6
    assert len(refused) + len(simulator.placed) == 100
    assert set(refused) <= {"busy", "rate"}


@pytest.mark.long
def test_an_account_that_floods_its_topic_holds_up_nobody_else(
    office: Office, anna: Person, connect: Connect
) -> None:
    office.start()
    office.wait_online()
    flooder = connect("0012")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(BrokerUnavailable):  # as many at once as the client takes
            flooder.send("starface/users/0012/dial", b"{}")

    request = anna.dial()
    wait_until(lambda: anna.reported(request), 10)
    assert anna.reported(request)[0] == "accepted"


def test_nobody_dials_for_a_colleague(connect: Connect, office: Office) -> None:
    request = DialRequest(time=now(), data=DialRequestData(number=NUMBER, request_id=uuid4()))

    with pytest.raises(PublishRefused):
        connect("0012").publish("starface/users/0011/dial", request)


def test_the_pbx_without_a_session_says_that_the_interface_is_off(
    office: Office, anna: Person, simulator: Simulator
) -> None:
    office.start()
    office.wait_online()
    simulator.expire()

    request = anna.dial()

    wait_until(lambda: anna.reported(request) == ["refused"])
    assert anna.results[-1].data.code == "inactive"
    assert simulator.placed == []


def test_results_reported_while_the_broker_was_away_come_afterwards(
    office: Office, anna: Person, broker: Mosquitto, simulator: Simulator
) -> None:
    simulator.switches.trouble = "slow"
    simulator.switches.slow_seconds = 1
    simulator.switches.trouble_methods = frozenset({"placeCallWithPhone"})
    office.start()
    office.wait_online()
    request = anna.dial()
    wait_until(lambda: simulator.placements[str(request)] == 1)

    broker.stop()
    wait_until(lambda: bool(simulator.placed))
    broker.start()

    wait_until(lambda: anna.reported(request) == ["accepted"], 30)
    assert simulator.placements == {str(request): 1}


def test_a_slow_pbx_is_reported_as_unknown_and_holds_up_nobody_else(
    office: Office, anna: Person, connect: Connect, simulator: Simulator
) -> None:
    simulator.switches.trouble = "slow"
    simulator.switches.slow_seconds = 60
    simulator.switches.trouble_times = 1
    simulator.switches.trouble_methods = frozenset({"placeCallWithPhone"})
    office.starface = office.starface.model_copy(update={"read_timeout": 8.0})
    office.start()
    office.wait_online()
    request = anna.dial()
    wait_until(lambda: simulator.placements[str(request)] == 1)

    with Person(connect("0012"), "0012") as bernd:
        other = bernd.dial("044 123 45 68")
        wait_until(lambda: bernd.reported(other) == ["accepted"])
        assert anna.reported(request) == []

    wait_until(lambda: anna.reported(request)[:1] == ["unknown"])
    wait_until(lambda: anna.reported(request)[1:2] == ["accepted"])
    assert simulator.placements[str(request)] == 1


def test_asked_to_end_while_the_pbx_is_slow_it_leaves_in_time_and_the_truth_comes_later(
    office: Office, anna: Person, simulator: Simulator
) -> None:
    simulator.switches.trouble = "slow"
    simulator.switches.slow_seconds = 20
    simulator.switches.trouble_methods = frozenset({"placeCallWithPhone"})
    process = office.start()
    office.wait_online()
    request = anna.dial()
    wait_until(lambda: simulator.placements[str(request)] == 1)

    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0  # before the PBX answers
    office.start()

    wait_until(lambda: anna.reported(request)[:1] == ["accepted"])
    assert simulator.placements == {str(request): 1}


def test_ctrl_c_hangs_up_if_asked(
    office: Office, tmp_path: Path, broker_settings: BrokerSettings,
    simulator: Simulator,
) -> None:  # fmt: skip
    office.start()
    office.wait_online()
    config = office.configuration(tmp_path)
    command = [sys.executable, "-m", "cli", "--config", str(config), "call", NUMBER]
    calling = subprocess.Popen(
        [*command, "--as", "0011", "--hang-up-on-interrupt", "--lang", "en"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert calling.stdout is not None
    assert "accepted" in calling.stdout.readline()
    assert len(simulator.pbx.calls) == 1

    calling.send_signal(signal.SIGINT)

    reported, _ = calling.communicate(timeout=40)
    assert "Ended call" in reported
    assert calling.returncode == 130
    assert simulator.pbx.calls == {}


def _add_account(broker: Mosquitto, settings: BrokerSettings, account: str) -> None:
    accounts = Accounts(json.loads(settings.accounts_file.read_text()))
    accounts.add(account)
    accounts.write(settings.accounts_file)
    write_broker_files(broker.folder, settings.topics(), accounts.passwords)
    broker.reload()
