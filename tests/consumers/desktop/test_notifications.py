"""What a notification shows, and for how long."""

import logging
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bus.events import DialResult, DialResultData, Party, Reference, Sentence
from consumers.desktop.consumer import DesktopConsumer
from consumers.desktop.notifications import Card, Cards, in_one_line
from consumers.desktop.opener import Opener
from consumers.desktop.settings import DesktopSettings
from tests.consumers.desktop.desk import HOPPER, NOTHING, TWO, NewDesk
from tests.journeys.caller.notification_service import NotificationService, session_bus


def test_a_notification_shows_who_calls_and_what_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report()

    assert desk.settled().history == [("Ada Lovelace", "+41441234567\n2026-1 Will")]


@pytest.mark.parametrize(
    ("given", "title", "line"),
    [
        ({"contact": None, **NOTHING, "reason": "unknown-caller"}, "claimed", "+41441234567"),
        (
            {"contact": None, "caller": Party(kind="withheld", number="x"), **NOTHING,
             "reason": "withheld"}, "Unterdrückte Nummer", "",
        ),
        ({"quality": "switchboard"}, "Durchwahl von Ada Lovelace", "+41441234567\n2026-1 Will"),
        (
            {"quality": "exact", "employer": Reference(kind="contact", id="9", title="Engines AG")},
            "Ada Lovelace", "+41441234567\nbei Engines AG\n2026-1 Will",
        ),
        (
            {"contact": None, **NOTHING, "direction": "internal", "trigger": "outgoing",
             "caller": Party(number="11"), "called": Party(number="12", name="Bernd")},
            "Bernd", "12",
        ),
        (
            {"contact": None, **NOTHING, "reason": "unknown-caller",
             "caller": Party(number="0441234567", e164="+41441234567"), "group": "7"},
            "+41441234567", "7",
        ),
        (
            {"contact": None, **NOTHING, "reason": "unknown-caller", "group": "7",
             "called": Party(number="20", name="Kanzlei")},
            "claimed", "+41441234567\nKanzlei",
        ),
        (
            {"contact": None, **NOTHING, "reason": "unknown-caller",
             "called": Party(number="0445550000", e164="+41445550000", kind="external")},
            "claimed", "+41441234567\n+41445550000",
        ),
        (
            {"contact": None, **NOTHING, "reason": "unknown-caller",
             "called": Party(number="0445550000", e164="+41445550000", kind="external",
                             name="Notariat")},
            "claimed", "+41441234567\nNotariat",
        ),
        (
            {"contact": None, **NOTHING, "reason": "unknown-caller",
             "called": Party(number="11", kind="internal", name="Anna")},
            "claimed", "+41441234567",
        ),
        (
            {"contact": None, **NOTHING, "reason": "several-contacts", "group": "Sales",
             "candidates": [Reference(kind="contact", id="1", title="A & B")]},
            "claimed", "+41441234567\nSales\nMehrere kommen in Frage: A & B",
        ),
    ],
)  # fmt: skip
def test_a_notification_says_what_is_known(
    new_desk: NewDesk, given: dict[str, Any], title: str, line: str
) -> None:
    desk = new_desk()
    desk.report(**given)

    assert desk.settled().history == [(title, line)]
    assert desk.started == [] or "quality" in given


@pytest.mark.parametrize(
    "reason", ["internal-ignored", "do-not-disturb", "quiet-hours", "own-dialling", "too-old"]
)
def test_some_calls_show_nothing(new_desk: NewDesk, reason: str) -> None:
    desk = new_desk()
    desk.report(**NOTHING, reason=reason)

    assert desk.settled().history == []


