"""What is stored survives whatever others do to the same files at the same time."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bus.settings import BrokerSettings
from consumers.users import User, Users
from tests.conftest import ROOT
from tests.journeys.caller.caller_office import Office

# As often as it is asked, and each time as a command of its own would: opened, changed, closed.
_IMPORTS = """
import sys
from pathlib import Path
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
for number in range(int(sys.argv[2])):
    with Directory(Path(sys.argv[1])) as directory:
        directory.apply(Changes("crm", [
            ContactRecord(key="ada", name=f"Ada {number}", numbers=(
                ContactNumber(raw="044 123 45 68", e164="+41441234568"),)),
            *(ContactRecord(key=str(place), name=f"Contact {place} of {number % 3}")
              for place in range(400)),
        ]), force=True)
"""


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    return Office(tmp_path, broker_settings, connect)


@pytest.mark.parametrize(
    "imports",
    [
        pytest.param(6, id="6 imports"),
        pytest.param(
            1_000, id="1,000 imports", marks=(pytest.mark.long, pytest.mark.timeout(3600))
        ),
    ],
)
def test_the_directory_under_a_caller_that_runs_alone_stays_whole(
    office: Office, imports: int
) -> None:
    ada = {"number": "0441234568", "e164": "+41441234568", "kind": "external"}
    with office.caller():
        office.report(call_id="before")
        office.wait_for(call_id="before", trigger="ringing")
        done = subprocess.run(
            [sys.executable, "-c", _IMPORTS, str(office.database), str(imports)],
            cwd=ROOT, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        with Users(office.database) as users:
            users.change("0011", action="none")
            users.add(User(login="0014", extension="14"))
        office.report(call_id="after", caller=ada)
        answer = office.wait_for(call_id="after", trigger="ringing")

    assert answer.contact is not None
    assert answer.contact.title == f"Ada {imports - 1}"
    assert answer.opens == "nothing"
    with closing(sqlite3.connect(office.database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert [login for (login,) in db.execute("SELECT login FROM users ORDER BY login")] == [
            "0011", "0012", "0013", "0014",
        ]  # fmt: skip
