import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.events import CallData, Party, now
from consumers.caller.calls import FINISHED_FOR, CallStage, CallStates, Transition, mark

AT = now()
ADA = Party(number="0441234567", e164="+41441234567", kind="external")
GRACE = Party(number="0449999999", e164="+41449999999", kind="external")
DESK = Party(number="11", kind="internal")
ME = Party(number="12", kind="internal")


def _data(state: Any, **more: Any) -> CallData:
    return CallData.model_validate(
        {"user": "0011", "call_id": "c-1", "state": state, "direction": "in", "caller": ADA,
         "received_at": AT, **more}
    )  # fmt: skip


def _take(calls: CallStates, state: Any, at: float = 0.0, **more: Any) -> Transition:
    return calls.apply(_data(state, **more), f"e-{state}", at)


def test_a_ringing_call_is_due_once() -> None:
    calls = CallStates()

    assert _take(calls, "ringing").due == ("ringing",)
    assert _take(calls, "ringing").due == ()


def test_a_call_that_is_only_announced_is_not_due() -> None:
    assert _take(CallStates(), "incoming").due == ()


def test_a_call_whose_ringing_was_never_reported_is_due_when_answered() -> None:
    assert _take(CallStates(), "connected").due == ("ringing", "connected", "party-change")


def test_a_ringing_after_the_answer_is_not_due_again() -> None:
    calls = CallStates()
    _take(calls, "connected")

    assert _take(calls, "ringing").due == ()
    assert _take(calls, "ringing").call.stage == CallStage.CONNECTED


AT_PBX = "20261123T12:00:00"


def test_a_connection_that_a_replay_said_first_is_due_when_it_is_reported() -> None:
    calls = CallStates()
    _take(calls, "ringing")
    _take(calls, "connected", replayed=True, pbx_time=AT_PBX)
    assert _take(calls, "ringing").due == ()
    _take(calls, "other", pbx_time=None)

    assert _take(calls, "connected", pbx_time=AT_PBX).due == ("connected",)
    assert _take(calls, "connected", pbx_time=AT_PBX).due == ()


@pytest.mark.parametrize(
    "later",
    [
        {"state": "connected", "pbx_time": "20261123T12:05:00"},  # taken from hold
        {"state": "connected", "pbx_time": None},
        {"state": "connected", "pbx_time": AT_PBX, "replayed": True},
        {"state": "held", "pbx_time": AT_PBX},
    ],
)
def test_a_call_that_was_connected_while_nothing_was_reported_stays_as_it_is(
    later: dict[str, Any],
) -> None:
    calls = CallStates()
    _take(calls, "connected", replayed=True, pbx_time=AT_PBX)

    assert _take(calls, **later).due == ()


def test_nothing_reopens_an_ended_call() -> None:
    calls = CallStates()
    assert _take(calls, "ended").due == ("ended",)

    for state in ("incoming", "ringing", "connected", "ended", "held", "other"):
        advance = _take(calls, state, caller=Party(number="1", e164="+411"))
        assert advance.due == ()
        assert advance.call.over


def test_details_that_come_later_make_a_call_due_again() -> None:
    calls = CallStates()
    _take(calls, "ringing", caller=Party())

    advance = _take(calls, "ringing")

    assert advance.due == ("ringing",)
    assert advance.call.caller == ADA


@pytest.mark.parametrize("before", [ADA, DESK])
def test_another_party_of_a_running_call_is_a_change(before: Party) -> None:
    calls = CallStates()
    _take(calls, "ringing", caller=before)
    _take(calls, "connected", caller=before)

    advance = _take(calls, "connected", caller=GRACE)

    assert (advance.changed, advance.due) == (True, ("party-change",))
    assert _take(calls, "connected", caller=GRACE).due == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Party(), ADA),
        (Party(kind="withheld"), ADA),
        (Party(number="4412", kind="unknown"), ADA),
        (ADA, Party(kind="withheld")),
        (ADA, Party(number="+41441234567", e164="+41441234567", kind="external")),
        (ADA, ADA.model_copy(update={"name": "Ada"})),
    ],
)
def test_details_are_no_change_of_party(before: Party, after: Party) -> None:
    calls = CallStates()
    _take(calls, "ringing", caller=before)

    advance = _take(calls, "connected", caller=after)

    assert not advance.changed
    assert "party-change" not in advance.due


