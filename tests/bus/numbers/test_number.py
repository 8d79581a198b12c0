import re

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat

from bus.numbers.number import read_number
from bus.numbers.profile import NumberProfile
from tests.bus.numbers.sites import (
    BERLIN,
    BERLIN_LINE,
    GERMANY,
    MILAN,
    NEW_YORK,
    SITES,
    SPELLINGS,
    VADUZ,
    ZURICH,
    ZURICH_LINE,
)


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
