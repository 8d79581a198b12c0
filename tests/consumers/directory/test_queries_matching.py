from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, Unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.directory.changes import KINDS, Change, Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.queries import possible_stems
from consumers.directory.records import Contact, ContactKind, ContactNumber, Match, stem_of

ANNA = "+41441234567"
MUSTER = "+41445550200"
STEM = "+414455502"


class Fields(TypedDict, total=False):
    """What else a test may say of a contact."""

    kind: ContactKind
    employer_key: str
    email: str
    active: bool


def contact(key: str, *numbers: str | ContactNumber, **fields: Unpack[Fields]) -> ContactRecord:
    return ContactRecord(
        key=key,
        name=key.title(),
        numbers=tuple(
            one if isinstance(one, ContactNumber) else ContactNumber(raw=one, e164=one)
            for one in numbers
        ),
        **fields,
    )


def company(key: str, *numbers: str | ContactNumber) -> ContactRecord:
    return contact(key, *numbers, kind="company")


def switchboard(e164: str, stem: str) -> ContactNumber:
    return ContactNumber(raw=e164, e164=e164, stem=stem)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "directory.db") as directory:
        yield directory


def put(directory: Directory, *records: Change, source: str = "crm", priority: int = 10) -> None:
    directory.apply(Changes(source, records, priority, frozenset(KINDS)), force=True)


def name(contact: Contact | None) -> str | None:
    return contact.name if contact else None


def names(match: Match) -> list[str]:
    return [one.name for one in match.candidates]


# exact


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


# inactive


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


# several, priority


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


# switchboard


def test_an_unknown_extension_identifies_the_company(directory: Directory) -> None:
    put(directory, company("muster", switchboard(MUSTER, STEM)))

    match = directory.find("+41445550255", user="u")

    assert (match.quality, name(match.contact)) == ("switchboard", "Muster")


def test_a_known_extension_is_the_employee(directory: Directory) -> None:
    put(
        directory,
        company("muster", switchboard(MUSTER, STEM)),
        contact("carla", "+41445550217", employer_key="muster"),
    )

    match = directory.find("+41445550217", user="u")

    assert (match.quality, name(match.contact), name(match.employer)) == (
        "exact",
        "Carla",
        "Muster",
    )


def test_a_number_that_only_ends_in_zeros_is_no_switchboard(directory: Directory) -> None:
    put(directory, company("muster", "+41445550000"))

    assert directory.find("+41445550012", user="u").quality == "none"


def test_the_longest_stem_fits(directory: Directory) -> None:
    put(
        directory,
        company("group", switchboard("+4930901820", "+493090182")),
        company("branch", switchboard("+49309018250", "+4930901825")),
    )

    assert name(directory.find("+493090182512", user="u").contact) == "Branch"
    assert name(directory.find("+493090182412", user="u").contact) == "Group"


def test_two_companies_on_one_stem_are_several(directory: Directory) -> None:
    put(
        directory,
        company("muster", switchboard(MUSTER, STEM)),
        company("other", switchboard(MUSTER, STEM)),
    )

    match = directory.find("+41445550255", user="u")

    assert (match.quality, names(match)) == ("several", ["Muster", "Other"])


def test_a_switchboard_on_a_persons_card_leads_to_the_employer(directory: Directory) -> None:
    put(
        directory,
        contact("carla", switchboard(MUSTER, STEM), employer_key="muster"),
        company("muster"),
    )

    match = directory.find("+41445550255", user="u")

    assert (match.quality, name(match.contact)) == ("switchboard", "Muster")


def test_several_people_with_the_switchboard_on_their_cards_are_one_company(
    directory: Directory,
) -> None:
    put(
        directory,
        company("muster"),
        contact("carla", switchboard(MUSTER, STEM), employer_key="muster"),
        contact("dora", switchboard(MUSTER, STEM), employer_key="muster"),
    )

    unknown = directory.find("+41445550255", user="u")
    itself = directory.find(MUSTER, user="u")

    assert (unknown.quality, name(unknown.contact)) == ("switchboard", "Muster")
    assert (itself.quality, names(itself)) == ("several", ["Carla", "Dora"])


