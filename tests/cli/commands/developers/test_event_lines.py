import pytest

from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    CallEvent,
    ChoiceRequest,
    ChoiceRequestData,
    Message,
    Opened,
    OpenedData,
    Party,
    Reference,
    Sentence,
    UserState,
    UserStateData,
    call_event_type,
    now,
)
from bus.topics import Topics
from cli.commands.developers.event_lines import line

TOPICS = Topics()
CALLER = Party(number="0041441234567", e164="+41441234567", kind="external")


def _reported(topic: str, message: Message) -> str:
    reported = line(topic, message.encoded(), TOPICS)
    assert reported is not None
    return reported


def test_a_call_is_reported_with_both_numbers() -> None:
    data = CallData(
        user="0011", call_id="c-1", state="ringing", caller=CALLER,
        called=Party(number="11", kind="internal"), received_at=now(),
    )  # fmt: skip

    reported = _reported(
        TOPICS.calls("0011"), CallEvent(type=call_event_type("ringing"), data=data)
    )

    assert "0011" in reported
    assert "ringing    +41441234567 → 11  call c-1" in reported


def test_what_opened_is_reported_with_its_address() -> None:
    data = CallerData(
        user="0011", call_id="c-1", event_id="e", trigger="ringing", caller=CALLER,
        quality="exact", contact=Reference(kind="contact", id="1", title="Anna Meier"),
        opens="matter", opened=Reference(kind="matter", id="2", title="Meier / Meier"),
        url="https://cases.example/2",
    )  # fmt: skip

    reported = _reported(TOPICS.caller("0011"), CallerEvent(data=data))

    assert reported.endswith(
        "opens      matter Meier / Meier for Anna Meier  https://cases.example/2"
    )


def test_what_did_not_open_is_reported_with_the_reason() -> None:
    data = CallerData(
        user="0011", call_id="c-1", event_id="e", trigger="ringing", caller=CALLER,
        sentence=Sentence(de="Niemand", en="Nobody has this number."),
    )  # fmt: skip

    assert "Nobody has this number." in _reported(TOPICS.caller("0011"), CallerEvent(data=data))


def test_a_failing_user_is_reported_with_the_remedy() -> None:
    data = UserStateData(
        user="0011", state="failing", since=now(), detail=Sentence(de="", en="Log in again.")
    )

    assert "failing    Log in again." in _reported(TOPICS.state("0011"), UserState(data=data))


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff"])
def test_a_message_nobody_can_read_is_said_to_be_so(payload: bytes) -> None:
    assert "unreadable" in str(line(TOPICS.calls("0011"), payload, TOPICS))


@pytest.mark.parametrize("topic", ["starface/info", "starface/users/0011/head/g", "other/x"])
def test_what_a_person_need_not_see_is_not_reported(topic: str) -> None:
    assert line(topic, b"{}", TOPICS) is None


@pytest.mark.parametrize(
    ("given", "wanted"), [("9", "chooses    contact 9"), (None, "chooses    nobody any more")]
)
def test_a_choice_is_reported(given: str | None, wanted: str) -> None:
    data = ChoiceRequestData(call_id="c-1", id=given)

    assert _reported(TOPICS.choose("0011"), ChoiceRequest(time=now(), data=data)).endswith(wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"state": "done"}, "desktop    opened  call c-1"),
        ({"state": "failed", "reason": "exit-1"}, "desktop    could not open (exit-1)  call c-1"),
    ],
)
def test_what_a_workstation_did_is_reported(given: dict[str, str], wanted: str) -> None:
    data = OpenedData.model_validate({"call_id": "c-1", **given})

    assert _reported(TOPICS.opened("0011"), Opened(data=data)).endswith(wanted)
