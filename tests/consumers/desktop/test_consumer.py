import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from desktop_notifier import Button

from bus.events import (
    CallerData,
    CallerEvent,
    ChoiceRequestData,
    DialResult,
    DialResultData,
    Party,
    Reference,
    Sentence,
    now,
)
from consumers.actions.command import ActionFailed
from consumers.desktop.consumer import DesktopConsumer
from consumers.desktop.notifications import Card, Cards, in_one_line
from consumers.desktop.opener import Opener
from consumers.desktop.settings import DesktopSettings

URL = "https://files.example/matters/m%2F1"
ADA = Party(number="0441234567", e164="+41441234567", name="claimed", kind="external")


class Notifier:
    """A desktop's notification service."""

    def __init__(self) -> None:
        self.shown: dict[str, tuple[str, str]] = {}
        self.labels: list[str] = []
        self.buttons: dict[str, Callable[[], None] | None] = {}
        self.history: list[tuple[str, str]] = []
        self.click: dict[str, Callable[[], None] | None] = {}

    async def send(
        self,
        *,
        title: str,
        message: str,
        buttons: Sequence[Button],
        on_clicked: Callable[[], None] | None,
        timeout: int,
    ) -> str:
        self.buttons = {one.title: one.on_pressed for one in buttons}
        self.labels = [one.title for one in buttons]
        key = str(len(self.history))
        self.history.append((title, message))
        self.shown[key] = (title, message)
        self.click[key] = on_clicked
        return key

    async def get_current_notifications(self) -> list[str]:
        return list(self.shown)

    async def clear(self, identifier: str) -> None:
        del self.shown[identifier]


class Desk:
    def __init__(self, **settings: Any) -> None:
        self.settings = DesktopSettings(**settings)
        self.notifier = Notifier()
        self.started: list[Sequence[str]] = []
        self.fails = False
        self.chosen: list[tuple[str, str | None]] = []
        self.asked: list[str] = []
        self.reported: list[tuple[str, str]] = []
        self.paused = False
        self.panel_opens = False
        self.later = 0.0
        self.cards = Cards(20, self.settings.most_notifications, lambda: self.notifier)
        self.consumer = DesktopConsumer(
            self.settings, Opener(self.settings, self._start), self.cards, lambda job: job(),
            self._choose, self._report, lambda: time.time() + self.later, lambda: self.paused,
            lambda: self.panel_opens,
        )  # fmt: skip

    def _report(self, call_id: str, reason: str) -> None:
        self.reported.append((call_id, reason))

    def _choose(self, request_id: str, data: ChoiceRequestData) -> None:
        self.asked.append(request_id)
        self.chosen.append((data.call_id, "found" if data.kind == "found" else data.id))

    def _start(self, arguments: Sequence[str]) -> None:
        if self.fails:
            raise ActionFailed("exit-1")
        self.started.append(arguments)

    def tell(self, age: float = 0.0, **more: Any) -> CallerEvent:
        told = {
            "user": "0011", "call_id": "c-1", "event_id": str(uuid4()), "trigger": "ringing",
            "caller": ADA, "quality": "exact", "action": "matter-or-dossier", "opens": "matter",
            "contact": Reference(kind="contact", id="7", title="Ada Lovelace"),
            "opened": Reference(kind="matter", id="70", title="Will", reference="2026-1"),
            "url": URL, "reason": "only-open-matter", **more,
        }  # fmt: skip
        event = CallerEvent(
            time=now() - timedelta(seconds=age), data=CallerData.model_validate(told)
        )
        self.consumer.handle(event)
        return event

    def settled(self) -> Notifier:
        """Return what is shown once everything has been done."""
        done = threading.Event()
        self.cards._jobs.put(done.set)
        assert done.wait(10)
        return self.notifier


NewDesk = Callable[..., Desk]


@pytest.fixture
def new_desk() -> Iterator[NewDesk]:
    made: list[Desk] = []

    def new(**settings: Any) -> Desk:
        made.append(Desk(**settings))
        return made[-1]

    yield new
    for one in made:
        one.cards.end()


WILL = Reference(kind="matter", id="70", title="Will")
TWO = [Reference(kind="contact", id=one, title=f"Frei {one}") for one in ("8", "9")]
NOTHING: dict[str, Any] = {"opens": "nothing", "opened": None, "url": None}


