import sqlite3
from pathlib import Path

import pytest

from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.migrations import MIGRATIONS
from consumers.directory.records import ContactNumber
from consumers.directory.schema import DirectoryRefused, opened

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


FIRST = """
INSERT INTO sources (id, name, priority, imported_at) VALUES (3, 'crm', 5, '2026-11-01T10:00:00Z');
INSERT INTO contacts VALUES (7, 3, 'anna', 'person', 'Anna', '', 'ag', 'CH', 'a@b.ch', '', 1);
INSERT INTO contacts VALUES (8, 3, 'ag', 'company', 'Muster AG', '', '', '', '', '', 1);
INSERT INTO contacts VALUES (9, 3, 'gone', 'person', 'Gone', '', '', '', '', '', 1);
DELETE FROM contacts WHERE id = 9;
INSERT INTO contact_numbers VALUES (1, 7, '044 123 45 67', '+41441234567', 'work', '');
INSERT INTO contact_numbers VALUES (2, 8, '044 123 45 67', '+41441234567', '', '');
INSERT INTO contact_numbers VALUES (3, 7, '079 555 01 01', '+41795550101', 'mobile', '');
INSERT INTO dossiers VALUES (4, 3, 'd', 'anna', '', 'Meier', '', 1);
INSERT INTO matters VALUES (5, 3, 'm', 'd', '2026-1', 'Erbe', '', 1, NULL);
INSERT INTO choices VALUES ('0011', '+41441234567', 7, '2026-11-01T10:00:00Z');
INSERT INTO matter_uses VALUES ('0011', 5, '2026-11-02', NULL);
INSERT INTO dossier_uses VALUES ('0011', 4, '2026-11-03', NULL);
"""


def test_a_directory_of_the_first_version_keeps_all_it_has(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    opened(old, MIGRATIONS[:1]).conn.close()
    with sqlite3.connect(old) as connection:
        connection.executescript(FIRST)
    connection.close()

    with Directory(old) as directory:
        match = directory.find("+41441234567", user="0011")
        assert (match.contact and match.contact.id, match.remembered) == (7, True)
        assert match.employer is not None
        assert match.employer.id == 8
        assert [one.raw for one in directory.numbers(7)] == ["044 123 45 67", "079 555 01 01"]
        [dossier] = directory.dossiers(7)
        assert [(dossier.id, one.id, one.title) for one in dossier.matters] == [(4, 5, "Erbe")]
        uses = [(one.record_id, one.on.day) for one in directory.uses("0011", 7)]
        assert uses == [(4, 3), (5, 2)]
        [source] = directory.sources()
        assert (source.contacts, source.numbers, source.dossiers, source.matters) == (2, 3, 1, 1)


def test_a_directory_of_the_first_version_takes_further_imports(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    opened(old, MIGRATIONS[:1]).conn.close()
    with sqlite3.connect(old) as connection:
        connection.executescript(FIRST)
    connection.close()
    anna = ContactRecord(
        key="anna", name="Anna", numbers=(ContactNumber(raw="1", e164="+41441234567"),)
    )

    with Directory(old) as directory:
        directory.apply(Changes("crm", [anna, ContactRecord(key="gone", name="Again")]))
        found = directory.contact_of("crm", "anna")
        again = directory.contact_of("crm", "gone")

    assert found is not None
    assert found.id == 7
    assert again is not None
    assert again.id > 9


@pytest.mark.parametrize(("before", "after"), [(0, -1000), (-10, -1000), (50, 50)])
def test_the_sample_of_an_older_directory_goes_behind_all_sources_once(
    tmp_path: Path, before: int, after: int
) -> None:
    old = tmp_path / "old.db"
    opened(old, MIGRATIONS[:2]).conn.close()
    with sqlite3.connect(old) as connection:
        connection.execute(
            "INSERT INTO sources (name, priority, edition) VALUES ('sample', ?, 1)", [before]
        )
    connection.close()

    with Directory(old) as directory:
        directory.apply(Changes("crm", [ContactRecord(key="1", name="Anna")]))
    assert rows(old, "SELECT name, priority FROM sources") == [("sample", after), ("crm", 0)]

    with Directory(old) as directory:
        directory.set_source("sample", priority=7)
    opened(old).conn.close()
    assert ("sample", 7) in rows(old, "SELECT name, priority FROM sources")
