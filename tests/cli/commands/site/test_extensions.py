import pytest

from bus.numbers.number import NumberProfile, read_number
from cli.commands.site.extensions import advice

ZURICH = NumberProfile(country="CH", area_code="44", outside_line="9")


@pytest.mark.parametrize("extension", ["11", "1234", "7", "anna", ""])
def test_an_extension_the_numbering_plan_knows_needs_nothing(extension: str) -> None:
    assert advice([extension], ZURICH) == ""


@pytest.mark.parametrize(
    ("extension", "wanted", "setting"),
    [
        ("12345", "internal_digits = 5", {"internal_digits": 5}),
        ("163", 'extensions = ["163"]', {"extensions": ("163",)}),
        ("0011", 'extensions = ["0011"]', {"extensions": ("0011",)}),
        ("912", 'extensions = ["912"]', {"extensions": ("912",)}),
    ],
)
def test_what_is_to_be_set_makes_it_internal(
    extension: str, wanted: str, setting: dict[str, object]
) -> None:
    assert wanted in advice([extension], ZURICH)

    profile = NumberProfile.model_validate(ZURICH.model_dump() | setting)
    assert read_number(extension, profile).kind == "internal"
    assert advice([extension], profile) == ""


def test_an_emergency_number_cannot_become_an_extension() -> None:
    assert "emergency" in advice(["112"], ZURICH)


def test_what_is_to_be_set_is_said_for_all_users_at_once() -> None:
    said = advice(["0011", "11", "0012", "12345", "0011"], ZURICH)

    assert 'internal_digits = 5 and extensions = ["0011", "0012"]' in said


def test_what_is_set_already_stays_in_what_is_to_be_set() -> None:
    profile = ZURICH.model_copy(update={"extensions": ("0011",)})

    assert 'extensions = ["0011", "0012"]' in advice(["0011", "0012"], profile)
