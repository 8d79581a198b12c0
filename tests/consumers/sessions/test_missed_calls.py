from datetime import UTC, datetime, timedelta

import pytest

from bus.events import CallData, CallStateName, Party
from consumers.sessions.missed_calls import Gap, KnownCalls, ended_structs, is_news, running_struct
from starface.wire import CallListEntry, CallState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _call(call_id: str, state: CallStateName = "ringing", **more: object) -> CallData:
    reported = {
        "user": "0011", "call_id": call_id, "state": state, "pbx_state": state.upper(),
        "caller": Party(number="0041441234567", name="Grace"), "received_at": NOON,
    }  # fmt: skip
    return CallData.model_validate(reported | more)


def _entry(call_id: str, at: datetime = NOON, **more: object) -> CallListEntry:
    reported = {
        "id": call_id, "direction": "INBOUND", "result": "MISSED",
        "callerNumber": "0041441234567", "calledNumber": "11", "callDescription": "Grace",
        "startTime": at.strftime("%Y%m%dT%H:%M:%S"), "duration": 20,
    }  # fmt: skip
    return CallListEntry.model_validate(reported | more)


@pytest.fixture
def received() -> KnownCalls:
    return KnownCalls(patience=10.0)


def test_a_call_we_knew_of_is_not_missed(received: KnownCalls) -> None:
    received.note(_call("a"))

    assert not received.look(["a"], 0.0).soon
    assert not received.look(["a"], 99.0).unreported


def test_a_call_may_be_on_its_way_for_a_while(received: KnownCalls) -> None:
    assert received.look(["a"], 0.0).soon
    assert not received.look(["a"], 9.0).unreported
    assert received.look(["a"], 10.0).unreported


def test_a_call_that_is_reported_in_time_is_forgiven(received: KnownCalls) -> None:
    received.look(["a"], 0.0)
    received.note(_call("a"))

    assert not received.look(["a"], 10.0).unreported
    assert not received.doubtful


def test_an_end_not_reported_to_us_is_noticed(received: KnownCalls) -> None:
    received.note(_call("a"))
    received.look([], 0.0)

    assert received.look([], 10.0).unended


def test_a_call_that_ended_stays_ended(received: KnownCalls) -> None:
    received.note(_call("a"))
    received.note(_call("a", "ended"))
    received.note(_call("a"))

    assert received.gap(None).running == {}
    assert not received.look(["a"], 0.0).soon


def test_a_call_that_changed_its_id_is_one_call(received: KnownCalls) -> None:
    received.note(_call("a"))
    received.note(_call("b", previous_call_id="a"))

    assert set(received.gap(None).running) == {"b"}


def test_a_running_call_is_reported_once_for_each_state() -> None:
    gap = Gap(running={"a": _call("a", pbx_state="ringing")})

    assert not is_news(CallState(id="a", pbx_state="RINGING"), gap)
    assert is_news(CallState(id="a", pbx_state="CONNECTED"), gap)
    assert is_news(CallState(id="b", pbx_state="RINGING"), gap)
    assert not is_news(CallState(id="b", pbx_state=""), gap)


def test_a_running_call_is_reported_in_the_words_of_the_pbx() -> None:
    struct = running_struct(
        CallState(id="a", pbx_state="RINGING", caller_number="0041441234567", group="7")
    )

    assert struct["id"] == "a"
    assert struct["state"] == "RINGING"
    assert struct["callerNumber"] == "0041441234567"
    assert struct["groupId"] == "7"
    assert "timestamp" not in struct


def test_a_known_call_that_is_gone_has_ended() -> None:
    [struct] = ended_structs(Gap(running={"a": _call("a"), "b": _call("b")}), ["b"], [])

    assert (struct["id"], struct["state"]) == ("a", "HANGUP")
    assert struct["callerNumber"] == "0041441234567"


def test_a_missed_call_of_the_list_is_reported_with_its_end() -> None:
    [struct] = ended_structs(Gap(since=NOON), [], [_entry("a")])

    assert (struct["id"], struct["state"]) == ("a", "HANGUP")
    assert struct["timestamp"] == "20261123T12:00:20"
    assert struct["callerName"] == "Grace"


def test_an_answered_call_of_the_list_was_connected_before_it_ended() -> None:
    structs = ended_structs(Gap(since=NOON), [], [_entry("a", result="ANSWERED")])

    assert [struct["state"] for struct in structs] == ["CONNECTED", "HANGUP"]


def test_what_we_knew_of_is_not_reported_again() -> None:
    gap = Gap(since=NOON, running={"b": _call("b")}, ended=frozenset({"a"}))

    assert ended_structs(gap, ["b"], [_entry("a"), _entry("b")]) == []


def test_a_known_call_is_ended_once_even_if_the_list_has_it_too() -> None:
    gap = Gap(since=NOON, running={"a": _call("a")})

    assert [struct["id"] for struct in ended_structs(gap, [], [_entry("a")])] == ["a"]


def test_a_list_without_ids_is_read_from_the_gap_on() -> None:
    before, within = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)

    structs = ended_structs(Gap(since=NOON), [], [_entry("", before), _entry("", within)])
    again = ended_structs(Gap(since=NOON), [], [_entry("", within)])

    [struct] = structs
    assert str(struct["id"]).startswith("listed-")
    assert again == structs


@pytest.mark.parametrize("behind", [0, 30, 3_700])
def test_an_event_reports_how_far_the_clock_of_the_pbx_is_off(behind: int) -> None:
    stamp = NOON - timedelta(seconds=behind)
    for event in (stamp, stamp.replace(tzinfo=None), stamp.astimezone().replace(tzinfo=None)):
        calls = KnownCalls(1.0)
        calls.note(_call("a", pbx_time=event.isoformat(), received_at=NOON))

        assert calls.gap(NOON).clock_offset == timedelta(seconds=-behind)


@pytest.mark.parametrize("changes", [{"pbx_time": "soon"}, {"pbx_time": None}, {"replayed": True}])
def test_what_reports_no_time_measures_no_clock(changes: dict[str, object]) -> None:
    calls = KnownCalls(1.0)
    calls.note(_call("a").model_copy(update={"pbx_time": NOON.isoformat()} | changes))

    assert calls.gap(NOON).clock_offset is None
