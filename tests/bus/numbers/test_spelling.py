"""Short numbers, extensions, and the many ways to write a number."""

import pytest

from bus.numbers.number import Number, dial_form, read_number
from bus.numbers.profile import NumberProfile
from tests.bus.numbers.sites import BERLIN, MILAN, NEW_YORK, SITES, ZURICH

# short numbers and extensions


@pytest.mark.parametrize("text", ["112", "911", "117", "144"])
def test_an_emergency_number_comes_before_an_extension_of_the_same_digits(text: str) -> None:
    site = NumberProfile(country="CH", extensions=(text,))

    assert read_number(text, site) == Number(
        raw=text, kind="external", reading="emergency", short=text, dialable=True
    )


def test_a_service_number_comes_before_an_extension_unless_the_site_names_it() -> None:
    named = NumberProfile(country="CH", extensions=("163",))

    assert read_number("163", ZURICH).kind == "external"
    assert read_number("163", named).kind == "internal"


def test_a_site_names_emergency_and_service_numbers_of_its_own() -> None:
    site = NumberProfile(country="CH", emergency=("555",), service=("4444",))

    assert read_number("555", site).reading == "emergency"
    assert read_number("4444", site).reading == "service"
    assert read_number("112", site).reading == "emergency"


@pytest.mark.parametrize("digits", ["200", "333", "543", "2345", "5200", "9988"])
def test_numbers_for_text_messages_do_not_swallow_extensions(digits: str) -> None:
    for country in ("CH", "DE", "AT", "LI", "GB", "US"):
        site = NumberProfile(country=country)

        assert read_number(digits, site).kind == "internal", country


def test_an_extension_has_at_most_the_configured_digits() -> None:
    assert read_number("22", NumberProfile(internal_digits=2)).kind == "internal"
    assert read_number("223", NumberProfile(internal_digits=2)).kind == "unknown"
    assert read_number("22", NumberProfile(internal_digits=0)).kind == "unknown"


def test_an_extension_begins_neither_with_zero_nor_with_the_outside_line() -> None:
    nine = NumberProfile(country="US", outside_line="9")

    assert read_number("0815", ZURICH).kind == "unknown"
    assert read_number("9123", nine).kind == "unknown"
    assert read_number("9911", nine).short == "911"


def test_a_short_called_number_is_no_end_of_a_longer_one() -> None:
    assert read_number("6789", ZURICH).e164 is None


# spelling


@pytest.mark.parametrize("zero", ["(0)", " (0) ", "( 0 )", "（０）"])
def test_the_zero_in_brackets_behind_a_country_code_is_dropped(zero: str) -> None:
    assert read_number(f"+41{zero}44 520 67 89", ZURICH).e164 == "+41445206789"


def test_the_zero_in_brackets_belongs_to_an_italian_number() -> None:
    assert read_number("+39 (0)6 12345678", ZURICH).e164 == "+390612345678"


def test_the_italian_zero_belongs_to_the_number() -> None:
    assert read_number("+39 06 12345678", MILAN).e164 == "+390612345678"
    assert read_number("06 12345678", MILAN).e164 == "+390612345678"


def test_letters_are_keys_only_in_ranges_like_freephone() -> None:
    assert read_number("0800 FLOWERS", BERLIN).e164 == "+498003569377"
    assert read_number("1-800-FLOWERS", NEW_YORK).e164 == "+18003569377"
    assert read_number("030 FLOWERS", BERLIN).kind == "unknown"
    assert read_number("212-FLOWERS", NEW_YORK).kind == "unknown"


@pytest.mark.parametrize(
    "text", ["0800 1234567 Fax", "0800 Fax 1234567", "0800 FAX", "0800 1234567 Zentrale"]
)
def test_a_label_at_a_freephone_number_is_no_word_for_the_keys(text: str) -> None:
    assert read_number(text, BERLIN).kind == "unknown"


@pytest.mark.parametrize("ending", [";ext=12", " ext. 12", " ext 12", " x12", "x 12", ", ext. 12"])
def test_an_extension_behind_a_number_is_dropped(ending: str) -> None:
    assert read_number("044 520 67 89" + ending, ZURICH).e164 == "+41445206789"


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+43 1 51433 DW 45", "+4315143345"),
        ("+43 1 51433-0 DW 45", "+4315143345"),
        ("+43 1 51433-45", "+4315143345"),
        ("+49 30 123456-123", "+4930123456123"),
        ("+49 30 123456 Durchwahl 123", "+4930123456123"),
        ("+41 44 520 67 89 DW 45", "+41445206789"),
    ],
)
def test_direct_dial_digits_belong_to_austrian_and_german_numbers(text: str, e164: str) -> None:
    assert read_number(text, ZURICH).e164 == e164


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\t", "\n", "\r", "\x1b", "\x85", "\u2028"])
@pytest.mark.parametrize("text", ["{}0445206789", "0445206789{}", "044{}5206789"])
def test_a_control_character_makes_it_no_number(text: str, sign: str) -> None:
    assert read_number(text.format(sign), ZURICH).kind == "unknown"


