"""Caller processes killed at any moment: nothing is lost, opened twice, or after its end."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bus.settings import BrokerSettings
from tests.journeys.caller.caller_office import Office

_SLOW = 2.0  # seconds an executor may need on a busy machine until it has written its line


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    office = Office(tmp_path, broker_settings, connect)
    log = tmp_path / "opened"
    line = f'echo "$1 $(date +%s.%N)" >> {log}'
    office.settings |= {
        "commands": [{"arguments": ["/bin/sh", "-c", line, "sh", "{call_id}"]}],
        "pops_per_minute": 600,
    }
    with office.caller():
        pass  # the broker keeps what is published from now on
    return office


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]
)
def test_killed_at_any_moment_each_call_opens_once_and_never_after_its_end(
    office: Office, seed: int
) -> None:
    dice = random.Random(seed)
    ended: dict[str, float] = {}
    staying: list[str] = []
    number = 0
    for life in range(4):
        with office.caller() as process:
            for _ in range(dice.randrange(2, 6)):
                number += 1
                _call(office, dice, f"c-{life}-{number}", ended, staying)
            process.kill()
            process.wait()
        for _ in range(dice.randrange(2, 6)):  # no process runs
            number += 1
            _call(office, dice, f"c-{life}-{number}", ended, staying)
    with office.caller():
        office.wait(lambda: set(staying) <= set(_opened(office)))
        office.wait(lambda: office.open_claims() == 0)

    times = _opened(office)
    assert {call: count for call, count in Counter(_lines(office)).items() if count > 1} == {}
    assert {call for call, at in times.items() if at > ended.get(call, at) + _SLOW} == set()


def _call(
    office: Office, dice: random.Random, call: str, ended: dict[str, float], staying: list[str]
) -> None:
    """Have a call ring; half of them end soon after, the others ring on."""
    office.report(call_id=call)
    until = time.monotonic() + dice.choice((0.0, 0.02, 0.2))
    while time.monotonic() < until:
        office.panel.work(0.01)
    if dice.random() < 0.5:
        office.report("ended", call_id=call)
        ended[call] = time.time()
    else:
        staying.append(call)


def _lines(office: Office) -> list[str]:
    log = office.folder / "opened"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def _opened(office: Office) -> dict[str, float]:
    log = office.folder / "opened"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return {call: float(at) for call, at in lines}
