import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.notifications import (
    IgnoredMethod,
    Notification,
    NotificationRefused,
    ResetNotification,
    read_notification,
)
from starface.xmlrpc.reading import DateTime, Unreadable, Value, read_call, write_call

FAMILIES = ["ucp.v20.client.communication.call", "ucp.v22.events.call", "ucp.v30.events.call"]


def _read(members: dict[str, Value], family: str = FAMILIES[1]) -> Notification:
    told = read_notification("0011", f"{family}.receiveCallState", [members])
    assert isinstance(told, Notification)
    return told


@pytest.mark.parametrize("family", FAMILIES)
def test_each_version_tells_the_same(family: str) -> None:
    told = _read(
        {"id": "c", "state": "RINGING", "timestamp": DateTime("20250314T09:15:21")}, family
    )

    assert (told.call_id, told.state, told.pbx_time) == ("c", "ringing", "20250314T09:15:21")


@pytest.mark.parametrize(
    ("said", "state"),
    [("INCOMING", "incoming"), ("RINGING", "ringing"), ("Ringing", "ringing"),
     ("ringing", "ringing"), ("PROCEEDING", "dialing"), ("OUTGOING", "dialing"),
     ("REQUESTED", "dialing"), ("RINGBACK", "ringback"), ("RING_BACK", "ringback"),
     ("CONNECTED", "connected"), ("PARKED", "held"), ("HANGUP", "ended"), ("CONSULT", "other"),
     ("", "other"), ("SOMETHING_NEW", "other")],
)  # fmt: skip
def test_every_state_has_a_meaning_and_keeps_its_word(said: str, state: str) -> None:
    told = _read({"id": "c", "state": said})

    assert (told.state, told.pbx_state) == (state, said)


def test_a_missing_state_and_missing_numbers_are_no_fault() -> None:
    told = _read({"id": "c"})

    assert (told.state, told.caller, told.called, told.group) == ("other", "", "", None)


@pytest.mark.parametrize("name", ["groupID", "groupId", "groupid"])
def test_a_group_is_read_in_either_spelling(name: str) -> None:
    assert _read({"id": "c", name: "Verkauf"}).group == "Verkauf"


@pytest.mark.parametrize(("value", "text"), [(11, "11"), (None, ""), ("11", "11")])
def test_a_number_may_be_told_in_other_types(value: Value, text: str) -> None:
    assert _read({"id": "c", "callerNumber": value}).caller == text


def test_a_long_name_is_cut_and_the_call_kept() -> None:
    assert len(_read({"id": "c", "callerName": "x" * 1_000}).caller_name) == 256


@pytest.mark.parametrize("value", [True, 1.5, b"x", ["1"], {"a": "b"}])
def test_a_member_that_is_no_text_is_refused(value: Value) -> None:
    with pytest.raises(NotificationRefused, match="callernumber"):
        _read({"id": "c", "callerNumber": value})


@pytest.mark.parametrize(
    "params",
    [[{"oldCallId": "a", "newCallId": "b"}], [{"old": "a", "new": "b"}],
     [{"callId": "a", "newCallId": "b"}], [{"callId": "a", "id": "b"}], ["a", "b"],
     [{"id": "a", "newId": "b"}]],
)  # fmt: skip
def test_a_change_of_id_names_both(params: list[Value]) -> None:
    told = read_notification("0011", "ucp.v30.events.call.callChangesIdEvent", params)

    assert isinstance(told, Notification)
    assert (told.previous_call_id, told.call_id, told.state) == ("a", "b", "other")


def test_reset_has_no_parameter() -> None:
    assert isinstance(
        read_notification("0011", "ucp.v20.client.connection.reset", []), ResetNotification
    )


def test_other_methods_need_nothing() -> None:
    told = read_notification("0011", "ucp.v30.events.queue.queueCallEvent", [{}])

    assert isinstance(told, IgnoredMethod)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)
_SCALARS = st.one_of(_TEXTS, st.integers(-(2**31), 2**31 - 1), st.booleans(), st.none())


@given(st.dictionaries(_TEXTS.filter(lambda name: "\ufffe" not in name), _SCALARS, max_size=8))
def test_any_struct_is_read_or_refused(members: dict[str, Value]) -> None:
    try:
        method, params = read_call(write_call("x.receiveCallState", [members]))
        told = read_notification("0011", method, params)
    except (NotificationRefused, Unreadable, ValueError):
        return
    assert isinstance(told, Notification)
