import pytest

from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from tests.consumers.directory.matching.contacts import (
    ANNA,
    company,
    contact,
    name,
    put,
    switchboard,
)


def test_the_same_number_is_an_exact_match(directory: Directory) -> None:
    put(directory, contact("anna", ANNA), contact("beat", "+41441234568"))

    match = directory.find(ANNA, user="u")

    assert (match.quality, name(match.contact), match.candidates) == ("exact", "Anna", ())


@pytest.mark.parametrize(
    ("written", "calling"),
    [
        ("+390212345678", "+39212345678"),
        ("+39212345678", "+390212345678"),
        ("+493012345670", "+49301234567"),
        ("+49301234567", "+493012345670"),
    ],
)
def test_another_spelling_of_one_subscriber_is_an_exact_match(
    directory: Directory, written: str, calling: str
) -> None:
    put(directory, contact("anna", written))

    assert directory.find(calling, user="u").quality == "exact"


def test_the_stem_alone_is_the_switchboard_itself(directory: Directory) -> None:
    put(directory, company("muster", switchboard("+4144555020", "+414455502")))

    assert directory.find("+414455502", user="u").quality == "exact"


def test_a_fax_number_counts(directory: Directory) -> None:
    put(directory, contact("anna", ContactNumber(raw=ANNA, e164=ANNA, label="fax")))

    assert directory.find(ANNA, user="u").quality == "exact"


def test_a_contact_is_found_by_each_of_its_numbers(directory: Directory) -> None:
    put(directory, contact("anna", ANNA, "+41795550101", "+4930901820"))

    found = {name(directory.find(one, user="u").contact) for one in (ANNA, "+41795550101")}

    assert found == {"Anna"}


def test_a_number_written_twice_is_still_one_contact(directory: Directory) -> None:
    twice = (ContactNumber(raw=ANNA, e164=ANNA, label="work"), ContactNumber(raw="0", e164=ANNA))
    put(directory, contact("anna", *twice))

    assert directory.find(ANNA, user="u").quality == "exact"


@pytest.mark.parametrize("number", ["4567", "+4567", "+411234567", "+414412345", "+414412345678"])
def test_a_part_of_a_number_does_not_match(directory: Directory, number: str) -> None:
    put(directory, contact("anna", ANNA))

    assert directory.find(number, user="u").quality == "none"


@pytest.mark.parametrize("number", ["", "0", "anonymous", "+", "+0", "%", "' OR 1=1 --"])
def test_what_is_no_number_belongs_to_nobody(directory: Directory, number: str) -> None:
    put(directory, contact("anna", ANNA), contact("beat", ContactNumber(raw="23")))

    assert directory.find(number, user="u").quality == "none"


def test_nothing_is_left_of_the_caller_before(directory: Directory) -> None:
    put(directory, contact("anna", ANNA))

    answers = [directory.find(one, user="u").contact for one in (ANNA, "+41790000000", "")]

    assert [name(one) for one in answers] == ["Anna", None, None]
