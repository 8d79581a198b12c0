from collections.abc import Callable
from uuid import uuid4

import pytest

from bus.events import DialResult, DialResultData, Party, Sentence
from bus.mqtt.inbox import ReceivedMessage
from consumers.caller.settings import CallerSettings
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find
from consumers.directory.records import Match
from consumers.users import User
from tests.consumers.caller.desk import ADA, CONTACT, GRACE, LAWYER, SECRETARY, Desk


def test_a_known_caller_opens_the_only_open_matter(desk: Desk) -> None:
    desk.report()

    [answer] = desk.sent
    assert answer.opens == "matter"
    assert answer.url == "https://files.example/m/m%2070"
    assert answer.reason == "only-open-matter"
    assert answer.opened is not None
    assert (answer.opened.id, answer.opened.reference) == ("70", "2026-1")
    assert [one.executor for one in answer.outcomes] == ["mqtt", "command"]
    assert desk.used == [("0011", 70)]


def test_the_story_of_an_answer_leads_from_the_number_to_the_matter(desk: Desk) -> None:
    desk.report()

    [story] = find(desk.folder)
    assert [f"{step.step}.{step.code}" for step in story.steps] == [
        "received.ringing", "normalised.external", "matched.exact", "rule.user",
        "action.only-open-matter", "executor.done", "executor.queued",
    ]  # fmt: skip
    assert "Ada Lovelace" in step_sentence(story.steps[2], "de")


def test_the_story_of_a_machine_on_stand_by_says_that_another_one_acts(desk: Desk) -> None:
    desk.programs.stands_by = True

    desk.report()

    words = [step_sentence(step, "en") for step in find(desk.folder)[0].steps]
    assert any("another one acts" in one for one in words)
    assert not any("under way" in one for one in words)


def test_a_story_is_headed_by_who_the_directory_says_it_is(desk: Desk) -> None:
    desk.report(caller=ADA.model_copy(update={"name": "as the PBX says"}))
    desk.report("ended")

    assert find(desk.folder)[0].name == "Ada Lovelace"


def test_the_story_of_an_internal_call_explains_the_number_of_the_colleague(desk: Desk) -> None:
    desk.report(
        "dialing", direction="internal", caller=Party(number="11", kind="internal"),
        called=Party(number="12", kind="internal"),
    )  # fmt: skip

    [reported] = [
        step_sentence(step, "en")
        for step in find(desk.folder)[0].steps
        if step.step == "normalised"
    ]
    assert reported == "12 is an internal extension."


def test_a_story_explains_each_number_once(desk: Desk) -> None:
    for state, caller in (("ringing", ADA), ("ringing", GRACE), ("connected", GRACE)):
        desk.report(state, caller=caller)

    reported = [
        step_sentence(step, "en")
        for step in find(desk.folder)[0].steps
        if step.step == "normalised"
    ]
    assert reported == [f"The number {one.number} is {one.e164}." for one in (ADA, GRACE)]


def test_the_story_of_a_service_number_says_what_it_is(desk: Desk) -> None:
    desk.report(caller=Party(number="163", kind="external"))

    assert "163 is a service or an emergency number." in [
        step_sentence(step, "en") for step in find(desk.folder)[0].steps
    ]


def test_a_story_says_how_a_withheld_number_rang(desk: Desk) -> None:
    desk.report(caller=Party(kind="withheld"))

    assert "a call from a withheld number to 0011" in step_sentence(
        find(desk.folder)[0].steps[0], "en"
    )


def test_an_event_that_comes_again_is_answered_once(desk: Desk) -> None:
    event = desk.report()
    desk.consumer.handle(event)
    desk.report()

    assert len(desk.sent) == 1


def test_an_unknown_caller_is_reported_with_the_nearest_entries(desk: Desk) -> None:
    desk.report(caller=GRACE)

    [answer] = desk.sent
    assert answer.reason == "unknown-caller"
    [story] = find(desk.folder)
    nearest = next(step for step in story.steps if step.code == "nearest")
    assert "+41441234567 Ada Lovelace" in step_sentence(nearest, "en")


def test_an_inactive_entry_with_the_number_is_named(desk: Desk) -> None:
    desk.shelf.left = ("+41449999999",)
    desk.report(caller=GRACE)

    [story] = find(desk.folder)
    reported = next(step for step in story.steps if step.code == "inactive")
    assert "does not count: Ada Lovelace (test)." in step_sentence(reported, "en")
    assert story.reason == "unknown-caller"


