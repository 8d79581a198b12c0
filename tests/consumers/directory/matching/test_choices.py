import pytest

from consumers.directory.changes import ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import Contact
from tests.consumers.directory.matching.contacts import (
    ANNA,
    MUSTER,
    STEM,
    company,
    contact,
    name,
    names,
    put,
    switchboard,
)


@pytest.fixture
def shared(directory: Directory) -> Directory:
    put(directory, contact("anna", ANNA), contact("beat", ANNA))
    return directory


def chosen(directory: Directory, name: str, user: str = "u") -> Contact:
    [contact] = [one for one in directory.find(ANNA, user=user).candidates if one.name == name]
    assert directory.remember_choice(user, ANNA, contact.id)
    return contact


def test_a_choice_decides_next_time_and_is_shown_as_remembered(shared: Directory) -> None:
    chosen(shared, "Beat")

    match = shared.find(ANNA, user="u")

    assert (match.quality, match.remembered, name(match.contact)) == ("exact", True, "Beat")
    assert names(match) == ["Anna", "Beat"]


def test_a_choice_is_one_users_own(shared: Directory) -> None:
    chosen(shared, "Beat", user="u")

    assert shared.find(ANNA, user="v").quality == "several"


def test_a_choice_can_be_revoked(shared: Directory) -> None:
    chosen(shared, "Beat")
    shared.forget_choice("u", ANNA)

    assert shared.find(ANNA, user="u").quality == "several"
    assert shared.choices("u") == []


def test_a_later_choice_replaces_the_earlier(shared: Directory) -> None:
    chosen(shared, "Beat")
    chosen(shared, "Anna")

    [choice] = shared.choices("u")
    assert (choice.e164, choice.contact.name) == (ANNA, "Anna")


@pytest.mark.parametrize(
    "later",
    [
        [contact("anna", ANNA), contact("carla", ANNA), contact("beat", "+41441234599")],
        [contact("anna", ANNA), contact("carla", ANNA), contact("beat", ANNA, active=False)],
        [contact("anna", ANNA), contact("carla", ANNA)],
    ],
    ids=["leaves the number", "becomes inactive", "is removed"],
)
def test_a_choice_ends_for_good_when_its_contact(
    shared: Directory, later: list[ContactRecord]
) -> None:
    chosen(shared, "Beat")
    put(shared, *later)
    assert shared.find(ANNA, user="u").quality == "several"

    put(shared, contact("anna", ANNA), contact("beat", ANNA))

    assert shared.find(ANNA, user="u").quality == "several"


def test_a_choice_outlives_an_import_that_changes_something_else(shared: Directory) -> None:
    chosen(shared, "Beat")
    put(shared, contact("anna", ANNA), contact("beat", ANNA, email="beat@example.ch"))

    assert shared.find(ANNA, user="u").remembered


def test_a_choice_counts_even_where_a_higher_source_knows_somebody_else(shared: Directory) -> None:
    chosen(shared, "Beat")
    put(shared, contact("carla", ANNA), source="outlook", priority=99)

    match = shared.find(ANNA, user="u")

    assert (match.remembered, name(match.contact), names(match)) == (
        True,
        "Beat",
        ["Beat", "Carla"],
    )


def test_where_only_one_is_left_nothing_had_to_be_remembered(shared: Directory) -> None:
    chosen(shared, "Beat")
    put(shared, contact("beat", ANNA))

    match = shared.find(ANNA, user="u")

    assert (match.quality, match.remembered, match.candidates) == ("exact", False, ())


def test_a_choice_holds_for_the_other_spelling_of_the_subscriber(directory: Directory) -> None:
    put(directory, contact("anna", "+390212345678"), contact("beat", "+390212345678"))
    [_, beat] = directory.find("+390212345678", user="u").candidates
    directory.remember_choice("u", "+39212345678", beat.id)

    assert name(directory.find("+390212345678", user="u").contact) == "Beat"


@pytest.mark.parametrize("number", ["", "0", "anonymous"])
def test_no_choice_is_remembered_for_a_withheld_number(shared: Directory, number: str) -> None:
    [anna, _] = shared.find(ANNA, user="u").candidates

    assert shared.remember_choice("u", number, anna.id) is False
    assert shared.choices("u") == []


def test_nobody_can_be_chosen_who_does_not_have_the_number(shared: Directory) -> None:
    put(shared, contact("anna", ANNA), contact("beat", ANNA), contact("carla", "+41441234599"))
    carla = shared.find("+41441234599", user="u").contact
    assert carla is not None

    assert shared.remember_choice("u", ANNA, carla.id) is False


def test_a_choice_among_companies_of_one_switchboard_is_remembered(directory: Directory) -> None:
    put(
        directory,
        company("muster", switchboard(MUSTER, STEM)),
        company("other", switchboard(MUSTER, STEM)),
    )
    [_, other] = directory.find("+41445550255", user="u").candidates
    directory.remember_choice("u", "+41445550255", other.id)

    match = directory.find("+41445550255", user="u")

    assert (match.quality, match.remembered, name(match.contact)) == ("switchboard", True, "Other")
    assert directory.find("+41445550266", user="u").quality == "several"