@pytest.mark.parametrize(
    "between",
    [Party(number="*70", kind="unknown"), Party(number="117", kind="external")],
    ids=["parked", "a service"],
)
@pytest.mark.parametrize(("after", "due"), [(GRACE, ("party-change",)), (ADA, ())])
def test_a_party_that_cannot_be_distinguished_hides_no_change(
    between: Party, after: Party, due: tuple[str, ...]
) -> None:
    calls = CallStates()
    for caller, state in ((ADA, "ringing"), (ADA, "connected"), (between, "connected")):
        assert "party-change" not in _take(calls, state, caller=caller).due

    advance = _take(calls, "connected", caller=after)

    assert advance.changed is (after == GRACE)
    assert set(due) <= set(advance.due)
    assert advance.changed or "party-change" not in advance.due


def test_who_is_dialled_is_no_change_of_whose_telephone_rang_before() -> None:
    calls = CallStates()
    _take(calls, "ringing", direction="internal", caller=ME)
    _take(calls, "connected", direction="out", caller=ME, called=Party(kind="withheld"))
    _take(calls, "ringback", direction="out", caller=ME, called=Party(number="4", kind="unknown"))

    assert "party-change" not in _take(calls, "connected", direction="out", called=ADA).due


def test_what_was_reported_late_takes_the_party_not_back() -> None:
    calls = CallStates()
    _take(calls, "connected", caller=GRACE)
    late = AT - timedelta(seconds=1)

    assert _take(calls, "ringing", caller=ADA).due == ()
    assert _take(calls, "connected", caller=ADA, received_at=late).call.caller == GRACE


def test_a_call_that_is_still_being_dialled_has_one_party() -> None:
    calls = CallStates()
    _take(calls, "dialing", direction="out", called=ADA)

    assert _take(calls, "ringback", direction="out", called=GRACE).due == ("outgoing",)
    _take(calls, "connected", direction="out", called=GRACE)
    assert _take(calls, "connected", direction="out", called=ADA).due == ("party-change",)


@pytest.mark.parametrize(
    ("state", "caller", "called", "direction"),
    [("ringing", DESK, ME, "internal"), ("dialing", ME, DESK, "internal")],
    ids=["the secretary called", "the lawyer called"],
)
def test_a_client_who_is_put_through_is_the_party_from_then_on(
    state: str, caller: Party, called: Party, direction: str
) -> None:
    calls = CallStates()
    fields: dict[str, Any] = {"caller": caller, "called": called, "direction": direction}
    _take(calls, state, call_id="c-2", **fields)
    _take(calls, "connected", call_id="c-2", **fields)
    _take(calls, "other", caller=Party(), direction=direction, previous_call_id="c-2")

    advance = _take(calls, "connected", caller=ADA, called=ME, direction="in")

    assert advance.due == ("party-change",)
    assert advance.call.other_party == ADA


def test_a_call_that_a_colleague_had_is_handed_over_when_it_is_answered_here() -> None:
    calls = CallStates()
    for state in ("ringing", "connected"):
        _take(calls, state, user="0012")

    assert _take(calls, "ringing").due == ("ringing",)
    assert _take(calls, "connected").due == ("connected", "party-change")


def test_a_call_of_a_group_that_is_answered_is_not_handed_over() -> None:
    calls = CallStates()
    for user in ("0011", "0012"):
        _take(calls, "ringing", user=user, group="Sales")

    assert _take(calls, "connected", group="Sales").due == ("connected",)


def test_each_party_is_marked_for_itself_and_nobody_can_be_read_from_it() -> None:
    calls = CallStates()
    ringing = _take(calls, "ringing").call
    changed = _take(calls, "ringing", caller=GRACE).call

    marks = {mark(one, "party-change") for one in (ringing, changed)}
    assert len(marks) == 2
    assert not any("99999" in one or "23456" in one for one in marks)
    assert mark(ringing, "ringing") == mark(changed, "ringing")


def test_an_event_without_details_takes_none_away() -> None:
    calls = CallStates()
    _take(calls, "ringing")

    assert _take(calls, "connected", caller=Party()).call.caller == ADA
    assert _take(calls, "held", caller=Party(kind="withheld")).call.caller == ADA


def test_a_name_is_not_lost_by_an_event_without_it() -> None:
    calls = CallStates()
    _take(calls, "ringing", caller=ADA.model_copy(update={"name": "Ada"}))

    assert _take(calls, "connected").call.caller.name == "Ada"


def test_the_other_party_of_an_outgoing_call_is_the_called_one() -> None:
    advance = _take(CallStates(), "dialing", direction="out", called=ADA, caller=Party(number="11"))

    assert advance.due == ("outgoing",)
    assert advance.call.other_party == ADA


