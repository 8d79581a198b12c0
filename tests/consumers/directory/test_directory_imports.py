"""What an import changes, and when it is refused."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.directory.changes import Change, Changes, RecordCounts, Removal
from consumers.directory.directory import Directory, ImportRefused
from consumers.directory.records import DossierRecord, MatterRecord
from tests.consumers.directory.records import ALL, ANNA, anna, contact, put, who

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


def test_an_import_reports_what_it_added_changed_and_removed(directory: Directory) -> None:
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


def test_a_contact_reported_in_several_rows_has_the_numbers_of_all(directory: Directory) -> None:
    applied = put(directory, contact("anna", ANNA), contact("anna", "+41795550101"))

    assert [one.e164 for one in directory.numbers(anna(directory).id)] == [ANNA, "+41795550101"]
    assert applied.conflicts == ()


def test_a_key_with_two_meanings_is_reported(directory: Directory) -> None:
    applied = put(directory, contact("anna", ANNA), contact("anna", ANNA, company="Muster AG"))

    assert applied.conflicts == ("contact anna came twice and differs; the first counts",)


def test_a_key_with_two_names_is_reported(directory: Directory) -> None:
    [reported] = put(directory, contact("anna", ANNA), contact("anna", ANNA, name="Beat")).conflicts

    assert reported.startswith("contact anna came twice with different names: is that its key?")
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
reported_contacts = st.builds(
    contact,
    keys,
    st.sampled_from([ANNA, "+41441234568", "+4930901820"]),
    name=st.sampled_from(["Anna", "Beat"]),
    active=st.booleans(),
)
reported_dossiers = st.builds(
    DossierRecord, key=keys, contact_key=keys, title=st.sampled_from("xy")
)
reported_matters = st.builds(MatterRecord, key=keys, dossier_key=keys, open=st.booleans())
snapshots = st.lists(reported_contacts | reported_dossiers | reported_matters, max_size=8)


def kept(directory: Directory, source: str) -> dict[str, object]:
    """Return all that a source has, without its name and our own ids."""
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


def test_a_dry_run_reports_what_would_come_and_changes_nothing(office: Directory) -> None:
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
