from datetime import UTC, datetime, timedelta, timezone

import pytest

from starface import wire
from starface.wire import CallListEntry, CallState, FunctionKey, Group, UserPresence
from starface.xmlrpc.reading import DateTime, Unreadable, Value

REPORTED: dict[str, Value] = {"id": "u1", "state": "RINGING"}


@pytest.mark.parametrize("spelling", ["groupId", "groupID", "group"])
def test_a_group_is_read_in_every_spelling(spelling: str) -> None:
    assert wire.read(CallState, {**REPORTED, spelling: "7"}).group == "7"


@pytest.mark.parametrize(("given", "state"), [("Ringing", "RINGING"), ("", ""), (None, "")])
def test_a_state_is_compared_in_upper_case_and_may_be_empty(given: Value, state: str) -> None:
    read = wire.read(CallState, {**REPORTED, "state": given})

    assert read.state == state
    assert read.pbx_state == (given or "")


def test_numbers_sent_as_integers_or_as_nothing_are_texts() -> None:
    read = wire.read(CallState, {**REPORTED, "callerNumber": 11, "callerName": None})

    assert (read.caller_number, read.caller_name) == ("11", "")


def test_a_text_without_end_is_cut() -> None:
    assert len(wire.read(CallState, {**REPORTED, "callerName": "x" * 100_000}).caller_name) == 512


@pytest.mark.parametrize(
    ("given", "member"),
    [
        ({}, "id"),
        ({"id": ""}, "id"),
        ({**REPORTED, "callerNumber": ["SECRET"]}, "callerNumber"),
        ({**REPORTED, "callerName": True}, "callerName"),
    ],
)
def test_what_is_unreadable_is_named_and_not_repeated(given: Value, member: str) -> None:
    with pytest.raises(Unreadable, match=f"member {member}$"):
        wire.read(CallState, given)


def test_what_is_no_struct_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="struct"):
        wire.read(CallState, "text")


def test_the_words_about_a_user_are_read() -> None:
    presence = wire.read(
        UserPresence, {"telephonyState": "ACTIVE", "chatPresence": "AWAY", "avatarHash": None}
    )
    group = wire.read(Group, {"groupId": 5, "name": "Zentrale", "phoneNumbers": ["10", 11]})
    key = wire.read(FunctionKey, {"functionKeyId": "k1", "functionKeyType": "BUSY_LAMP_FIELD"})

    assert (presence.telephony_state, presence.chat_presence) == ("ACTIVE", "AWAY")
    assert (group.id, group.name, group.phone_numbers) == ("5", "Zentrale", ("10", "11"))
    assert (key.id, key.type) == ("k1", "BUSY_LAMP_FIELD")


@pytest.mark.parametrize("spelling", ["id", "callId", "callListEntryId"])
def test_an_entry_of_the_call_list_is_read(spelling: str) -> None:
    entry = wire.read(
        CallListEntry,
        {spelling: "u1", "duration": 12, "startTime": DateTime("20250314T09:15:21")},
    )

    assert (entry.id, entry.duration) == ("u1", 12)
    assert entry.started_at == datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("20250314T09:15:21", datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)),
        ("2025-03-14T09:15:21", datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)),
        ("20250314T091521", datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)),
        ("20250314T09:15:21Z", datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)),
        ("2025-03-14T10:15:21+01:00", datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)),
        ("20250314T10:15:21+0100", datetime(2025, 3, 14, 9, 15, 21, tzinfo=UTC)),
        ("2025-03-14T09:15:21.5", datetime(2025, 3, 14, 9, 15, 21, 500_000, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("20251332T99:99:99", None),
    ],
)
def test_a_time_is_read_in_all_its_spellings(given: str, expected: datetime | None) -> None:
    assert wire.moment(given) == expected


def test_a_time_without_zone_is_in_the_zone_one_knows() -> None:
    bern = timezone(timedelta(hours=1))

    assert wire.moment("20250314T09:15:21", zone=bern) == datetime(
        2025, 3, 14, 8, 15, 21, tzinfo=UTC
    )


def test_a_time_is_written_in_utc_without_zone() -> None:
    at = datetime(2025, 3, 14, 10, 15, 21, tzinfo=timezone(timedelta(hours=1)))

    assert wire.utc(at) == "20250314T09:15:21"


@pytest.mark.parametrize("value", [1.5, [], {}, "perhaps"])
def test_what_is_neither_yes_nor_no_is_unreadable(value: Value) -> None:
    with pytest.raises(Unreadable):
        wire.truth(value)


def test_a_list_may_be_missing_and_holds_texts() -> None:
    assert wire.texts(None) == wire.texts("") == []
    assert wire.texts(["a", None]) == ["a", ""]
    with pytest.raises(Unreadable):
        wire.texts([1])
