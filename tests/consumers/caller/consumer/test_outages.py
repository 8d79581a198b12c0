"""A directory, a broker or a process that fails, and events in disorder."""

import random
import sqlite3
from datetime import UTC, datetime

import pytest

from bus.events import CallEvent, Party
from consumers.caller.executors import ActionResult
from consumers.caller.settings import CallerSettings
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find
from consumers.directory.records import Match
from tests.consumers.caller.desk import ADA, CONTACT, GRACE, SECRETARY, Desk


def test_a_directory_that_cannot_be_read_is_asked_again(desk: Desk) -> None:
    desk.shelf.broken = True
    desk.report()
    desk.shelf.broken = False
    desk.pass_time(3)

    assert [one.reason for one in desk.sent] == ["directory-unavailable", "only-open-matter"]
    first, later = desk.sent
    assert (first.contact, first.caller) == (None, ADA)
    assert later.contact is not None
    assert later.call_id == first.call_id


def test_a_directory_that_cannot_be_read_holds_up_no_other_call(desk: Desk) -> None:
    desk.shelf.broken = True
    desk.report()
    desk.report(call_id="c-2", caller=GRACE)

    assert [one.call_id for one in desk.sent] == ["c-1", "c-2"]


def test_an_answer_waits_for_the_broker_and_the_others_do_not(desk: Desk) -> None:
    desk.broker_gone = True
    desk.report()
    assert len(desk.programs.begun) == 1
    desk.broker_gone = False
    desk.pass_time(0)

    assert desk.opened()


def test_an_answer_that_waited_too_long_is_not_sent(desk: Desk) -> None:
    desk.broker_gone = True
    desk.report()
    desk.broker_gone = False
    desk.pass_time(31)

    assert desk.sent == []


def test_an_action_is_done_when_the_broker_has_the_answer(desk: Desk) -> None:
    desk.broker_silent = True
    desk.report()
    desk.consumer.tick()
    assert len(desk.unfinished()) == 1

    desk.broker_silent = False
    desk.consumer.tick()

    assert desk.unfinished() == []


@pytest.mark.parametrize("serves", ["0011", "0012"])
def test_a_process_resumes_only_what_was_begun_for_its_users(desk: Desk, serves: str) -> None:
    desk.broker_gone = True
    desk.report()
    desk.broker_gone = False

    desk.own = frozenset({serves})
    desk.start()
    desk.pass_time(1)

    assert [answer.user for answer in desk.opened()] == (["0011"] if serves == "0011" else [])
    desk.pass_time(1)
    assert len(desk.unfinished()) == (0 if serves == "0011" else 1)


@pytest.mark.parametrize("answer", ["broker_silent", "broker_gone"])
def test_an_action_is_not_done_before_the_broker_has_the_answer_though_the_command_ended(
    desk: Desk, answer: str
) -> None:
    setattr(desk, answer, True)
    desk.programs.under_way = 1
    desk.report()
    desk.consumer.finished(ActionResult("command", "0011", "c-1", "ringing", True, ""))
    assert len(desk.unfinished()) == 1

    setattr(desk, answer, False)
    desk.pass_time(1)
    desk.pass_time(1)

    assert desk.opened()
    assert desk.unfinished() == []


@pytest.mark.parametrize("first", [0, 1])
def test_each_of_two_changes_of_party_is_done_when_its_own_command_has_ended(
    desk: Desk, first: int
) -> None:
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.programs.under_way = 1
    for party in (SECRETARY, ADA, GRACE):
        desk.report("connected", caller=party)
    desk.pass_time(1)
    marks = desk.programs.marks
    assert [one.data.caller for one in desk.programs.begun] == [ADA, GRACE]

    for mark, left in ((marks[first], [marks[1 - first]]), (marks[1 - first], [])):
        desk.consumer.finished(ActionResult("command", "0011", "c-1", mark, True, ""))
        assert [claim.key[2] for claim in desk.unfinished()] == left


def test_an_action_is_done_when_its_last_command_has_ended(desk: Desk) -> None:
    desk.programs.under_way = 2
    desk.report()
    desk.pass_time(1)
    for left in (1, 0):
        desk.consumer.finished(ActionResult("command", "0011", "c-1", "ringing", True, ""))
        assert len(desk.unfinished()) == left


def test_what_the_broker_did_not_confirm_at_the_end_is_repeated_after_a_restart(
    desk: Desk,
) -> None:
    desk.broker_silent = True
    desk.report()
    desk.consumer.finish()
    desk.broker_silent = False
    desk.start()
    desk.pass_time(1)

    first, again = desk.events
    assert first.id == again.id


def test_an_executor_that_failed_is_reported(desk: Desk) -> None:
    desk.programs.under_way = 1
    desk.report()
    desk.consumer.finished(ActionResult("command", "0011", "c-1", "ringing", False, "exit-1"))

    assert desk.sent[-1].reason == "executor-failed"
    assert desk.sent[-1].outcomes[0].reason == "exit-1"
    assert desk.sent[-1].sentence is not None
    assert "program reports an error (exit-1)" in desk.sent[-1].sentence.en
    [story] = find(desk.folder)
    assert "exit-1" in step_sentence(story.steps[-1], "en")
    assert (story.opens, story.reason) == ("matter", "executor-failed")
    assert desk.unfinished() == []


@pytest.mark.parametrize("done", [True, False])
def test_what_a_receiver_answered_stands_in_the_story_alone(desk: Desk, done: bool) -> None:
    desk.report()
    words = "no such client " * 15
    desk.consumer.finished(
        ActionResult("webhook", "0011", "c-1", "", done, "status-422", answer=words.strip())
    )

    [story] = find(desk.folder)
    assert story.steps[-1].code == "answered"
    assert step_sentence(story.steps[-1], "en") == f"webhook: answered “{words.strip()}”."
    assert all("no such client" not in one.model_dump_json() for one in desk.sent)


