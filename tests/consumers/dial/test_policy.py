import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bus.numbers.number import NumberProfile, read_number
from consumers.dial.policy import Dialable, DialPolicy, decide, plain_prefixes
from consumers.dial.texts import DialRefusal
from texts import Language

ZURICH = NumberProfile(country="CH", area_code="44", sip_domains=("pbx.example",))
BERLIN = NumberProfile(country="DE", area_code="30")
BERLIN_LINE = NumberProfile(country="DE", area_code="30", outside_line="0")
VIENNA = NumberProfile(country="AT", area_code="1")
VADUZ = NumberProfile(country="LI")
MILAN = NumberProfile(country="IT", area_code="02")
PARIS = NumberProfile(country="FR")
LONDON = NumberProfile(country="GB", area_code="20", outside_line="9")
NEW_YORK = NumberProfile(country="US", area_code="212", outside_line="9")

SITES = {
    "CH": ZURICH,
    "DE": BERLIN,
    "DE0": BERLIN_LINE,
    "AT": VIENNA,
    "LI": VADUZ,
    "IT": MILAN,
    "FR": PARIS,
    "GB": LONDON,
    "US": NEW_YORK,
}
POLICY = DialPolicy()
LANGUAGES: tuple[Language, ...] = ("de", "en")

ALLOWED = [
    ("CH", "044 520 67 89", "0445206789"),
    ("CH", "+41 (0)44 520 67 89", "0445206789"),
    ("CH", "0041445206789", "0445206789"),
    ("CH", "(044) 520-67-89", "0445206789"),
    ("CH", "520 67 89", "0445206789"),
    ("CH", "044\N{NO-BREAK SPACE}520\N{NO-BREAK SPACE}67\N{NO-BREAK SPACE}89", "0445206789"),
    ("CH", "044\N{EN DASH}520\N{EN DASH}67\N{EN DASH}89", "0445206789"),
    ("CH", "079 123 45 67", "0791234567"),
    ("CH", "058 123 45 67", "0581234567"),
    ("CH", "0800 123 456", "0800123456"),
    ("CH", "+49 30 123456", "004930123456"),
    ("CH", "0043 1 51433-0", "00431514330"),
    ("CH", "200", "200"),
    ("CH", "tel:+41-44-520-67-89", "0445206789"),
    ("CH", "tel:%2B41445206789", "0445206789"),
    ("CH", "tel:0445206789;phone-context=+41", "0445206789"),
    ("CH", "callto:+41445206789", "0445206789"),
    ("CH", "sip:+41445206789@pbx.example", "0445206789"),
    ("DE", "030 123456-45", "03012345645"),
    ("DE", "0151 12345678", "015112345678"),
    ("DE", "123456", "030123456"),
    ("DE", "1234", "1234"),
    ("DE0", "030 123456", "0030123456"),
    ("DE0", "0 030 123456", "0030123456"),
    ("DE0", "+41 44 520 67 89", "00041445206789"),
    ("DE0", "12", "12"),
    ("AT", "01 51433-45", "015143345"),
    ("AT", "05 1766", "051766"),
    ("AT", "0720 123456", "0720123456"),
    ("LI", "234 56 78", "2345678"),
    ("LI", "+41 44 520 67 89", "0041445206789"),
    ("IT", "02 12345678", "0212345678"),
    ("IT", "010 1234567", "0101234567"),
    ("FR", "01 23 45 67 89", "0123456789"),
    ("GB", "020 7946 0000", "902079460000"),
    ("US", "(212) 555-1234", "912125551234"),
]

