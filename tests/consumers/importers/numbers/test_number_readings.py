"""Which readings of a number in a list are believed."""

import pytest

from bus.numbers.number import NumberProfile
from consumers.importers.numbers.number_readings import reader, why_not, without_fraction

SITES = {
    "CH": NumberProfile(country="CH", area_code="44"),
    "DE": NumberProfile(country="DE", area_code="30"),
    "AT": NumberProfile(country="AT", area_code="1"),
}


@pytest.mark.parametrize(
    ("site", "text", "e164"),
    [
        ("CH", "044 520 67 88", "+41445206788"),
        ("CH", "520 67 88", "+41445206788"),
        ("CH", "41445206788.0", "+41445206788"),
        ("CH", "+33 1 23 45 67 89", "+33123456789"),
        ("CH", "+41 55 000 00 00", "+41550000000"),  # younger than the tables, perhaps
        ("DE", "01711234567", "+491711234567"),
        ("DE", "01711234567.0", "+491711234567"),
        ("DE", "12345678", "+493012345678"),
        ("DE", "1234567-89", "+4930123456789"),
        ("DE", "1234567 DW 89", "+4930123456789"),
        ("AT", "0664 1234567", "+436641234567"),
    ],
)
def test_a_number_is_read(site: str, text: str, e164: str) -> None:
    assert reader(SITES[site], "")(text).e164 == e164


@pytest.mark.parametrize(
    ("site", "text", "reason"),
    [
        ("CH", "01 23 45 67 89", ""),  # a French one
        ("CH", "445206788.0", ""),
        ("DE", "1711234567", "lost the zero"),
        ("DE", "171123456", "lost the zero"),
        ("DE", "171 123 45 67", "lost the zero"),
        ("DE", "171 123-4567", "lost the zero"),
        ("AT", "6641234567", "lost the zero"),
    ],
)
def test_what_a_list_has_damaged_is_no_number_of_somebody_else(
    site: str, text: str, reason: str
) -> None:
    reported = reader(SITES[site], "")(text)

    assert (reported.kind, reported.e164) == ("unknown", None)
    assert reason in why_not(reported)


@pytest.mark.parametrize(
    ("text", "digits"),
    [("89.0", "89"), (" 41445206788.00 ", "41445206788"), ("044.520", "044.520"), ("1.5", "1.5")],
)
def test_a_number_written_as_an_amount_loses_its_fraction(text: str, digits: str) -> None:
    assert without_fraction(text) == digits