def test_an_unknown_caller_opens_the_page_for_new_contacts(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(
        settings=CallerSettings(new_contact="https://files.example/new?n={e164}&name={name?}")
    )
    desk.report(caller=GRACE)

    [answer] = desk.sent
    assert answer.opens == "new-contact"
    assert answer.url == "https://files.example/new?n=%2B41449999999&name="


@pytest.mark.parametrize(
    ("direction", "called", "line"),
    [
        ("in", Party(number="20", kind="internal", name="Kanzlei & Notariat"), "Kanzlei+%26"),
        ("out", GRACE.model_copy(update={"name": "Grace"}), ""),
    ],
)
def test_the_name_of_the_line_that_was_called_is_known_to_addresses(
    new_desk: Callable[..., Desk], direction: str, called: Party, line: str
) -> None:
    page = "https://files.example/new?line={called_name?}"
    desk = new_desk(settings=CallerSettings(new_contact=page))
    desk.users["0011"] = User(login="0011", triggers=("ringing", "outgoing"))
    state = "ringing" if direction == "in" else "dialing"
    desk.report(state, direction=direction, caller=GRACE, called=called, group="7")

    [answer] = desk.opened()
    assert (answer.url or "").replace("%20", "+").startswith(page.partition("{")[0] + line)
    assert bool(line) is not (answer.url or "").endswith("=")


def test_a_withheld_number_opens_no_page_for_new_contacts(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(settings=CallerSettings(new_contact="https://files.example/new"))
    desk.report(caller=Party(number="", kind="withheld"))

    [answer] = desk.sent
    assert (answer.opens, answer.reason, answer.url) == ("nothing", "withheld", None)


def test_details_in_a_second_event_make_a_match_of_an_unknown(desk: Desk) -> None:
    desk.report(caller=Party())
    desk.report()

    assert [one.reason for one in desk.sent] == ["no-number", "only-open-matter"]


def test_a_name_left_over_from_a_caller_is_not_shown_for_the_next(desk: Desk) -> None:
    desk.report()
    desk.report(call_id="c-2", caller=GRACE)

    assert desk.sent[-1].contact is None


def test_a_contact_made_while_it_rings_opens_when_the_call_is_answered(desk: Desk) -> None:
    desk.report(caller=GRACE)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report("connected", caller=GRACE)
    desk.report("held", caller=GRACE)

    assert [(one.reason, one.opens) for one in desk.sent] == [
        ("unknown-caller", "nothing"),
        ("only-open-matter", "matter"),
    ]


def test_a_contact_made_on_the_page_for_new_ones_is_shown_and_opens_nothing_more(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(new_contact="https://files.example/new"))
    desk.report(caller=GRACE)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report("connected", caller=GRACE)

    page, card = desk.sent
    assert (page.opens, page.contact) == ("new-contact", None)
    assert (card.opens, card.reason) == ("nothing", "already-opened")
    assert card.contact is not None


def test_a_caller_who_stays_unknown_is_reported_once(desk: Desk) -> None:
    desk.report(caller=GRACE)
    desk.report("connected", caller=GRACE)

    assert [one.reason for one in desk.sent] == ["unknown-caller"]


def test_two_withheld_callers_never_share_a_person(desk: Desk) -> None:
    withheld = Party(number="", kind="withheld")
    desk.report()
    desk.report(call_id="c-2", caller=withheld)
    desk.report(call_id="c-3", caller=withheld)

    reported = [(one.call_id, one.contact, one.candidates, one.reason) for one in desk.sent[1:]]
    assert reported == [("c-2", None, (), "withheld"), ("c-3", None, (), "withheld")]
    assert [one.name for one in find(desk.folder, last=3)] == ["", "", "Ada Lovelace"]


def test_other_details_after_the_opening_inform_and_open_nothing(desk: Desk) -> None:
    desk.report()
    desk.report("connected", caller=ADA.model_copy(update={"name": "Ada"}))

    assert [one.reason for one in desk.sent] == ["only-open-matter", "already-opened"]
    assert len(desk.programs.begun) == 1


def test_an_old_event_is_reported_as_too_old_and_opens_nothing(desk: Desk) -> None:
    desk.report(age=60)

    [answer] = desk.sent
    assert answer.reason == "too-old"
    assert answer.contact is not None


def test_when_a_colleague_answers_the_cards_of_the_others_close(desk: Desk) -> None:
    for user in ("0011", "0012", "0013"):
        desk.report(user=user, group="Sales")
    desk.sent.clear()

    desk.report("connected", user="0012", group="Sales")

    closed = [(one.user, one.trigger, one.reason) for one in desk.sent]
    assert closed == [
        ("0011", "closed", "answered-elsewhere"),
        ("0013", "closed", "answered-elsewhere"),
    ]


def test_a_card_closes_when_the_call_ends(desk: Desk) -> None:
    desk.report()
    desk.report("ended")

    assert (desk.sent[-1].trigger, desk.sent[-1].reason) == ("closed", "ended")


def test_a_call_on_the_own_telephone_after_a_click_opens_nothing(desk: Desk) -> None:
    desk.consumer.note_dialling(dialled("0011", "c-1"), ReceivedMessage("", b""))
    desk.report()

    [answer] = desk.sent
    assert (answer.opens, answer.reason) == ("nothing", "own-dialling")


def test_the_same_id_dialled_by_a_colleague_is_an_ordinary_call(desk: Desk) -> None:
    desk.consumer.note_dialling(dialled("0012", "c-1"), ReceivedMessage("", b""))
    desk.report()

    assert desk.opened()


def test_a_call_from_the_own_extension_opens_nothing(desk: Desk) -> None:
    desk.report(caller=Party(number="11", e164="+41441234567", kind="external"))

    assert desk.sent[0].reason == "own-dialling"


@pytest.mark.parametrize("reported_again", [False, True])
@pytest.mark.parametrize("before", [(), ("dialing",), ("dialing", "connected")])
def test_a_client_put_through_by_a_colleague_who_was_dialled_by_a_click_opens(
    desk: Desk, before: tuple[str, ...], reported_again: bool
) -> None:
    desk.consumer.note_dialling(dialled("0011", "c-1"), ReceivedMessage("", b""))
    inside = {"direction": "internal", "caller": LAWYER, "called": SECRETARY}
    for state in ("ringing", *before):
        desk.report(state, **inside)
    if reported_again:
        desk.consumer.note_dialling(dialled("0011", "c-1"), ReceivedMessage("", b""))
    assert desk.opened() == []

    desk.report("connected", called=LAWYER)

    assert [one.caller for one in desk.opened()] == [ADA]


@pytest.mark.parametrize("states", [("ended",), ("ended", "ringing"), ("ended", "connected")])
def test_why_gives_a_reason_where_the_end_came_first(desk: Desk, states: tuple[str, ...]) -> None:
    for state in states:
        desk.report(state)
    desk.pass_time(1)

    [story] = find(desk.folder)
    assert (story.opens, story.reason) == ("nothing", "ended")
    assert "Nothing opened: the call was already over." in [
        step_sentence(step, "en") for step in story.steps
    ]


def test_the_reason_of_a_call_that_opened_stays(desk: Desk) -> None:
    desk.report()
    desk.report("ended")

    [story] = find(desk.folder)
    assert (story.opens, story.reason) == ("matter", "only-open-matter")


def test_a_process_of_one_user_publishes_nothing_for_the_colleagues(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(own=frozenset({"0012"}))
    for login in ("0011", "0013"):
        desk.consumer.observe_group_call(desk.event(user=login, group="Sales"))
    desk.report(user="0012", group="Sales")
    desk.report("connected", user="0012", group="Sales")
    desk.report("ended", user="0012", group="Sales")

    assert {one.user for one in desk.sent} == {"0012"}
    assert {story.user for story in find(desk.folder, last=9)} == {"0012"}


def test_who_answered_elsewhere_is_named(desk: Desk) -> None:
    desk.users["0012"] = User(login="0012", extension="12", name="Anna Muster")
    desk.report(group="Sales")
    desk.report("connected", user="0012", group="Sales")

    closed = next(one for one in desk.sent if one.trigger == "closed")
    assert (closed.user, closed.answered_by) == ("0011", "0012")
    assert closed.sentence is not None
    assert closed.sentence.de == "Den Anruf hat Anna Muster angenommen."
    [story] = find(desk.folder, user="0011")
    assert "The call was answered by Anna Muster." in step_sentence(story.steps[-1], "en")


def test_nobody_here_gets_nothing(desk: Desk) -> None:
    desk.report(user="nobody")

    assert desk.sent == []


def dialled(user: str, call_id: str) -> DialResult:
    return DialResult(
        data=DialResultData(
            user=user, request_id=uuid4(), call_id=call_id, state="accepted",
            sentence=Sentence(de="", en=""),
        )
    )  # fmt: skip


@pytest.mark.parametrize("discreet", [True, False])
def test_an_answer_says_whether_notifications_are_to_be_discreet(
    new_desk: Callable[..., Desk], discreet: bool
) -> None:
    desk = new_desk(settings=CallerSettings(discreet=discreet))
    desk.report()

    assert [one.discreet for one in desk.sent] == [discreet]
