import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.numbers.number import NumberProfile, read_number
from consumers.importers.numbers.fields import read_field, read_in_full

SWISS = NumberProfile(country="CH", area_code="44")
OFFICE, MOBILE = "+41441234567", "+41795550101"


def reported(text: str, country: str = "", label: str = "") -> list[tuple[str, str]]:
    return [
        (one.e164, one.label)
        for one in read_field(text, SWISS, country=country, label=label).numbers
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("044 123 45 67", [(OFFICE, "")]),
        ("Tel. 044 123 45 67", [(OFFICE, "")]),
        ("Tel.: 044 123 45 67", [(OFFICE, "")]),
        ("Tel 044/123 45 67", [(OFFICE, "")]),
        ("Büro 044 123 45 67", [(OFFICE, "work")]),
        ("Tel. G: 044 123 45 67", [(OFFICE, "work")]),
        ("044 123 45 67 (Mobile)", [(OFFICE, "mobile")]),
        ("044 123 45 67 privat", [(OFFICE, "home")]),
        ("Tel. 044 123 45 67 / Mob. 079 555 01 01", [(OFFICE, ""), (MOBILE, "mobile")]),
        ("T 044 123 45 67 M 079 555 01 01", [(OFFICE, ""), (MOBILE, "mobile")]),
        ("044 123 45 67 (G), 079 555 01 01 (mobil)", [(OFFICE, "work"), (MOBILE, "mobile")]),
        ("Natel: 079 555 01 01, Büro: 044 123 45 67", [(MOBILE, "mobile"), (OFFICE, "work")]),
        ("044 123 45 67/079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67, +41 79 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67; 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 | 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67\r\n079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 oder 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 ou 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("tél. 044 123 45 67 fax 044 123 45 68", [(OFFICE, ""), ("+41441234568", "fax")]),
        ("044 123 45 67 044 123 45 67", []),
        ("044 123 45 67, 044 123 45 67", [(OFFICE, "")]),
        ("+41 44 123 45 67, 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 od. 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 & 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 - 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67  079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67\t079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 ¦ 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 + 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 + 41 79 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("0041441234567 0041795550101", [(OFFICE, ""), (MOBILE, "")]),
        ("\U0001f4de 044 123 45 67 \U0001f4f1 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("044 123 45 67 sowie 079 555 01 01", [(OFFICE, ""), (MOBILE, "")]),
        ("Anna 044 123 45 67 / Bernd 079 555 01 01", [(OFFICE, "Anna"), (MOBILE, "Bernd")]),
        ("Tel. e fax 044 123 45 67", [(OFFICE, "fax")]),
        ("tel. privé 044 123 45 67", [(OFFICE, "home")]),
        ("044 123 45 00, Fax -01", [("+41441234500", ""), ("+41441234501", "fax")]),
        ('"Anna Muster" <sip:+41441234567@pbx.example>;tag=1', [(OFFICE, "")]),
        ("Fax", []),
        ("-", []),
        ("0", []),
        ("", []),
        (" / ", []),
    ],
)
def test_labels_and_several_numbers_are_split(text: str, expected: list[tuple[str, str]]) -> None:
    assert reported(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "030/123456",
        "Peter 079 555 01 01 10",
        "Kundennummer 079 555 01 01",
        "Kunden-Nr. 079 555 01 01",
        "UST-ID: 079 555 01 01",
        "ask the office",
        "n/a",
        "12.05.1970",
        "*21*0441234567#",
        "044 123 45 67 079 555 01 01",
        "9" * 300,
    ],
)
def test_what_is_unclear_is_reported_and_never_guessed(text: str) -> None:
    field = read_field(text, SWISS)

    assert field.numbers == ()
    [unread] = field.unread
    assert unread.reason


def test_what_is_clear_beside_the_unclear_is_taken() -> None:
    field = read_field("Tel. 044 123 45 67; Mob. ask; 079", SWISS)

    assert [one.e164 for one in field.numbers] == [OFFICE]
    assert [one.text for one in field.unread] == ["Mob. ask", "079"]


def test_the_country_of_the_contact_reads_its_national_numbers() -> None:
    assert reported("030 901820", country="DE") == [("+4930901820", "")]
    assert reported("+41 44 123 45 67", country="DE") == [(OFFICE, "")]


def test_a_direct_dial_number_stays_whole() -> None:
    assert reported("030 90182 DW 47", country="DE") == [("+49309018247", "")]


def test_the_label_of_the_column_counts_where_the_field_has_none() -> None:
    assert reported("044 123 45 67, Fax 044 123 45 68", label="work") == [
        (OFFICE, "work"),
        ("+41441234568", "fax"),
    ]


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("Fax Geschäft", "fax"),
        ("Tel. (privat)", "home"),
        ("Mobile / Natel", "mobile"),
        ("Telefon 2", "Telefon 2"),
        ("Ferienhaus", "Ferienhaus"),
    ],
)
def test_a_label_of_several_known_words_means_the_most_particular(label: str, meaning: str) -> None:
    assert reported("044 123 45 67", label=label) == [(OFFICE, meaning)]


@pytest.mark.parametrize("word", ["Zentrale", "Centrale", "Centralino", "switchboard", "ZENTRALE:"])
def test_a_label_is_evidence_of_a_switchboard(word: str) -> None:
    [number] = read_field(f"{word} 030 901820", SWISS, country="DE").numbers

    assert (number.label, number.stem) == ("switchboard", "+493090182")


