"""What is dialled for a number, what is said of it, and what holds for any text."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import is_valid_number, parse

from bus.numbers.number import (
    DialForm,
    dial_form,
    explain,
    read_number,
    same_subscriber_keys,
    short_code,
)
from bus.numbers.profile import NumberProfile

# the contact's own country
from cli.commands.developers.number_report import step_sentence
from tests.bus.numbers.sites import (
    BERLIN,
    FRANCE,
    GERMANY,
    LONDON,
    MILAN,
    NEW_YORK,
    SITES,
    SPELLINGS,
    VADUZ,
    VIENNA,
    ZURICH,
    ZURICH_LINE,
)
from texts import LANGUAGES, Language


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
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_is_explained_to_the_end(row: dict[str, str], language: Language) -> None:
    site = SITES[row["site"]]
    steps = explain(row["text"], site)

    sentences = [step_sentence(step, language) for step in steps]
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
    sentences = [step_sentence(step, "de") for step in explain("1234567", GERMANY)]

    assert any("area_code" in sentence for sentence in sentences)


def test_the_explanation_shows_no_control_characters() -> None:
    steps = explain("\x1b[31m044\x07" + "9" * 300, ZURICH)
    sentences = [step_sentence(step, "en") for step in steps]

    assert all(sentence.isprintable() for sentence in sentences)


# properties


sites = st.sampled_from(list(SITES.values()))
signs = st.sampled_from("0123456789٠٤９+()/.-' \N{NO-BREAK SPACE}*#;=,xextDWtelsip:@%A\x00\ud800")
e164s = st.sampled_from(sorted({row["e164"] for row in SPELLINGS} - {""}))
gaps = st.sampled_from(["", " ", "-", ".", "/", "\N{NO-BREAK SPACE}", "\N{EN DASH}", "'"])


@given(text=st.one_of(st.text(max_size=300), st.text(signs, max_size=40)), site=sites)
@settings(max_examples=400)
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
@settings(max_examples=400)
def test_digits_never_raise_and_their_number_reads_the_same_again(
    text: str, site: NumberProfile
) -> None:
    number = read_number(text, site)

    if number.e164:
        assert read_number(number.e164, site).e164 == number.e164


@given(e164=e164s, site=sites, data=st.data())
@settings(max_examples=600)
def test_separators_do_not_change_a_number(
    e164: str, site: NumberProfile, data: st.DataObject
) -> None:
    noisy = "+" + "".join(one + data.draw(gaps) for one in e164[1:])

    assert read_number(noisy, site).e164 == e164


# One that cannot be assigned gives way to one that can, as 00 may be line and area code too.
@given(e164=e164s.filter(lambda number: is_valid_number(parse(number))), site=sites)
@settings(max_examples=300)
def test_what_is_dialled_for_a_number_reads_as_that_number(e164: str, site: NumberProfile) -> None:
    dialled = dial_form(read_number(e164, site), site, "international")

    behind_the_line = dialled.removeprefix(site.outside_line)
    assert read_number(behind_the_line, site).e164 == e164


@given(text=st.text(signs, max_size=30), site=sites)
@settings(max_examples=300)
def test_the_same_text_gives_the_same_answer(text: str, site: NumberProfile) -> None:
    again = NumberProfile(**site.model_dump())

    assert read_number(text, site) == read_number(text, again)


def test_equal_profiles_share_one_cache_entry() -> None:
    assert hash(ZURICH) == hash(NumberProfile(**ZURICH.model_dump()))


@pytest.mark.parametrize(
    ("digits", "code"), [("117", "emergency"), ("145", "service"), ("200", None)]
)
def test_short_numbers_are_distinguished(digits: str, code: str | None) -> None:
    assert short_code(digits, ZURICH) == code