REFUSED = [
    # emergency, in every spelling and behind every prefix
    ("CH", "112", "emergency"),
    ("CH", "117", "emergency"),
    ("CH", "1 1 7", "emergency"),
    ("CH", "144", "emergency"),
    ("CH", "911", "emergency"),
    ("CH", "0117", "emergency"),
    ("CH", "0 117", "emergency"),
    ("CH", "00117", "emergency"),
    ("CH", "+41117", "emergency"),
    ("CH", "0041 117", "emergency"),
    ("CH", "+41 (0)117", "emergency"),
    ("CH", "tel:112", "emergency"),
    ("CH", "tel:%31%31%32", "emergency"),
    ("CH", "tel:117;phone-context=+41", "emergency"),
    ("CH", "(112)", "emergency"),
    ("CH", "+49110", "emergency"),
    ("DE", "110", "emergency"),
    ("DE", "0110", "emergency"),
    ("DE", "0049 110", "emergency"),
    ("DE0", "0110", "emergency"),
    ("DE0", "0 0110", "emergency"),
    ("DE0", "00112", "emergency"),
    ("AT", "122", "emergency"),
    ("AT", "133", "emergency"),
    ("AT", "144", "emergency"),
    ("IT", "113", "emergency"),
    ("FR", "15", "emergency"),
    ("FR", "17", "emergency"),
    ("GB", "999", "emergency"),
    ("GB", "9999", "emergency"),
    ("US", "911", "emergency"),
    ("US", "9911", "emergency"),
    ("US", "9 911", "emergency"),
    # premium and shared cost
    ("CH", "0900 123 456", "premium"),
    ("CH", "0901 123 456", "premium"),
    ("CH", "0906 123 456", "premium"),
    ("CH", "+41 900 123 456", "premium"),
    ("CH", "0041 (0)900 123 456", "premium"),
    ("CH", "tel:900123456;phone-context=+41", "premium"),
    ("CH", "0848 123 456", "premium"),
    ("CH", "0840 123 456", "premium"),
    ("CH", "1811", "premium"),
    ("CH", "+49 900 1 123456", "premium"),
    ("CH", "+43 900 123456", "premium"),
    ("CH", "+44 909 879 0000", "premium"),
    ("DE", "0900 1 123456", "premium"),
    ("DE", "0190 123456", "premium"),
    ("DE", "0137 7 123456", "premium"),
    ("DE", "0137 1 234567", "premium"),
    ("DE", "0138 1234567", "premium"),
    ("DE", "0180 5 123456", "premium"),
    ("DE", "01801-123456", "premium"),
    ("DE", "11833", "premium"),
    ("DE", "118 33", "premium"),
    ("DE", "011833", "premium"),
    ("DE", "+49 118 33", "premium"),
    ("DE0", "0 0900 1 123456", "premium"),
    ("DE0", "0 0049 900 1 123456", "premium"),
    ("DE0", "0 11833", "premium"),
    ("DE0", "0137 1234567", "premium"),
    ("AT", "0900 123456", "premium"),
    ("AT", "0901 123456", "premium"),
    ("AT", "0930 123456", "premium"),
    ("AT", "0939 123456", "premium"),
    ("AT", "0810 123456", "premium"),
    ("AT", "0820 123456", "premium"),
    ("AT", "118 11", "premium"),
    ("IT", "899 123456", "premium"),
    ("IT", "1254", "premium"),
    ("FR", "0899 123 456", "premium"),
    ("FR", "118712", "premium"),
    # satellite and world-wide numbers
    ("CH", "+870 773 112345", "premium"),
    ("CH", "+878 10 1234567890", "premium"),
    ("CH", "+881 6 12345678", "premium"),
    ("CH", "+882 16 12345678", "premium"),
    ("CH", "+883 5100 12345678", "premium"),
    ("CH", "+888 123456789", "premium"),
    ("CH", "+979 123456789", "premium"),
    ("CH", "00 881 6 12345678", "premium"),
    ("CH", "tel:1612345678;phone-context=+882", "premium"),
    ("DE0", "0 00 882 16 12345678", "premium"),
    ("US", "011 881 6 12345678", "premium"),
    # call-by-call
    ("DE", "010 33 030 123456", "denied_prefix"),
    ("DE", "01033 0049 30 123456", "denied_prefix"),
    ("DE", "0100 12 030 123456", "denied_prefix"),
    ("DE", "+49 1033 030123456", "denied_prefix"),
    ("DE0", "0 010 33 030 123456", "denied_prefix"),
    ("AT", "1005 01 234567", "denied_prefix"),
    ("CH", "10741 044 520 67 89", "denied_prefix"),
    # other countries
    ("CH", "+33 1 23 45 67 89", "international"),
    ("CH", "0033 1 23 45 67 89", "international"),
    ("CH", "+1 212 555 1234", "international"),
    ("CH", "+1 800 356 9377", "international"),
    ("CH", "+53 7 1234567", "international"),
    ("CH", "+252 61 2345678", "international"),
    ("CH", "+423 234 56 78", "international"),
    ("CH", "+800 12345678", "international"),
    ("CH", "tel:123456789;phone-context=+33", "international"),
    ("US", "+1 876 555 1234", "international"),
    ("US", "(809) 555-1234", "international"),
    ("GB", "+44 7781 123456", "international"),
    # codes
    ("CH", "*21*0445206789#", "feature_code"),
    ("CH", "**21*0041900123456#", "feature_code"),
    ("CH", "#31#0445206789", "feature_code"),
    ("CH", "*", "feature_code"),
    ("CH", "0445206789#", "feature_code"),
    ("CH", "tel:*21*0445206789%23", "feature_code"),
    ("CH", "tel:%2A21%2A0445206789", "feature_code"),
    ("CH", "＊21", "feature_code"),
    # no number at all
    ("CH", "", "not_a_number"),
    ("CH", "0", "not_a_number"),
    ("CH", "anonym", "not_a_number"),
    ("CH", "0800 FLOWERS", "not_a_number"),
    ("CH", "044 520 67 89;ext=12", "not_a_number"),
    ("CH", "044 520 67 89 x12", "not_a_number"),
    ("CH", "0445206789,,1234", "not_a_number"),
    ("CH", "0445206789p1", "not_a_number"),
    ("CH", "0445206789;0900123456", "not_a_number"),
    ("CH", "0445206789&0900123456", "not_a_number"),
    ("CH", "044 520 67 89 / 079 123 45 67", "not_a_number"),
    ("CH", "0445206789\n0900123456", "not_a_number"),
    ("CH", "0445206789\n", "not_a_number"),
    ("CH", "0445206789\x00", "not_a_number"),
    ("CH", "'; DROP TABLE calls; --", "not_a_number"),
    ("CH", '0445206789" /><x', "not_a_number"),
    ("CH", "$(0445206789)", "not_a_number"),
    ("CH", "０４４ ５２０ ６７ ８９", "not_a_number"),
    ("CH", "٠٤٤٥٢٠٦٧٨٩", "not_a_number"),
    ("CH", "23.11.2026", "not_a_number"),
    ("CH", "+41 44 520 67", "not_a_number"),
    ("CH", "044 520 67 89 0", "not_a_number"),
    ("CH", "++41 44 520 67 89", "not_a_number"),
    ("CH", "1" * 40, "not_a_number"),
    ("CH", "0" * 300, "not_a_number"),
    ("CH", "tel:", "not_a_number"),
    ("CH", "tel:%ff", "not_a_number"),
    ("CH", "tel:tel:0445206789", "not_a_number"),
    ("CH", "sip:anna@pbx.example", "not_a_number"),
    ("CH", "http://0445206789", "not_a_number"),
    # a number, but not for a machine
    ("CH", "sip:200@elsewhere.example", "not_allowed"),
    ("CH", "sip:+41445206789@elsewhere.example", "not_allowed"),
    ("CH", "tel:200;phone-context=elsewhere.example", "not_allowed"),
    ("CH", "1", "not_allowed"),
    ("CH", "145", "not_allowed"),
    ("CH", "1414", "not_allowed"),
    ("CH", "0878 123 456", "not_allowed"),
    ("CH", "+41 860 79 123 45 67", "not_allowed"),
    ("CH", "+41 74 123 45 67", "not_allowed"),
    ("DE", "115", "not_allowed"),
    ("DE", "116117", "not_allowed"),
    ("DE", "0700 12345678", "not_allowed"),
    ("AT", "140", "not_allowed"),
]


