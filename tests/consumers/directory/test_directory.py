import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.directory.changes import (
    KINDS,
    Change,
    Changes,
    ContactRecord,
    DossierRecord,
    ImportResult,
    MatterRecord,
    RecordCounts,
    RecordKind,
    Removal,
    UseRecord,
)
from consumers.directory.directory import (
    Directory,
    DirectoryRefused,
    DirectoryUnavailable,
    ImportRefused,
)
from consumers.directory.records import Contact, ContactKind, ContactNumber
from consumers.directory.tables import VERSION

ANNA = "+41441234567"
ALL = frozenset(KINDS)


class Fields(TypedDict, total=False):
    """What else a test may say of a contact."""

    kind: ContactKind
    company: str
    employer_key: str
    active: bool


def contact(key: str, *numbers: str, name: str = "", **fields: Unpack[Fields]) -> ContactRecord:
    told = tuple(ContactNumber(raw=one, e164=one) for one in numbers)
    return ContactRecord(key=key, name=name or key.title(), numbers=told, **fields)


def put(
    directory: Directory,
    *records: Change,
    source: str = "crm",
    complete: frozenset[RecordKind] = ALL,
    dry_run: bool = False,
    force: bool = False,
) -> ImportResult:
    changes = Changes(source, records, 10, complete)
    return directory.apply(changes, dry_run=dry_run, force=force)


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


def who(directory: Directory) -> Contact | None:
    return directory.find(ANNA, user="u").contact


def anna(directory: Directory) -> Contact:
    contact = who(directory)
    assert contact is not None
    return contact


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
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tells, office.find(ANNA, user="u").quality.encode())
        os._exit(0)
    os.close(tells)
    with os.fdopen(told) as answer:
        assert answer.read() == "exact"
    os.waitpid(child, 0)
    assert office.find(ANNA, user="u").quality == "exact"


# changes


def test_a_change_by_another_process_counts_at_the_next_call(
    path: Path, directory: Directory
) -> None:
    assert who(directory) is None
    with Directory(path) as other:
        put(other, contact("anna", ANNA))
        assert anna(directory).name == "Anna"
        put(other, contact("anna", ANNA, name="Anna Meier"))
        assert anna(directory).name == "Anna Meier"
        put(other, contact("anna", "+41441234568"))
        assert who(directory) is None


def test_the_same_import_again_changes_nothing(office: Directory) -> None:
    before = anna(office).id
    applied = put(
        office,
        contact("anna", ANNA),
        DossierRecord(key="d1", contact_key="anna", title="Meier"),
        MatterRecord(key="m1", dossier_key="d1", reference="1"),
        MatterRecord(key="m2", dossier_key="d1", reference="2"),
    )

    assert (applied.contacts, applied.dossiers, applied.matters) == (
        RecordCounts(kept=1),
        RecordCounts(kept=1),
        RecordCounts(kept=2),
    )
    assert anna(office).id == before


def test_an_import_tells_what_it_added_changed_and_removed(directory: Directory) -> None:
    put(directory, *[contact(key, ANNA) for key in "abcd"])

    applied = put(
        directory,
        contact("a", ANNA),
        contact("b", "+41441234568"),
        contact("c", ANNA),
        contact("e"),
    )

    assert applied.contacts == RecordCounts(added=1, changed=1, removed=1, kept=2)


def test_a_contact_that_changes_keeps_its_id(office: Directory) -> None:
    before = anna(office).id
    put(office, contact("anna", ANNA, name="Anna Huber"), complete=frozenset())

    assert (anna(office).id, anna(office).name) == (before, "Anna Huber")


def test_what_a_source_no_longer_has_disappears(office: Directory) -> None:
    put(office, contact("beat", ANNA), force=True)

    assert anna(office).name == "Beat"
    assert [source.dossiers for source in office.sources()] == [0]


def test_an_import_leaves_other_sources_alone(office: Directory) -> None:
    put(office, contact("beat", "+41441234568"), source="phone book")

    assert anna(office).name == "Anna"
    assert [one.contacts for one in office.sources()] == [1, 1]


def test_an_import_of_dossiers_alone_leaves_the_contacts(office: Directory) -> None:
    put(
        office,
        DossierRecord(key="d1", contact_key="anna", title="Meier II"),
        complete=frozenset({"dossier"}),
    )

    [dossier] = office.dossiers(anna(office).id)
    assert (dossier.title, len(dossier.matters)) == ("Meier II", 2)


def test_a_contact_told_in_several_rows_has_the_numbers_of_all(directory: Directory) -> None:
    applied = put(directory, contact("anna", ANNA), contact("anna", "+41795550101"))

    assert [one.e164 for one in directory.numbers(anna(directory).id)] == [ANNA, "+41795550101"]
    assert applied.conflicts == ()


def test_a_key_with_two_meanings_is_told(directory: Directory) -> None:
    applied = put(directory, contact("anna", ANNA), contact("anna", ANNA, company="Muster AG"))

    assert applied.conflicts == ("contact anna came twice and differs; the first counts",)


