import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.numbers import NumberProfile, read_number
from consumers.importers.number_fields import ReadField, read_field

SWISS = NumberProfile(country="CH", area_code="44")
GERMAN = NumberProfile(country="DE", area_code="30")


def told(field: ReadField) -> list[str]:
    return [one.raw for one in field.numbers]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("044 123 45 67 / 68", "044 123 45 68"),
        ("044 123 45 67/68", "044 123 45 68"),
        ("Tel. 044 123 45 67 / 68", "044 123 45 68"),
        ("044 123 45 67 / 8", "044 123 45 68"),
        ("044 123 45 67, 68", "044 123 45 68"),
        ("044 123 45 67 oder 68", "044 123 45 68"),
        ("044 123 45 67 u. 68", "044 123 45 68"),
        ("044 123 45 67 / 45 70", "044 123 45 70"),
        ("+41 44 123 45 67 / 68", "+41 44 123 45 68"),
        ("0441234567/68", "0441234568"),
        ("058 123 45 67 / 68", "058 123 45 68"),
    ],
)
def test_the_last_digits_of_a_second_line_are_written_out(text: str, second: str) -> None:
    field = read_field(text, SWISS)

    assert [one.raw for one in field.numbers][1:] == [second]
    assert field.numbers[1].e164 == read_number(second, SWISS).e164
    assert field.unread == ()


def test_a_third_line_follows_the_second() -> None:
    field = read_field("044 123 45 67 / 68 / 69", SWISS)

    assert told(field) == ["044 123 45 67", "044 123 45 68", "044 123 45 69"]


def test_the_label_of_a_second_line_is_its_own() -> None:
    field = read_field("Tel. 044 123 45 67 / Fax 68", SWISS)

    assert [(one.raw, one.label) for one in field.numbers] == [
        ("044 123 45 67", ""),
        ("044 123 45 68", "fax"),
    ]


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("044 123 45 67", "12"),  # lower: an extension, a floor, a mistake
        ("044 123 45 67", "67"),
        ("044 123 45 67", "689"),  # not as the groups are written
        ("079 555 01 01", "02"),  # a mobile has no second line
    ],
)
def test_without_evidence_the_first_is_taken_and_the_rest_told(first: str, rest: str) -> None:
    field = read_field(f"{first} / {rest}", SWISS)

    assert told(field) == [first]
    [unread] = field.unread
    assert unread.text == rest
    assert unread.reason.startswith("two numbers")


@pytest.mark.parametrize("text", ["030 1234567 / 68", "030 1234567 / 12", "030 123456-0 / 12"])
def test_what_may_be_one_number_or_two_is_refused_whole(text: str) -> None:
    field = read_field(text, GERMAN)

    assert field.numbers == ()
    [unread] = field.unread
    assert unread.reason.startswith("two numbers, or one")


def test_a_slash_without_blanks_is_spelling_where_the_whole_is_a_number() -> None:
    assert [one.e164 for one in read_field("030 1234567/68", GERMAN).numbers] == ["+4930123456768"]


def test_a_word_between_them_says_that_there_are_two() -> None:
    assert told(read_field("030 1234567 oder 68", GERMAN)) == ["030 1234567", "030 1234568"]


@pytest.mark.parametrize("text", ["044 123 45 67; 23", "044 123 45 67\n23"])
def test_an_extension_on_its_own_stays_an_extension(text: str) -> None:
    assert told(read_field(text, SWISS)) == ["044 123 45 67", "23"]


@pytest.mark.parametrize(
    "text", ["044 123 45 67 / 765 43 21", "044 123 45 67 - 69", "044 123 45 67 079 555 01 01"]
)
def test_two_numbers_that_are_not_split_are_refused_as_two(text: str) -> None:
    field = read_field(text, SWISS)

    assert field.numbers == ()
    [unread] = field.unread
    assert unread.reason.startswith("two numbers")


@pytest.mark.parametrize("text", ["044 123 45 67 / 68", "044 123 45 67 oder 68"])
def test_the_reading_itself_never_splits(text: str) -> None:
    assert read_number(text, SWISS).kind == "unknown"


@settings(deadline=None)
@given(st.from_regex(r"\A044 123 45 [0-9]{2} ?[/,] ?[0-9]{1,4}\Z"))
def test_a_second_line_differs_in_its_last_digits_only(text: str) -> None:
    numbers = [one.e164 for one in read_field(text, SWISS).numbers]

    assert all(one.startswith("+4144123") for one in numbers)
    assert numbers == sorted(numbers)
