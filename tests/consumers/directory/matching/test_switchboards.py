import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.directory.directory import Directory
from consumers.directory.queries import possible_stems
from consumers.directory.records import ContactNumber, stem_of
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