@pytest.mark.parametrize(("site", "text", "dialled"), ALLOWED)
def test_an_allowed_number_is_rebuilt_and_dialled(site: str, text: str, dialled: str) -> None:
    decision = decide(text, SITES[site], POLICY)

    assert isinstance(decision, Dialable), decision
    assert decision.dialled == dialled


@pytest.mark.parametrize(("site", "text", "code"), REFUSED)
def test_a_forbidden_number_is_refused_with_its_code(site: str, text: str, code: str) -> None:
    decision = decide(text, SITES[site], POLICY)

    assert isinstance(decision, DialRefusal), decision
    assert decision.code == code


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("1", "one_digit", "1"),
        ("0", "not_a_number", ""),
        ("0800 FLOWER", "not_plain", "+41800356937"),
        ("044 520 67 89 ext. 5", "not_plain", "+41445206789"),
        ("０４４ ５２０ ６７ ８９", "not_plain", "+41445206789"),
        ("n/a", "not_a_number", ""),
    ],
)
def test_what_reads_as_a_number_and_is_not_dialled_says_which_it_is(
    text: str, reason: str, detail: str
) -> None:
    decision = decide(text, ZURICH, POLICY)

    assert isinstance(decision, DialRefusal)
    assert (decision.reason, decision.detail) == (reason, detail)
    assert all(detail in decision.sentence(language) for language in LANGUAGES)


