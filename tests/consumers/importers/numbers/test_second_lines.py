import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.numbers.number import NumberProfile, read_number
from consumers.importers.numbers.fields import ReadField, read_field

SWISS = NumberProfile(country="CH", area_code="44")
GERMAN = NumberProfile(country="DE", area_code="30")


def reported(field: ReadField) -> list[str]:
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

    assert reported(field) == ["044 123 45 67", "044 123 45 68", "044 123 45 69"]


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
def test_without_evidence_the_first_is_taken_and_the_rest_reported(first: str, rest: str) -> None:
    field = read_field(f"{first} / {rest}", SWISS)

    assert reported(field) == [first]
    [unread] = field.unread
    assert unread.text == rest
    assert unread.reason.startswith("two numbers")


AUSTRIAN = NumberProfile(country="AT", area_code="1")


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        (GERMAN, "030 1234567 / 68"),
        (GERMAN, "030 1234567 / 12"),
        (GERMAN, "030 123456-0 / 12"),
        (GERMAN, "030 1234567/68"),
        (GERMAN, "030/1234567/68"),
        (GERMAN, "030 1234567, 68"),
        (GERMAN, "1234567/68"),
        (GERMAN, "030/12345-67/-168"),
        (AUSTRIAN, "01 513 12 34/35"),
        (AUSTRIAN, "0316/380/1234"),
        (SWISS, "+39 06 1234567/8"),
    ],
)
def test_what_may_be_one_number_or_two_is_refused_whole(profile: NumberProfile, text: str) -> None:
    field = read_field(text, profile)

    assert field.numbers == ()
    [unread] = field.unread
    assert unread.text == text
    assert unread.reason.startswith("two numbers, or one")


@pytest.mark.parametrize(
    "between", [" oder ", " und ", " u. ", " & ", "; ", "\n", " | ", " / Fax ", ", Fax "]
)
def test_where_two_surely_are_but_the_second_is_unclear_the_first_is_taken(between: str) -> None:
    field = read_field(f"030 12345{between}99", GERMAN)

    assert reported(field) == ["030 12345"]
    [unread] = field.unread
    assert (unread.text, unread.reason[:11]) == ("99", "two numbers")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("030 12345-67/68", ["030 12345-67", "030 12345-68"]),
        ("030 12345-67/-58", ["030 12345-67", "030 12345-58"]),
        ("030/12345-0/-12", ["030/12345-0", "030/12345-12"]),
        ("030 12345-67/68/69", ["030 12345-67", "030 12345-68", "030 12345-69"]),
        ("030 12345 - 67 / 68", ["030 12345 - 67", "030 12345 - 68"]),
    ],
)
def test_a_hyphen_shows_which_digits_are_the_extension(text: str, expected: list[str]) -> None:
    field = read_field(text, GERMAN)

    assert reported(field) == expected
    assert [one.e164 for one in field.numbers] == [read_number(x, GERMAN).e164 for x in expected]
    assert field.unread == ()


@pytest.mark.parametrize(
    ("profile", "text", "e164"),
    [
        (GERMAN, "030/1234567", "+49301234567"),
        (GERMAN, "03301/1234", "+4933011234"),
        (GERMAN, "+49 3301/1234", "+4933011234"),
        (AUSTRIAN, "0664/123 45 67", "+436641234567"),
        (SWISS, "044 520/67/88", "+41445206788"),
    ],
)
def test_a_slash_before_a_number_is_whole_is_spelling(
    profile: NumberProfile, text: str, e164: str
) -> None:
    assert [one.e164 for one in read_field(text, profile).numbers] == [e164]


@pytest.mark.parametrize(
    ("text", "expected", "refused"),
    [
        ("044 520 67 88; 89", ["88", "89"], []),
        ("044 520 67 88\n89", ["88", "89"], []),
        ("044 520 67 88 | 89", ["88", "89"], []),
        ("044 520 67 88 und 89, Fax 90", ["88", "89", "90"], []),
        ("044 520 67 88; 23", ["88"], ["23"]),
        ("044 520 67 88\n23", ["88"], ["23"]),
        ("044 520 67 88; ask; 89", ["88"], ["ask", "89"]),
        ("044 520 67 88; 117", ["88"], ["117"]),
        ("044 520 67 88 / 00", ["88"], ["00"]),
        ("044 520 67 88 / 0", ["88"], ["0"]),
        ("044/520 67 88/89", ["88", "89"], []),
        ("044 520 67 88 / 91 Zentrale", ["88", "91"], []),
        ("044 520 67 88 / 89 / 079 555 01 01", ["88", "89", "01"], []),
        ("044 520 67 88 / 12 / 89", ["88", "89"], ["12"]),
    ],
)
def test_behind_a_whole_number_last_digits_are_never_our_own_extension(
    text: str, expected: list[str], refused: list[str]
) -> None:
    field = read_field(text, SWISS)

    assert [one.e164[-2:] for one in field.numbers] == expected
    assert [one.text for one in field.unread] == refused


def test_extensions_alone_stay_extensions() -> None:
    assert reported(read_field("23; 24", SWISS)) == ["23", "24"]


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


@given(st.from_regex(r"\A044 123 45 [0-9]{2} ?[/,] ?[0-9]{1,4}\Z"))
def test_a_second_line_differs_in_its_last_digits_only(text: str) -> None:
    numbers = [one.e164 for one in read_field(text, SWISS).numbers]

    assert all(one.startswith("+4144123") for one in numbers)
    assert numbers == sorted(numbers)
