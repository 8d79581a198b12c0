"""Buttons, clicks and keys: what is opened because somebody chose it."""

from typing import Any

import pytest

from bus.events import Party, Reference
from tests.consumers.desktop.desk import NOTHING, ON_CLICK, TWO, Desk, NewDesk

WILL = Reference(kind="matter", id="70", title="Will")


def test_a_click_opens_where_nothing_opens_by_itself(new_desk: NewDesk) -> None:
    desk = new_desk(opens="click")
    desk.report()
    assert desk.started == []

    clicked = desk.settled().click["0"]
    assert clicked is not None
    clicked()

    assert len(desk.started) == 1


def press(desk: Desk, label: str) -> None:
    pressed = desk.settled().buttons[label]
    assert pressed is not None
    pressed()


@pytest.mark.parametrize("way", ["button", "notification", "key"])
def test_what_opens_on_a_click_is_asked_for_by_it(new_desk: NewDesk, way: str) -> None:
    desk = new_desk()
    desk.report(**ON_CLICK)
    notifier = desk.settled()

    assert desk.started == []
    assert list(notifier.buttons) == ["Öffnen"]
    assert notifier.history == [("Ada Lovelace", "+41441234567\n2026-1 Will")]
    clicked = notifier.buttons["Öffnen"] if way == "button" else notifier.click["0"]
    assert clicked is not None
    desk.consumer.open_last() if way == "key" else clicked()
    assert desk.chosen == [("c-1", "found")]


def test_the_button_stands_before_other_offers_and_there_are_not_too_many(
    new_desk: NewDesk,
) -> None:
    desk = new_desk(language="en")
    offered = [Reference(kind="matter", id=one, title=one) for one in ("a", "b", "c")]
    desk.report(on_click="dossier", offered=offered)
    notifier = desk.settled()

    assert list(notifier.buttons) == ["Open", "a", "b"]
    clicked = notifier.click["0"]
    assert clicked is not None
    clicked()  # opens once more what has opened by itself
    assert (len(desk.started), desk.chosen) == (2, [])


@pytest.mark.parametrize(
    ("opens", "here", "elsewhere"), [("browser", 1, 1), ("click", 1, 0), ("nothing", 0, 0)]
)
def test_what_was_clicked_elsewhere_opens_only_where_calls_open_by_themselves(
    new_desk: NewDesk, opens: str, here: int, elsewhere: int
) -> None:
    desk = new_desk(opens=opens)
    desk.report(trigger="chosen", candidates=TWO)
    assert len(desk.started) == elsewhere

    press(desk, "Frei 9")
    desk.report(trigger="chosen", event_id=desk.asked[-1])
    assert len(desk.started) == elsewhere + here


@pytest.mark.parametrize("given", ["matter", "on a click"])
def test_where_nothing_opens_no_click_or_button_offers_it(new_desk: NewDesk, given: str) -> None:
    desk = new_desk(opens="nothing")
    desk.report(**ON_CLICK if given == "on a click" else {})
    notifier = desk.settled()
    desk.consumer.open_last()

    assert notifier.history == [("Ada Lovelace", "+41441234567\n2026-1 Will")]
    assert (notifier.buttons, notifier.click["0"]) == ({}, None)
    assert (desk.started, desk.chosen) == ([], [])


