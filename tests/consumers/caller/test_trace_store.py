from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from bus.events import TraceStep
from consumers.caller.answer import who
from consumers.caller.texts import sentence
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, erase, find, path_of
from consumers.preferences import Trigger
from consumers.users import User
from texts import LANGUAGES, Language, catalogue, pick

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _chapter(call: str = "c-1", user: str = "0011", at: float = 0.0, **more: str) -> TraceEntry:
    step = TraceStep(step="received", code="ringing", at=AT, de="Es klingelt.", en="It rings.")
    subject = TraceSubject(user, call, number="044", e164="+41441234567", name="Ada", **more)
    return TraceEntry(subject, (step,), AT.timestamp() + at)


def test_a_story_grows_with_its_call(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter()])
    traces.add(
        [TraceEntry(TraceSubject("0011", "c-1"), (), AT.timestamp() + 5, "card", "no-dossier")]
    )
    traces.add([_chapter(at=9)])

    [story] = find(tmp_path)
    assert len(story.steps) == 2
    assert (story.e164, story.name) == ("+41441234567", "Ada")
    assert (story.opens, story.reason) == ("card", "no-dossier")
    assert (story.changed - story.started).total_seconds() == 9
    traces.close()


def test_the_last_call_of_all_processes_is_found(tmp_path: Path) -> None:
    for account, call, at in (("caller", "c-1", 0), ("caller-2", "c-2", 5)):
        traces = TraceStore(path_of(tmp_path, account))
        traces.add([_chapter(call, at=at)])
        traces.close()

    assert [story.call_id for story in find(tmp_path)] == ["c-2"]
    assert [story.call_id for story in find(tmp_path, last=9)] == ["c-2", "c-1"]


def test_a_story_is_found_by_user_and_by_any_id_of_its_call(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter(user="0011"), _chapter(user="0012"), _chapter(also="c-9", event="e-9")])
    traces.close()

    assert [story.user for story in find(tmp_path, user="0012", last=9)] == ["0012"]
    assert [story.call_id for story in find(tmp_path, call_id="c-9", last=9)] == ["c-1"]
    assert len(find(tmp_path, call_id="c-1", last=9)) == 2
    assert find(tmp_path, call_id="c") == []
    assert find(tmp_path, call_id="e-9", last=9)[0].ids == ("c-1", "c-9", "e-9")
    assert find(tmp_path, call_id='%"') == []


def test_who_the_directory_says_it_is_stays_until_the_number_is_another(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    names = []
    for number, name, contact in (
        ("+411", "PBX", ""), ("+411", "PBX", "Ada"), ("+411", "PBX", ""), ("+412", "Bob", ""),
    ):  # fmt: skip
        subject = TraceSubject("0011", "c-1", number, number, name, contact=contact)
        traces.add([TraceEntry(subject, (), AT.timestamp())])
        names.append(find(tmp_path)[0].name)
    traces.close()

    assert names == ["PBX", "Ada", "Ada", "Bob"]


def test_old_stories_are_dropped(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter("old"), _chapter("new", at=100)])
    traces.forget_before(AT.timestamp() + 50)
    traces.close()

    assert [story.call_id for story in find(tmp_path, last=9)] == ["new"]


def test_an_endless_call_has_no_endless_story(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter() for _ in range(500)])
    traces.close()

    assert len(find(tmp_path)[0].steps) == 200


def test_an_erased_number_is_nowhere_any_more(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter()])
    assert erase(tmp_path, "+41441234567") == (1, True)
    traces.close()

    assert find(tmp_path) == []
    assert not any(b"41441234567" in path.read_bytes() for path in tmp_path.iterdir())


def test_only_the_owner_can_read_a_story(tmp_path: Path) -> None:
    TraceStore(path_of(tmp_path, "caller")).close()

    assert path_of(tmp_path, "caller").stat().st_mode & 0o077 == 0


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


def test_what_is_to_open_sooner_is_what_opened_later() -> None:
    user = User(
        login="0011", triggers=("connected", "ended"),
        actions={"connected": "business-card", "ended": "dossier"},
    )  # fmt: skip

    assert who(user, "ringing")["sooner"] == (
        "--trigger ringing=business-card --trigger ended=dossier"
    )


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
