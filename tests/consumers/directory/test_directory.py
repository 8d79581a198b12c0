import os
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from consumers.directory.changes import Removal, UseRecord
from consumers.directory.directory import Directory, DirectoryRefused, DirectoryUnavailable
from consumers.directory.records import DossierRecord, MatterRecord
from consumers.directory.tables import VERSION
from tests.consumers.directory.records import ANNA, anna, contact, employer_key, put

# the file


def test_only_its_owner_may_read_the_file(path: Path, directory: Directory) -> None:
    put(directory, contact("anna", ANNA))

    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    path.touch()
    path.chmod(0o644)

    with pytest.raises(DirectoryRefused, match="chmod 600"):
        Directory(path)


def test_a_file_of_a_newer_release_is_refused_and_left_alone(path: Path) -> None:
    Directory(path)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE directory_version SET version = 99")

    with pytest.raises(DirectoryRefused, match="newer release"):
        Directory(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT version FROM directory_version").fetchall() == [(99,)]


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"key;name;number\n" * 500)
    path.chmod(0o600)

    with pytest.raises(DirectoryRefused, match="cannot be used as a directory"):
        Directory(path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DirectoryRefused, match="No such file"):
        Directory(tmp_path / "nowhere" / "directory.db")


def test_tables_of_others_in_the_same_file_stay_as_they_are(path: Path) -> None:
    path.touch(mode=0o600)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE users (login TEXT)")
        other.execute("INSERT INTO users VALUES ('0011')")
        other.execute("PRAGMA user_version = 7")

    put(Directory(path), contact("anna", ANNA))

    with sqlite3.connect(path) as other:
        assert other.execute("SELECT login FROM users").fetchall() == [("0011",)]
        assert other.execute("PRAGMA user_version").fetchone() == (7,)


def test_the_file_is_opened_by_several_at_once(path: Path) -> None:
    failed: list[Exception] = []

    def open_it() -> None:
        try:
            with Directory(path) as directory:
                directory.sources()
        except (DirectoryRefused, DirectoryUnavailable) as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    with sqlite3.connect(path) as other:
        rows = other.execute("SELECT version FROM directory_version").fetchall()
    assert rows == [(VERSION,)]


def test_a_directory_that_cannot_be_read_says_so(path: Path, directory: Directory) -> None:
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE contact_numbers")

    with pytest.raises(DirectoryUnavailable):
        directory.find(ANNA, user="u")


def test_one_directory_is_asked_by_several_threads(office: Directory) -> None:
    found: list[str] = []

    def ask() -> None:
        found.extend(office.find(ANNA, user="u").quality for _ in range(100))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["exact"] * 400


def test_a_process_forked_off_asks_over_a_connection_of_its_own(office: Directory) -> None:
    reported, reports = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(reports, office.find(ANNA, user="u").quality.encode())
        os._exit(0)
    os.close(reports)
    with os.fdopen(reported) as answer:
        assert answer.read() == "exact"
    os.waitpid(child, 0)
    assert office.find(ANNA, user="u").quality == "exact"


# employers


def test_a_person_works_for_the_company_with_the_key(directory: Directory) -> None:
    put(directory, contact("anna", ANNA, employer_key="f"), contact("f", kind="company"))

    assert employer_key(directory) == "f"


def test_a_person_works_for_the_only_company_of_that_name(directory: Directory) -> None:
    company = contact("f", kind="company", name="Muster AG")
    put(directory, contact("anna", ANNA, company="Muster AG"), company)
    assert employer_key(directory) == "f"

    twin = contact("g", kind="company", name="Muster AG")
    put(directory, contact("anna", ANNA, company="Muster AG"), company, twin)
    assert employer_key(directory) is None


def test_an_inactive_employer_does_not_exist(directory: Directory) -> None:
    company = contact("f", kind="company", active=False)
    put(directory, contact("anna", ANNA, employer_key="f"), company)

    assert employer_key(directory) is None


def test_who_has_a_number_but_does_not_count_is_named_on_request(directory: Directory) -> None:
    put(directory, contact("anna", ANNA, active=False), contact("carla", "+41795550102"))
    put(directory, contact("beat", ANNA), source="off")
    directory.set_source("off", active=False)

    assert {one.name for one in directory.inactive(ANNA)} == {"Anna", "Beat"}
    assert directory.inactive("+41795550102") == []


# uses


def last(directory: Directory, user: str = "u") -> list[tuple[str, int, date]]:
    return [(one.record, one.record_id, one.on) for one in directory.uses(user, anna(directory).id)]


def test_what_a_user_worked_on_is_remembered_for_that_user(office: Directory) -> None:
    [dossier] = office.dossiers(anna(office).id)
    office.used("u", matter_id=dossier.matters[1].id, at=datetime(2026, 11, 20, 12, tzinfo=UTC))
    office.used("u", dossier_id=dossier.id, at=datetime(2026, 11, 21, 12, tzinfo=UTC))

    assert last(office) == [
        ("dossier", dossier.id, date(2026, 11, 21)),
        ("matter", dossier.matters[1].id, date(2026, 11, 20)),
    ]
    assert last(office, user="v") == []


def test_an_older_use_does_not_hide_a_newer_one(office: Directory) -> None:
    office.used("u", matter_id=1, at=datetime(2026, 11, 20, 12, tzinfo=UTC))
    office.used("u", matter_id=1, at=datetime(2026, 11, 19, 12, tzinfo=UTC))

    assert last(office) == [("matter", 1, date(2026, 11, 20))]


