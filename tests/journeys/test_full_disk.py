"""The disk is full for a while: all waits, nothing is lost, nothing is done twice."""

import contextlib
import functools
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.mqtt.connection import Connection
from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port
from consumers.caller.trace_store import find
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory, DirectoryUnavailable
from consumers.directory.records import ContactNumber
from starface.simulator import Simulator
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess, call_state, notify, path_of
from tests.journeys.caller import caller_office
from tests.journeys.dial import dial_office
from tests.journeys.sessions import sessions_running
from tests.journeys.small_disk import SmallDisk, small_disk

WAITS = "waits for storage"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 4) as disk:
        yield disk


def test_what_the_gateway_acknowledged_is_published_and_the_rest_refused(
    disk: SmallDisk, broker_settings: BrokerSettings
) -> None:
    folder = disk.folder / "data"
    with GatewayProcess(folder, broker_settings, free_port(), rate=5000, burst=5000) as gateway:
        acknowledged = []
        for number in range(60):
            if number == 20:
                disk.fill()
            if number == 40:
                disk.free()
            call = f"c-{number}"
            if notify(gateway.port, path_of("0011"), call_state(call, "CONNECTED")) == 200:
                acknowledged.append(call)
    with contextlib.closing(sqlite3.connect(folder / "events.db")) as db:
        kept = "".join(str(payload) for (payload,) in db.execute("SELECT payload FROM events"))

    assert acknowledged[:20] == [f"c-{number}" for number in range(20)]
    assert acknowledged[-20:] == [f"c-{number}" for number in range(40, 60)]
    assert all(f'"{call}"' in kept for call in acknowledged)


def test_calls_open_and_have_their_stories_once_the_disk_takes_them(
    tmp_path: Path, disk: SmallDisk, broker_settings: BrokerSettings, connect: Any, capfd: Any
) -> None:
    office = caller_office.Office(tmp_path, broker_settings, connect)
    office.data = disk.folder / "data"
    calls = [f"c-{number}" for number in range(8)]
    printed = ""
    with office.caller() as process:
        disk.fill()
        for call in calls:
            office.report(call_id=call)
        while WAITS not in printed:
            printed += capfd.readouterr().err
            office.panel.work(0.02)
        assert process.poll() is None
        disk.free()
        for call in calls:
            office.wait_for(call_id=call, opens="matter")
    reported = [(one.call_id, one.trigger) for one in office.answers if one.opens == "matter"]

    assert sorted(reported) == [(call, "ringing") for call in calls]
    assert {story.call_id for story in find(office.data, last=99)} == set(calls)
    with contextlib.closing(sqlite3.connect(office.data / "caller.db")) as db:
        assert db.execute("SELECT count(*) FROM aside").fetchone() == (0,)
    assert (printed + capfd.readouterr().err).count(WAITS) <= 3


