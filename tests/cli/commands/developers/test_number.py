import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from bus.settings import SettingsRefused
from cli.commands.developers.number import number

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(number)

Run = Callable[..., Result]


@app.callback()
def _config(context: typer.Context, config: Annotated[Path | None, typer.Option()] = None) -> None:
    context.obj = {"config": config}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "starface2mqtt.toml"
    path.write_text(
        '[site]\ncountry = "CH"\narea_code = "44"\noutside_line = "0"\nlanguage = "de"\n'
        '[dial]\n[dial.policy]\ndenied_prefixes = ["+4181"]\n'
    )
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.delenv("STARFACE2MQTT_CONFIG", raising=False)

    def run(*words: str, config: Path | None = None) -> Result:
        named = ["--config", str(config)] if config else []
        return CliRunner().invoke(app, [*named, "number", *words], catch_exceptions=True)

    return run


def test_a_number_is_explained_step_by_step_in_the_language_of_the_site(
    run: Run, site: Path
) -> None:
    result = run("0041 (0)44 520 67 89", config=site)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Erhalten: «0041 (0)44 520 67 89».",
        "Ohne Schreibweise bleibt 00410445206789.",
        "00 vorn steht für das Plus, dahinter folgt die Landesvorwahl.",
        "Die (0) hinter der Landesvorwahl +41 gilt nur im Land selbst und fällt weg.",
        "Als internationale Nummer: +41445206789 ist eine gültige Nummer. Das zählt.",
        "Ergebnis: eine externe Nummer, +41445206789.",
        "Gewählt würde: 00445206789",
    ]


def test_the_language_can_be_chosen(run: Run, site: Path) -> None:
    result = run("520 67 89", "--lang", "en", config=site)

    assert "As a local number of the site: +41445206789 is a valid number." in result.stdout
    assert "Would be dialled: 00445206789" in result.stdout


def test_the_policy_of_the_site_is_reported(run: Run, site: Path) -> None:
    result = run("081 250 12 34", "--lang", "en", config=site)

    assert "Not dialled (denied_prefix): Numbers that begin with +4181 are barred" in result.stdout


def test_machines_get_json(run: Run, site: Path) -> None:
    document = json.loads(run("0900 123 456", "--json", config=site).stdout)

    assert (document["kind"], document["e164"], document["reading"]) == (
        "external",
        "+41900123456",
        "national",
    )
    assert [step["code"] for step in document["steps"]] == [
        "received",
        "spelled",
        "trunk",
        "valid",
        "result-e164",
    ]
    assert (document["dial"]["allowed"], document["dial"]["code"]) == (False, "premium")


def test_the_country_of_a_contact_reads_its_number(run: Run, site: Path) -> None:
    document = json.loads(run("030 123456", "--country", "DE", "--json", config=site).stdout)

    assert document["e164"] == "+4930123456"
    assert document["same_subscriber"] == ["+49301234560"]
    assert document["dial"] == {"allowed": True, "dialled": "0004930123456"}


def test_without_a_configuration_switzerland_or_the_named_country_counts(run: Run) -> None:
    assert "+41445206789" in run("044 520 67 89").stdout
    assert "+4930123456" in run("030 123456", "--country", "DE").stdout


def test_what_is_no_number_says_why(run: Run) -> None:
    result = run("044 520 67 89 / 079 123 45 67", "--lang", "en")

    assert result.exit_code == 0
    assert "This is no number: there are two numbers in it." in result.stdout
    assert "Not dialled (not_a_number)" in result.stdout


def test_what_an_import_finds_in_a_field_with_two_numbers_is_reported(run: Run, site: Path) -> None:
    result = run("044 520 67 88 / 89", "--lang", "en").stdout

    assert "Result: unknown." in result
    assert "An import would find in it: +41445206788, +41445206789" in result
    as_json = json.loads(run("044 520 67 88 / 89", "--json", config=site).stdout)
    assert as_json["field"] == ["+41445206788", "+41445206789"]
    assert "import" not in run("044 520 67 88", "--lang", "en").stdout
    assert "import" not in run("*21#", "--lang", "en").stdout


def test_an_extension_of_one_digit_says_what_it_is_and_why_it_is_not_dialled(run: Run) -> None:
    lines = run("1", "--lang", "en").stdout.splitlines()

    assert lines[-2:] == [
        "Result: an internal number, 1.",
        "Not dialled (not_allowed): 1 counts as an extension, but a single digit is not dialled by"
        " machine. Please use the telephone.",
    ]


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        (["1", "--lang", "es"], SystemExit),
        (["1", "--country", "XX"], ValidationError),
    ],
)
def test_a_wrong_option_is_a_failure_of_one_line(
    run: Run, words: list[str], failure: type[Exception]
) -> None:
    assert isinstance(run(*words).exception, failure)


def test_a_configuration_that_is_named_must_exist(run: Run, tmp_path: Path) -> None:
    assert isinstance(run("1", config=tmp_path / "none.toml").exception, SettingsRefused)
