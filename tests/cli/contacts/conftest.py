from functools import partial
from pathlib import Path

import pytest

from tests.cli.contacts_command import Run, contacts_command, site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    return partial(contacts_command, folder / "starface2mqtt.toml")


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "contacts.csv"
    path.write_text("key;name;work\n1;Anna Meier;044 123 45 67\n2;Beat Huber;079 555 01 02\n")
    return path
