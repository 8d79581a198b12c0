"""The country of a contact as address books write it."""

import pytest

from consumers.importers.numbers.countries import country_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ""),
        ("CH", "CH"),
        ("D", "DE"),
        ("Österreich", "AT"),
        ("Vereinigte Staaten von Amerika", "US"),
        ("Vereinigtes Königreich", "GB"),
        ("Schweiz Schweiz", "CH"),
        ("Schweiz CH", "CH"),
        ("United States United States", "US"),
        ("Atlantis", None),
        ("Schweiz Deutschland", None),
        ("CH " * 11 + "Atlantis", None),
        ("CH " * 400, None),
    ],
)
def test_a_country_is_understood(text: str, code: str | None) -> None:
    assert country_code(text) == code
