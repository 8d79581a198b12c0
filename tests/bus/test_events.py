import json

import pytest
from pydantic import ValidationError

from bus.events import CallData, CallEvent, CallStateName, DialRequest, call_event_type, now
from bus.topics import Topics


def _event(state: CallStateName = "ringing", **more: object) -> CallEvent:
    return CallEvent(
        type=call_event_type(state),
        data=CallData(user="0011", call_id="c-1", state=state, received_at=now()),
        **more,
    )


def test_an_event_is_a_cloud_event_in_structured_json() -> None:
    document = json.loads(_event(subject="c-1", seq=7).encoded())

    assert document["specversion"] == "1.0"
    assert document["type"] == "starface.call.ringing.v1"
    assert (document["subject"], document["seq"]) == ("c-1", 7)
    assert {"id", "source", "time"} <= document.keys()


def test_attributes_that_are_not_set_are_left_out() -> None:
    assert {"subject", "seq"} & json.loads(_event().encoded()).keys() == set()


@pytest.mark.parametrize(
    ("state", "seconds"),
    [("ringing", 60), ("dialing", 60), ("connected", 86_400), ("ended", 86_400)],
)
def test_a_ringing_event_is_worth_nothing_after_a_minute(
    state: CallStateName, seconds: int
) -> None:
    assert _event(state).expiry() == seconds


def test_a_reader_ignores_what_it_does_not_know() -> None:
    document = json.loads(_event().encoded())
    document["later"] = document["data"]["later"] = {"a": 1}

    assert CallEvent.model_validate_json(json.dumps(document)).data.call_id == "c-1"


def test_an_event_read_is_the_event_written() -> None:
    event = _event(seq=3)

    assert CallEvent.model_validate_json(event.encoded()) == event


@pytest.mark.parametrize("user", ["", "+", "a\x00b", "x" * 65])
def test_a_user_who_is_a_wildcard_is_refused(user: str) -> None:
    with pytest.raises(ValidationError):
        CallData(user=user, call_id="c", state="ringing", received_at=now())


@pytest.mark.parametrize("user", ["a+b", "+1", "#", "a#", "++"])
def test_a_login_with_the_signs_of_wildcards_is_one_level(user: str) -> None:
    data = CallData(user=user, call_id="c", state="ringing", received_at=now())
    topic = Topics().calls(data.user)

    assert topic.count("/") == Topics().calls("0011").count("/")
    assert not set("+#") & set(topic)
    assert Topics().user_of(topic) == user


def test_an_error_does_not_echo_the_value() -> None:
    with pytest.raises(ValidationError) as refused:
        DialRequest.model_validate_json('{"time": "x", "data": {"number": 1, "secret": "+4144"}}')

    assert "+4144" not in str(refused.value)


def test_a_dial_request_without_a_time_is_refused() -> None:
    request = {"number": "1", "request_id": "7f3c8a52-4b0c-4dd1-9a55-000000000001"}

    with pytest.raises(ValidationError, match="time"):
        DialRequest.model_validate({"data": request})


@pytest.mark.parametrize(
    ("member", "word", "read"), [("state", "parked", "other"), ("direction", "up", "unknown")]
)
def test_a_word_of_a_later_release_is_read_as_one_we_know(
    member: str, word: str, read: str
) -> None:
    document = json.loads(_event().encoded())
    document["data"][member] = word

    assert getattr(CallEvent.model_validate_json(json.dumps(document)).data, member) == read
