from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.directory import Directory
from consumers.importers.report import Report


@pytest.fixture
def swiss() -> NumberProfile:
    return NumberProfile(country="CH", area_code="44")


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "directory.db") as directory:
        yield directory
