"""Imports one after the other, while another process asks the directory whose a number is."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Changes
from consumers.directory.directory import Directory
from consumers.importers.mapping import ContactColumns, Mapping, NumberColumn
from consumers.importers.report import Report
from consumers.importers.sources.csv_file import csv_records

SWISS = NumberProfile(country="CH", area_code="44")
COLUMNS = Mapping(
    contact=ContactColumns(key="key", name="name", numbers=(NumberColumn(column="work"),))
)
CONTACTS = 200
_WHILE = 60.0  # seconds until an answer of the other process is missed


def look_up(path: Path, answers: Connection) -> None:
    """Look a number up again and again; send how often, and every answer that is no name."""
    with Directory(path) as directory, answers:
        count, wrong = 0, []
        answers.send("ready")
        while not answers.poll():
            number = f"+4144123{count % CONTACTS:04}"
            match = directory.find(number, user="0011")
            if match.contact is None or not match.contact.name.startswith("Person"):
                wrong.append(f"{number}: {match.quality}")
            count += 1
        answers.send((count, wrong))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "starface2mqtt.db"
    run_import(path, 0)
    return path


@pytest.fixture
def asking(path: Path) -> Iterator[Connection]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=look_up, args=(path, there))
    process.start()
    there.close()
    assert here.poll(_WHILE)
    assert here.recv() == "ready"
    yield here
    here.close()
    process.join()


def run_import(path: Path, turn: int) -> None:
    """Import a file in which one contact in ten has another name than the last time."""
    file = path.with_name("contacts.csv")
    rows = (
        f"{place},Person {place} {turn if place % 10 == turn % 10 else ''},044 123 {place:04}"
        for place in range(CONTACTS)
    )
    file.write_text("\n".join(["key,name,work", *rows, ""]))
    with Directory(path) as directory, directory.known("crm") as known:
        report = Report(known=known)
        records = known.while_read(csv_records(file, COLUMNS, SWISS, report))
        directory.apply(Changes("crm", records, complete=frozenset({"contact"})))
        assert report.refusals == []


@pytest.mark.parametrize(
    "imports", [10, pytest.param(1_000, marks=(pytest.mark.long, pytest.mark.timeout(600)))]
)
def test_every_look_up_is_answered_while_imports_follow_each_other(
    path: Path, asking: Connection, imports: int
) -> None:
    for turn in range(1, imports + 1):
        run_import(path, turn)

    asking.send("end")
    assert asking.poll(_WHILE)
    count, wrong = asking.recv()
    assert count > 0
    assert wrong == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        versions = connection.execute("SELECT count(*) FROM contacts").fetchone()
    assert versions == (CONTACTS,)  # what was replaced is gone