def test_a_key_with_two_names_is_told(directory: Directory) -> None:
    [told] = put(directory, contact("anna", ANNA), contact("anna", ANNA, name="Beat")).conflicts

    assert told.startswith("contact anna came twice with different names: is that its key?")
    assert anna(directory).name == "Anna"


def test_only_named_records_are_removed_by_a_push(office: Directory) -> None:
    put(office, contact("beat", "+41441234568"), complete=frozenset())
    put(office, Removal(record="matter", key="m1"), complete=frozenset())

    [dossier] = office.dossiers(anna(office).id)
    assert [one.key for one in dossier.matters] == ["m2"]

    put(office, Removal(record="contact", key="anna"), complete=frozenset())

    assert who(office) is None
    assert [(one.contacts, one.dossiers, one.matters) for one in office.sources()] == [(1, 0, 0)]


keys = st.sampled_from("abc")
told_contacts = st.builds(
    contact,
    keys,
    st.sampled_from([ANNA, "+41441234568", "+4930901820"]),
    name=st.sampled_from(["Anna", "Beat"]),
    active=st.booleans(),
)
told_dossiers = st.builds(DossierRecord, key=keys, contact_key=keys, title=st.sampled_from("xy"))
told_matters = st.builds(MatterRecord, key=keys, dossier_key=keys, open=st.booleans())
snapshots = st.lists(told_contacts | told_dossiers | told_matters, max_size=8)


def kept(directory: Directory, source: str) -> dict[str, object]:
    """Tell all that a source has, without its name and our own ids."""
    ids = {"id", "source"}
    return {
        one.key: (
            one.model_dump(exclude=ids),
            sorted(number.e164 for number in directory.numbers(one.id)),
            [
                (dossier.key, dossier.title, sorted((m.key, m.open) for m in dossier.matters))
                for dossier in directory.dossiers(one.id)
            ],
        )
        for one in directory.contacts(source)
    }


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(first=snapshots, second=snapshots)
def test_after_an_import_the_directory_is_what_the_source_says(
    directory: Directory, first: list[Change], second: list[Change]
) -> None:
    for source in ("grown", "fresh"):
        directory.remove_source(source)
    put(directory, *first, source="grown", force=True)
    put(directory, *second, source="grown", force=True)
    put(directory, *second, source="fresh", force=True)

    assert kept(directory, "grown") == kept(directory, "fresh")


# the safety stop


def test_an_import_that_would_remove_more_than_half_is_refused(directory: Directory) -> None:
    put(directory, *[contact(key) for key in "abcde"])

    with pytest.raises(ImportRefused, match="3 of 5 contacts of crm would be removed"):
        put(directory, contact("a"), contact("b"), contact("f", ANNA))
    assert who(directory) is None
    assert directory.sources()[0].contacts == 5


def test_half_may_be_removed(directory: Directory) -> None:
    put(directory, *[contact(key) for key in "abcd"])

    assert put(directory, contact("a"), contact("b")).contacts == RecordCounts(removed=2, kept=2)


def test_more_than_half_is_removed_when_it_is_meant(directory: Directory) -> None:
    put(directory, *[contact(key) for key in "abcd"])

    assert put(directory, contact("a"), force=True).contacts == RecordCounts(removed=3, kept=1)


def test_a_source_that_gives_nothing_empties_nothing(office: Directory) -> None:
    with pytest.raises(ImportRefused):
        put(office)

    assert anna(office).name == "Anna"


def test_a_dry_run_tells_what_would_come_and_changes_nothing(office: Directory) -> None:
    applied = put(office, contact("beat", ANNA), source="new", dry_run=True)

    assert applied.contacts == RecordCounts(added=1)
    assert anna(office).name == "Anna"
    assert [one.name for one in office.sources()] == ["crm"]


def test_an_import_that_breaks_off_changes_nothing(office: Directory) -> None:
    def breaking_off() -> Iterator[Change]:
        yield contact("beat", "+41441234568")
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        office.apply(Changes("crm", breaking_off(), 10, ALL))

    assert [one.contacts for one in office.sources()] == [1]


def test_nobody_waits_for_a_slow_source(office: Directory) -> None:
    def slow() -> Iterator[Change]:
        yield contact("anna", ANNA)
        yield contact("beat", "+41441234568")
        assert anna(office).name == "Anna"
        office.used("u", matter_id=1, at=datetime(2026, 11, 1, tzinfo=UTC))
        office.set_source("other", priority=3)

    office.apply(Changes("crm", slow(), 10, frozenset({"contact"})))

    assert {one.name for one in office.sources()} == {"crm", "other"}


