import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.notifications import (
    IgnoredMethod,
    Notification,
    NotificationRefused,
    ResetNotification,
    read_notification,
    resolve,
)
from starface.xmlrpc.reading import DateTime, Unreadable, Value, read_call, write_call
from tests.gateway.conftest import PROFILE

FAMILIES = ["ucp.v20.client.communication.call", "ucp.v22.events.call", "ucp.v30.events.call"]


def _read(members: dict[str, Value], family: str = FAMILIES[1]) -> Notification:
    notification = read_notification("0011", f"{family}.receiveCallState", [members])
    assert isinstance(notification, Notification)
    return notification


@pytest.mark.parametrize("family", FAMILIES)
def test_each_version_means_the_same(family: str) -> None:
    notification = _read(
        {"id": "c", "state": "RINGING", "timestamp": DateTime("20250314T09:15:21")}, family
    )

    assert (notification.call_id, notification.state, notification.pbx_time) == (
        "c",
        "ringing",
        "20250314T09:15:21",
    )


@pytest.mark.parametrize(
    ("said", "state"),
    [("INCOMING", "incoming"), ("RINGING", "ringing"), ("Ringing", "ringing"),
     ("ringing", "ringing"), ("PROCEEDING", "dialing"), ("OUTGOING", "dialing"),
     ("REQUESTED", "dialing"), ("RINGBACK", "ringback"), ("RING_BACK", "ringback"),
     ("CONNECTED", "connected"), ("PARKED", "held"), ("HANGUP", "ended"), ("CONSULT", "other"),
     ("", "other"), ("SOMETHING_NEW", "other")],
)  # fmt: skip
def test_every_state_has_a_meaning_and_keeps_its_word(said: str, state: str) -> None:
    notification = _read({"id": "c", "state": said})

    assert (notification.state, notification.pbx_state) == (state, said)


def test_a_missing_state_and_missing_numbers_are_no_fault() -> None:
    notification = _read({"id": "c"})

    assert (notification.state, notification.caller, notification.called, notification.group) == (
        "other",
        "",
        "",
        None,
    )


@pytest.mark.parametrize("name", ["groupID", "groupId", "groupid"])
def test_a_group_is_read_in_either_spelling(name: str) -> None:
    assert _read({"id": "c", name: "Verkauf"}).group == "Verkauf"


@pytest.mark.parametrize(
    ("value", "text"),
    [(11, "11"), (None, ""), ("11", "11"), (11.0, "11"), (b"11", "11"), (["11"], ""), ({}, "")],
)
def test_a_number_may_be_reported_in_other_types(value: Value, text: str) -> None:
    assert _read({"id": "c", "callerNumber": value}).caller == text


def test_a_long_name_is_cut_and_the_call_kept() -> None:
    assert len(_read({"id": "c", "callerName": "x" * 1_000}).caller_name) == 256


@pytest.mark.parametrize(
    "params",
    [[{"oldCallId": "a", "newCallId": "b"}], [{"old": "a", "new": "b"}],
     [{"callId": "a", "newCallId": "b"}], [{"callId": "a", "id": "b"}], ["a", "b"],
     [{"id": "a", "newId": "b"}], [{"oldCallId": "a", "callId": "b"}],
     [{"oldCallId": "a", "id": "b"}], [{"previousCallId": "a", "callId": "b"}],
     [{"id": "b", "previousId": "a"}], [{"id": "a", "callIdNew": "b", "userId": "7"}],
     [{"toCallId": "b", "fromCallId": "a"}],
     [{"newCallId": "b", "userId": "0011", "oldCallId": "a", "groupID": "7"}]],
)  # fmt: skip
def test_a_change_of_id_names_both(params: list[Value]) -> None:
    notification = read_notification("0011", "ucp.v30.events.call.callChangesIdEvent", params)

    assert isinstance(notification, Notification)
    assert (notification.previous_call_id, notification.call_id, notification.state) == (
        "a",
        "b",
        "other",
    )


@pytest.mark.parametrize("params", [[{}], [{"callId": "a"}], [{"callId": "a", "groupId": "b"}], []])
def test_a_change_without_two_ids_is_refused(params: list[Value]) -> None:
    with pytest.raises(NotificationRefused):
        read_notification("0011", "ucp.v30.events.call.callChangesIdEvent", params)


@pytest.mark.parametrize(
    "scalar",
    ["<long>0</long>", "<ex:float>0.0</ex:float>", "<ex:dateTime>2026-11-29T17:00:00</ex:dateTime>",
     "<ex:short>1</ex:short>", "<uuid>5f0c3c1e</uuid>", "<long/>"],
)  # fmt: skip
def test_a_member_of_an_unknown_type_does_not_lose_the_call(scalar: str) -> None:
    body = write_call("x.receiveCallState", [{"id": "c", "state": "RINGING", "duration": "@"}])
    body = body.replace(b"<string>@</string>", scalar.encode())
    assert scalar.encode() in body

    notification = read_notification("0011", *read_call(body))

    assert isinstance(notification, Notification)
    assert (notification.call_id, notification.state) == ("c", "ringing")


def test_a_number_of_an_unknown_type_is_a_text() -> None:
    body = write_call("x.receiveCallState", [{"id": "c", "callerNumber": "@"}])

    body = body.replace(b"<string>@</string>", b"<long>11</long>")
    notification = read_notification("0011", *read_call(body))

    assert isinstance(notification, Notification)
    assert notification.caller == "11"


@pytest.mark.parametrize(
    "scalar",
    ["<member/>", "<long>1</long><long>2</long>", "a<long>1</long>",
     "<methodName>a</methodName>"],
)  # fmt: skip
def test_what_is_no_scalar_stays_refused(scalar: str) -> None:
    body = write_call("x.receiveCallState", [{"id": "c", "duration": "@"}])

    with pytest.raises(Unreadable):
        read_call(body.replace(b"<string>@</string>", scalar.encode()))


def test_of_two_spellings_of_a_member_the_one_that_says_something_counts() -> None:
    assert _read({"id": "c", "groupID": "", "groupId": "Verkauf"}).group == "Verkauf"
    assert _read({"id": "c", "groupID": "Verkauf", "groupId": "Einkauf"}).group == "Verkauf"


@pytest.mark.parametrize("state", ["RINGING", "INCOMING", "CONNECTED", "HANGUP"])
def test_a_call_of_which_no_number_is_named_is_not_withheld(state: str) -> None:
    nothing = resolve(_read({"id": "c", "state": state}), PROFILE, 0.0)
    withheld = resolve(_read({"id": "c", "state": state, "calledNumber": "11"}), PROFILE, 0.0)

    assert (nothing.caller.kind, withheld.caller.kind) == ("unknown", "withheld")


def test_reset_has_no_parameter() -> None:
    assert isinstance(
        read_notification("0011", "ucp.v20.client.connection.reset", []), ResetNotification
    )


def test_other_methods_need_nothing() -> None:
    notification = read_notification("0011", "ucp.v30.events.queue.queueCallEvent", [{}])

    assert isinstance(notification, IgnoredMethod)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)
_SCALARS = st.one_of(_TEXTS, st.integers(-(2**31), 2**31 - 1), st.booleans(), st.none())


@given(st.dictionaries(_TEXTS.filter(lambda name: "\ufffe" not in name), _SCALARS, max_size=8))
def test_any_struct_is_read_or_refused(members: dict[str, Value]) -> None:
    try:
        method, params = read_call(write_call("x.receiveCallState", [members]))
        notification = read_notification("0011", method, params)
    except (NotificationRefused, Unreadable, ValueError):
        return
    assert isinstance(notification, Notification)