def test_a_notification_goes_when_the_call_is_over_or_answered_elsewhere(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report()
    desk.report(call_id="c-2")
    desk.report(trigger="closed", reason="answered-elsewhere", **NOTHING)

    assert len(desk.settled().shown) == 1


TAKEN = {
    "trigger": "closed", "reason": "answered-elsewhere", "answered_by": "0012", **NOTHING,
    "sentence": Sentence(de="Den Anruf hat Anna angenommen.", en="Anna answered the call."),
}  # fmt: skip


def test_a_notification_names_the_colleague_who_has_taken_the_call(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report()
    desk.report(**TAKEN)

    [(_, message)] = desk.settled().shown.values()
    assert message == "Den Anruf hat Anna angenommen."


def test_where_nothing_was_shown_nobody_is_named(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(**TAKEN)

    assert desk.settled().shown == {}


def test_who_has_taken_a_call_says_nothing_of_the_caller_where_that_is_hidden(
    new_desk: NewDesk,
) -> None:
    desk = new_desk(discreet=True)
    desk.report()
    desk.report(**TAKEN)

    [(title, _)] = desk.settled().shown.values()
    assert title == "Anruf"


def test_a_call_has_one_notification_and_there_are_not_too_many(new_desk: NewDesk) -> None:
    desk = new_desk(most_notifications=3)
    for number in range(50):
        desk.report(call_id=f"c-{number}")
        desk.report(call_id=f"c-{number}", trigger="connected")

    assert len(desk.settled().shown) == 3


@pytest.mark.parametrize(("at_end", "left"), [(True, 0), (False, 1)])
def test_a_notification_may_stay_after_the_end_of_the_call(
    new_desk: NewDesk, at_end: bool, left: int
) -> None:
    desk = new_desk(close_at_end=at_end)
    desk.report()
    desk.report(trigger="closed", reason="ended", **NOTHING)
    assert len(desk.settled().shown) == left

    desk.report(trigger="closed", reason="answered-elsewhere", **NOTHING)
    assert desk.settled().shown == {}


def wait_for(event: threading.Event) -> None:
    assert event.wait(10)


def test_of_many_calls_at_once_only_the_newest_are_shown(new_desk: NewDesk) -> None:
    desk = new_desk(most_notifications=3)
    busy = threading.Event()
    desk.cards._jobs.put(lambda: wait_for(busy))  # the desktop is slow
    for number in range(50):
        desk.report(call_id=f"c-{number}", contact=TWO[0].model_copy(update={"title": f"{number}"}))
    busy.set()

    assert [title for title, _ in desk.settled().history] == ["47", "48", "49"]
    assert len(desk.started) == 50


@pytest.mark.parametrize(
    ("wishes", "left"),
    [
        (("show 1", "close", "show 2"), ["2"]),
        (("show 1", "update 2", "show 3"), ["3"]),
        (("show 1", "update 2"), ["2"]),
        (("show 1", "close", "update 2"), []),
        (("show 1", "sweep", "show 2"), ["2"]),
        (("show 1", "sweep", "update 2"), []),
        (("show 1", "show 2", "close"), []),
        (("update 1",), []),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_on_a_slow_desktop_the_newest_wish_counts(
    new_desk: NewDesk, wishes: tuple[str, ...], left: list[str], before: bool
) -> None:
    desk = new_desk()
    busy = threading.Event()
    if before:  # an earlier notification is shown or is not: at the end the newest counts
        desk.cards.show("c-1", Card("0", []))
        desk.settled()
    desk.cards._jobs.put(lambda: wait_for(busy))
    for wish in wishes:
        what, _, title = wish.partition(" ")
        match what:
            case "show":
                desk.cards.show("c-1", Card(title, []))
            case "update":
                desk.cards.update("c-1", Card(title, []))
            case "close":
                desk.cards.close("c-1")
            case _:
                desk.cards.close_all()
    busy.set()

    shown = [title for title, _ in desk.settled().shown.values()]
    assert shown == (["1"] if before and wishes == ("update 1",) else left)


def test_all_notifications_are_taken_away_at_once_and_later_ones_come(new_desk: NewDesk) -> None:
    desk = new_desk()
    for number in range(3):
        desk.report(call_id=f"c-{number}")
    desk.cards.close_all()
    assert desk.settled().shown == {}

    desk.report(call_id="c-9")
    assert len(desk.settled().shown) == 1


def test_a_hostile_name_shows_no_control_sign_in_a_notification(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(contact=Reference(kind="contact", id="7", title="<b>\x1b[2J\u202egnp</b>"),
              opened=Reference(kind="matter", id="7", title="<script>"))  # fmt: skip

    [(title, _)] = desk.settled().history
    assert "\x1b" not in title
    assert "\u202e" not in title


def test_a_desktop_without_notifications_still_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.cards.close_all()
    desk.cards = Cards(20, 3, lambda: 1 / 0)
    desk.consumer = DesktopConsumer(
        desk.settings, Opener(desk.settings, desk._start), desk.cards, lambda job: job(),
        desk._choose, desk._report,
    )  # fmt: skip
    desk.report()

    assert len(desk.started) == 1


def test_only_what_the_desktop_took_counts_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    with session_bus(tmp_path) as address:
        if address is None:
            pytest.skip("dbus-daemon is not installed here: deploy/virtual-display")
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        cards = Cards(20, 3, note_shown=shown.append)
        cards.show("to nobody", Card("Anruf", ["Ada"]))
        _done(cards)
        with NotificationService(address, markup=False):
            cards.show("to a desktop", Card("Anruf", ["Ada"]))
            _done(cards)
        cards.end()

    assert shown == ["to a desktop"]


def _done(cards: Cards) -> None:
    """Wait until everything has been done."""
    done = threading.Event()
    cards._jobs.put(done.set)
    assert done.wait(20)


def test_what_the_library_could_not_show_is_one_line() -> None:
    error = OSError("no bus")
    record = logging.LogRecord(
        "desktop_notifier", logging.WARNING, "x", 1, "Notification failed", (),
        (OSError, error, None),
    )  # fmt: skip

    assert in_one_line(record)
    assert logging.Formatter("%(message)s").format(record) == "Notification failed reason=OSError"


def test_a_refused_dial_is_shown_and_an_accepted_one_is_not(new_desk: NewDesk) -> None:
    desk = new_desk()
    for state in ("accepted", "refused"):
        desk.consumer.on_dial_result(
            DialResult(
                data=DialResultData.model_validate(
                    {"user": "0011", "request_id": uuid4(), "state": state,
                     "sentence": Sentence(de=f"de {state}", en="")}
                )
            )
        )  # fmt: skip

    assert desk.settled().history == [("starface2mqtt", "de refused")]


def test_a_notification_without_any_end_is_refused() -> None:
    with pytest.raises(ValueError, match="close_at_end"):
        DesktopSettings(notification_seconds=0, close_at_end=False)


def test_a_discreet_notification_shows_who_it_is_after_a_click(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(discreet=True, group="7", called=Party(number="7", name="Inheritance"))

    notifier = desk.settled()
    [(key, (title, message))] = notifier.shown.items()
    assert title == "Anruf"
    assert message == "Inheritance\nKlicken zeigt, wer es ist"
    assert notifier.buttons == {}
    click = notifier.click[key]
    assert click is not None
    click()
    [(title, message)] = desk.settled().shown.values()
    assert title == "Ada Lovelace"
    assert "+41441234567" in message


def test_who_has_looked_sees_the_rest_of_the_call(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(discreet=True)
    click = desk.settled().click["0"]
    assert click is not None
    click()
    desk.report(discreet=True, trigger="connected")

    assert [title for title, _ in desk.settled().shown.values()] == ["Ada Lovelace"]


@pytest.mark.parametrize("trigger", ["party-change", "ringing"])
def test_who_has_looked_has_not_seen_another_party(new_desk: NewDesk, trigger: str) -> None:
    desk = new_desk(discreet=True)
    desk.report()
    click = desk.settled().click["0"]
    assert click is not None
    click()
    desk.report(trigger=trigger, **HOPPER)

    assert [title for title, _ in desk.settled().shown.values()] == ["Anruf"]


@pytest.mark.parametrize(("direction", "title"), [("in", "Call"), ("out", "Your call")])
def test_a_workstation_may_wish_to_be_discreet(
    new_desk: NewDesk, direction: str, title: str
) -> None:
    desk = new_desk(discreet=True, language="en")
    desk.report(direction=direction)

    assert [one for one, _ in desk.settled().shown.values()] == [title]