def test_an_internal_call_that_is_dialled_is_outgoing() -> None:
    assert _take(CallStates(), "dialing", direction="internal").due == ("outgoing",)
    assert _take(CallStates(), "ringing", direction="internal").due == ("ringing",)


def test_a_call_continues_under_another_id() -> None:
    calls = CallStates()
    _take(calls, "ringing")

    advance = _take(calls, "connected", call_id="c-2", previous_call_id="c-1")

    assert advance.call.call_id == "c-1"
    assert advance.due == ("connected",)
    assert _take(calls, "ended", call_id="c-2").ended
    assert _take(calls, "ringing", call_id="c-1").due == ()


def test_a_chain_of_ids_leads_to_the_first() -> None:
    calls = CallStates()
    for before, after in (("c-1", "c-2"), ("c-2", "c-3")):
        _take(calls, "ringing", call_id=after, previous_call_id=before)

    assert calls.root("0011", "c-3") == "c-1"
    assert calls.root("0012", "c-3") == "c-3"


def _group_call_answered_by_a_colleague(calls: CallStates) -> None:
    for user in ("0011", "0012"):
        _take(calls, "ringing", user=user, group="Sales")
    _take(calls, "connected", user="0012", group="Sales")
    _take(calls, "ended")


def test_a_call_a_colleague_hands_over_after_it_had_ended_here_begins_again() -> None:
    calls = CallStates()
    _group_call_answered_by_a_colleague(calls)
    later = AT + timedelta(seconds=60)

    assert _take(calls, "ringing", 60.0, received_at=later).due == ("ringing",)
    advance = _take(calls, "connected", 61.0, received_at=later)
    assert advance.due == ("connected", "party-change")
    assert _take(calls, "ended", 62.0, received_at=later).ended
    calls.apply(_data("ringing", call_id="x"), "e", 61.0 + FINISHED_FOR)
    assert calls.find("0011", "c-1") is not None


def test_a_call_given_back_to_whom_had_it_begins_again() -> None:
    calls = CallStates()
    for user in ("0012", "0011"):
        for state in ("ringing", "connected"):
            _take(calls, state, user=user)
    _take(calls, "ended", user="0012")

    advance = _take(calls, "ringing", user="0012", received_at=AT + timedelta(seconds=60))

    assert (advance.due, advance.reopened) == (("ringing",), True)


def test_a_call_that_is_handed_over_under_another_id_begins_again_at_once() -> None:
    calls = CallStates()
    _group_call_answered_by_a_colleague(calls)
    later = AT + timedelta(seconds=1)
    _take(calls, "other", call_id="c-2", previous_call_id="c-1", received_at=later)

    advance = _take(calls, "connected", call_id="c-2", received_at=later)

    assert advance.due == ("ringing", "connected", "party-change")
    assert advance.call.call_id == "c-1"


@pytest.mark.parametrize("state", ["ringing", "connected", "incoming", "held", "other"])
@pytest.mark.parametrize("seconds", [-60, 0, 9])
def test_what_is_reported_late_of_a_call_that_a_colleague_has_reopens_nothing(
    state: str, seconds: int
) -> None:
    calls = CallStates()
    _group_call_answered_by_a_colleague(calls)

    advance = _take(calls, state, received_at=AT + timedelta(seconds=seconds))

    assert (advance.due, advance.call.over) == ((), True)


def test_what_nobody_else_had_is_never_begun_again() -> None:
    calls = CallStates()
    for state in ("ringing", "connected", "ended"):
        _take(calls, state)
    later = AT + timedelta(seconds=60)

    for call_id in ("c-1", "c-2"):
        advance = _take(
            calls, "ringing", call_id=call_id, previous_call_id="c-1", received_at=later
        )
        assert advance.call.over


def test_a_late_end_of_the_first_report_does_not_end_the_next() -> None:
    calls = CallStates()
    _group_call_answered_by_a_colleague(calls)
    _take(calls, "ringing", received_at=AT + timedelta(seconds=60))

    advance = _take(calls, "ended", received_at=AT + timedelta(seconds=1))

    assert not advance.ended
    assert not advance.call.over


def test_colleagues_lose_a_call_that_one_of_them_answers() -> None:
    calls = CallStates()
    for user in ("0011", "0012", "0013"):
        _take(calls, "ringing", user=user, group="Sales")

    advance = _take(calls, "connected", user="0012", group="Sales")

    assert [call.user for call in advance.answered_elsewhere] == ["0011", "0013"]
    assert all(call.elsewhere for call in advance.answered_elsewhere)