def test_a_mark_that_turns_the_digits_round_makes_it_no_number() -> None:
    assert read_number("\N{RIGHT-TO-LEFT OVERRIDE}0445206789", ZURICH).kind == "unknown"
    assert read_number(
        "\N{LEFT-TO-RIGHT EMBEDDING}0445206789\N{POP DIRECTIONAL FORMATTING}", ZURICH
    ).e164


@pytest.mark.parametrize("text", ["*21*0445206789#", "044*5206789", "0445206789#", "＃31", "*"])
def test_a_star_or_a_hash_makes_it_no_number(text: str) -> None:
    assert read_number(text, ZURICH) == Number(raw=text, kind="unknown", reading="feature-code")


@pytest.mark.parametrize(
    "text", ["23.11.2026", "1.2.2026", "2026-11-23", "11/23/2026", "23-11-26", "23. 11. 2026"]
)
@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_a_date_is_no_number(text: str, site: NumberProfile) -> None:
    assert read_number(text, site).kind == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        "044 520 67 89 / 079 123 45 67",
        "+41445206789 +41791234567",
        "030 1234/030 4321",
        "030 1234 030 4321",
        "030 1234 - 030 4321",
        "030 1234  030 4321",
    ],
)
def test_two_numbers_in_one_field_are_no_number(text: str) -> None:
    assert read_number(text, BERLIN).kind == "unknown"


def test_the_slash_of_german_spelling_does_not_make_two_numbers() -> None:
    assert read_number("030 / 12 34 56 78", BERLIN).e164 == "+493012345678"


# withheld


@pytest.mark.parametrize("text", ["", " ", "\N{NO-BREAK SPACE}", "0", "(0)", "-", "--"])
def test_an_empty_text_and_a_zero_are_withheld(text: str) -> None:
    assert read_number(text, ZURICH).kind == "withheld"


@pytest.mark.parametrize(
    "text", ["unterdrückt", "UNBEKANNT", "Withheld", "numéro masqué", "numero sconosciuto"]
)
def test_the_words_for_withheld_are_known_in_each_language(text: str) -> None:
    number = read_number(text, ZURICH)

    assert (number.kind, number.e164, number.dialable) == ("withheld", None, False)


# URIs


@pytest.mark.parametrize(
    "text",
    [
        "tel:+41445206789",
        "tel:%2B41%2044%20520%2067%2089",
        "tel:445206789;phone-context=+41",
        "tel:5206789;phone-context=+41-44",
        "callto:+41445206789",
        "sip:+41445206789@pbx.example",
        "sip:0445206789@pbx.example;user=phone",
    ],
)
def test_a_uri_is_read(text: str) -> None:
    number = read_number(text, ZURICH)

    assert (number.e164, number.dialable) == ("+41445206789", True)


def test_a_uri_is_decoded_once() -> None:
    assert read_number("tel:%252B41445206789", ZURICH).kind == "unknown"


@pytest.mark.parametrize("text", ["tel:%0D0445206789", "tel:%00", "tel:%ff", "tel:044%2A520"])
def test_what_is_no_number_stays_none_inside_a_uri(text: str) -> None:
    assert read_number(text, ZURICH).kind == "unknown"


def test_a_number_at_a_foreign_domain_is_known_but_cannot_be_dialled() -> None:
    number = read_number("sip:+41445206789@elsewhere.example", ZURICH)

    assert (number.e164, number.dialable) == ("+41445206789", False)
    with pytest.raises(ValueError, match="cannot be dialled"):
        dial_form(number, ZURICH)


@pytest.mark.parametrize(
    "text",
    [
        "sip:200@elsewhere.example",
        "sip:117@elsewhere.example",
        "sip:5206789@elsewhere.example",
        "tel:200;phone-context=elsewhere.example",
    ],
)
def test_what_is_short_or_local_at_a_foreign_domain_is_unknown_here(text: str) -> None:
    assert read_number(text, ZURICH).kind == "unknown"


def test_an_extension_at_the_own_domain_is_internal() -> None:
    assert read_number("sip:200@PBX.example:5060", ZURICH).kind == "internal"


@pytest.mark.parametrize(
    "words", ["ext. 12", "x12", "poste 12", "int. 12", "interno 12", "Nebenstelle 12", "App. 12"]
)
def test_an_extension_behind_a_number_is_said_in_many_languages(words: str) -> None:
    number = read_number(f"+41 21 234 56 78 {words}", NumberProfile(country="CH"))

    assert number.e164 == "+41212345678"
