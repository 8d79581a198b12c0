"""Actions that wait: for the broker, for a delay, for the next process."""

from collections.abc import Callable

import pytest

from bus.events import Party
from consumers.caller.settings import CallerSettings
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find
from consumers.directory.records import Match
from tests.consumers.caller.desk import CONTACT, GRACE, Desk, prefers


def test_a_delay_spares_a_call_that_is_blocked_at_once(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=1.0))
    desk.report()
    desk.pass_time(0.5)
    desk.report("ended")
    desk.pass_time(5)

    assert desk.opened() == []
    [story] = find(desk.folder)
    assert story.reason == "ended"
    assert "Nothing opened: the call was already over." in [
        step_sentence(step, "en") for step in story.steps
    ]


def test_a_delayed_action_uses_the_details_that_came_meanwhile(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=1.0))
    desk.report(caller=Party())
    desk.report()
    assert desk.sent == []
    desk.pass_time(1.1)

    [answer] = desk.sent
    assert answer.opens == "matter"


@pytest.mark.parametrize("later", [("ended",), ("connected", "ended")])
def test_what_ended_while_it_waited_at_the_broker_opens_nothing(
    desk: Desk, later: tuple[str, ...]
) -> None:
    desk.report(age=20)
    for place, state in enumerate(later):
        desk.report(state, age=15 - place)
    desk.pass_time(2)

    assert desk.opened() == []
    assert [one.trigger for one in desk.sent] == ["closed"]
    [story] = find(desk.folder)
    assert story.reason == "ended"


def test_what_still_rings_after_it_waited_at_the_broker_opens(desk: Desk) -> None:
    desk.report(age=20)
    desk.report("ended", call_id="c-other", age=15)
    assert desk.opened() == []
    desk.pass_time(0.6)

    [opened] = desk.opened()
    assert opened.call_id == "c-1"


def test_a_colleague_who_answered_while_it_waited_at_the_broker_has_it(desk: Desk) -> None:
    desk.report(age=20, group="Sales")
    desk.report("connected", user="0012", age=18, group="Sales")
    desk.pass_time(1)

    assert [one.user for one in desk.opened()] == ["0012"]


def test_nothing_opens_while_the_broker_is_away(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk()
    desk.connected = False
    desk.report()
    desk.pass_time(5)
    assert desk.sent == []

    desk.connected = True
    desk.consumer.tick()
    desk.report("ended")
    desk.pass_time(1)
    assert desk.opened() == []


def test_clocks_that_differ_delay_nothing_once_that_is_known(desk: Desk) -> None:
    for number in range(60):
        desk.report("ended", call_id=f"c-{number}", age=3)
        desk.moment += 1
    desk.report(call_id="c-live", age=3)

    assert [one.call_id for one in desk.opened()] == ["c-live"]


def test_an_action_resumed_after_a_restart_waits_until_the_broker_is_connected(desk: Desk) -> None:
    desk.report()
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.report(call_id="c-2")
    desk.crash, desk.connected = False, False
    desk.start()
    desk.pass_time(5)
    desk.connected = True
    desk.consumer.tick()
    desk.report("ended", call_id="c-2")
    desk.pass_time(1)

    assert [one.call_id for one in desk.opened()] == ["c-1"]


def test_a_delayed_action_does_not_open_what_a_colleague_answered(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=1.0))
    desk.report(group="Sales")
    desk.report(user="0012", state="connected", group="Sales")
    desk.pass_time(2)

    assert [one.user for one in desk.opened()] == ["0012"]
    [story] = find(desk.folder, user="0011")
    assert story.reason == "answered-elsewhere"
    assert "Nothing opened: the call was answered by 0012." in [
        step_sentence(step, "en") for step in story.steps
    ]


@pytest.mark.parametrize("restart", [False, True])
def test_what_waits_since_it_rang_gives_way_to_what_opens_on_answering(
    new_desk: Callable[..., Desk], restart: bool
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=3.0))
    prefers(desk, "ringing", "connected")
    desk.report()
    desk.pass_time(1)
    if restart:
        desk.start()
    desk.report("connected")
    desk.pass_time(3)

    assert [(one.trigger, one.reason) for one in desk.sent] == [("connected", "only-open-matter")]
    [story] = find(desk.folder)
    assert (story.opens, story.reason) == ("matter", "only-open-matter")
    assert desk.unfinished() == []


@pytest.mark.parametrize(
    ("triggers", "opened"),
    [(("ringing", "party-change"), "party-change"), (("ringing",), "ringing")],
)
def test_what_waits_since_it_rang_gives_way_to_a_change_of_party_that_opens(
    new_desk: Callable[..., Desk], triggers: tuple[str, ...], opened: str
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=3.0))
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    prefers(desk, *triggers)
    desk.report()
    desk.report(caller=GRACE)
    desk.pass_time(4)

    assert [(one.trigger, one.caller) for one in desk.opened()] == [(opened, GRACE)]
    assert "already-opened" not in [one.reason for one in desk.sent]


def test_what_waits_when_the_process_dies_is_done_once_by_the_next(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=2.0))
    desk.report(caller=Party())
    desk.report()
    desk.start()
    desk.pass_time(1)
    assert desk.opened() == []
    desk.pass_time(1.5)
    assert len(desk.opened()) == 1
    desk.pass_time(0.1)
    desk.start()
    desk.report()
    desk.pass_time(5)

    assert len(desk.opened()) == 1


def test_what_waited_when_the_process_died_is_not_done_for_a_call_that_is_over(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=2.0))
    desk.report()
    desk.start()
    desk.report("ended")
    desk.pass_time(5)
    desk.start()
    desk.pass_time(5)

    assert desk.opened() == []
    assert desk.unfinished() == []


def test_what_waited_too_long_without_a_process_is_reported_and_not_done(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=2.0))
    desk.report()
    desk.pass_time(0)
    desk.moment += 60
    desk.start()
    desk.pass_time(5)

    assert desk.opened() == []
    [story] = find(desk.folder)
    assert story.reason == "interrupted"


def test_too_many_calls_in_a_minute_open_nothing_more(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", pops_per_minute=3))
    for number in range(5):
        desk.report(call_id=f"c-{number}")
    desk.pass_time(61)
    desk.report(call_id="later")

    assert [one.reason == "too-many" for one in desk.sent] == [
        False, False, False, True, True, False,
    ]  # fmt: skip
