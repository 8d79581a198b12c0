"""One caller process for each active user, or one for all: the same to everybody outside."""

import json
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bus.access.accounts import caller_account
from bus.settings import BrokerSettings
from consumers.caller.processes import MANY
from consumers.caller.trace_store import find
from consumers.users import User, Users
from tests.forked_program import ForkedProgram
from tests.journeys.caller.caller_office import Office

LOGINS = tuple(f"{number:04}" for number in range(11, 11 + MANY))
ANNA, BERND, CARLA = (caller_account(login) for login in LOGINS[:3])


@pytest.fixture
def logins() -> tuple[str, ...]:
    return LOGINS


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    office = Office(tmp_path, broker_settings, connect)
    log = tmp_path / "opened"
    office.settings |= {
        "commands": [{"arguments": ["/bin/sh", "-c", f'echo "$1" >> {log}', "sh", "{call_id}"]}]
    }
    return office


def change(office: Office, login: str, **changes: Any) -> None:
    with Users(office.database) as users:
        if users.find(login) is None:
            users.add(User(login=login, extension=login))
        users.change(login, **changes)


def opened(office: Office) -> list[str]:
    log = office.folder / "opened"
    return log.read_text().split() if log.exists() else []


def process_ids(parent: ForkedProgram) -> list[int]:
    reported = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()
    return [int(pid) for pid in reported.split()]


def test_each_active_user_has_a_process_that_answers_as_one_for_all_would(
    office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    with office.crew(ANNA, BERND, CARLA):
        for user in ("0011", "0012", "0013"):
            office.report(user=user, group="Sales")
            office.wait_for(user=user, opens="matter")
        office.report("connected", user="0012", group="Sales")
        office.wait_for(user="0011", trigger="closed", reason="answered-elsewhere")
        office.wait_for(user="0013", trigger="closed", reason="answered-elsewhere")

    assert {story.user for story in find(office.data, last=10)} == {"0011", "0012", "0013"}
    assert office.open_claims() == 0
    log = capfd.readouterr().err
    assert " ERROR " not in log
    assert "refused" not in log  # each publishes on the topics of its own user alone


def test_users_come_and_go_while_it_runs_and_leave_nothing_behind(office: Office) -> None:
    with office.crew(ANNA, BERND, CARLA):
        change(office, "0012", wanted=False)
        office.wait_online(ANNA, CARLA)
        with Users(office.database) as users:
            users.remove("0013")
        change(office, LOGINS[3])
        office.wait_online(ANNA, caller_account(LOGINS[3]))
        change(office, "0012", wanted=True)
        office.wait_online(ANNA, BERND, caller_account(LOGINS[3]))
        office.report(user="0012", call_id="back")
        office.report(user=LOGINS[3], call_id="new")
        office.wait_for(call_id="back", opens="matter")
        office.wait_for(call_id="new", opens="matter")


def test_a_process_that_dies_comes_back_alone_and_opens_once_what_rang(office: Office) -> None:
    with office.crew(ANNA, BERND, CARLA) as parent:
        before = process_ids(parent)
        os.kill(before[0], signal.SIGKILL)
        for login in LOGINS[:3]:
            office.report(user=login, call_id=f"c-{login}")
        for login in LOGINS[:3]:
            office.wait_for(user=login, opens="matter")
        after = process_ids(parent)

    assert len(after) == 3
    assert set(after) & set(before) == set(before[1:])
    assert sorted(opened(office)) == [f"c-{login}" for login in LOGINS[:3]]


def test_after_the_parent_was_killed_the_next_one_continues(office: Office) -> None:
    with office.crew(ANNA, BERND, CARLA) as parent:
        children = process_ids(parent)
        parent.kill()
        parent.wait()
        office.report(call_id="meanwhile")
        office.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    with office.crew(ANNA, BERND, CARLA):
        office.wait_for(call_id="meanwhile", opens="matter")

    assert opened(office) == ["meanwhile"]


def test_crossing_the_limit_loses_no_call_and_opens_none_twice(office: Office) -> None:
    for login in LOGINS[:-1]:
        change(office, login)
    reported: list[str] = []
    numbers = count()

    def publish_until(condition: Callable[[], object]) -> None:
        while not condition():
            reported.append(f"c-{next(numbers)}")
            office.report(user=LOGINS[1 + len(reported) % 7], call_id=reported[-1])
            office.panel.work(0.02)

    online = office.callers_online
    with office.crew(*map(caller_account, LOGINS[:-1])):
        publish_until(lambda: len(reported) > 10)
        change(office, LOGINS[-1])
        publish_until(lambda: online() == {"caller"})
        office.report(user=LOGINS[-1], call_id="twentieth")
        publish_until(lambda: "twentieth" in opened(office))
        change(office, LOGINS[0], wanted=False)
        publish_until(lambda: online() == set(map(caller_account, LOGINS[1:])))
        office.wait(lambda: {one.call_id for one in office.answers} >= set(reported))
        office.wait(lambda: office.open_claims() == 0)

    assert sorted(opened(office)) == sorted([*reported, "twentieth"])


def test_what_waits_for_its_delay_during_a_change_opens_once(office: Office) -> None:
    office.settings["delay"] = 8.0
    for login in LOGINS[:-1]:
        change(office, login)
    with office.crew(*map(caller_account, LOGINS[:-1])):
        office.report(call_id="waits")
        office.report(call_id="is-over")
        change(office, LOGINS[-1])
        office.wait_online("caller")
        office.report("ended", call_id="is-over")
        office.wait_for(call_id="waits", opens="matter")
        office.wait(lambda: office.open_claims() == 0)

    assert opened(office) == ["waits"]


def test_without_accounts_of_their_own_one_process_serves_all(office: Office) -> None:
    change(office, "not-known-to-the-broker")
    with office.crew("caller"):
        office.report()
        office.wait_for(opens="matter")


def test_a_user_whose_account_does_not_come_is_served_with_all(office: Office) -> None:
    with office.crew(ANNA, BERND, CARLA):
        change(office, "new")
        office.wait_online("caller")
        office.report(user="new")
        office.report(user="0011", call_id="c-2")
        office.wait_for(user="new", opens="matter")
        office.wait_for(user="0011", opens="matter")


def test_accounts_the_broker_does_not_know_leave_one_process_for_all(office: Office) -> None:
    accounts = office.broker.accounts_file
    accounts.write_text(
        json.dumps(json.loads(accounts.read_text()) | {caller_account("new"): "new"})
    )
    change(office, "new")
    with office.crew("caller"):
        office.report(user="new")
        office.wait_for(user="new", opens="matter")


def test_the_workstation_opens_the_file_once_regardless_of_who_answers(office: Office) -> None:
    log = office.folder / "shown"
    program = ["/bin/sh", "-c", f'echo "$1" >> {log}', "sh", "{call_id}"]
    with (
        office.crew(ANNA, BERND, CARLA),
        office.desktop(opens="program", program=program, notification=False),
    ):
        office.report(call_id="each")
        office.wait(log.exists)
        for login in LOGINS[3:]:
            change(office, login)
        office.wait_online("caller")
        office.report(call_id="all")
        office.wait(lambda: "all" in log.read_text().split())

    assert log.read_text().split() == ["each", "all"]


def test_the_setting_decides_before_the_number_of_users(office: Office) -> None:
    office.settings["processes"] = "pooled"
    with office.crew("caller"):
        office.report()
        office.wait_for(opens="matter")
    office.settings["processes"] = "per-user"
    with office.crew(ANNA, BERND, CARLA):
        office.report(call_id="c-2")
        office.wait_for(call_id="c-2", opens="matter")
