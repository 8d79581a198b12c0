"""What is opened because somebody clicked or chose it."""

from collections.abc import Callable

import pytest

from bus.events import Party
from consumers.caller.answer import UserChoice
from consumers.caller.settings import CallerSettings
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find
from consumers.directory.records import Dossier, Match, Matter
from tests.consumers.caller.desk import ADA, CONTACT, DOSSIER, GRACE, Desk, prefers, several


def test_several_contacts_are_offered_and_nothing_opens(desk: Desk) -> None:
    desk.report(caller=Party(number="x", e164="+41445555555", kind="external"))

    [answer] = desk.sent
    assert answer.opens == "nothing"
    assert answer.reason == "several-contacts"
    assert [one.id for one in answer.candidates] == ["7", "8"]


def test_a_chosen_contact_opens_though_the_call_is_old(desk: Desk) -> None:
    call = several(desk)
    desk.moment += 100
    desk.consumer.choose(call, UserChoice("contact", "7"), "click-1")

    answer = desk.sent[-1]
    assert (answer.trigger, answer.opens, answer.event_id) == ("chosen", "matter", "click-1")
    assert answer.contact is not None
    assert answer.contact.id == "7"
    assert desk.used == [("0011", 70)]


def test_a_second_click_opens_again_and_later_events_do_not(desk: Desk) -> None:
    call = several(desk)
    for click in ("click-1", "click-2"):
        desk.consumer.choose(call, UserChoice("contact", "7"), click)
    desk.report(caller=call.caller.model_copy(update={"name": "Ada"}))

    assert [one.event_id for one in desk.opened()] == ["click-1", "click-2"]
    assert len({one.id for one in desk.events}) == len(desk.events)


def test_nobody_but_those_offered_can_be_chosen(desk: Desk) -> None:
    desk.consumer.choose(several(desk), UserChoice("contact", "99"), "click-1")

    assert desk.opened() == []
    assert desk.sent[-1].reason == "several-contacts"


@pytest.mark.parametrize(
    ("choice", "opens", "reason"),
    [
        (UserChoice("matter", "71"), "matter", "chosen"),
        (UserChoice("dossier", "18"), "dossier", "chosen"),
        (UserChoice("matter", "18"), "nothing", "choice-gone"),
        (None, "nothing", "several-dossiers"),
    ],
)
def test_an_offered_dossier_or_matter_opens_when_it_is_chosen(
    desk: Desk, choice: UserChoice | None, opens: str, reason: str
) -> None:
    other = Matter(id=71, dossier_key="d-18", key="m 71", title="House")
    desk.shelf.kept = (DOSSIER, Dossier(id=18, contact_key="c/7", key="d 18", matters=(other,)))
    desk.report()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, choice, "click-1")

    assert (desk.sent[-1].opens, desk.sent[-1].reason) == (opens, reason)


def test_a_click_opens_what_had_opened_before_a_colleague_had_the_call(desk: Desk) -> None:
    for user in ("0011", "0012"):
        desk.report(user=user)
        desk.report("connected", user=user)
    desk.report("ended")
    desk.pass_time(60)
    desk.report()
    answer = desk.sent[-1]
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None

    assert (answer.reason, answer.opens, answer.url, answer.on_click) == (
        "opened-before", "nothing", None, "matter",
    )  # fmt: skip
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    assert (desk.sent[-1].trigger, desk.sent[-1].opens) == ("chosen", "matter")
    desk.start()
    desk.report("ended")
    assert desk.sent[-1].reason == "ended"


def test_each_trigger_has_its_own_action(desk: Desk) -> None:
    prefers(
        desk, "ringing", "connected", action="business-card",
        actions={"connected": "matter-or-dossier"},
    )  # fmt: skip
    desk.report()
    desk.report("connected")

    reported = [(one.trigger, one.action, one.opens) for one in desk.opened()]
    assert reported == [
        ("ringing", "business-card", "card"), ("connected", "matter-or-dossier", "matter"),
    ]  # fmt: skip
    [story] = find(desk.folder)
    said = [step for step in story.steps if step.step == "rule"]
    assert "beim Klingeln Visitenkarte, beim Annehmen Mandat oder Dossier" in step_sentence(
        said[0], "de"
    )
    assert step_sentence(said[1], "en").endswith("What counts here: matter or dossier.")


