"""Several sources in one directory, and which goes first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.directory.changes import Change, Changes
from consumers.directory.directory import Directory, DirectoryUnavailable
from tests.consumers.directory.records import ALL, ANNA, contact, who


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


def test_a_source_given_its_priority_goes_before_those_that_are_not(directory: Directory) -> None:
    bring(directory, "phone", contact("x", ANNA))
    bring(directory, "own", contact("y", ANNA), priority=100)
    bring(directory, "crm", contact("z", ANNA), priority=20)
    directory.set_source("typed")

    assert [one.name for one in directory.sources()] == ["own", "crm", "phone", "typed"]


def test_what_is_set_to_be_last_stays_last(directory: Directory) -> None:
    bring(directory, "sample", contact("x", ANNA), priority=-1000)
    bring(directory, "crm", contact("y", ANNA))

    assert priorities(directory) == {"crm": 0, "sample": -1000}


def test_a_removed_source_leaves_no_gap_that_others_stand_behind(directory: Directory) -> None:
    bring(directory, "crm", contact("x", ANNA))
    directory.remove_source("crm")
    bring(directory, "phone", contact("x", ANNA))

    assert priorities(directory) == {"phone": 0}


def test_sources_given_the_same_priority_decide_together_and_are_named(
    directory: Directory,
) -> None:
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