def test_the_table_of_forbidden_numbers_is_long_and_knows_each_code() -> None:
    assert len(REFUSED) >= 60
    assert {code for _, _, code in REFUSED} == {
        "not_a_number",
        "emergency",
        "premium",
        "international",
        "denied_prefix",
        "feature_code",
        "not_allowed",
    }


@pytest.mark.parametrize(("site", "text", "code"), REFUSED)
def test_a_refusal_says_why_and_what_to_do_in_german_and_english(
    site: str, text: str, code: str
) -> None:
    decision = decide(text, SITES[site], POLICY)

    assert isinstance(decision, DialRefusal)
    for language in LANGUAGES:
        sentence = decision.sentence(language)
        assert re.search(r"Bitte|Please|Verwaltung|administrator", sentence)
        assert "{" not in sentence
    assert decision.sentence("de") != decision.sentence("en")


NEVER = ["112", "117", "0900 123 456", "+882 16 12345678", "+870 773 112345", "*21*0445206789#"]


@pytest.mark.parametrize("text", NEVER)
def test_no_setting_allows_what_is_never_dialled(text: str) -> None:
    everything = DialPolicy(
        countries=("CH", "DE", "AT", "US", "FR", "GB", "CU"),
        types=("fixed", "mobile", "fixed-or-mobile", "toll-free", "company", "voip",
               "shared-cost", "personal", "pager", "voicemail"),
        allow_service=("112", "117"),
    )  # fmt: skip

    assert isinstance(decide(text, ZURICH, everything), DialRefusal)


def test_what_the_tables_call_shared_cost_but_is_premium_stays_refused() -> None:
    shared = DialPolicy(types=("fixed", "shared-cost"))

    assert isinstance(decide("0180 5 123456", BERLIN, shared), Dialable)
    assert isinstance(decide("0137 1 234567", BERLIN, shared), DialRefusal)


def test_the_site_s_own_country_is_always_allowed() -> None:
    assert isinstance(decide("+33 1 23 45 67 89", PARIS, DialPolicy()), Dialable)
    assert isinstance(decide("044 520 67 89", ZURICH, DialPolicy(countries=())), Dialable)


def test_countries_are_distinguished_by_region_not_by_code() -> None:
    with_america = DialPolicy(countries=("US",))

    assert isinstance(decide("+1 212 555 1234", ZURICH, with_america), Dialable)
    assert isinstance(decide("+1 604 234 5678", ZURICH, with_america), DialRefusal)
    assert isinstance(decide("+1 809 555 1234", ZURICH, with_america), DialRefusal)


@pytest.mark.parametrize(
    "text", ["044 520 67 89", "+41445206789", "0041 (0)44 520 67 89", "520 67 89", "(044)5206789"]
)
def test_a_denied_prefix_is_compared_with_the_number_not_its_spelling(text: str) -> None:
    policy = DialPolicy(denied_prefixes=("+4144520",))

    refusal = decide(text, ZURICH, policy)

    assert isinstance(refusal, DialRefusal)
    assert refusal.code == "denied_prefix"
    assert "+4144520" in refusal.sentence("en")


def test_a_denied_prefix_without_a_plus_bars_extensions() -> None:
    policy = DialPolicy(denied_prefixes=("99",))

    assert isinstance(decide("991", ZURICH, policy), DialRefusal)
    assert isinstance(decide("919", ZURICH, policy), Dialable)


CH_OUTSIDE = NumberProfile(country="CH", area_code="44", outside_line="0", internal_digits=3)


@pytest.mark.parametrize(
    ("profile", "prefix", "plain"),
    [
        (ZURICH, "+4179", "+4179"),
        (ZURICH, "004179", "+4179"),
        (ZURICH, "079", "+4179"),
        (ZURICH, "+41 (0)79", "+4179"),
        (ZURICH, "0041 79", "+4179"),
        (ZURICH, "0041 (0)79", "+4179"),
        (ZURICH, "079 123", "+4179123"),
        (ZURICH, "41791", "+41791"),
        (ZURICH, "0049", "+49"),
        (CH_OUTSIDE, "0079", "+4179"),
        (CH_OUTSIDE, "000 49", "+49"),
        (NumberProfile(country="DE"), "0190", "+49190"),
        (NumberProfile(country="DE"), "0049 190", "+49190"),
        (NumberProfile(country="IT", area_code="02"), "899", "+39899"),
        (NumberProfile(country="IT", area_code="02"), "02", "+3902"),
        (NumberProfile(country="US"), "900", "+1900"),
        (NumberProfile(country="US"), "1900", "+1900"),
        (NumberProfile(country="US"), "01149", "+49"),
        (NumberProfile(country="ES"), "803", "+34803"),
    ],
)
def test_a_denied_prefix_may_be_written_as_it_is_dialled(
    profile: NumberProfile, prefix: str, plain: str
) -> None:
    [written] = DialPolicy(denied_prefixes=(prefix,)).denied_prefixes

    assert plain in plain_prefixes(written, profile)


