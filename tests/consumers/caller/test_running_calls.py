from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    CallEvent,
    Party,
    Reference,
    call_event_type,
)
from consumers.caller.running_calls import RunningCalls

NOW = datetime.now(UTC)


def event(state: Any, call_id: str = "c1", **content: Any) -> CallEvent:
    data = CallData(user="0011", call_id=call_id, state=state, received_at=NOW, **content)
    return CallEvent(type=call_event_type(state), data=data)


def answer(trigger: str = "ringing", **content: Any) -> CallerEvent:
    caller = Party(number="044", e164="+4144")
    data = CallerData(
        user="0011", call_id="c1", event_id="e", trigger=trigger, caller=caller, **content
    )
    return CallerEvent(data=data)


@pytest.fixture
def running() -> RunningCalls:
    return RunningCalls(NOW.timestamp)


def test_a_call_runs_from_its_first_event_to_its_end(running: RunningCalls) -> None:
    running.observe(event("ringing"))
    running.observe(event("connected"))

    [call] = running.of("0011")
    assert (call.call.state, call.answered) == ("connected", NOW)
    assert running.of("0012") == ()
    running.observe(event("ended"))
    assert running.of("0011") == ()


def test_a_late_event_does_not_bring_a_call_back(running: RunningCalls) -> None:
    running.observe(event("ringing"))
    running.observe(event("ended"))

    running.observe(event("connected"))

    assert running.of("0011") == ()


def test_the_answer_waits_for_a_browser_that_comes_later(running: RunningCalls) -> None:
    running.observe(event("ringing"))
    running.answered(answer(opens="matter", url="https://cases.example/1"))
    running.answered(answer("outcome"))

    [call] = running.of("0011")

    assert call.answer is not None
    assert call.answer.url == "https://cases.example/1"


def test_a_call_that_a_colleague_has_is_over_here(running: RunningCalls) -> None:
    running.observe(event("ringing"))

    running.answered(answer("closed", reason="answered-elsewhere"))

    assert running.of("0011") == ()


def test_a_call_is_followed_when_its_id_changes(running: RunningCalls) -> None:
    running.observe(event("connected"))
    running.answered(answer(opens="matter"))

    running.observe(event("connected", "c2", previous_call_id="c1"))

    [call] = running.of("0011")
    assert call.call.call_id == "c2"
    assert call.answer is not None


def test_a_call_whose_end_never_came_is_not_shown_for_ever() -> None:
    now = [NOW.timestamp()]
    running = RunningCalls(lambda: now[0])
    running.observe(event("connected"))

    now[0] += 50_000

    assert running.of("0011") == ()


def test_an_answer_that_knows_nobody_does_not_take_a_known_contact_away(
    running: RunningCalls,
) -> None:
    running.observe(event("ringing"))
    running.answered(answer(contact=Reference(kind="contact", id="7")))
    running.answered(answer("connected"))

    [call] = running.of("0011")

    assert call.answer is not None
    assert call.answer.contact is not None


def test_a_call_was_answered_when_it_was_connected_first(running: RunningCalls) -> None:
    running.observe(event("ringing"))
    assert running.of("0011")[0].answered is None

    running.observe(event("connected"))
    later = event("held")
    running.observe(later.model_copy(
        update={"data": later.data.model_copy(update={"received_at": NOW + timedelta(minutes=1)})}
    ))  # fmt: skip

    assert running.of("0011")[0].answered == NOW


def test_of_too_many_calls_the_oldest_is_not_shown(running: RunningCalls) -> None:
    for number in range(51):
        running.observe(event("ringing", f"c{number}"))

    shown = [call.call.call_id for call in running.of("0011")]

    assert shown == [f"c{number}" for number in range(1, 51)]
