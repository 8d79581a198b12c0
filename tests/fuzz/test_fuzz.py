"""No input gets anything out of a door but the fault it promises, nor keeps it busy."""

import importlib.util
import logging
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fuzz.doors import Door, doors, hard, seeds, timed
from tests.fuzz.mutation import crossed, mutated

TRIES = 1_000
SECONDS = 60.0  # for each door, in `make test-long`


@pytest.fixture(params=["call", "response", "message", "packet", "notification", "form"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def door(name: str, tmp_path: Path) -> Iterator[Door]:
    logging.disable()
    yield doors(tmp_path / "data")[name]
    logging.disable(logging.NOTSET)


def _mutants(name: str, seed: int) -> Iterator[bytes]:
    """Yield inputs without end."""
    chance, genuine = random.Random(seed), seeds(name)
    while True:
        yield mutated(chance, chance.choice(genuine))
        yield mutated(chance, crossed(chance, genuine) or b"x")


def test_what_was_made_to_hurt_does_not(door: Door, name: str) -> None:
    for given in [*seeds(name), *hard(name)]:
        timed(door, given)


def test_nothing_nearly_right_gets_through(door: Door, name: str) -> None:
    for _, given in zip(range(TRIES), _mutants(name, 38), strict=False):
        timed(door, given)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_nothing_that_reaches_new_code_gets_through(door: Door, name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:  # there is none for this machine
        limit = time.monotonic() + SECONDS
        for given in _mutants(name, time.time_ns()):
            timed(door, given)
            if time.monotonic() > limit:
                return
    result = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", name, str(int(SECONDS)), tmp_path / "corpus"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    print(result.stderr[-600:])
    assert result.returncode == 0, result.stderr[-4_000:]
