from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.directory.directory import Directory
from consumers.directory.records import DossierRecord, MatterRecord
from tests.consumers.directory.records import ANNA, contact, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "starface2mqtt.db"


@pytest.fixture
def directory(path: Path) -> Iterator[Directory]:
    with Directory(path) as directory:
        yield directory


@pytest.fixture
def office(directory: Directory) -> Directory:
    put(
        directory,
        contact("anna", ANNA),
        DossierRecord(key="d1", contact_key="anna", title="Meier"),
        MatterRecord(key="m1", dossier_key="d1", reference="1"),
        MatterRecord(key="m2", dossier_key="d1", reference="2"),
    )
    return directory
