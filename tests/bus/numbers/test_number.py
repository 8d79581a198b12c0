import csv
import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from bus.numbers.number import (
    DialForm,
    Language,
    Number,
    dial_form,
    explain,
    read_number,
    same_subscriber_keys,
    short_code,
)
from bus.numbers.profile import NumberProfile

ZURICH = NumberProfile(country="CH", area_code="44", sip_domains=("pbx.example",))
ZURICH_LINE = NumberProfile(country="CH", area_code="44", outside_line="0")
BERLIN = NumberProfile(country="DE", area_code="30")
BERLIN_LINE = NumberProfile(country="DE", area_code="30", outside_line="0")
GERMANY = NumberProfile(country="DE")
VIENNA = NumberProfile(country="AT", area_code="1")
VADUZ = NumberProfile(country="LI")
MILAN = NumberProfile(country="IT", area_code="02")
FRANCE = NumberProfile(country="FR")
LONDON = NumberProfile(country="GB", area_code="20")
NEW_YORK = NumberProfile(country="US", area_code="212")

SITES = {
    "CH": ZURICH,
    "CH0": ZURICH_LINE,
    "DE": BERLIN,
    "DE0": BERLIN_LINE,
    "DE-": GERMANY,
    "AT": VIENNA,
    "LI": VADUZ,
    "IT": MILAN,
    "FR": FRANCE,
    "GB": LONDON,
    "US": NEW_YORK,
    "MX": NumberProfile(country="MX", area_code="55"),
    "AR": NumberProfile(country="AR", area_code="11"),
    "BR": NumberProfile(country="BR", area_code="11"),
    "CN": NumberProfile(country="CN", area_code="10"),
    "IN": NumberProfile(country="IN", area_code="22"),
    "RU": NumberProfile(country="RU", area_code="495"),
}


def spellings() -> list[dict[str, str]]:
    path = Path(__file__).parent.parent / "numbers.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


SPELLINGS = spellings()


@pytest.mark.parametrize("row", SPELLINGS, ids=lambda row: f"{row['site']}:{row['text']!a}")
def test_a_spelling_of_the_real_world_is_read_as_in_the_table(row: dict[str, str]) -> None:
    number = read_number(row["text"], SITES[row["site"]])

    assert (number.kind, number.e164 or "", number.short or "") == (
        row["kind"],
        row["e164"],
        row["short"],
    )


def test_the_table_holds_some_hundred_spellings_of_fourteen_countries() -> None:
    assert len(SPELLINGS) > 800
    assert {row["site"][:2] for row in SPELLINGS} == {
        *("CH", "DE", "AT", "LI", "IT", "FR", "GB", "US", "MX", "AR", "BR", "CN", "IN", "RU")
    }


_KINDS = ("FIXED_LINE", "MOBILE", "TOLL_FREE", "SHARED_COST", "UAN", "VOIP", "PREMIUM_RATE")


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_countrys_own_examples_are_read_as_it_writes_them(country: str) -> None:
    for kind in _KINDS:
        example = phonenumbers.example_number_for_type(
            country, getattr(phonenumbers.PhoneNumberType, kind)
        )
        if example is None:
            continue
        written = {
            form: phonenumbers.format_number(example, form)
            for form in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL)
        }
        abroad = written[PhoneNumberFormat.INTERNATIONAL]
        e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        for text in (*written.values(), e164, f"00 {abroad[1:]}"):
            found = read_number(text, ZURICH_LINE, country=country)
            if found.reading != "date":  # as some islands write a number
                assert (found.e164 or found.short) in {e164, text}, (text, found)


def test_a_second_zero_before_the_area_code_makes_it_no_number() -> None:
    assert read_number("+49 00 30 123456", ZURICH).kind == "unknown"
    assert read_number("+49 0 30 123456", ZURICH).e164 == "+4930123456"


# the order of the readings