def test_using_what_does_not_exist_is_nothing(office: Directory) -> None:
    office.used("u", matter_id=4711, at=datetime(2026, 11, 20, 12, tzinfo=UTC))

    assert last(office) == []


def test_a_source_may_know_who_used_what(office: Directory) -> None:
    def reported(on: date) -> None:
        use = UseRecord(record="matter", key="m2", user="u", on=on)
        put(office, use, complete=frozenset())

    reported(date(2026, 11, 20))
    reported(date(2026, 11, 10))

    assert last(office) == [("matter", 2, date(2026, 11, 20))]


def test_a_use_outlives_an_import_and_goes_with_its_matter(office: Directory) -> None:
    office.used("u", matter_id=1, at=datetime(2026, 11, 20, 12, tzinfo=UTC))
    put(office, MatterRecord(key="m1", dossier_key="d1", title="renamed"), complete=frozenset())
    assert len(last(office)) == 1

    put(office, Removal(record="matter", key="m1"), complete=frozenset())
    put(office, MatterRecord(key="m1", dossier_key="d1"), complete=frozenset())
    assert last(office) == []


# for people


def test_contacts_are_searched_by_name_company_and_reference(office: Directory) -> None:
    put(office, contact("beat", company="Muster 100% AG"), complete=frozenset())

    found = {
        text: [one.name for one in office.search(text)] for text in ("ann", "00%", "meier", "x%")
    }

    assert found == {"ann": ["Anna"], "00%": ["Beat"], "meier": ["Anna"], "x%": []}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Müller", ["m1", "m2", "m3"]),
        ("mueller", ["m1", "m2", "m3"]),
        ("MULLER", ["m1", "m2", "m3"]),
        ("Muel", ["m1", "m2", "m3", "s"]),
        ("strasse", ["m1"]),
        ("Hauptstraße", ["m1"]),
        ("élodie", ["e"]),
        ("Elodie", ["e"]),
        ("ÉVÊCHÉ", ["e"]),
        ("eveche", ["e"]),
        ("lukasz", ["l"]),
        ("samuel", ["s"]),
        ("Samue", ["s"]),
        ("uel", ["m2", "s"]),
        ("100%", []),
        ("_", []),
    ],
)
def test_contacts_are_found_in_every_spelling_of_their_letters(
    directory: Directory, text: str, found: list[str]
) -> None:
    put(
        directory,
        contact("m1", name="Müller", company="Hauptstrasse 1"),
        contact("m2", name="Mueller"),
        contact("m3", name="Muller"),
        contact("e", name="Élodie"),
        DossierRecord(key="d", contact_key="e", title="Erbe Évêché"),
        contact("l", name="Łukasz"),
        contact("s", name="Samuel"),
    )

    assert sorted(one.key for one in directory.search(text)) == sorted(found)


def test_the_nearest_entries_explain_why_there_is_no_match(office: Directory) -> None:
    put(
        office, contact("beat", "+41441234599"), contact("far", "+4930901820"), complete=frozenset()
    )

    near = [(number, one.name) for number, one in office.nearest("+41441234568")]

    assert near == [(ANNA, "Anna"), ("+41441234599", "Beat")]


def test_a_number_is_erased_from_all_choices(office: Directory) -> None:
    put(office, contact("beat", ANNA), complete=frozenset())
    [first, _] = office.find(ANNA, user="u").candidates
    for user in "uv":
        office.remember_choice(user, ANNA, first.id)

    assert office.forget_number(ANNA) == 2
    assert office.find(ANNA, user="u").quality == "several"


def test_a_choice_is_forgotten_when_it_is_too_old(office: Directory) -> None:
    put(office, contact("beat", ANNA), complete=frozenset())
    [first, _] = office.find(ANNA, user="u").candidates
    office.remember_choice("u", ANNA, first.id)

    office.forget_choices_before(datetime.now(UTC).timestamp() - 60)
    assert len(office.choices("u")) == 1
    office.forget_choices_before(datetime.now(UTC).timestamp() + 60)
    assert office.choices("u") == []


def test_a_use_waits_for_no_disk_and_a_choice_does(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from tests.gateway.failing_disk import main; main()"]
    ran = subprocess.run([*command, _ON_A_DISK_WITHOUT_SYNC, tmp_path / "log"], timeout=60)

    assert ran.returncode == 0


_ON_A_DISK_WITHOUT_SYNC = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory, DirectoryUnavailable
from consumers.directory.records import ContactNumber, DossierRecord
from tests.gateway.failing_disk import NAME, Faults
folder = Path(sys.argv[-1])
folder.mkdir()
number = ContactNumber(raw="+41441112233", e164="+41441112233")
anna = ContactRecord(key="a", name="Anna", numbers=(number,))
directory = Directory(folder / "site.db")
directory.apply(Changes("list", [anna, DossierRecord(key="d", contact_key="a", title="D")]))
[contact] = directory.contacts()
[dossier] = directory.dossiers(contact.id)
Faults(folder.parent / NAME).at("sync", 1, lasting=10**6)
directory.used("0011", dossier_id=dossier.id, at=datetime.now(UTC))
assert len(directory.uses("0011", contact.id)) == 1
try:
    directory.remember_choice("0011", number.e164, contact.id)
except DirectoryUnavailable:
    sys.exit(0)
sys.exit("a choice was kept that is not on disk")
"""