@pytest.mark.parametrize(("later", "answered_elsewhere"), [(1.0, ["0011"]), (10.0, [])])
def test_a_call_may_end_here_a_moment_before_the_colleague_is_reported(
    later: float, answered_elsewhere: list[str]
) -> None:
    calls = CallStates()
    for user in ("0011", "0012"):
        _take(calls, "ringing", user=user)
    _take(calls, "ended", user="0011")

    advance = _take(calls, "connected", later, user="0012")

    assert [call.user for call in advance.answered_elsewhere] == answered_elsewhere


def test_a_user_who_has_talked_loses_nothing_by_a_transfer() -> None:
    calls = CallStates()
    for state in ("ringing", "connected", "ended"):
        _take(calls, state, user="0011")

    assert _take(calls, "connected", 1.0, user="0012").answered_elsewhere == ()


def test_who_dials_does_not_lose_the_call_when_it_is_answered() -> None:
    calls = CallStates()
    _take(calls, "dialing", user="0011", direction="internal")
    _take(calls, "ringing", user="0012", direction="internal")

    assert _take(calls, "connected", user="0012", direction="internal").answered_elsewhere == ()


def test_a_call_taken_over_from_a_colleague_is_the_users_again() -> None:
    calls = CallStates()
    _take(calls, "ringing", user="0011")
    _take(calls, "connected", user="0012")

    advance = _take(calls, "connected", user="0011")

    assert not advance.call.elsewhere
    assert advance.due == ("connected", "party-change")
    assert not advance.changed


def test_an_ended_call_is_forgotten_after_a_while_and_a_running_one_is_not() -> None:
    calls = CallStates()
    _take(calls, "ringing", call_id="running")
    _take(calls, "ended")

    _take(calls, "ringing", at=FINISHED_FOR, call_id="other")

    assert calls.find("0011", "c-1") is None
    assert calls.find("0011", "running") is not None


def test_what_is_known_is_bounded() -> None:
    calls = CallStates(capacity=10)
    for number in range(50):
        _take(calls, "ringing", call_id=f"c-{number}")

    assert len(calls) == 10


def test_what_had_ended_before_a_restart_stays_ended() -> None:
    calls = CallStates()
    calls.restore([("0011", "c-1")], 0.0)

    assert _take(calls, "ringing").due == ()


WAY = ("incoming", "ringing", "connected", "held", "connected", "ended")


@given(seed=st.integers(0, 2**32))
@settings(max_examples=400)
def test_doubled_shuffled_and_late_events_open_a_call_once_and_never_after_its_end(
    seed: int,
) -> None:
    """Each event one to three times, in any order, details in any of them."""
    dice = random.Random(seed)
    calls, opened, ended = CallStates(), [], False
    events = [state for state in WAY for _ in range(dice.randint(0, 3))]
    dice.shuffle(events)
    renamed = dice.random() < 0.3
    for place, state in enumerate(events):
        later = renamed and place > len(events) // 2
        advance = _take(
            calls, state, caller=dice.choice([ADA, Party()]),
            **_renamed(later),
        )  # fmt: skip
        for trigger in advance.due:
            assert not ended or trigger == "ended"
            known = calls.find("0011", "c-1")
            assert known is not None
            if known.caller == ADA and trigger not in known.opened:
                opened.append(trigger)
                calls.opened(known, trigger)
        ended = ended or state == "ended"

    assert len(opened) == len(set(opened))
    final = calls.find("0011", "c-1")
    reached = {
        "ended": CallStage.ENDED,
        "connected": CallStage.CONNECTED,
        "held": CallStage.CONNECTED,
    }
    if final is not None and events:
        wanted = max(
            reached.get(one, CallStage.RINGING if one == "ringing" else CallStage.INCOMING)
            for one in events
        )
        assert final.stage == wanted


@pytest.mark.parametrize("state", ["incoming", "ringing", "connected", "held", "other", "ended"])
def test_the_same_event_twice_changes_nothing(state: str) -> None:
    calls = CallStates()
    first = _take(calls, state).call

    again = _take(calls, state)

    assert again.call == first
    assert again.due == ()
    assert not again.ended


def _renamed(later: bool) -> dict[str, Any]:
    return {"call_id": "c-2", "previous_call_id": "c-1"} if later else {}
