import csv
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.numbers.fast_path import is_fixed_line, read_fast
from bus.numbers.number import Number, NumberProfile, explain, read_number

COUNTRIES = (
    "CH",
    "DE",
    "AT",
    "LI",
    "IT",
    "FR",
    "GB",
    "US",
    "AR",
    "MX",
    "BR",
    "AU",
    "FI",
    "KZ",
    "SM",
)
FORMATS = (
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.NATIONAL,
)
PROFILES = [
    NumberProfile(country=country, outside_line=line, internal_digits=digits)
    for country in COUNTRIES
    for line, digits in (("", 4), ("9", 8))
]


def agree(text: str, profile: NumberProfile) -> bool:
    """Return whether the fast path knew the text, and hold it to the slow path if so."""
    found = read_fast(text, profile)
    if found is None:
        return False
    steps = explain(text, profile)
    assert (steps[-1].code, steps[-1].values.get("e164")) == ("result-e164", found.e164), text
    readings = [step.values["reading"] for step in steps if step.code == "valid"]
    assert found.reading == readings[0]
    return True


digits = st.text("0123456789", min_size=4, max_size=14)
spaced = st.lists(st.text("0123456789", min_size=1, max_size=5), min_size=1, max_size=5).map(
    " ".join
)
codes = st.sampled_from([*map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE), ""])
fronts = st.sampled_from(["+", "00", "0", ""])


@settings(max_examples=400)
@given(fronts, codes, digits | spaced, st.sampled_from(PROFILES))
def test_the_quick_way_never_says_anything_else(
    front: str, code: str, rest: str, profile: NumberProfile
) -> None:
    agree(front + code + rest, profile)


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_is_read_the_same_in_both_ways(country: str) -> None:
    profile = NumberProfile(country=country)
    for kind in phonenumbers.PhoneNumberType.values():
        number = phonenumbers.example_number_for_type(country, kind)
        if number is None:
            continue
        for form in FORMATS:
            text = phonenumbers.format_number(number, form)
            agree(text, profile)
            for last in "05":  # neighbours of the example, some of them no numbers
                agree(text[:-3] + last + text[-2:], profile)


def test_usual_spellings_are_read_the_quick_way() -> None:
    swiss = NumberProfile(country="CH", area_code="44")
    usual = ["044 123 45 67", "0441234567", "+41 44 123 45 67", "0041441234567", "+4930901820",
             "079 555 01 01", "+1 212 555 0123", "+44 20 7946 1958", "+39 02 1234567",
             "+44 20 7946 0958"]  # fmt: skip

    assert [text for text in usual if not agree(text, swiss)] == usual[-2:]


def test_a_table_of_real_spellings_is_read_the_same() -> None:
    with (Path(__file__).parent.parent / "numbers.csv").open(encoding="utf-8", newline="") as file:
        texts = [field for row in csv.reader(file) for field in row]

    known = [agree(text, profile) for text in texts for profile in PROFILES]

    assert any(known)


@pytest.mark.parametrize(
    "text", ["", "0", "117", "12 34", "0900 *1", "044 123", "+41 0 44 1234567"]
)
def test_what_is_in_doubt_is_left_to_the_whole_way(text: str) -> None:
    assert read_fast(text, NumberProfile(country="CH", area_code="44")) is None


def test_a_number_read_quickly_is_reported_like_any_other() -> None:
    swiss = NumberProfile(country="CH")

    assert read_number("044 123 45 67", swiss) == Number(
        raw="044 123 45 67",
        kind="external",
        e164="+41441234567",
        reading="national",
        dialable=True,
    )


def fixed_by_library(e164: str) -> bool:
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE


@settings(max_examples=400)
@given(st.sampled_from(["43", "49", "41", "39", "44", "1"]), st.text("0123456789", min_size=3))
def test_a_fixed_line_is_what_the_library_calls_one(code: str, rest: str) -> None:
    e164 = f"+{code}{rest[:12]}"

    assert is_fixed_line(e164) in (None, fixed_by_library(e164))


def test_german_and_austrian_lines_are_reported_quickly() -> None:
    reported = {
        e164: is_fixed_line(e164)
        for e164 in ("+4930901820", "+4315551234", "+491701234567", "+436641234567")
    }

    assert list(reported.values()) == [True, True, False, False]
    assert [fixed_by_library(e164) for e164 in reported] == [True, True, False, False]