@pytest.mark.parametrize("prefix", ["079", "004179", "+41 79", "0041 (0)79"])
def test_no_spelling_of_a_denied_prefix_lets_its_numbers_through(prefix: str) -> None:
    policy = DialPolicy(denied_prefixes=(prefix,))

    for text in ("079 123 45 67", "+41791234567", "0041 79 123 45 67"):
        refusal = decide(text, ZURICH, policy)
        assert isinstance(refusal, DialRefusal)
        assert refusal.code == "denied_prefix"
    assert isinstance(decide("078 123 45 67", ZURICH, policy), Dialable)


@pytest.mark.parametrize("prefix", ["0", "00", "+0", "+041", "+410", "+99979", "000"])
def test_a_denied_prefix_with_which_no_number_begins_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="denied_prefixes"):
        plain_prefixes(prefix, ZURICH)


def test_internal_numbers_can_be_forbidden() -> None:
    refusal = decide("200", ZURICH, DialPolicy(allow_internal=False))

    assert isinstance(refusal, DialRefusal)
    assert refusal.code == "not_allowed"


def test_a_service_number_can_be_allowed_by_name() -> None:
    policy = DialPolicy(allow_service=("116117",))

    assert isinstance(decide("116117", BERLIN, policy), Dialable)
    assert isinstance(decide("115", BERLIN, policy), DialRefusal)


def test_an_emergency_number_of_the_site_is_refused() -> None:
    site = NumberProfile(country="CH", emergency=("555",), outside_line="0")

    for text in ("555", "0555"):
        refusal = decide(text, site, DialPolicy())
        assert isinstance(refusal, DialRefusal)
        assert refusal.code == "emergency"


def test_a_setting_forces_another_form() -> None:
    assert decide("044 520 67 89", ZURICH, DialPolicy(form="e164"))[1] == "+41445206789"
    assert decide("044 520 67 89", ZURICH, DialPolicy(form="international"))[1] == "0041445206789"


def test_a_number_at_the_end_of_a_uri_s_extension_is_not_dialled() -> None:
    decision = decide("tel:+41445206789;ext=900", ZURICH, POLICY)

    assert decision == Dialable(read_number("tel:+41445206789;ext=900", ZURICH), "0445206789")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"countries": ("Schweiz",)}, "countries"),
        ({"types": ("premium",)}, "types"),
        ({"denied_prefixes": ("0*",)}, "denied_prefixes"),
        ({"form": "raw"}, "form"),
        ({"premium": True}, "premium"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_key(given: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DialPolicy(**given)

    assert refused.value.errors()[0]["loc"][0] == field


sites = st.sampled_from(list(SITES.values()))
noise = st.sampled_from(["", " ", "-", ".", "/", "(", ")"])


@given(row=st.sampled_from(REFUSED), data=st.data())
@settings(max_examples=500)
def test_no_noise_of_spelling_opens_a_forbidden_number(
    row: tuple[str, str, str], data: st.DataObject
) -> None:
    site, text, _ = row
    noisy = "".join(one + (data.draw(noise) if one.isdigit() else "") for one in text[:40])

    assert isinstance(decide(noisy, SITES[site], POLICY), DialRefusal)


@given(text=st.text(st.sampled_from("0123456789+ ()-/.*#;=tel:x"), max_size=30), site=sites)
@settings(max_examples=400)
def test_only_digits_reach_the_pbx_and_they_mean_the_number(text: str, site: NumberProfile) -> None:
    decision = decide(text, site, POLICY)

    if isinstance(decision, Dialable):
        assert re.fullmatch(r"[0-9]{1,20}", decision.dialled)
        behind_the_line = decision.dialled.removeprefix(site.outside_line)
        again = decide(behind_the_line, site, POLICY)
        assert decision.number.e164 is None or again[1] == decision.dialled
