import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.directory.directory import Directory
from tests.consumers.directory.matching.contacts import ANNA, company, contact, name, names, put


def test_an_inactive_contact_does_not_exist(directory: Directory) -> None:
    put(directory, contact("anna", ANNA, active=False))

    assert directory.find(ANNA, user="u").quality == "none"


def test_of_two_contacts_the_active_one_is_found(directory: Directory) -> None:
    put(directory, contact("anna", ANNA, active=False), contact("beat", ANNA))

    match = directory.find(ANNA, user="u")

    assert (match.quality, name(match.contact)) == ("exact", "Beat")


def test_an_inactive_contact_of_a_higher_source_leaves_the_lower_one_to_decide(
    directory: Directory,
) -> None:
    put(directory, contact("anna", ANNA, active=False), source="crm", priority=20)
    put(directory, contact("beat", ANNA), source="phone book", priority=10)

    assert name(directory.find(ANNA, user="u").contact) == "Beat"


def test_a_source_that_is_switched_off_does_not_exist(directory: Directory) -> None:
    put(directory, contact("anna", ANNA))
    directory.set_source("crm", active=False)

    assert directory.find(ANNA, user="u").quality == "none"


def test_two_records_of_one_source_are_several(directory: Directory) -> None:
    put(directory, contact("beat", ANNA), contact("anna", ANNA))

    match = directory.find(ANNA, user="u")

    assert (match.quality, match.contact, names(match)) == ("several", None, ["Anna", "Beat"])


def test_a_company_and_its_employee_on_one_number_are_several(directory: Directory) -> None:
    put(directory, company("muster", ANNA), contact("anna", ANNA, employer_key="muster"))

    assert names(directory.find(ANNA, user="u")) == ["Anna", "Muster"]


def test_the_source_of_highest_priority_decides(directory: Directory) -> None:
    put(directory, contact("beat", ANNA), source="phone book", priority=1)
    put(directory, contact("anna", ANNA), source="crm", priority=2)

    match = directory.find(ANNA, user="u")

    assert match.contact is not None
    assert (match.quality, match.contact.name, match.contact.source) == ("exact", "Anna", "crm")


def test_sources_of_one_priority_decide_together(directory: Directory) -> None:
    put(directory, contact("anna", ANNA), source="crm", priority=5)
    put(directory, contact("anna", ANNA), source="phone book", priority=5)

    assert directory.find(ANNA, user="u").quality == "several"


def test_a_changed_priority_counts_at_the_next_call(directory: Directory) -> None:
    put(directory, contact("beat", ANNA), source="phone book", priority=1)
    put(directory, contact("anna", ANNA), source="crm", priority=2)
    directory.set_source("phone book", priority=3)

    assert name(directory.find(ANNA, user="u").contact) == "Beat"


@settings(max_examples=8)
@given(order=st.permutations(["a", "b", "c", "d"]))
def test_the_answer_does_not_depend_on_the_order_of_the_import(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    with Directory(tmp_path_factory.mktemp("order") / "d.db") as directory:
        for key in order:
            put(directory, contact(key, ANNA), source=key, priority="abcd".index(key) // 2)

        match = directory.find(ANNA, user="u")

    assert (match.quality, names(match)) == ("several", ["C", "D"])