def test_the_address_is_opened_once_as_one_argument(new_desk: NewDesk) -> None:
    desk = new_desk()
    event = desk.tell()
    desk.consumer.handle(event)
    desk.tell(event_id="again")

    [arguments] = desk.started
    assert list(arguments)[1:] == [URL]
    assert desk.reported == [("c-1", "")]


def test_a_notification_shows_who_calls_and_what_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell()

    assert desk.settled().history == [("Ada Lovelace", "+41441234567\n2026-1 Will")]


@pytest.mark.parametrize(
    ("told", "title", "line"),
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
            "claimed", "+41441234567\nSales\nMehrere kommen in Frage: A &amp; B",
        ),
    ],
)  # fmt: skip
def test_a_notification_says_what_is_known(
    new_desk: NewDesk, told: dict[str, Any], title: str, line: str
) -> None:
    desk = new_desk()
    desk.tell(**told)

    assert desk.settled().history == [(title, line)]
    assert desk.started == [] or "quality" in told


@pytest.mark.parametrize(
    "reason", ["internal-ignored", "do-not-disturb", "quiet-hours", "own-dialling", "too-old"]
)
def test_some_calls_show_nothing(new_desk: NewDesk, reason: str) -> None:
    desk = new_desk()
    desk.tell(**NOTHING, reason=reason)

    assert desk.settled().history == []


