import sqlite3
from pathlib import Path

import pytest

from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.schema import DirectoryRefused
from consumers.directory.tables import VERSION

RELEASE_BEFORE = (Path(__file__).parent / "version_3.sql").read_text(encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


def changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.executescript(statement)
    connection.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_the_file_of_the_release_before_keeps_all_it_has(path: Path) -> None:
    changed(path, RELEASE_BEFORE)
    path.chmod(0o600)

    with Directory(path) as directory:
        match = directory.find("+41441234567", user="0011")
        assert (match.contact and match.contact.id, match.remembered) == (7, True)
        assert [one.name for one in directory.search("Muller")] == ["Anna Müller"]
        assert [one.name for one in directory.search("nachlass")] == ["Anna Müller"]
        [dossier] = directory.dossiers(7)
        assert [(dossier.id, one.id) for one in dossier.matters] == [(4, 5)]
        directory.apply(Changes("crm", [ContactRecord(key="beat", name="Beat")]))
        assert [one.id for one in directory.search("Beat")] == [9]


def test_an_old_and_a_new_file_have_the_same_tables(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    changed(path, RELEASE_BEFORE)
    path.chmod(0o600)
    for file in (path, new):
        with Directory(file):
            pass

    query = "SELECT name FROM pragma_table_info('{}') ORDER BY name"
    for table in ("contacts", "dossiers", "matters", "known_contacts", "known_dossiers"):
        assert rows(path, query.format(table)) == rows(new, query.format(table))


@pytest.mark.parametrize(
    ("version", "reason"), [(VERSION + 1, "newer release"), (1, "development version")]
)
def test_a_file_of_another_version_is_refused(path: Path, version: int, reason: str) -> None:
    with Directory(path):
        pass
    changed(path, f"UPDATE directory_version SET version = {version}")  # noqa: S608

    with pytest.raises(DirectoryRefused, match=reason):
        Directory(path)
    assert rows(path, "SELECT version FROM directory_version") == [(version,)]


def test_a_conversion_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    changed(path, RELEASE_BEFORE, "DROP VIEW known_dossiers")
    path.chmod(0o600)

    with pytest.raises(DirectoryRefused, match="cannot be used"):
        Directory(path)

    assert rows(path, "SELECT version FROM directory_version") == [(3,)]
    assert ("search",) not in rows(path, "SELECT name FROM pragma_table_info('contacts')")
