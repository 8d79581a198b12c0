from typing import Any

import pytest

from bus.events import Party, Reference
from consumers.desktop.settings import DesktopSettings
from tests.consumers.desktop.desk import HOPPER, NOTHING, ON_CLICK, URL, NewDesk


def test_the_address_is_opened_once_as_one_argument(new_desk: NewDesk) -> None:
    desk = new_desk()
    event = desk.report()
    desk.consumer.handle(event)
    desk.report(event_id="again")

    [arguments] = desk.started
    assert list(arguments)[1:] == [URL]
    assert desk.reported == [("c-1", "")]


def test_an_old_answer_opens_and_shows_nothing(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report(age=40)

    assert desk.started == []
    assert desk.settled().history == []


def test_on_a_paused_workstation_nothing_opens_or_is_shown_and_the_office_sees_it(
    new_desk: NewDesk,
) -> None:
    desk = new_desk()
    desk.paused = True
    desk.report()
    desk.report(call_id="c-2", **NOTHING, reason="unknown-caller")

    assert desk.started == []
    assert desk.settled().history == []
    assert desk.reported == [("c-1", "paused")]


def test_while_paused_only_what_was_asked_for_here_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.paused = True
    desk.report(trigger="chosen")
    assert desk.started == []

    desk.report(**ON_CLICK)
    desk.consumer.open_last()
    [request] = desk.asked
    desk.report(trigger="chosen", event_id=request)
    assert len(desk.started) == 1
    assert desk.settled().history == []


def test_what_the_panel_opens_is_shown_here_and_opens_on_a_click_only(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.panel_opens = True

    desk.report()

    assert desk.started == []
    assert len(desk.settled().history) == 1
    desk.consumer.open_last()
    assert len(desk.started) == 1


def test_each_new_party_of_a_call_opens(new_desk: NewDesk) -> None:
    desk = new_desk()
    for event in ("e-1", "e-1", "e-2"):
        desk.report(trigger="party-change", event_id=event)

    assert len(desk.started) == 2


def test_another_party_is_shown_in_place_of_the_one_before_but_not_again(new_desk: NewDesk) -> None:
    desk = new_desk()
    other = Reference(kind="contact", id="8", title="Grace Hopper")
    change: dict[str, Any] = {
        "trigger": "party-change", "reason": "not-chosen", "contact": other, **NOTHING,
    }  # fmt: skip
    desk.report(**change)
    assert desk.settled().history == []

    desk.report()
    desk.report(**change)
    assert [title for title, _ in desk.settled().shown.values()] == ["Grace Hopper"]


CHANGE = "party-change"


def test_a_party_that_is_back_is_shown_and_a_click_opens_what_is_hers(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report()
    desk.report(trigger=CHANGE, **HOPPER)
    desk.report(trigger=CHANGE, reason="already-opened", **NOTHING)

    notifier = desk.settled()
    [(key, (title, _))] = notifier.shown.items()
    assert title == "Ada Lovelace"
    click = notifier.click[key]
    assert click is not None
    click()
    assert [list(one)[-1] for one in desk.started] == [URL, f"{URL}8", URL]


@pytest.mark.parametrize("trigger", [CHANGE, "connected"])
def test_a_colleague_is_shown_in_place_of_a_client_though_not_again(
    new_desk: NewDesk, trigger: str
) -> None:
    colleague: dict[str, Any] = NOTHING | {
        "caller": Party(number="12", kind="internal", name="Bernd"), "contact": None,
        "quality": "none", "reason": "internal-ignored",
    }  # fmt: skip
    desk = new_desk()
    desk.report(call_id="c-2", trigger=trigger, **colleague)
    assert desk.settled().shown == {}

    desk.report()
    desk.report(trigger=trigger, **colleague)
    assert [title for title, _ in desk.settled().shown.values()] == ["Bernd"]


@pytest.mark.parametrize("reason", ["do-not-disturb", "quiet-hours", "ended"])
def test_who_wants_peace_by_now_is_shown_nobody(new_desk: NewDesk, reason: str) -> None:
    desk = new_desk()
    desk.report()
    desk.report(trigger=CHANGE, reason=reason, **HOPPER | NOTHING)

    assert desk.settled().shown == {}


def test_what_reports_no_more_of_the_same_party_leaves_what_is_shown(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.report()
    desk.report(trigger="connected", reason="not-chosen", **NOTHING)

    assert len(desk.settled().history) == 1


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "http://files.example/", "https://a b/",
     "https://evil.example/"],
)  # fmt: skip
def test_an_address_that_is_not_allowed_is_not_opened(new_desk: NewDesk, url: str) -> None:
    desk = new_desk(hosts=("files.example",))
    desk.report(url=url)

    assert desk.started == []


def test_an_opener_that_fails_is_reported_and_leaves_the_notification(new_desk: NewDesk) -> None:
    desk = new_desk()
    desk.fails = True
    desk.report()

    said, about = desk.settled().history
    assert said[0] == "starface2mqtt"
    assert "nicht starten (exit-1)" in said[1]
    assert about[0] == "Ada Lovelace"
    assert desk.reported == [("c-1", "exit-1")]
    desk.report(trigger="closed", reason="ended", **NOTHING)
    assert desk.settled().shown == {}


@pytest.mark.parametrize(
    "given",
    [
        {"opens": "program"},
        {"program": ["/bin/true"]},
        {"opens": "program", "program": ["{url}"]},
        {"opens": "program", "program": ["open.cmd", "{url}"]},
        {"opens": "program", "program": ["/bin/true", "{who}"]},
        {"opens": "program", "program": ["/bin/true", "{source}"]},
    ],
)
def test_a_program_that_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"program|placeholder"):
        DesktopSettings.model_validate(given)


@pytest.mark.parametrize("trigger", ["outgoing", "chosen", "party-change"])
@pytest.mark.parametrize(("discreet", "title"), [(False, "Bernd"), (True, "Ihr Anruf")])
def test_a_colleague_who_was_dialled_is_shown_whatever_is_reported_of_the_call(
    new_desk: NewDesk, trigger: str, discreet: bool, title: str
) -> None:
    desk = new_desk(discreet=discreet)
    desk.report(
        contact=None, **NOTHING | {"reason": "internal-notified"}, direction="internal",
        outward=True, trigger=trigger, caller=Party(number="11", kind="internal"),
        called=Party(number="12", kind="internal", name="Bernd"),
    )  # fmt: skip

    assert [one for one, _ in desk.settled().shown.values()] == [title]
