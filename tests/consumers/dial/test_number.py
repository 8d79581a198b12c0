import pytest

from bus.numbers.number import NumberProfile
from consumers.dial.number import NumberDecision, NumberReader, masked
from consumers.dial.settings import DialSettings, Mask

PROFILE = NumberProfile(country="CH", area_code="44", internal_digits=2)


def _understood(text: str, mask: Mask = "end", site_key: bytes = b"k") -> NumberDecision:
    return NumberReader(PROFILE, DialSettings(mask=mask), site_key).read(text)


@pytest.mark.parametrize("text", ["044 123 45 67", "+41 (0)44 1234567", "0041441234567", "1234567"])
def test_the_spellings_of_a_number_have_one_key(text: str) -> None:
    assert _understood(text).key == _understood("tel:+41441234567").key


def test_the_key_reveals_nothing_without_the_sites_key() -> None:
    assert _understood("0441234567").key != _understood("0441234567", site_key=b"other").key
    assert "44123" not in _understood("0441234567").key


@pytest.mark.parametrize(
    ("text", "abroad"),
    [("0441234567", False), ("+49 30 23125123", True), ("12", False), ("0800 123 456", False)],
)
def test_another_country_is_abroad(text: str, abroad: bool) -> None:
    assert _understood(text).abroad == abroad


@pytest.mark.parametrize(
    ("mask", "shown"), [("none", "+41441234567"), ("end", "+4144123••••"), ("all", "•" * 12)]
)
def test_the_audit_shows_as_much_of_a_number_as_is_wanted(mask: Mask, shown: str) -> None:
    assert _understood("044 123 45 67", mask).shown == shown


def test_of_a_text_that_is_no_number_only_digits_are_shown() -> None:
    assert _understood("Müller <b>044</b> 12\x1b[2J", "none").shown == "044122"


def test_a_short_number_is_hidden_altogether() -> None:
    assert masked("12", "end") == "••"