def test_an_old_answer_opens_and_shows_nothing(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(age=40)

    assert desk.started == []
    assert desk.settled().history == []


def test_a_notification_goes_when_the_call_is_over_or_answered_elsewhere(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell()
    desk.tell(call_id="c-2")
    desk.tell(trigger="closed", reason="answered-elsewhere", **NOTHING)

    assert len(desk.settled().shown) == 1


TAKEN = {
    "trigger": "closed", "reason": "answered-elsewhere", "answered_by": "0012", **NOTHING,
    "sentence": Sentence(de="Den Anruf hat Anna angenommen.", en="Anna answered the call."),
}  # fmt: skip


def test_a_notification_names_the_colleague_who_has_taken_the_call(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell()
    desk.tell(**TAKEN)

    [(_, message)] = desk.settled().shown.values()
    assert message == "Den Anruf hat Anna angenommen."


def test_where_nothing_was_shown_nobody_is_named(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(**TAKEN)

    assert desk.settled().shown == {}


def test_who_has_taken_a_call_says_nothing_of_the_caller_where_that_is_hidden(
    new_desk: NewDesk,
) -> None:
    desk = new_desk(discreet=True)
    desk.tell()
    desk.tell(**TAKEN)

    [(title, _)] = desk.settled().shown.values()
    assert title == "Anruf"


def test_a_call_has_one_notification_and_there_are_not_too_many(new_desk: NewDesk) -> None:
    desk = new_desk(most_notifications=3)
    for number in range(50):
        desk.tell(call_id=f"c-{number}")
        desk.tell(call_id=f"c-{number}", trigger="connected")

    assert len(desk.settled().shown) == 3


def test_a_click_opens_where_nothing_opens_by_itself(new_desk: NewDesk) -> None:
    desk = new_desk(opens="click")
    desk.tell()
    assert desk.started == []

    clicked = desk.settled().click["0"]
    assert clicked is not None
    clicked()

    assert len(desk.started) == 1


@pytest.mark.parametrize(("at_end", "left"), [(True, 0), (False, 1)])
def test_a_notification_may_stay_after_the_end_of_the_call(
    new_desk: NewDesk, at_end: bool, left: int
) -> None:
    desk = new_desk(close_at_end=at_end)
    desk.tell()
    desk.tell(trigger="closed", reason="ended", **NOTHING)
    assert len(desk.settled().shown) == left

    desk.tell(trigger="closed", reason="answered-elsewhere", **NOTHING)
    assert desk.settled().shown == {}


def _wait(event: threading.Event) -> None:
    assert event.wait(10)


def test_of_many_calls_at_once_only_the_newest_are_shown(new_desk: NewDesk) -> None:
    desk = new_desk(most_notifications=3)
    busy = threading.Event()
    desk.cards._jobs.put(lambda: _wait(busy))  # the desktop is slow
    for number in range(50):
        desk.tell(call_id=f"c-{number}", contact=TWO[0].model_copy(update={"title": f"{number}"}))
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
    if before:  # an earlier notification is there or is not: at the end the newest counts
        desk.cards.show("c-1", Card("0", []))
        desk.settled()
    desk.cards._jobs.put(lambda: _wait(busy))
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
        desk.tell(call_id=f"c-{number}")
    desk.cards.close_all()
    assert desk.settled().shown == {}

    desk.tell(call_id="c-9")
    assert len(desk.settled().shown) == 1


def _press(desk: Desk, label: str) -> None:
    pressed = desk.settled().buttons[label]
    assert pressed is not None
    pressed()


ON_CLICK: dict[str, Any] = NOTHING | {
    "reason": "opens-on-click", "on_click": "matter",
    "found": Reference(kind="matter", id="70", title="Will", reference="2026-1"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["button", "notification", "key"])
def test_what_opens_on_a_click_is_asked_for_by_it(new_desk: NewDesk, way: str) -> None:
    desk = new_desk()
    desk.tell(**ON_CLICK)
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
    desk.tell(on_click="dossier", offered=offered)
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
    desk.tell(trigger="chosen", candidates=TWO)
    assert len(desk.started) == elsewhere

    _press(desk, "Frei 9")
    desk.tell(trigger="chosen", event_id=desk.asked[-1])
    assert len(desk.started) == elsewhere + here


@pytest.mark.parametrize("told", ["matter", "on a click"])
def test_where_nothing_opens_no_click_or_button_offers_it(new_desk: NewDesk, told: str) -> None:
    desk = new_desk(opens="nothing")
    desk.tell(**ON_CLICK if told == "on a click" else {})
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
    desk.tell()
    desk.tell(**newer)
    desk.consumer.open_last()
    assert desk.started == []

    desk.tell()
    desk.consumer.open_last()
    assert len(desk.started) == 1


def test_the_key_opens_what_a_running_call_is_about_though_more_was_told(new_desk: NewDesk) -> None:
    desk = new_desk(opens="click")
    desk.tell()
    desk.later = 3600
    desk.tell(age=-3600, trigger="connected", **NOTHING | {"reason": "too-many"})
    desk.consumer.open_last()

    assert len(desk.started) == 1


@pytest.mark.parametrize(("minutes", "started"), [(9, 1), (11, 0)])
def test_the_key_opens_nothing_long_after_the_call(
    new_desk: NewDesk, minutes: int, started: int
) -> None:
    desk = new_desk(opens="click")
    desk.tell()
    desk.tell(trigger="closed", reason="ended", **NOTHING)
    desk.later = minutes * 60
    desk.consumer.open_last()

    assert len(desk.started) == started


def test_on_a_paused_workstation_nothing_opens_or_is_shown_and_the_office_is_told(
    new_desk: NewDesk,
) -> None:
    desk = new_desk()
    desk.paused = True
    desk.tell()
    desk.tell(call_id="c-2", **NOTHING, reason="unknown-caller")

    assert desk.started == []
    assert desk.settled().history == []
    assert desk.reported == [("c-1", "paused")]


def test_while_paused_only_what_was_asked_for_here_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.paused = True
    desk.tell(trigger="chosen")
    assert desk.started == []

    desk.tell(**ON_CLICK)
    desk.consumer.open_last()
    [request] = desk.asked
    desk.tell(trigger="chosen", event_id=request)
    assert len(desk.started) == 1
    assert desk.settled().history == []


def test_what_the_panel_opens_is_shown_here_and_opens_on_a_click_only(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.panel_opens = True

    desk.tell()

    assert desk.started == []
    assert len(desk.settled().history) == 1
    desk.consumer.open_last()
    assert len(desk.started) == 1


def test_each_new_party_of_a_call_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    for event in ("e-1", "e-1", "e-2"):
        desk.tell(trigger="party-change", event_id=event)

    assert len(desk.started) == 2


def test_another_party_is_shown_in_place_of_the_one_before_but_not_anew(new_desk: NewDesk) -> None:
    desk = new_desk()
    other = Reference(kind="contact", id="8", title="Grace Hopper")
    change: dict[str, Any] = {
        "trigger": "party-change", "reason": "not-chosen", "contact": other, **NOTHING,
    }  # fmt: skip
    desk.tell(**change)
    assert desk.settled().history == []

    desk.tell()
    desk.tell(**change)
    assert [title for title, _ in desk.settled().shown.values()] == ["Grace Hopper"]


GRACE = Party(number="0449999999", e164="+41449999999", kind="external")
HOPPER: dict[str, Any] = {
    "caller": GRACE, "contact": Reference(kind="contact", id="8", title="Grace Hopper"),
    "opened": Reference(kind="matter", id="80", title="Navy"), "url": f"{URL}8",
}  # fmt: skip
CHANGE = "party-change"


def test_a_party_that_is_back_is_shown_and_a_click_opens_what_is_hers(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell()
    desk.tell(trigger=CHANGE, **HOPPER)
    desk.tell(trigger=CHANGE, reason="already-opened", **NOTHING)

    notifier = desk.settled()
    [(key, (title, _))] = notifier.shown.items()
    assert title == "Ada Lovelace"
    click = notifier.click[key]
    assert click is not None
    click()
    assert [list(one)[-1] for one in desk.started] == [URL, f"{URL}8", URL]


@pytest.mark.parametrize("trigger", [CHANGE, "connected"])
def test_a_colleague_is_shown_in_place_of_a_client_though_not_anew(
    new_desk: NewDesk, trigger: str
) -> None:
    colleague: dict[str, Any] = NOTHING | {
        "caller": Party(number="12", kind="internal", name="Bernd"), "contact": None,
        "quality": "none", "reason": "internal-ignored",
    }  # fmt: skip
    desk = new_desk()
    desk.tell(call_id="c-2", trigger=trigger, **colleague)
    assert desk.settled().shown == {}

    desk.tell()
    desk.tell(trigger=trigger, **colleague)
    assert [title for title, _ in desk.settled().shown.values()] == ["Bernd"]


@pytest.mark.parametrize("reason", ["do-not-disturb", "quiet-hours", "ended"])
def test_who_wants_peace_by_now_is_shown_nobody(new_desk: NewDesk, reason: str) -> None:
    desk = new_desk()
    desk.tell()
    desk.tell(trigger=CHANGE, reason=reason, **HOPPER | NOTHING)

    assert desk.settled().shown == {}


def test_what_tells_no_more_of_the_same_party_leaves_what_is_shown(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell()
    desk.tell(trigger="connected", reason="not-chosen", **NOTHING)

    assert len(desk.settled().history) == 1


def test_a_hostile_name_is_text_in_a_notification(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(contact=Reference(kind="contact", id="7", title="<b>\x1b[2J\u202egnp</b>"),
              opened=Reference(kind="matter", id="7", title="<script>"))  # fmt: skip

    [(title, message)] = desk.settled().history
    assert "<script>" not in message
    assert "\x1b" not in title
    assert "\u202e" not in title


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "http://files.example/", "https://a b/",
     "https://evil.example/"],
)  # fmt: skip
def test_an_address_that_is_not_allowed_is_not_opened(new_desk: NewDesk, url: str) -> None:
    desk = new_desk(hosts=("files.example",))
    desk.tell(url=url)

    assert desk.started == []


def test_an_opener_that_fails_is_told_and_leaves_the_notification(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.fails = True
    desk.tell()

    said, about = desk.settled().history
    assert said[0] == "starface2mqtt"
    assert "nicht starten (exit-1)" in said[1]
    assert about[0] == "Ada Lovelace"
    assert desk.reported == [("c-1", "exit-1")]
    desk.tell(trigger="closed", reason="ended", **NOTHING)
    assert desk.settled().shown == {}


def test_a_press_says_who_is_meant(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(contact=None, **NOTHING, reason="several-contacts", candidates=TWO)
    buttons = desk.settled().buttons

    assert list(buttons) == ["Frei 8", "Frei 9"]
    pressed = buttons["Frei 9"]
    assert pressed is not None
    pressed()
    assert desk.chosen == [("c-1", "9")]


def test_a_remembered_choice_can_be_changed_or_revoked(new_desk: NewDesk) -> None:
    desk = new_desk(language="en")
    desk.tell(contact=TWO[0], remembered=True, candidates=TWO)
    notifier = desk.settled()

    assert list(notifier.buttons) == ["Frei 9", "Forget my choice"]
    assert "As you chose" in notifier.history[0][1]
    pressed = notifier.buttons["Forget my choice"]
    assert pressed is not None
    pressed()
    assert desk.chosen == [("c-1", None)]


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ({"on_click": "matter"}, ["Open", "Frei 9", "Forget my choice"]),
        ({"offered": [WILL] * 4}, ["Will", "Will", "Forget my choice"]),
        ({"on_click": "card", "offered": [WILL] * 4}, ["Open", "Will", "Forget my choice"]),
    ],
)
def test_there_are_never_more_buttons_than_a_desktop_shows(
    new_desk: NewDesk, told: dict[str, Any], labels: list[str]
) -> None:
    desk = new_desk(language="en")
    three = [*TWO, Reference(kind="contact", id="10", title="Frei 10")]
    desk.tell(contact=TWO[0], remembered=True, candidates=three, **told)
    desk.settled()

    assert desk.notifier.labels == labels


def test_a_user_who_wants_no_action_is_not_asked(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(contact=None, **NOTHING, reason="no-action", action="none", candidates=TWO)

    assert desk.settled().buttons == {}
    assert len(desk.settled().shown) == 1


def test_dossiers_in_question_are_offered(new_desk: NewDesk) -> None:
    desk = new_desk()
    told = [
        Reference(kind="dossier", id=str(number), title="x" * 250, reference=f"2026-{number}")
        for number in range(9)
    ]
    desk.tell(**NOTHING, reason="several-dossiers", offered=told)
    notifier = desk.settled()

    assert len(notifier.buttons) == 3
    assert all(len(label) == 24 for label in notifier.buttons)
    assert "Bitte wählen: 2026-0" in notifier.history[0][1]


def test_each_choice_opens_and_its_repeat_does_not(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(contact=None, **NOTHING, reason="several-contacts", candidates=TWO)
    for click in ("click-1", "click-1", "click-2"):
        desk.tell(trigger="chosen", event_id=click)

    assert len(desk.started) == 2


def test_a_desktop_without_notifications_still_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.cards.close_all()
    desk.cards = Cards(20, 3, lambda: 1 / 0)
    desk.consumer = DesktopConsumer(
        desk.settings, Opener(desk.settings, desk._start), desk.cards, lambda job: job(),
        desk._choose, desk._report,
    )  # fmt: skip
    desk.tell()

    assert len(desk.started) == 1


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


@pytest.mark.parametrize(
    "told",
    [
        {"opens": "program"},
        {"program": ["/bin/true"]},
        {"opens": "program", "program": ["{url}"]},
        {"opens": "program", "program": ["open.cmd", "{url}"]},
        {"opens": "program", "program": ["/bin/true", "{who}"]},
        {"opens": "program", "program": ["/bin/true", "{source}"]},
    ],
)
def test_a_program_that_cannot_be_meant_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"program|placeholder"):
        DesktopSettings.model_validate(told)


def test_a_discreet_notification_tells_who_it_is_after_a_click(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.tell(discreet=True, group="7", called=Party(number="7", name="Inheritance"))

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
    desk.tell(discreet=True)
    click = desk.settled().click["0"]
    assert click is not None
    click()
    desk.tell(discreet=True, trigger="connected")

    assert [title for title, _ in desk.settled().shown.values()] == ["Ada Lovelace"]


@pytest.mark.parametrize("trigger", ["party-change", "ringing"])
def test_who_has_looked_has_not_seen_another_party(new_desk: NewDesk, trigger: str) -> None:
    desk = new_desk(discreet=True)
    desk.tell()
    click = desk.settled().click["0"]
    assert click is not None
    click()
    desk.tell(trigger=trigger, **HOPPER)

    assert [title for title, _ in desk.settled().shown.values()] == ["Anruf"]


@pytest.mark.parametrize("trigger", ["outgoing", "chosen", "party-change"])
@pytest.mark.parametrize(("discreet", "title"), [(False, "Bernd"), (True, "Ihr Anruf")])
def test_a_colleague_who_was_dialled_is_shown_whatever_is_told_of_the_call(
    new_desk: NewDesk, trigger: str, discreet: bool, title: str
) -> None:
    desk = new_desk(discreet=discreet)
    desk.tell(
        contact=None, **NOTHING | {"reason": "internal-notified"}, direction="internal",
        outward=True, trigger=trigger, caller=Party(number="11", kind="internal"),
        called=Party(number="12", kind="internal", name="Bernd"),
    )  # fmt: skip

    assert [one for one, _ in desk.settled().shown.values()] == [title]


@pytest.mark.parametrize(("direction", "title"), [("in", "Call"), ("out", "Your call")])
def test_a_workstation_may_wish_to_be_discreet(
    new_desk: NewDesk, direction: str, title: str
) -> None:
    desk = new_desk(discreet=True, language="en")
    desk.tell(direction=direction)

    assert [one for one, _ in desk.settled().shown.values()] == [title]