def test_an_import_sees_what_another_has_changed_while_it_waited(
    path: Path, office: Directory
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE contacts SET key = 'beat', name = 'Beat'")
    other.execute("UPDATE sources SET imported_at = 'now'")
    waiting = threading.Thread(
        target=put, args=(office, contact("anna", ANNA)), kwargs={"force": True}
    )
    waiting.start()
    waiting.join(timeout=0.5)
    assert waiting.is_alive()

    other.execute("COMMIT")
    other.close()
    waiting.join()

    assert [(one.key, one.name) for one in office.contacts()] == [("anna", "Anna")]


# employers


def employer_key(directory: Directory) -> str | None:
    employer = directory.find(ANNA, user="u").employer
    return employer.key if employer else None


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
    def told(on: date) -> None:
        use = UseRecord(record="matter", key="m2", user="u", on=on)
        put(office, use, complete=frozenset())

    told(date(2026, 11, 20))
    told(date(2026, 11, 10))

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


def test_a_source_is_removed_with_all_it_has(office: Directory) -> None:
    assert office.remove_source("crm") is True
    assert office.remove_source("crm") is False
    assert (who(office), list(office.contacts())) == (None, [])


def priorities(directory: Directory) -> dict[str, int]:
    return {one.name: one.priority for one in directory.sources()}


def bring(directory: Directory, source: str, *records: Change, priority: int | None = None) -> None:
    directory.apply(Changes(source, records, priority, ALL))


def test_sources_stand_in_the_order_in_which_they_were_first_imported(directory: Directory) -> None:
    for source in ("crm", "phone", "cloud"):
        bring(directory, source, contact("anna", ANNA))
    bring(directory, "crm", contact("anna", ANNA, name="Anna again"))

    assert priorities(directory) == {"crm": 0, "phone": -10, "cloud": -20}


def test_a_person_in_two_sources_is_found_once(directory: Directory) -> None:
    bring(directory, "crm", contact("7", ANNA, name="Anna Meier"))
    bring(directory, "phone", contact("x", ANNA, name="Anna Meier"))

    match = directory.find(ANNA, user="0011")

    assert match.quality == "exact"
    assert match.contact is not None
    assert match.contact.source == "crm"


def test_a_slow_source_keeps_the_place_it_came_at(path: Path, directory: Directory) -> None:
    def slowly() -> Iterator[Change]:
        with Directory(path) as meanwhile:
            bring(meanwhile, "fast", contact("x", ANNA))
        yield contact("y", ANNA)

    directory.apply(Changes("slow", slowly(), complete=ALL))

    assert priorities(directory) == {"slow": 0, "fast": -10}


def test_a_source_that_breaks_off_at_its_first_import_takes_no_place(directory: Directory) -> None:
    def breaking() -> Iterator[Change]:
        yield contact("x", ANNA)
        raise DirectoryUnavailable("the source is gone")

    with pytest.raises(DirectoryUnavailable):
        directory.apply(Changes("crm", breaking(), complete=ALL))
    bring(directory, "phone", contact("x", ANNA))

    assert priorities(directory) == {"phone": 0}


def test_a_dry_run_takes_no_place(directory: Directory) -> None:
    directory.apply(Changes("crm", [contact("x", ANNA)], complete=ALL), dry_run=True)
    bring(directory, "phone", contact("x", ANNA))

    assert priorities(directory) == {"phone": 0}


def test_a_source_told_its_priority_goes_before_those_that_are_not(directory: Directory) -> None:
    bring(directory, "phone", contact("x", ANNA))
    bring(directory, "own", contact("y", ANNA), priority=100)
    bring(directory, "crm", contact("z", ANNA), priority=20)
    directory.set_source("typed")

    assert [one.name for one in directory.sources()] == ["own", "crm", "phone", "typed"]


def test_what_is_told_to_be_last_stays_last(directory: Directory) -> None:
    bring(directory, "sample", contact("x", ANNA), priority=-1000)
    bring(directory, "crm", contact("y", ANNA))

    assert priorities(directory) == {"crm": 0, "sample": -1000}


def test_a_removed_source_leaves_no_gap_that_others_stand_behind(directory: Directory) -> None:
    bring(directory, "crm", contact("x", ANNA))
    directory.remove_source("crm")
    bring(directory, "phone", contact("x", ANNA))

    assert priorities(directory) == {"phone": 0}


def test_sources_told_the_same_priority_decide_together_and_are_named(directory: Directory) -> None:
    bring(directory, "crm", contact("x", ANNA), priority=5)
    bring(directory, "phone", contact("y", ANNA), priority=5)

    assert directory.find(ANNA, user="0011").quality == "several"
    assert directory.deciding_with("crm") == ["phone"]

    directory.set_source("phone", active=False)
    assert directory.deciding_with("crm") == []


def test_sources_of_an_older_directory_keep_their_priorities(path: Path) -> None:
    with Directory(path) as directory:
        for source in ("crm", "phone"):
            bring(directory, source, contact("x", ANNA), priority=0)
    with Directory(path) as directory:
        assert directory.find(ANNA, user="0011").quality == "several"
        bring(directory, "crm", contact("x", ANNA))
        bring(directory, "cloud", contact("x", ANNA))
        assert priorities(directory) == {"crm": 0, "phone": 0, "cloud": -10}