@pytest.mark.parametrize(
    ("text", "site", "reading"),
    [
        ("+41 44 520 67 89", ZURICH, "international"),
        ("0041 44 520 67 89", ZURICH, "international"),
        ("0041 44 520 67 89", NEW_YORK, "international"),
        ("011 41 44 520 67 89", NEW_YORK, "international"),
        ("044 520 67 89", ZURICH, "national"),
        ("234 56 78", VADUZ, "national"),
        ("02 12345678", MILAN, "national"),
        ("520 67 89", ZURICH, "local"),
        ("4930123456", BERLIN, "country-code"),
        ("041445206789", ZURICH, "country-code"),
        ("0 044 520 67 89", ZURICH_LINE, "outside-line"),
        ("0117", ZURICH_LINE, "outside-line"),
        ("117", ZURICH, "emergency"),
        ("145", ZURICH, "service"),
        ("200", ZURICH, "extension"),
        ("anonym", ZURICH, "withheld"),
        ("0445206789\n", ZURICH, "control-character"),
        ("**62", ZURICH, "feature-code"),
        ("23.11.2026", ZURICH, "date"),
        ("044 520 67 89 / 079 123 45 67", ZURICH, "two-numbers"),
        ("Tel. 044 520 67 89", ZURICH, "text"),
        ("1234567", GERMANY, "no-area-code"),
        ("+41 44", ZURICH, "impossible"),
        ("0" * 251, ZURICH, "too-long"),
    ],
)
def test_the_reading_that_counted_is_named(text: str, site: NumberProfile, reading: str) -> None:
    assert read_number(text, site).reading == reading


def test_the_first_valid_reading_goes_before_an_earlier_possible_one() -> None:
    # national 01234567 would be possible in Germany; behind the outside line it is valid
    number = read_number("01234567", BERLIN_LINE)

    assert (number.e164, number.reading) == ("+49301234567", "outside-line")


def test_an_international_reading_goes_before_the_outside_line() -> None:
    assert read_number("0 043 123 45 67", ZURICH_LINE).e164 == "+431234567"


def test_a_number_that_no_table_knows_is_read_by_its_possible_length() -> None:
    number = read_number("+41 74 123 45 67", ZURICH)

    assert (number.kind, number.e164) == ("external", "+41741234567")


@pytest.mark.parametrize(
    ("site", "text", "e164"),
    [
        ("CH", "4315550123", "+4315550123"),
        ("IT", "4315550123", "+4315550123"),
        ("IT", "33142345678", "+33142345678"),
        ("LI", "431555012", "+431555012"),
        ("CH", "43 333 44 55", None),  # may be 043 333 44 55
        ("FR", "431555012", None),
    ],
)
def test_a_foreign_number_without_plus_goes_before_what_is_merely_possible(
    site: str, text: str, e164: str | None
) -> None:
    assert read_number(text, SITES[site]).e164 == e164


@pytest.mark.parametrize(
    ("country", "text", "e164"),
    [
        ("CN", "131 2345 6789", "+8613123456789"),
        ("IN", "1860 345 1234", "+9118603451234"),
        ("IN", "98765 43210", "+919876543210"),
        ("RU", "(912) 345-67-89", "+79123456789"),
        ("AR", "11 15 2345 6789", "+5491123456789"),
    ],
)
def test_a_country_reads_what_it_writes_without_a_trunk_digit(
    country: str, text: str, e164: str
) -> None:
    assert read_number(text, ZURICH, country=country).e164 == e164


def test_a_number_has_fifteen_digits_at_most() -> None:
    assert read_number("+49 30 1234567890", BERLIN).kind == "external"
    assert read_number("+49 30 123456789012", BERLIN).kind == "unknown"


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
@pytest.mark.parametrize("text", ["+49 89 123456", "+41 44 520 67 89", "+39 06 12345678"])
def test_a_foreign_number_is_foreign_whatever_area_code_is_configured(
    text: str, site: NumberProfile
) -> None:
    assert read_number(text, site).e164 == "+" + re.sub(r"\D", "", text)


