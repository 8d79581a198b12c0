from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from bus.numbers.number import NumberProfile, read_number
from cli.commands.site.extensions import (
    emergency_numbers,
    make_known,
    unknown_extensions,
    wanted_settings,
)
from cli.site.files import make_site
from cli.site.settings import Settings, read

ZURICH = NumberProfile(country="CH", area_code="44", outside_line="9")


@pytest.mark.parametrize("extension", ["11", "1234", "7", "anna", ""])
def test_an_extension_the_numbering_plan_knows_needs_nothing(extension: str) -> None:
    assert unknown_extensions([extension], ZURICH) == []
    assert wanted_settings([extension], ZURICH) == {}


@pytest.mark.parametrize(
    ("extension", "wanted"),
    [
        ("12345", {"internal_digits": 5}),
        ("163", {"extensions": ["163"]}),
        ("0011", {"extensions": ["00xx"]}),
        ("00", {"extensions": ["00"]}),
        ("912", {"extensions": ["912"]}),
    ],
)
def test_what_is_to_be_set_makes_it_internal(extension: str, wanted: dict[str, object]) -> None:
    assert wanted_settings([extension], ZURICH) == wanted

    profile = NumberProfile.model_validate(ZURICH.model_dump() | wanted)
    assert read_number(extension, profile).kind == "internal"
    assert unknown_extensions([extension], profile) == []


def test_a_pattern_stands_for_extensions_of_its_length_alone() -> None:
    profile = NumberProfile.model_validate(ZURICH.model_dump() | {"extensions": ["00xx"]})

    kinds = {text: read_number(text, profile).kind for text in ("0012", "00123", "0112", "001")}
    assert kinds == {"0012": "internal", "00123": "unknown", "0112": "unknown", "001": "unknown"}


def test_an_emergency_number_cannot_become_an_extension() -> None:
    assert emergency_numbers(["112", "11"], ZURICH) == ["112"]
    assert wanted_settings(["112"], ZURICH) == {}


def test_what_is_to_be_set_is_found_for_all_users_at_once() -> None:
    wanted = wanted_settings(["0011", "11", "0012", "12345", "0011"], ZURICH)

    assert wanted == {"internal_digits": 5, "extensions": ["00xx"]}


def test_what_is_set_already_stays_in_what_is_to_be_set() -> None:
    profile = ZURICH.model_copy(update={"extensions": ("163",)})

    assert wanted_settings(["0011", "163"], profile) == {"extensions": ["163", "00xx"]}


def test_the_configuration_knows_the_extensions_of_all_who_are_added(tmp_path: Path) -> None:
    settings = make_site(tmp_path, {"site": {"language": "en"}})

    said = make_known(settings, ["0011", "0012"])

    assert 'extensions = ["00xx"]' in said[0]
    assert read(settings.file).site.extensions == ("00xx",)
    assert make_known(read(settings.file), ["0011", "0013"]) == []


def test_an_added_user_of_the_documents_needs_no_second_step(
    staffed: Settings, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFACE_PASSWORD", "Geheim#2024")
    run("user", "add", "0014", "--no-check")

    assert read(staffed.file).site.extensions == ("00xx",)
    assert "00xx" not in run("user", "add", "0015", "--no-check").output