@pytest.mark.parametrize("place", ["bus", "executor"])
def test_an_action_cut_off_by_a_crash_is_done_while_the_call_is_young(
    desk: Desk, place: str
) -> None:
    desk.crash, desk.programs.crash = place == "bus", place == "executor"
    with pytest.raises(KeyboardInterrupt):
        desk.report()
    desk.crash = desk.programs.crash = False
    before = [one.id for one in desk.events]

    desk.start()
    desk.pass_time(1)

    assert len(desk.programs.begun) == 1
    assert desk.opened()[-1].url == "https://files.example/m/m%2070"
    assert before in ([], [desk.events[-1].id])
    desk.consumer.tick()
    assert desk.unfinished() == []


def test_an_action_cut_off_by_a_crash_is_only_reported_when_the_call_is_old(desk: Desk) -> None:
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.report()
    desk.crash = False
    desk.moment += 31

    desk.start()
    desk.pass_time(1)

    assert desk.sent == []
    assert find(desk.folder)[0].reason == "interrupted"
    assert desk.unfinished() == []


def test_an_action_resumed_does_not_open_a_call_that_ended_meanwhile(desk: Desk) -> None:
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.report()
    desk.crash = False

    desk.start()
    desk.report("ended")
    desk.pass_time(1)

    assert desk.opened() == []
    assert desk.unfinished() == []


def test_an_action_that_was_done_is_not_done_again_after_a_restart(desk: Desk) -> None:
    event = desk.report()
    desk.consumer.tick()
    desk.start()
    desk.consumer.handle(event)
    desk.pass_time(1)

    assert len(desk.programs.begun) == 1


def test_an_ended_call_stays_ended_after_a_restart(desk: Desk) -> None:
    desk.report("ended")
    desk.start()
    desk.report()

    assert desk.opened() == []


def test_a_changed_id_is_known_after_a_restart(desk: Desk) -> None:
    desk.report()
    desk.report("connected", call_id="c-2", previous_call_id="c-1")
    desk.start()
    desk.report(call_id="c-2")

    assert len(desk.opened()) == 1
    assert find(desk.folder, call_id="c-2")[0].call_id == "c-1"


def test_an_event_that_could_not_be_handled_is_answered_when_it_comes_again(desk: Desk) -> None:
    event = desk.event()
    desk.shelf.fault = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(sqlite3.OperationalError):
        desk.consumer.handle(event)
    desk.shelf.fault = None

    desk.consumer.handle(event)

    assert desk.opened()


def test_events_in_disorder_open_each_call_once_and_none_after_its_end(
    desk: Desk,
) -> None:
    """300 calls, each event one to three times, shuffled, details arriving late."""
    dice = random.Random(48)
    calls: dict[str, list[CallEvent]] = {}
    for number in range(300):
        way = ["incoming", "ringing", "connected", "ended"]
        reported = [
            desk.event(
                state, call_id=f"c-{number}", user=dice.choice(["0011", "0012"]),
                caller=dice.choice([ADA, ADA, Party()]),
            )
            for state in way
        ]  # fmt: skip
        calls[f"c-{number}"] = [event for event in reported for _ in range(dice.randint(1, 3))]
        dice.shuffle(calls[f"c-{number}"])

    ended: set[tuple[str, str]] = set()
    for number, (call_id, events) in enumerate(calls.items()):
        desk.moment += 10 if number % 5 == 0 else 0
        for event in events:
            before = len(desk.opened()) if (event.data.user, call_id) in ended else None
            fresh = event.data.model_copy(
                update={"received_at": datetime.fromtimestamp(desk.moment, UTC)}
            )
            desk.sent = desk.sent[-20:] if before is None else desk.sent
            desk.consumer.handle(event.model_copy(update={"data": fresh}))
            assert before is None or len(desk.opened()) == before
            if event.data.state == "ended":
                ended.add((event.data.user, call_id))

    begun = [(one.data.user, one.data.call_id, one.data.trigger) for one in desk.programs.begun]
    assert len(begun) > 100
    assert len(begun) == len(set(begun))


@pytest.mark.parametrize("seed", range(3))
def test_parties_that_change_in_disorder_open_once_each_whenever_a_process_dies(
    desk: Desk, seed: int
) -> None:
    dice = random.Random(seed)
    desk.settings = CallerSettings(matter="https://files.example/m/{id}", pops_per_minute=600)
    desk.start()
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    for number in range(60):
        desk.users["0011"] = desk.users["0011"].model_copy(
            update={"triggers": dice.choice([("ringing", "party-change"), ("party-change",)])}
        )
        way = ["incoming", "ringing", *["connected"] * 6, "held", "connected", "ended"]
        reported = [
            desk.event(
                state, call_id=f"c-{number}",
                caller=dice.choice([ADA, GRACE, SECRETARY, Party(), Party(kind="withheld")]),
            )
            for state in way
        ]  # fmt: skip
        for event in [event for event in reported for _ in range(dice.randint(1, 2))]:
            desk.consumer.handle(event)
            if dice.random() < 0.05:
                desk.start()
            if dice.random() < 0.1:
                desk.consumer.handle(dice.choice(reported))  # late, or a repeat

    begun = [(one.data.call_id, one.data.caller.e164) for one in desk.programs.begun]
    assert len(begun) > 60
    assert len(begun) == len(set(begun))