@pytest.mark.parametrize("text", ["00", "00117", "00 12", "0012", "00 110", "0041", "+41", "+1"])
def test_an_international_prefix_before_too_little_is_no_number(text: str) -> None:
    for site in SITES.values():
        number = read_number(text, site)
        assert number.e164 is None, (site, number)


@pytest.mark.parametrize(
    "text",
    [
        "044 520 67 89 ",
        " 044 520 67 89",
        "044\u00a0520\u00a067\u00a089\u00a0",
        "044\u202f520\u202f67\u202f89",
        "\u2007044 520 67 89",
    ],
)
def test_blanks_of_every_kind_at_the_ends_mean_nothing(text: str) -> None:
    assert read_number(text, SITES["CH"]).e164 == "+41445206789"


@pytest.mark.parametrize(
    ("site", "text", "e164"),
    [
        ("DE", "04941 12345", "+49494112345"),  # Aurich
        ("DE", "4930123456", "+4930123456"),
        ("CH", "041 210 12 34", "+41412101234"),  # Lucerne
        ("CH", "41412101234", "+41412101234"),
        ("AT", "0431 12345", "+4343112345"),
        ("IT", "039 123456", "+39039123456"),  # Monza
        ("FR", "03 33 12 34 56", "+33333123456"),
    ],
)
def test_a_national_number_may_begin_with_the_digits_of_the_country(
    site: str, text: str, e164: str
) -> None:
    assert read_number(text, SITES[site]).e164 == e164


def test_a_local_number_without_an_area_code_is_unknown() -> None:
    assert read_number("123456", GERMANY).kind == "unknown"
    assert read_number("123456", BERLIN).e164 == "+4930123456"


def test_a_short_local_number_that_begins_with_the_country_code_is_no_number_of_the_country() -> (
    None
):
    assert read_number("4930123", GERMANY).kind == "unknown"
    assert read_number("4930123", BERLIN).e164 == "+49304930123"


def test_digits_behind_a_foreign_country_code_count_only_if_valid() -> None:
    assert read_number("436641234567", BERLIN).e164 == "+436641234567"
    assert read_number("99912345678", GERMANY).kind == "unknown"


def test_the_zero_of_a_national_number_is_not_taken_for_an_outside_line() -> None:
    assert read_number("0137 1234567", BERLIN_LINE).e164 == "+491371234567"
    assert read_number("0190 123456", BERLIN_LINE).e164 == "+49190123456"


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


# the contact's own country


def test_the_country_of_the_contact_reads_its_national_numbers() -> None:
    assert read_number("030 123456", ZURICH, country="DE").e164 == "+4930123456"
    assert read_number("06 12345678", ZURICH, country="it").e164 == "+390612345678"
    assert read_number("044 520 67 89", ZURICH, country="CH").e164 == "+41445206789"


def test_a_contact_abroad_has_neither_our_area_code_nor_our_extensions() -> None:
    assert read_number("520 67 89", ZURICH, country="DE").kind == "unknown"
    assert read_number("200", ZURICH, country="DE").kind == "unknown"


def test_a_country_nobody_knows_leaves_the_site_to_decide() -> None:
    assert read_number("044 520 67 89", ZURICH, country="Schweiz").e164 == "+41445206789"


# what the PBX dials


