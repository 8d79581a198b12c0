import re
import tomllib

from cli.site.configuration_file import with_values
from tests.conftest import ROOT

EXAMPLE = (ROOT / "starface2mqtt.example.toml").read_text()


def test_a_value_takes_the_line_that_shows_its_default() -> None:
    written = with_values(EXAMPLE, {"site": {"language": "fr"}, "starface": {"port": 8443}})

    assert re.search(r"^language = \"fr\" +# of what office users see", written, re.M)
    assert "# language" not in written
    assert written.index('language = "fr"') < written.index("# log_level")
    assert tomllib.loads(written)["starface"]["port"] == 8443
    assert len(written.splitlines()) == len(EXAMPLE.splitlines())


def test_a_key_without_an_example_stands_below_the_values_of_its_section() -> None:
    written = with_values(
        '[site]\ncountry = "CH"\n\n# [offices.x]\n\n[broker]\n', {"site": {"a": 1}}
    )

    assert written == '[site]\ncountry = "CH"\na = 1\n\n# [offices.x]\n\n[broker]\n'


def test_a_value_that_is_set_is_replaced_where_it_stands() -> None:
    before = '[site]\nextensions = [\n  "163",\n]  # ours\narea_code = "44"\n'

    written = with_values(before, {"site": {"extensions": ["163", "00xx"]}})

    assert tomllib.loads(written)["site"] == {"extensions": ["163", "00xx"], "area_code": "44"}
    assert "# ours" in written


def test_a_section_that_is_missing_comes_last() -> None:
    assert (
        with_values("[site]\n", {"broker": {"port": 1885}}) == "[site]\n\n[broker]\nport = 1885\n"
    )


def test_every_example_line_can_be_given_its_value() -> None:
    written = with_values(EXAMPLE, {"dial.policy": {"form": "e164"}, "panel": {"prefix": "/a"}})

    found = tomllib.loads(written)
    assert found["dial"]["policy"] == {"form": "e164"}
    assert found["panel"] == {"prefix": "/a"}