def test_each_dial_request_gets_its_outcome_once_the_disk_takes_it(
    disk: SmallDisk, broker_settings: BrokerSettings, connect: Any, capfd: Any
) -> None:
    with (
        Simulator() as simulator,
        dial_office.Office(disk.folder, broker_settings, simulator) as office,
        dial_office.Person(connect("0011"), "0011") as anna,
    ):
        process = office.start(per_minute=100, double_click=0)
        office.wait_online()
        placed = anna.dial("044 123 45 00")
        wait_until(lambda: anna.reported(placed)[:1] == ["accepted"])
        disk.fill()
        requests = [anna.dial(f"044 123 45 {number}") for number in range(10, 18)]
        printed = ""
        while WAITS not in printed:
            printed += capfd.readouterr().err
        logins = len(simulator.sessions)
        assert not any(anna.reported(request) for request in requests)
        disk.free()
        wait_until(lambda: all(anna.reported(request) for request in requests))

        assert process.poll() is None
        assert len(simulator.sessions) == logins
        assert all(simulator.placements[str(one)] <= 1 for one in [placed, *requests])
        assert all(len(set(anna.reported(one))) == len(anna.reported(one)) for one in requests)
    assert (printed + capfd.readouterr().err).count(WAITS) <= 3


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_killed_while_the_disk_is_full_each_request_gets_its_outcome_all_the_same(
    disk: SmallDisk, broker_settings: BrokerSettings, connect: Any, seed: int
) -> None:
    chance = random.Random(seed)
    with (
        Simulator() as simulator,
        dial_office.Office(disk.folder, broker_settings, simulator) as office,
        dial_office.Person(connect("0011"), "0011") as anna,
    ):
        start = functools.partial(office.start, per_minute=100, double_click=0)
        process = start()
        office.wait_online()
        requests = []
        for number in range(10, 40):
            requests.append(anna.dial(f"044 123 45 {number}"))
            event = chance.choice(["fill", "free", "kill", "none", "none"])
            if event == "fill":
                disk.fill()
            elif event == "free":
                disk.free()
            elif event == "kill":
                process.kill()
                process.wait()
                process = start()
        disk.free()
        wait_until(lambda: all(anna.reported(request) for request in requests), 60)

        assert process.poll() is None
        assert all(simulator.placements[str(one)] <= 1 for one in requests)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_killed_while_the_disk_is_full_each_call_opens_once(
    tmp_path: Path, disk: SmallDisk, broker_settings: BrokerSettings, connect: Any, seed: int
) -> None:
    chance = random.Random(seed)
    office = caller_office.Office(tmp_path, broker_settings, connect)
    office.data = disk.folder / "data"
    calls = [f"c-{number}" for number in range(40)]
    with office.caller():
        pass  # the broker keeps for it what it misses from now on
    left = iter(calls)
    for _ in range(8):
        with office.caller(online=False) as process:
            for call in [next(left) for _ in range(5)]:
                office.report(call_id=call)
                if chance.random() < 0.3:
                    disk.fill()
                if chance.random() < 0.3:
                    disk.free()
                for _ in range(chance.randrange(20)):
                    office.panel.work(0.01)
            process.kill()
            process.wait()
    disk.free()
    with office.caller():
        for call in calls:
            office.wait_for(call_id=call, opens="matter")
    opened = [one.call_id for one in office.answers if one.opens == "matter"]

    assert sorted(set(opened)) == sorted(calls)
    assert {story.call_id for story in find(office.data, last=99)} == set(calls)


def test_sessions_stay_and_a_click_counts_once_the_disk_takes_it(
    disk: SmallDisk, tmp_path: Path
) -> None:
    with (
        Simulator() as simulator,
        sessions_running.open_stage(tmp_path, ("sessions", "cli-1")) as stage,
    ):
        people = list(simulator.pbx.users.values())[:2]
        office = sessions_running.Office(
            disk.folder / "site", people, simulator.port, stage.gateway.port
        )
        login = people[0].login
        process = sessions_running.SessionsProcess(office, stage.broker)
        process.log = tmp_path / "sessions.log"
        with (
            process as sessions,
            Connection(stage.broker, "cli-1", lasting=False) as person,
        ):
            wait_until(lambda: all(stage.listener.state(p.login) == "active" for p in people))
            before = [id(session) for session in simulator.sessions]
            disk.fill()
            person.publish_raw(person.topics.switch(login), b"off")
            wait_until(lambda: WAITS in sessions.log.read_text(errors="replace"))
            assert [id(session) for session in simulator.sessions] == before
            disk.free()
            wait_until(lambda: stage.listener.state(login) == "inactive")
            disk.fill()
            assert sessions.stop() == 0
            disk.free()
        with office.users() as users:
            assert users.get(login).wanted is False


def test_an_import_asks_for_room_first_and_cleans_up_behind_itself(disk: SmallDisk) -> None:
    path = disk.folder / "starface2mqtt.db"

    def contacts(count: int, name: str) -> list[ContactRecord]:
        return [
            ContactRecord(
                key=str(number), name=f"{name} {number}",
                numbers=(ContactNumber(raw=str(number), e164=f"+4144{number:07}"),),
            )
            for number in range(count)
        ]  # fmt: skip

    with Directory(path) as directory:
        directory.apply(Changes("crm", contacts(50, "Ada")))
        before = disk.left
        with pytest.raises(DirectoryUnavailable, match=r"make room.*nothing was changed"):
            directory.apply(Changes("crm", contacts(20_000, "Bea")))

        assert disk.left > before - 200_000
        match = directory.find("+41440000007", user="0011")
        assert match.contact is not None
        assert match.contact.name == "Ada 7"
