from datetime import UTC, datetime, timedelta

import pytest

from bus.events import CallData, CallStateName, Party
from consumers.sessions.missed_calls import Gap, KnownCalls, ended_structs, is_news, running_struct
from starface.wire import CallListEntry, CallState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _call(call_id: str, state: CallStateName = "ringing", **more: object) -> CallData:
    told = {
        "user": "0011", "call_id": call_id, "state": state, "pbx_state": state.upper(),
        "caller": Party(number="0041441234567", name="Grace"), "received_at": NOON,
    }  # fmt: skip
    return CallData.model_validate(told | more)


def _entry(call_id: str, at: datetime = NOON, **more: object) -> CallListEntry:
    told = {
        "id": call_id, "direction": "INBOUND", "result": "MISSED",
        "callerNumber": "0041441234567", "calledNumber": "11", "callDescription": "Grace",
        "startTime": at.strftime("%Y%m%dT%H:%M:%S"), "duration": 20,
    }  # fmt: skip
    return CallListEntry.model_validate(told | more)


@pytest.fixture
def heard() -> KnownCalls:
    return KnownCalls(patience=10.0)


def test_a_call_we_heard_of_is_not_missed(heard: KnownCalls) -> None:
    heard.note(_call("a"))

    assert not heard.look(["a"], 0.0).soon
    assert not heard.look(["a"], 99.0).unreported


def test_a_call_may_be_on_its_way_for_a_while(heard: KnownCalls) -> None:
    assert heard.look(["a"], 0.0).soon
    assert not heard.look(["a"], 9.0).unreported
    assert heard.look(["a"], 10.0).unreported


def test_a_call_that_is_told_in_time_is_forgiven(heard: KnownCalls) -> None:
    heard.look(["a"], 0.0)
    heard.note(_call("a"))

    assert not heard.look(["a"], 10.0).unreported
    assert not heard.doubtful


def test_an_end_we_were_not_told_of_is_noticed(heard: KnownCalls) -> None:
    heard.note(_call("a"))
    heard.look([], 0.0)

    assert heard.look([], 10.0).unended


def test_a_call_that_ended_stays_ended(heard: KnownCalls) -> None:
    heard.note(_call("a"))
    heard.note(_call("a", "ended"))
    heard.note(_call("a"))

    assert heard.gap(None).running == {}
    assert not heard.look(["a"], 0.0).soon


def test_a_call_that_changed_its_id_is_one_call(heard: KnownCalls) -> None:
    heard.note(_call("a"))
    heard.note(_call("b", previous_call_id="a"))

    assert set(heard.gap(None).running) == {"b"}


def test_a_running_call_is_told_once_for_each_state() -> None:
    gap = Gap(running={"a": _call("a", pbx_state="ringing")})

    assert not is_news(CallState(id="a", pbx_state="RINGING"), gap)
    assert is_news(CallState(id="a", pbx_state="CONNECTED"), gap)
    assert is_news(CallState(id="b", pbx_state="RINGING"), gap)
    assert not is_news(CallState(id="b", pbx_state=""), gap)


def test_a_running_call_is_told_in_the_words_of_the_pbx() -> None:
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


def test_a_missed_call_of_the_list_is_told_with_its_end() -> None:
    [struct] = ended_structs(Gap(since=NOON), [], [_entry("a")])

    assert (struct["id"], struct["state"]) == ("a", "HANGUP")
    assert struct["timestamp"] == "20261123T12:00:20"
    assert struct["callerName"] == "Grace"


def test_an_answered_call_of_the_list_was_connected_before_it_ended() -> None:
    structs = ended_structs(Gap(since=NOON), [], [_entry("a", result="ANSWERED")])

    assert [struct["state"] for struct in structs] == ["CONNECTED", "HANGUP"]


def test_what_we_heard_of_is_not_told_again() -> None:
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
def test_an_event_tells_how_far_the_clock_of_the_pbx_is_off(behind: int) -> None:
    stamp = NOON - timedelta(seconds=behind)
    for told in (stamp, stamp.replace(tzinfo=None), stamp.astimezone().replace(tzinfo=None)):
        calls = KnownCalls(1.0)
        calls.note(_call("a", pbx_time=told.isoformat(), received_at=NOON))

        assert calls.gap(NOON).clock_offset == timedelta(seconds=-behind)


@pytest.mark.parametrize("changes", [{"pbx_time": "soon"}, {"pbx_time": None}, {"replayed": True}])
def test_what_tells_no_time_measures_no_clock(changes: dict[str, object]) -> None:
    calls = KnownCalls(1.0)
    calls.note(_call("a").model_copy(update={"pbx_time": NOON.isoformat()} | changes))

    assert calls.gap(NOON).clock_offset is None
