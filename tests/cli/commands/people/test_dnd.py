from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cli.site.files import make_site
from consumers.users import User, Users

Ask = Callable[..., Result]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    settings = make_site(tmp_path / "site", {"site": {"language": "en"}})
    with Users(settings.database) as users:
        users.add(User(login="0011", extension="0011", preferences={"delay": 2.0}))
    return settings.database


@pytest.fixture
def dnd(tmp_path: Path, database: Path) -> Ask:
    def run(*words: str) -> Result:
        file = tmp_path / "site" / "starface2mqtt.toml"
        return CliRunner().invoke(app, ["--config", str(file), "dnd", *words])

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("on",), "0011: do not disturb\n"),
        (("on", "--for", "2h"), "0011: do not disturb until 20"),
        (("on", "--until", "2199-01-01T12:00"), "0011: do not disturb until 2199-01-01 12:00"),
    ],
)
def test_a_user_is_left_alone_until_the_end_or_off(
    dnd: Ask, database: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in dnd(*words, "--user", "0011").output
    assert said in dnd().output
    assert dnd("off").output == "0011: calls open as set\n"
    with Users(database) as users:
        assert users.get("0011").preferences == {"delay": 2.0}


@pytest.mark.parametrize(
    "words",
    [
        ("off", "--for", "2h"),
        ("--until", "18:00"),
        ("on", "--for", "2h", "--until", "18:00"),
        ("on", "--for", "long"),
        ("perhaps",),
    ],
)
def test_a_wish_that_makes_no_sense_changes_nothing(dnd: Ask, words: tuple[str, ...]) -> None:
    assert dnd(*words).exit_code != 0
    assert dnd().output == "0011: calls open as set\n"


@pytest.mark.parametrize(
    ("option", "word", "said"),
    [
        ("--for", "off", "--for: 30m or 2h"),
        ("--for", "18:00", "--for: 30m or 2h"),
        ("--for", "", "--for: 30m or 2h"),
        ("--until", "on", "--until: 18:00 or 2026-12-24T12:00"),
        ("--until", "2h", "--until: 18:00 or 2026-12-24T12:00"),
        ("--until", "2020-01-01T12:00", "--until: this moment is over"),
    ],
)
def test_a_span_is_no_moment_and_neither_is_a_switch(
    dnd: Ask, option: str, word: str, said: str
) -> None:
    dnd("on", "--until", "2199-01-01T12:00")

    assert str(dnd("on", option, word).exception) == said
    assert "until 2199-01-01 12:00" in dnd().output
