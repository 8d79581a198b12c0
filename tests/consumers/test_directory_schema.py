import sqlite3
from pathlib import Path

import pytest

from consumers.changes import Changes, ContactRecord
from consumers.directory import Directory
from consumers.directory_schema import MIGRATIONS, DirectoryRefused, opened

NEXT = "ALTER TABLE contacts ADD COLUMN nickname TEXT NOT NULL DEFAULT '';\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "directory.db"
    with Directory(path) as directory:
        directory.apply(Changes("crm", [ContactRecord(key="1", name="Anna")]))
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_an_older_file_is_brought_forward_with_what_it_has(path: Path) -> None:
    opened(path, (*MIGRATIONS, NEXT)).conn.close()

    assert rows(path, "SELECT name, nickname FROM contacts") == [("Anna", "")]
    assert rows(path, "SELECT version FROM directory_version") == [(len(MIGRATIONS) + 1,)]


def test_the_older_release_then_refuses_it(path: Path) -> None:
    opened(path, (*MIGRATIONS, NEXT)).conn.close()

    with pytest.raises(DirectoryRefused, match="newer release"):
        Directory(path)


def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    with pytest.raises(DirectoryRefused, match="cannot be used"):
        opened(path, (*MIGRATIONS, NEXT + "ALTER TABLE nobody ADD COLUMN x;\n"))

    assert rows(path, "SELECT version FROM directory_version") == [(len(MIGRATIONS),)]
    with Directory(path) as directory:
        assert [one.name for one in directory.search("Anna")] == ["Anna"]