def test_an_extension_in_the_directory_is_no_part_of_anybodys_number(directory: Directory) -> None:
    put(directory, contact("anna", ANNA), contact("beat", ContactNumber(raw="567")))

    assert directory.find("567", user="u").quality == "none"
    assert name(directory.find(ANNA, user="u").contact) == "Anna"


def test_the_same_question_has_the_same_answer_all_day(directory: Directory) -> None:
    put(directory, contact("anna", ANNA), contact("beat", ANNA))
    first = directory.find(ANNA, user="u")
    put(directory, contact("anna", ANNA), contact("beat", ANNA))
    put(directory, contact("carl", "+41790000000"), source="phone", priority=20)

    assert {directory.find(ANNA, user="u").model_dump_json() for _ in range(20)} == {
        first.model_dump_json()
    }


def test_a_switchboard_on_the_card_of_a_person_without_a_company_is_no_match(
    directory: Directory,
) -> None:
    put(directory, contact("carla", switchboard(MUSTER, STEM)))

    assert directory.find("+41445550255", user="u").quality == "none"


def test_an_extension_is_not_endless(directory: Directory) -> None:
    put(directory, company("muster", switchboard("+4930901820", "+493090182")))

    assert directory.find("+493090182123456", user="u").quality == "switchboard"
    assert directory.find("+4930901821234567", user="u").quality == "none"


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_a_stem_is_shorter_than_its_number_and_longer_than_a_country(e164: str) -> None:
    stems = possible_stems(e164)

    assert all(e164.startswith(stem) and 7 < len(stem) < len(e164) for stem in stems)
    assert stems == sorted(stems, key=len)


@pytest.mark.parametrize(
    ("raw", "e164", "marked", "stem"),
    [
        ("030 90182-0", "+4930901820", False, "+493090182"),
        ("030 90182 – 0", "+4930901820", False, "+493090182"),
        ("01 58858 DW 0", "+431588580", False, "+43158858"),
        ("030 901820", "+4930901820", False, ""),
        ("044 555 02 00", "+41445550200", False, ""),
        ("044-555-02-00", "+41445550200", False, ""),
        ("030 90182-17", "+493090182017", False, ""),
        ("044 555 02 00", "+41445550200", True, "+4144555020"),
        ("044 555 02-00", "+41445550200", True, "+414455502"),
        ("01 58858", "+43158858", True, "+43158858"),
        ("0", "+410", True, ""),
        ("23-0", "", True, ""),
    ],
)
def test_a_stem_needs_evidence(raw: str, e164: str, marked: bool, stem: str) -> None:
    assert stem_of(raw, e164, marked=marked) == stem


def test_a_source_may_say_how_long_its_extensions_are() -> None:
    assert stem_of("044 555 02 00", MUSTER, marked=True, extension_digits=2) == STEM


# suffix


@pytest.fixture
def tolerant(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "tolerant.db", suffix_digits=8) as directory:
        yield directory


def test_the_last_digits_only_offer(tolerant: Directory) -> None:
    put(tolerant, contact("anna", ANNA), contact("beat", "+41441234568"))

    match = tolerant.find("+4941234567", user="u")

    assert (match.quality, match.contact, names(match)) == ("suffix", None, ["Anna"])


def test_the_last_digits_count_only_where_the_site_says_so(directory: Directory) -> None:
    put(directory, contact("anna", ANNA))

    assert directory.find("+4941234567", user="u").quality == "none"


def test_fewer_last_digits_than_asked_do_not_match(tolerant: Directory) -> None:
    put(tolerant, contact("anna", ANNA))

    assert tolerant.find("+4951234567", user="u").quality == "none"


def test_a_choice_does_not_make_last_digits_certain(tolerant: Directory) -> None:
    put(tolerant, contact("anna", ANNA))
    [anna] = tolerant.find("+4941234567", user="u").candidates

    assert tolerant.remember_choice("u", "+4941234567", anna.id) is False
    assert tolerant.find("+4941234567", user="u").contact is None


# the choice of a user


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


def test_nothing_is_left_of_the_caller_before(directory: Directory) -> None:
    put(directory, contact("anna", ANNA))

    answers = [directory.find(one, user="u").contact for one in (ANNA, "+41790000000", "")]

    assert [name(one) for one in answers] == ["Anna", None, None]
