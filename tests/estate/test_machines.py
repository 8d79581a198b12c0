"""A site on two machines while processes, machines and nodes of the broker are lost."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from pathlib import Path

import httpx
import pytest

from bus.mqtt.connection import Connection
from starface.simulator import Simulator, many_users
from tests.conftest import wait_until
from tests.estate.bookkeeping import NUMBER, Bookkeeping
from tests.estate.nodes import Kind
from tests.estate.site import Site, site

# Seconds until everybody is active again. RabbitMQ takes a silent node for gone after eight.
WITHIN: dict[Kind, float] = {"mosquitto": 15.0, "nats": 15.0, "rabbitmq": 25.0}
_QUIET = 5.0  # seconds from then to the next fault
_ANSWERED = 2.5  # seconds that are left at least until the next fault
_SETTLED = 60.0  # seconds in which a record comes of a call whose end nobody reported
Fault = tuple[str, Callable[[], None], Callable[[], None], float]


@contextmanager
def running(
    kind: Kind,
    folder: Path,
    users: int,
    *,
    leases: bool = True,
    shards: int = 1,
    panels: bool = False,
) -> Iterator[tuple[Site, Bookkeeping, Simulator]]:
    with (
        Simulator(users=many_users(users)) as simulator,
        site(kind, folder, simulator, leases=leases, shards=shards, panels=panels) as estate,
        Connection(estate.nodes.settings(), "cli-1", lasting=False) as connection,
        Bookkeeping(connection, simulator) as books,
    ):
        estate.machines["a"].start()
        wait_until(lambda: books.holders.get("sessions") == b"online", 90)
        if leases:
            estate.machines["b"].start()
            wait_until(lambda: all(books.online(each) for each in estate.machines.values()), 90)
        wait_until(lambda: books.well, 90)
        yield estate, books, simulator


def settle(books: Bookkeeping, simulator: Simulator) -> None:
    """Wait until every acknowledged call is recorded, and every dial request answered."""
    books.traffic(on=False)
    wait_until(simulator.idle, 60)

    def complete() -> bool:
        return set(books.acknowledged()) <= books.records and set(books.dialled) <= set(
            books.results
        )

    with suppress(AssertionError):  # what lacks is named by `check`
        wait_until(complete, _SETTLED)


def check(estate: Site, books: Bookkeeping, simulator: Simulator) -> None:
    acknowledged, acts = books.acknowledged(), estate.acts()
    print(
        f"calls={len(acknowledged)} records={len(books.records)} opened={len(set(acts))} "
        f"dialled={len(books.dialled)} placed={len(simulator.placements)}"
    )
    assert set(acknowledged) - books.records == set(), "acknowledged and lost"
    assert [call for call in set(acts) if acts.count(call) > 1] == [], "acted twice"
    assert [call for call, count in simulator.placements.items() if count > 1] == []
    assert set(books.dialled) - set(books.results) == set(), "dialled and never answered"


@pytest.mark.timeout(240)
def test_a_machine_that_is_lost_is_followed_by_the_other(tmp_path: Path) -> None:
    with running("mosquitto", tmp_path, 3) as (estate, books, simulator):
        books.traffic(on=True)
        wait_until(lambda: estate.acts() and books.results, 30)
        estate.machines["a"].kill()
        lost = time.time()
        wait_until(lambda: books.answered_after(lost) and books.dialled_after(lost), 60)
        estate.machines["a"].programs["gateway"].start()  # what it kept follows
        settle(books, simulator)
        check(estate, books, simulator)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_person_continues_at_the_panel_of_the_machine_that_is_left(tmp_path: Path) -> None:
    with (
        running("mosquitto", tmp_path, 4, shards=2, panels=True) as (estate, books, simulator),
        httpx.Client(timeout=20) as browser,
    ):
        [a, b] = estate.machines.values()
        user = next(iter(simulator.pbx.users.values()))
        login = {"login": user.login, "password": user.password}
        browser.post(f"{a.panel}/session", json=login).raise_for_status()
        for lost, left in ((a, b), (b, a)):
            lost.kill()
            assert browser.get(f"{left.panel}/session").json()["user"] == user.login
            for path, question in _QUESTIONS.items():
                wait_until(partial(_answers, browser, f"{left.panel}{path}", question), 60)
            for call in list(simulator.pbx.calls):
                simulator.hang_up(call)
            lost.start()
            wait_until(partial(books.online, lost), 60)
        settle(books, simulator)
        check(estate, books, simulator)


_QUESTIONS = {  # to sessions, caller, journal and dial
    "/settings": {"action": "get"},
    "/directory": {"action": "calls"},
    "/journal": {"action": "list"},
    "/call": {"number": NUMBER},
}


def _answers(browser: httpx.Client, url: str, question: dict[str, str]) -> bool:
    answer = browser.post(url, json=question)
    return answer.is_success and not answer.json().get("code")


@pytest.mark.long
@pytest.mark.timeout(240)
def test_two_machines_without_leases_are_found_to_act_twice(tmp_path: Path) -> None:
    with running("mosquitto", tmp_path, 5, leases=False) as (estate, books, simulator):
        estate.machines["b"].programs["caller"].start()
        wait_until(lambda: books.holders.get("caller-2") == b"online", 60)
        simulator.load(users=5, rate=2, seconds=5, answered_after=3, ended_after=6)
        settle(books, simulator)
        with pytest.raises(AssertionError, match="acted twice"):
            check(estate, books, simulator)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["mosquitto", "nats", "rabbitmq"])
def test_ten_minutes_of_faults_lose_nothing_and_do_nothing_twice(
    kind: Kind, tmp_path: Path
) -> None:
    seconds = float(os.environ.get("ESTATE_SECONDS", "600"))
    users = int(os.environ.get("ESTATE_USERS", "200"))
    dice, within = random.Random(kind), WITHIN[kind]
    every = within + _QUIET
    with running(kind, tmp_path, users, shards=2, panels=True) as (estate, books, simulator):
        simulator.load(users=users, rate=3, seconds=seconds, answered_after=3, ended_after=8)
        books.traffic(on=True)
        faults = []
        for _ in range(int(seconds / every)):
            name, begin, end, lasting = dice.choice(possible_faults(estate))
            faults.append((name, time.time()))
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            begin()
            time.sleep(lasting)
            end()
            time.sleep(every - lasting)
        settle(books, simulator)
        late = []
        for name, at in faults:
            answered = books.answered_after(at) or inf
            unwell, who = books.unwell_after(at, at + every)
            missing = books.not_answered(at + within, at + every - _ANSWERED)
            print(
                f"{name}: answered {answered:.1f} unwell {unwell:.1f} ({who})"
                f" not answered {len(missing)}"
            )
            if answered > within or unwell > within or missing:
                late.append(name)
        check(estate, books, simulator)
        assert late == []


def possible_faults(estate: Site) -> list[Fault]:
    """Return what may happen: its name, how it begins and ends, and how long it lasts."""
    faults: list[Fault] = []
    for machine in estate.machines.values():
        faults += [
            (f"machine {machine.name} killed", machine.kill, machine.start, 12.0),
            (f"machine {machine.name} asleep", machine.pause, machine.resume, 12.0),
            (f"machine {machine.name} cut off", machine.cut, machine.mend, 12.0),
        ]
        for program in machine.programs.values():
            faults += [
                (f"{program.name} killed", program.kill, program.start, 1.0),
                (f"{program.name} asleep", program.pause, program.resume, 12.0),
            ]
    for node in estate.nodes.nodes:
        alone = len(estate.nodes.nodes) == 1
        faults += [
            (f"node {node.name} killed", node.kill, node.start, 1.0 if alone else 5.0),
            (f"node {node.name} asleep", node.pause, node.resume, 2.0 if alone else 8.0),
        ]
    return faults
