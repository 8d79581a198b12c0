from typing import get_args

import pytest

from consumers.caller.answer import who
from consumers.caller.texts import sentence
from consumers.preferences import Trigger
from consumers.users import User
from texts import LANGUAGES, Language, catalogue, pick

_STEPS = ("received", "normalised", "matched", "rule", "action", "executor", "closed")
_CODES = sorted(
    key.removeprefix("caller.")
    for key in catalogue("en")
    if key.startswith(tuple(f"caller.{step}." for step in _STEPS))
)


@pytest.mark.parametrize("code", _CODES)
def test_every_code_has_a_sentence_in_each_language(code: str) -> None:
    reported = sentence(code, {"number": "044", "user": "Anna", "contact": "{id}", "detail": ""})

    for language in LANGUAGES:  # a command at the end is to be copied, without a dot
        words = pick(reported, language)
        assert words.endswith(".") or "starface2mqtt" in words
        assert "{" not in words.replace("{–?}", "").replace("{id}", "")


def test_a_missing_value_is_written_as_in_the_settings() -> None:
    assert "{name?}" in sentence("action.url-incomplete", {"value": "name"}).de


UNAVOIDABLE = {
    "withheld", "own-dialling", "answered-elsewhere", "ended", "not-answered-here",
    "already-opened", "opened-before", "interrupted", "choice-gone",
}  # fmt: skip


_REFUSING = sorted(
    code.removeprefix("action.")
    for code in _CODES
    if code.startswith("action.") and catalogue("de")[f"caller.{code}"].startswith("Nichts")
)


@pytest.mark.parametrize("code", [code for code in _REFUSING if code not in UNAVOIDABLE])
def test_a_reason_that_can_be_mended_says_how(code: str) -> None:
    for words in (
        catalogue("de")[f"caller.action.{code}"],
        catalogue("en")[f"caller.action.{code}"],
    ):
        assert any(
            one in words
            for one in ("starface2mqtt", "[caller]", "directory", "Verzeichnis", "wählen", "choose",
                        "Uhren", "clocks")
        )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "german"),
    [
        ("exit-0", "dms: erledigt (exit-0)."),
        ("exit-3", "dms: erledigt, das Programm meldet einen Fehler (exit-3)."),
        ("status-404", "dms: erledigt, die Adresse gibt es dort nicht (status-404)."),
        ("Unheard", "dms: erledigt (Unheard)."),
        ("", "dms: erledigt."),
    ],
)
def test_what_an_executor_made_of_it_is_said_in_words(code: str, german: str) -> None:
    assert sentence("executor.done", {"executor": "dms", "outcome": code}).de == german


def test_a_code_is_reported_in_words_and_a_number_as_it_is() -> None:
    reported = sentence("rule.user", {"action": "none", "trigger": "ringing",
                                  "triggers": "connected,ended"})  # fmt: skip

    assert "keine Aktion, geöffnet wird beim Annehmen oder am Ende." in reported.de
    assert "044,1" in sentence("received.ringing", {"number": "044,1"}).de


_ALL = get_args(Trigger)
_EACH_ITS_OWN = User(
    login="l" * 48,
    name="Dr. Annegret von Hohenstein",
    triggers=tuple(one for one in _ALL if one != "ended"),
    actions=dict.fromkeys(_ALL, "matter-or-dossier"),
)


@pytest.mark.parametrize("code", ["action.not-chosen", "action.opens-later", "rule.plan"])
def test_the_longest_command_that_is_offered_is_whole_and_no_code_is_shown(code: str) -> None:
    values = {**who(_EACH_ITS_OWN, "ended"), "action": "business-card"}
    reported = sentence(code, values)

    for words, last in ((reported.de, "Visitenkarte."), (reported.en, "business card.")):
        command = values["options" if code == "action.not-chosen" else "sooner"]
        assert words.endswith(last if code == "rule.plan" else command)
        assert "…" not in words
        assert code != "rule.plan" or "=" not in words


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_steps_say_the_same(language: Language) -> None:
    reported = [catalogue(language)[f"caller.{code}"] for code in _CODES]

    assert len(reported) == len(set(reported))


@pytest.mark.parametrize("name", ["\x1b[2J", "a\u202eb", "x" * 4000, "{user.__class__}", "a\nb"])
def test_a_name_is_only_text_in_a_sentence(name: str) -> None:
    reported = sentence("matched.exact", {"contact": name}).en

    assert "\x1b" not in reported
    assert "\u202e" not in reported
    assert "\n" not in reported
    assert len(reported) < 200