@pytest.mark.parametrize(
    ("text", "site", "form", "dialled"),
    [
        ("+41 44 520 67 89", ZURICH, "national", "0445206789"),
        ("+41 44 520 67 89", ZURICH, "international", "0041445206789"),
        ("+41 44 520 67 89", ZURICH, "e164", "+41445206789"),
        ("+41 44 520 67 89", ZURICH_LINE, "national", "00445206789"),
        ("+41 44 520 67 89", ZURICH_LINE, "international", "00041445206789"),
        ("+49 30 123456", ZURICH, "national", "004930123456"),
        ("+49 30 123456", ZURICH_LINE, "national", "0004930123456"),
        ("+39 06 12345678", MILAN, "national", "0612345678"),
        ("+39 06 12345678", ZURICH, "national", "00390612345678"),
        ("+423 234 56 78", VADUZ, "national", "2345678"),
        ("+41 44 520 67 89", VADUZ, "national", "0041445206789"),
        ("+1 212 555 1234", NEW_YORK, "national", "12125551234"),
        ("+1 604 234 5678", NEW_YORK, "national", "16042345678"),
        ("+41 44 520 67 89", NEW_YORK, "national", "01141445206789"),
        ("+33 1 23 45 67 89", FRANCE, "national", "0123456789"),
        ("+44 20 7946 0000", LONDON, "national", "02079460000"),
        ("+43 1 51433-0", VIENNA, "national", "01514330"),
        ("200", ZURICH_LINE, "national", "200"),
        ("200", ZURICH_LINE, "e164", "200"),
        ("117", ZURICH_LINE, "national", "0117"),
        ("0117", ZURICH_LINE, "national", "0117"),
    ],
)
def test_a_number_takes_the_form_the_pbx_expects(
    text: str, site: NumberProfile, form: DialForm, dialled: str
) -> None:
    assert dial_form(read_number(text, site), site, form) == dialled


def test_a_range_dialled_without_the_zero_gets_none() -> None:
    sydney = NumberProfile(country="AU", area_code="2")

    assert dial_form(read_number("+61 1300 975 707", sydney), sydney) == "1300975707"
    assert dial_form(read_number("+61 2 9876 5432", sydney), sydney) == "0298765432"


def test_a_short_german_number_keeps_its_zero() -> None:
    assert dial_form(read_number("+49 3845 97", BERLIN), BERLIN) == "0384597"