def test_a_click_opens_what_was_found_and_nothing_does_by_itself(desk: Desk) -> None:
    prefers(desk, "click")
    desk.report()
    answer = desk.sent[-1]
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None

    assert (answer.opens, answer.on_click, answer.reason) == ("nothing", "matter", "opens-on-click")
    assert answer.found is not None
    assert answer.found.title == "Will"
    assert desk.programs.begun == []
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    assert [(one.opens, one.reason) for one in desk.opened()] == [("matter", "only-open-matter")]
    desk.report("connected", caller=ADA.model_copy(update={"name": "Ada"}))
    assert len(desk.opened()) == 1


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("triggers", "actions", "opened"),
    [
        (("click", "connected"), {}, ["chosen"]),
        (("click", "connected"), {"click": "business-card"}, ["chosen", "connected"]),
        (("click", "outgoing", "connected", "party-change"), {}, ["chosen"]),
    ],
)
def test_what_was_opened_by_a_click_opens_not_again_when_the_call_is_answered(
    desk: Desk,
    triggers: tuple[str, ...],
    actions: dict[str, str],
    opened: list[str],
    restart: bool,
) -> None:
    prefers(desk, *triggers, actions=actions)
    desk.report()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    if restart:
        desk.start()
    desk.report("connected")

    # An earlier process does not report what it opened, so nothing opens twice for the party.
    assert [one.trigger for one in desk.opened()] == (["chosen"] if restart else opened)


def test_a_contact_chosen_while_it_rings_opens_not_again_when_the_call_is_answered(
    desk: Desk,
) -> None:
    prefers(desk, "connected", "party-change")
    call = several(desk)
    desk.consumer.choose(call, UserChoice("contact", "7"), "click-1")
    desk.shelf.numbers[call.caller.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report("connected", caller=call.caller)

    assert [one.trigger for one in desk.opened()] == ["chosen"]


def test_a_click_for_one_party_leaves_the_next_its_opening(desk: Desk) -> None:
    prefers(desk, "click", "connected")
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    desk.report("connected", caller=GRACE)

    assert [(one.trigger, one.caller) for one in desk.opened()] == [
        ("chosen", ADA), ("connected", GRACE),
    ]  # fmt: skip


def test_a_click_may_open_more_than_what_opened_by_itself(desk: Desk) -> None:
    prefers(
        desk, "ringing", "click", action="business-card", actions={"click": "matter-or-dossier"}
    )
    desk.report()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")

    assert [(one.opens, one.on_click) for one in desk.sent] == [
        ("card", "matter"), ("matter", "nothing"),
    ]  # fmt: skip


def test_a_caller_nobody_knows_is_reported_as_such_though_a_click_would_open(desk: Desk) -> None:
    prefers(desk, "click")
    desk.report(caller=GRACE)

    assert (desk.sent[-1].reason, desk.sent[-1].on_click) == ("unknown-caller", "nothing")


@pytest.mark.parametrize("over", [False, True])
def test_a_choice_for_a_call_of_an_earlier_process_is_reported_as_no_longer_known(
    desk: Desk, over: bool
) -> None:
    desk.report()
    if over:
        desk.report("ended")
    desk.start()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is None or call.restored
    desk.consumer.refuse("0011", "c-1", "click-1")

    answer = desk.sent[-1]
    assert (answer.trigger, answer.event_id, answer.call_id) == ("chosen", "click-1", "c-1")
    assert (answer.reason, answer.opens) == ("call-forgotten", "nothing")
    assert answer.sentence is not None
    assert answer.sentence.en.endswith("starface2mqtt why --user 0011")


def test_a_late_detail_makes_an_ended_call_known_again_to_a_choice(desk: Desk) -> None:
    desk.report("ended")
    desk.start()
    desk.report("connected")
    call = desk.consumer.find_call("0011", "c-1")

    assert call is not None
    assert (call.restored, call.over, call.caller) == (False, True, ADA)


@pytest.mark.parametrize(("days", "back"), [(0, None), (365, 365 * 86_400.0)])
def test_choices_are_forgotten_after_the_days_of_the_office(
    new_desk: Callable[..., Desk], days: int, back: float | None
) -> None:
    desk = new_desk(settings=CallerSettings(choice_days=days))
    desk.pass_time(7200)

    assert [desk.moment - before for before in desk.forgotten][-1:] == ([back] if back else [])
