from dataclasses import replace
from typing import Any

import pytest

from bus.events import Sentence, UserStateData, now
from bus.journal_events import MissedData
from consumers.desktop.icon import HealthNotice, Links, MenuCall, MenuEntry, look, menu
from texts import LANGUAGES, Language, render


def _links(state: Any = "active", **more: Any) -> Links:
    data = UserStateData(user="0011", state=state, since=now())
    return replace(Links(connected=True, sessions=True, state=data), **more)


def test_a_working_link_is_active_and_a_switched_off_one_is_off() -> None:
    assert look(_links(), "en").shape == "active"
    assert look(_links("inactive"), "en").shape == "off"


def test_a_failing_state_shows_its_own_sentence() -> None:
    sentence = Sentence(de="Passwort falsch.", en="Wrong password.")
    failing = UserStateData(user="0011", state="failing", since=now(), sentence=sentence)

    seen = look(_links("failing"), "en"), look(replace(_links(), state=failing), "de")

    assert [one.shape for one in seen] == ["failing", "failing"]
    assert seen[0].text == "Failing"
    assert seen[1].text == "Passwort falsch."


@pytest.mark.parametrize("state", ["active", "inactive"])
@pytest.mark.parametrize(
    ("broken", "key"),
    [
        ({"connected": False}, "no-broker"),
        ({"connected": False, "sessions": False}, "no-broker"),
        ({"sessions": False}, "no-sessions"),
        ({"sessions": None}, "no-sessions"),
    ],
)
def test_a_broken_link_outweighs_the_state_that_was_last_known(
    broken: dict[str, Any], key: str, state: str
) -> None:
    seen = look(_links(state, **broken), "fr")

    assert (seen.shape, seen.text) == ("failing", render(f"desktop.icon.{key}", "fr"))


def test_a_user_whom_the_server_does_not_know_is_failing() -> None:
    seen = look(replace(_links(), state=None), "it")

    assert (seen.shape, seen.text) == ("failing", render("desktop.icon.no-state", "it"))


def test_open_missed_calls_stand_on_the_icon_and_in_the_menu() -> None:
    links = _links(missed=MissedData(user="0011", open=3))

    assert look(links, "en").missed == 3
    assert MenuEntry("Open missed calls: 3") in menu(links, "en")
    assert MenuEntry("Open missed calls: 3", "panel") in menu(
        replace(links, panel="https://panel.example/"), "en"
    )


@pytest.mark.parametrize(
    ("state", "wish"), [("active", "off"), ("failing", "off"), ("inactive", "on")]
)
def test_a_click_on_the_icon_switches(state: str, wish: str) -> None:
    assert [one.wish for one in menu(_links(state), "de") if one.by_click] == [wish]


def test_the_menu_offers_last_calls_peace_and_why() -> None:
    call = MenuCall("c-7", "Ada Lovelace", now())
    entries = {one.label: one for one in menu(_links(calls=[call]), "en")}

    assert [one.wish for one in entries["Do not disturb"].entries] == [
        "dnd 30", "dnd 60", "dnd 120", "dnd 0",
    ]  # fmt: skip
    [listed] = entries["Last calls"].entries
    assert listed.wish == "open c-7"
    assert listed.label.endswith("Ada Lovelace")
    assert entries["Why? (last call)"].wish == "why"


def test_without_a_call_or_panel_nothing_of_them_can_be_pressed() -> None:
    wishes = {one.wish for one in menu(_links(), "en")}

    assert wishes == {"", "off"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_whole_menu(language: Language) -> None:
    assert len(menu(_links(panel="https://panel.example/"), language)) == 7


def test_a_fault_that_lasts_is_said_once_and_its_end_once() -> None:
    notice = HealthNotice(settled=10)
    shapes = [(0, "active"), (1, "failing"), (10, "failing"), (11, "failing"), (40, "failing"),
              (50, "active"), (59, "active"), (60, "active"), (90, "off")]  # fmt: skip

    said = [(at, notice.due(shape, at)) for at, shape in shapes]  # type: ignore[arg-type]

    assert [one for one in said if one[1]] == [(11, "failing"), (60, "well")]


def test_a_link_that_flickers_is_not_said() -> None:
    notice = HealthNotice(settled=10)

    assert not any(
        notice.due("failing" if second % 8 else "active", second) for second in range(100)
    )