@pytest.mark.parametrize("text", ["", "anonym", "**62", "Zentrale"])
def test_what_is_no_number_has_no_form(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be dialled"):
        dial_form(read_number(text, ZURICH), ZURICH)


# the same subscriber in another spelling


@pytest.mark.parametrize(
    ("e164", "others"),
    [
        ("+390612345678", {"+39612345678"}),
        ("+39612345678", {"+390612345678"}),
        ("+4930123456", {"+49301234560"}),
        ("+49301234560", {"+4930123456", "+493012345600"}),
        ("+431514330", {"+43151433", "+4315143300"}),
        ("+41445206780", set()),
        ("+4915112345670", set()),
        ("+390301234567", {"+39301234567"}),
        ("+525512345678", {"+5215512345678"}),
        ("+5215512345678", {"+525512345678"}),
        ("+5491123456789", {"+541123456789"}),
        ("+541123456789", {"+5491123456789"}),
        ("+5511961234567", {"+551161234567"}),
        ("+551161234567", {"+5511961234567"}),
        ("+551123456789", set()),
        ("not a number", set()),
        ("", set()),
    ],
)
def test_the_same_subscriber_is_known_in_another_spelling(e164: str, others: set[str]) -> None:
    assert set(same_subscriber_keys(e164)) == others


def test_two_italian_numbers_that_both_exist_are_two_subscribers() -> None:
    mobile, fixed = "+393422075293", "+3903422075293"

    assert same_subscriber_keys(mobile) == ()
    assert same_subscriber_keys(fixed) == ()


# the explanation


@pytest.mark.parametrize("row", SPELLINGS[::7], ids=lambda row: f"{row['site']}:{row['text']!a}")
@pytest.mark.parametrize("language", ["de", "en"])
def test_every_number_is_explained_to_the_end(row: dict[str, str], language: Language) -> None:
    site = SITES[row["site"]]
    steps = explain(row["text"], site)

    sentences = [step.sentence(language) for step in steps]
    assert steps[0].code == "received"
    assert (row["e164"] or row["short"]) in sentences[-1]
    assert all(sentences)


def test_the_explanation_says_which_readings_failed_and_which_one_counted() -> None:
    codes = [(step.code, step.values.get("reading")) for step in explain("5206789", ZURICH)]

    assert codes == [
        ("received", None),
        ("spelled", None),
        ("area-code", None),
        ("valid", "local"),
        ("result-e164", None),
    ]


def test_the_explanation_names_the_missing_area_code() -> None:
    sentences = [step.sentence("de") for step in explain("1234567", GERMANY)]

    assert any("area_code" in sentence for sentence in sentences)


def test_the_explanation_shows_no_control_characters() -> None:
    sentences = [step.sentence() for step in explain("\x1b[31m044\x07" + "9" * 300, ZURICH)]

    assert all(sentence.isprintable() for sentence in sentences)


# properties

sites = st.sampled_from(list(SITES.values()))
signs = st.sampled_from("0123456789٠٤９+()/.-' \N{NO-BREAK SPACE}*#;=,xextDWtelsip:@%A\x00\ud800")
e164s = st.sampled_from(sorted({row["e164"] for row in SPELLINGS} - {""}))
gaps = st.sampled_from(["", " ", "-", ".", "/", "\N{NO-BREAK SPACE}", "\N{EN DASH}", "'"])


@given(text=st.one_of(st.text(max_size=300), st.text(signs, max_size=40)), site=sites)
@settings(max_examples=400, deadline=None)
@example(text="\ud800", site=ZURICH)
@example(text="tel:%ED%A0%80", site=ZURICH)
@example(text="sip:@", site=ZURICH)
@example(text="(0)(0)(0)", site=ZURICH)
def test_no_text_raises_and_every_number_is_stable(text: str, site: NumberProfile) -> None:
    number = read_number(text, site)
    explained = explain(text, site)

    assert explained
    assert number.raw == text
    assert (number.e164 is None) or number.kind == "external"
    if number.e164:
        assert re.fullmatch(r"\+[1-9][0-9]{1,14}", number.e164)
        assert read_number(number.e164, site).e164 == number.e164
    if number.dialable:
        assert re.fullmatch(r"\+?[0-9]{1,25}", dial_form(number, site))
    if set(text) & set("*#\x00"):
        assert number.kind == "unknown"


@given(text=st.text(st.sampled_from("0123456789+ ()-/."), max_size=24), site=sites)
@settings(max_examples=400, deadline=None)
def test_digits_never_raise_and_their_number_reads_the_same_again(
    text: str, site: NumberProfile
) -> None:
    number = read_number(text, site)

    if number.e164:
        assert read_number(number.e164, site).e164 == number.e164


@given(e164=e164s, site=sites, data=st.data())
@settings(max_examples=600, deadline=None)
def test_separators_do_not_change_a_number(
    e164: str, site: NumberProfile, data: st.DataObject
) -> None:
    noisy = "+" + "".join(one + data.draw(gaps) for one in e164[1:])

    assert read_number(noisy, site).e164 == e164


@given(e164=e164s, site=sites)
@settings(max_examples=300, deadline=None)
def test_what_is_dialled_for_a_number_reads_as_that_number(e164: str, site: NumberProfile) -> None:
    dialled = dial_form(read_number(e164, site), site, "international")

    behind_the_line = dialled.removeprefix(site.outside_line)
    assert read_number(behind_the_line, site).e164 == e164


@given(text=st.text(signs, max_size=30), site=sites)
@settings(max_examples=300, deadline=None)
def test_the_same_text_gives_the_same_answer(text: str, site: NumberProfile) -> None:
    again = NumberProfile(**site.model_dump())

    assert read_number(text, site) == read_number(text, again)


def test_equal_profiles_share_one_cache_entry() -> None:
    assert hash(ZURICH) == hash(NumberProfile(**ZURICH.model_dump()))


@pytest.mark.parametrize(
    ("digits", "code"), [("117", "emergency"), ("145", "service"), ("200", None)]
)
def test_short_numbers_are_told_apart(digits: str, code: str | None) -> None:
    assert short_code(digits, ZURICH) == code