def test_an_internal_number_is_kept_without_a_stem() -> None:
    [number] = read_field("23", SWISS, switchboard=True).numbers

    assert (number.raw, number.e164, number.stem) == ("23", "", "")


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for number in read_field(text, SWISS).numbers:
        assert read_number(number.raw, SWISS).e164 == (number.e164 or None)


numbers = st.sampled_from(
    ["044 123 45 67", "+41 79 555 01 01", "0041 44 123 45 68", "079 555 01 02"]
)


@given(
    st.lists(numbers, min_size=1, max_size=4), st.sampled_from([" / ", ", ", "; ", "\n", " oder "])
)
def test_whole_numbers_are_split_whatever_stands_between_them(
    several: list[str], between: str
) -> None:
    field = read_field(between.join(several), SWISS)

    expected = [read_number(one, SWISS).e164 for one in several]
    assert [one.e164 for one in field.numbers] == list(dict.fromkeys(expected))
    assert field.unread == ()


@pytest.mark.parametrize(
    ("text", "e164", "label", "beside"),
    [
        ("Peter 079 555 01 01", "+41795550101", "Peter", ()),
        ("Guido: 079 555 01 01", "+41795550101", "Guido", ()),  # `uid` is no word of it
        ("Vater August Muster 079 555 01 01", "+41795550101", "Vater August Muster", ()),
        ("079 555 01 01 anna@muster.example", "+41795550101", "anna@muster.example", ()),
        ("079 555 01 01 Sekretariat Müller", "+41795550101", "Sekretariat Müller", ()),
        ("WhatsApp: +41 79 555 01 01", "+41795550101", "WhatsApp", ()),
        ("044 555 01 01 (ab 14 Uhr)", "+41445550101", "ab 14 Uhr", ()),
        ("+41 44 555 01 01 PIN 1234", "+41445550101", "PIN 1234", ()),
        ("+41 44 555 01 01,,1234#", "+41445550101", "", ()),
        ("+41 44 555 01 01p99", "+41445550101", "", ()),
        ("+41\ufe0f 79 555 01 01", "+41795550101", "", ()),
        ("\U0001f4f1 079 555 01 01", "+41795550101", "", ()),
        ("+41\u316479 555 01 01", "+41795550101", "", ()),
        ("044\t555\t01\t01", "+41445550101", "", ()),
        ("+41 44 555 01 01\u00b9", "+41445550101", "", ()),
        ("0\ufe0f\u20e344 555 01 01", "+41445550101", "", ()),
        ("+0041 79 555 01 01", "+41795550101", "", ()),
        ("++41 79 555 01 01", "+41795550101", "", ()),
        ("[+41] 79 555 01 01", "+41795550101", "", ()),
        ("+41_79_555_01_01", "+41795550101", "", ()),
        ('="0445550101"', "+41445550101", "", ()),
        ("044 555 01 01 int. 12", "+41445550101", "", ()),
        ("tel:555-01-01;phone-context=+4144", "+41445550101", "", ()),
        ("555-01-01;phone-context=+4144;isub=1", "+41445550101", "", ()),
        ("tel:+41-44-555-01-01;ext=102;tsp=a.b", "+41445550101", "", ()),
    ],
)
def test_what_stands_beside_a_number_does_not_hide_it(
    text: str, e164: str, label: str, beside: tuple[str, ...]
) -> None:
    field = read_field(text, NumberProfile(country="CH", area_code="44"))

    assert [(one.e164, one.label) for one in field.numbers] == [(e164, label)]
    assert (field.unread, field.beside) == ((), beside)


def test_a_number_without_its_zero_is_reported_as_such() -> None:
    [unread] = read_field("79 555 01 01", SWISS).unread

    assert "lost the zero" in unread.reason


def test_words_beside_a_number_with_a_label_are_reported() -> None:
    field = read_field("079 555 01 01 nur Notfall", SWISS, label="mobile")

    assert [(one.e164, one.label) for one in field.numbers] == [("+41795550101", "mobile")]
    assert field.beside == ("nur Notfall",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\u202e+41 79 555 01 25\u202c", "a sign that turns the digits round"),
        ("O44 555 01 45", "what is beside the number is not understood: 'O'"),
        ("+41 79 555", "no telephone number of that country"),
    ],
)
def test_a_reason_names_the_sign_that_is_in_the_way(text: str, reason: str) -> None:
    [unread] = read_field(text, SWISS, only_international="no country").unread

    assert unread.reason in (reason, "no country")


plain = st.builds(
    "{}{}".format,
    st.sampled_from(
        ["+41 44 ", "044 ", "0041 44 ", "+49 30 ", "079 ", "0", "+39 0", "+1 212 ", ""]
    ),
    st.text("0123456789 ", min_size=5, max_size=12),
)


@settings(max_examples=300)
@given(
    plain,
    st.sampled_from(["", "CH", "DE", "IT"]),
    st.sampled_from(["", "Fax", "Zentrale", "Frau Muster"]),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from(["", "the country is not understood"]),
)
def test_a_plain_number_is_read_as_any_other(
    text: str, country: str, label: str, switchboard: bool, extension_digits: int, unknown: str
) -> None:
    fast = read_field(
        text, SWISS, country=country, label=label, switchboard=switchboard,
        extension_digits=extension_digits, only_international=unknown,
    )  # fmt: skip

    assert fast == read_in_full(text, SWISS, country, label, switchboard, extension_digits, unknown)
