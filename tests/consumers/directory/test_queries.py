from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumers.directory.changes import ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.queries import SqliteQueries, same_keys
from consumers.directory.records import ContactNumber
from consumers.directory.schema import plainly_connected
from tests.consumers.directory.records import ANNA, contact, put

BERLIN = "+4930901820"


@pytest.fixture
def queries(path: Path, directory: Directory) -> Iterator[SqliteQueries]:
    with closing(plainly_connected(path)) as connection:
        yield SqliteQueries(connection)


def company(key: str, number: str, stem: str) -> ContactRecord:
    numbers = (ContactNumber(raw=number, e164=number, label="work", stem=stem),)
    return ContactRecord(key=key, kind="company", name=key.title(), numbers=numbers)


def test_a_number_is_found_in_the_other_spelling_of_its_subscriber(
    directory: Directory, queries: SqliteQueries
) -> None:
    put(directory, contact("berta", BERLIN))

    assert [found.contact.key for found in queries.exact(f"{BERLIN}0")] == ["berta"]
    assert same_keys(f"{BERLIN}0") == (BERLIN, f"{BERLIN}0", f"{BERLIN}00")


def test_the_stem_of_a_switchboard_is_its_number_too(
    directory: Directory, queries: SqliteQueries
) -> None:
    put(directory, company("bau", "+41448887700", "+4144888770"))

    assert [found.stem for found in queries.exact("+4144888770")] == [""]
    assert [found.stem for found in queries.switchboards(["+4144888770"])] == ["+4144888770"]
    assert queries.switchboards(["+414488877"]) == []


def test_the_last_digits_are_all_compared(directory: Directory, queries: SqliteQueries) -> None:
    put(directory, contact("anna", ANNA), contact("other", "+33441234567"))

    assert {found.contact.key for found in queries.ending("1234567")} == {"anna", "other"}
    assert [found.contact.key for found in queries.ending("1441234567")] == ["anna"]


def test_the_source_of_higher_priority_comes_first(
    directory: Directory, queries: SqliteQueries
) -> None:
    put(directory, contact("low", ANNA), source="low")
    put(directory, contact("high", ANNA), source="high")
    directory.set_source("high", priority=20)

    assert [found.contact.key for found in queries.exact(ANNA)] == ["high", "low"]


def test_of_two_companies_of_one_name_none_is_the_employer(
    directory: Directory, queries: SqliteQueries
) -> None:
    firms = [ContactRecord(key=key, kind="company", name="Bau AG") for key in "12"]
    put(directory, contact("anna", ANNA, company="Bau AG"), *firms)
    anna = queries.contact_of("crm", "anna")
    assert anna is not None

    assert queries.employer(anna) is None
    assert queries.employer(anna.model_copy(update={"employer_key": "2"})) == queries.contact_of(
        "crm", "2"
    )


def test_numbers_are_read_as_they_were_written(
    directory: Directory, queries: SqliteQueries
) -> None:
    numbers = (
        ContactNumber("044 888 77-00", "+41448887700", "work", "+4144888770"),
        ContactNumber("12"),
    )
    put(directory, ContactRecord(key="bau", name="Bau", numbers=numbers))
    bau = queries.contact_of("crm", "bau")
    assert bau is not None

    assert queries.numbers(bau.id) == numbers


def test_what_is_not_there_is_nothing(queries: SqliteQueries) -> None:
    assert queries.exact(ANNA) == []
    assert queries.contact(1) is None
    assert queries.numbers(1) == ()
    assert queries.encoding("crm") == ""
    assert queries.published("folder") == {}
