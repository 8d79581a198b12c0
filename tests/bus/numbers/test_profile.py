import pytest
from pydantic import ValidationError

from bus.numbers.profile import NumberProfile


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"country": "XX"}, "country", "is no country"),
        ({"country": "Schweiz"}, "country", "is no country"),
        ({"area_code": "044"}, "area_code", "'44', not '044'"),
        ({"country": "IT", "area_code": "2"}, "area_code", "'02'"),
        ({"area_code": "+44"}, "area_code", "only digits"),
        ({"outside_line": "*9"}, "outside_line", "only digits"),
        ({"outside_line": "00"}, "international_prefix", "same digits as outside_line"),
        ({"internal_digits": -1}, "internal_digits", "greater than or equal to 0"),
        ({"internal_digits": 20}, "internal_digits", "less than or equal to 8"),
        ({"emergency": ("1a",)}, "emergency", "pattern"),
        ({"region": "CH"}, "region", "not permitted"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key_and_what_is_allowed(
    given: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        NumberProfile(**given)

    [error] = refused.value.errors()
    assert error["loc"][0] == field
    assert words in error["msg"]


def test_a_country_is_taken_in_small_letters() -> None:
    assert NumberProfile(country="ch") == NumberProfile(country="CH")


@pytest.mark.parametrize(
    ("country", "prefix"), [("CH", "00"), ("DE", "00"), ("US", "011"), ("AU", "0011")]
)
def test_the_international_prefix_is_the_country_s_own_unless_set(
    country: str, prefix: str
) -> None:
    assert NumberProfile(country=country).international_prefix == prefix
    assert NumberProfile(country=country, international_prefix="000").international_prefix == "000"


def test_the_zero_of_an_italian_area_code_is_kept() -> None:
    assert NumberProfile(country="IT", area_code="02").area_code == "02"