def test_without_a_call_there_is_nothing_to_open(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.consumer.open_last()

    assert (desk.started, desk.chosen) == ([], [])


UNKNOWN: dict[str, Any] = NOTHING | {
    "caller": Party(number="0441111111", e164="+41441111111", kind="external"), "contact": None,
    "quality": "none", "reason": "unknown-caller",
}  # fmt: skip


@pytest.mark.parametrize(
    "newer",
    [
        {"call_id": "c-2", **UNKNOWN},
        {"trigger": "party-change", **UNKNOWN},
        {"trigger": "party-change", **UNKNOWN, "reason": "internal-ignored"},
    ],
)
def test_the_key_opens_nothing_of_an_earlier_caller(
    new_desk: NewDesk, newer: dict[str, Any]
) -> None:
    desk = new_desk(opens="click")
    desk.report()
    desk.report(**newer)
    desk.consumer.open_last()
    assert desk.started == []

    desk.report()
    desk.consumer.open_last()
    assert len(desk.started) == 1


def test_the_key_opens_what_a_running_call_is_about_though_more_was_reported(
    new_desk: NewDesk,
) -> None:
    desk = new_desk(opens="click")
    desk.report()
    desk.later = 3600
    desk.report(age=-3600, trigger="connected", **NOTHING | {"reason": "too-many"})
    desk.consumer.open_last()

    assert len(desk.started) == 1


@pytest.mark.parametrize(("minutes", "started"), [(9, 1), (11, 0)])
def test_the_key_opens_nothing_long_after_the_call(
    new_desk: NewDesk, minutes: int, started: int
) -> None:
    desk = new_desk(opens="click")
    desk.report()
    desk.report(trigger="closed", reason="ended", **NOTHING)
    desk.later = minutes * 60
    desk.consumer.open_last()

    assert len(desk.started) == started


def test_a_press_says_who_is_meant(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(contact=None, **NOTHING, reason="several-contacts", candidates=TWO)
    buttons = desk.settled().buttons

    assert list(buttons) == ["Frei 8", "Frei 9"]
    pressed = buttons["Frei 9"]
    assert pressed is not None
    pressed()
    assert desk.chosen == [("c-1", "9")]


def test_a_remembered_choice_can_be_changed_or_revoked(new_desk: NewDesk) -> None:
    desk = new_desk(language="en")
    desk.report(contact=TWO[0], remembered=True, candidates=TWO)
    notifier = desk.settled()

    assert list(notifier.buttons) == ["Frei 9", "Forget my choice"]
    assert "As you chose" in notifier.history[0][1]
    pressed = notifier.buttons["Forget my choice"]
    assert pressed is not None
    pressed()
    assert desk.chosen == [("c-1", None)]


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({"on_click": "matter"}, ["Open", "Frei 9", "Forget my choice"]),
        ({"offered": [WILL] * 4}, ["Will", "Will", "Forget my choice"]),
        ({"on_click": "card", "offered": [WILL] * 4}, ["Open", "Will", "Forget my choice"]),
    ],
)
def test_there_are_never_more_buttons_than_a_desktop_shows(
    new_desk: NewDesk, given: dict[str, Any], labels: list[str]
) -> None:
    desk = new_desk(language="en")
    three = [*TWO, Reference(kind="contact", id="10", title="Frei 10")]
    desk.report(contact=TWO[0], remembered=True, candidates=three, **given)
    desk.settled()

    assert desk.notifier.labels == labels


def test_a_user_who_wants_no_action_is_not_asked(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(contact=None, **NOTHING, reason="no-action", action="none", candidates=TWO)

    assert desk.settled().buttons == {}
    assert len(desk.settled().shown) == 1


def test_dossiers_in_question_are_offered(new_desk: NewDesk) -> None:
    desk = new_desk()
    reported = [
        Reference(kind="dossier", id=str(number), title="x" * 250, reference=f"2026-{number}")
        for number in range(9)
    ]
    desk.report(**NOTHING, reason="several-dossiers", offered=reported)
    notifier = desk.settled()

    assert len(notifier.buttons) == 3
    assert all(len(label) == 24 for label in notifier.buttons)
    assert "Bitte wählen: 2026-0" in notifier.history[0][1]


def test_each_choice_opens_and_its_repeat_does_not(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(contact=None, **NOTHING, reason="several-contacts", candidates=TWO)
    for click in ("click-1", "click-1", "click-2"):
        desk.report(trigger="chosen", event_id=click)

    assert len(desk.started) == 2
