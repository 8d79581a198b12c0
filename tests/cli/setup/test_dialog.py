from collections.abc import Callable
from pathlib import Path

import pytest

from cli.setup.dialog import Dialog
from cli.setup.draft import draft
from cli.site.context import CommandFailed
from texts import LANGUAGES, Language, render

Answers = Callable[[str], Dialog]


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    def make(text: str) -> Dialog:
        file = tmp_path / "answers.toml"
        file.write_text(text)
        return Dialog("en", file)

    return make


def test_a_missing_answer_is_named_with_its_question(answers: Answers) -> None:
    with pytest.raises(CommandFailed, match=r"pbx is missing \(Name or address of the STARFACE\)"):
        draft(answers('language = "en"'))


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_the_language_that_was_chosen_first(answers: Answers, language: Language) -> None:
    dialog = answers(f'language = "{language}"\npbx = "http://pbx"')

    with pytest.raises(CommandFailed) as failure:
        draft(dialog)
    assert render("setup.wrong.host", language) in str(failure.value)


@pytest.mark.parametrize(
    ("given", "code", "value"),
    [
        ('scheme = "ftp"', "choice", {"choices": "https, http"}),
        ('scheme = "http"\nport = 70000', "port", {}),
    ],
)
def test_a_wrong_answer_is_named_with_what_would_be_right(
    answers: Answers, given: str, code: str, value: dict[str, str]
) -> None:
    with pytest.raises(CommandFailed) as failure:
        draft(answers(f'language = "fr"\npbx = "127.0.0.1"\n{given}'))
    assert render(f"setup.wrong.{code}", "fr", **value) in str(failure.value)


def test_an_answer_that_a_person_got_wrong_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["kein Land", "CH"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(typed))

    answer = Dialog("de").ask("country", choices=("CH", "DE"))

    assert answer == "CH"
    assert "eines von CH, DE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("language", "typed", "answer"),
    [
        ("de", "j", True), ("de", "Ja", True), ("fr", "oui", True), ("it", "si", True),
        ("de", "y", True), ("it", "NO", False), ("fr", "n", False), ("de", "", True),
    ],
)  # fmt: skip
def test_a_person_says_yes_in_his_own_language(
    monkeypatch: pytest.MonkeyPatch, language: Language, typed: str, answer: bool
) -> None:
    given = iter(["vielleicht", typed])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(given))

    assert Dialog(language).confirm("again", default=True) is answer
