import dataclasses
import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from bus.mqtt.inbox import ReceivedMessage
from bus.numbers.private_numbers import changing, entry
from consumers.dial.number import NumberReader
from consumers.dial.placing import CallNotPlaced, CallOrder, OutcomeUnclear
from tests.consumers.dial_desk import PROFILE, SITE_KEY, Desk

SAME = UUID("7f3c8a52-4b0c-4dd1-9a55-000000000001")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_request_is_placed_in_the_form_of_the_pbx(desk: Desk) -> None:
    request = desk.dial("+41 (0)44 123 45 67")

    assert desk.pbx.asked == [CallOrder("0011", "0441234567", "", str(request))]
    assert desk.reported(request) == ["accepted"]
    assert desk.last().data.call_id == str(request)


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("044 123 45 67", "0441234567"),
        ("+49 30 23125123", "004930 23125123".replace(" ", "")),
        ("tel:+41441234567", "0441234567"),
        ("12", "12"),
    ],
)
def test_numbers_are_rebuilt_before_they_are_dialled(
    desk: Desk, written: str, dialled: str
) -> None:
    desk.dial(written)

    assert [wish.number for wish in desk.pbx.asked] == [dialled]


def test_the_user_is_the_one_of_the_topic(desk: Desk) -> None:
    message = desk.message("044 123 45 67", "0012", uuid4())
    document = json.loads(message.payload)
    document["data"]["user"] = "0011"

    desk.consumer.handle(ReceivedMessage(message.topic, json.dumps(document).encode()))

    assert [wish.user for wish in desk.pbx.asked] == ["0012"]
    assert desk.last().data.user == "0012"


def test_signs_that_disturb_a_terminal_do_not_come_into_the_audit(desk: Desk) -> None:
    document = json.loads(desk.message("044 123 45 67", "0011", uuid4()).payload)
    document["source"] = "crm\x1b[2J"
    document["data"]["phone"] = "SIP\r\n/11"

    desk.consumer.handle(
        ReceivedMessage(desk.bus.topics.dial("0011"), json.dumps(document).encode())
    )

    [row] = desk.book.audit()
    assert (row["door"], row["phone"]) == ("crm[2J", "SIP/11")
    assert desk.pbx.asked[0].phone == "SIP/11"


def test_a_retained_request_is_not_dialled(desk: Desk) -> None:
    desk.dial(retained=True)

    assert desk.pbx.asked == []
    assert desk.reported() == []


@pytest.mark.parametrize("age", [15.5, 3600, -16, -86_400])
def test_a_request_from_another_time_is_refused_with_its_age(desk: Desk, age: float) -> None:
    desk.dial(age=age)

    assert desk.pbx.asked == []
    assert desk.last().data.code == "expired"
    assert str(round(abs(age))) in desk.last().data.sentence.en


@pytest.mark.parametrize("age", [14, -14])
def test_a_clock_may_be_a_little_wrong(desk: Desk, age: float) -> None:
    desk.dial(age=age)

    assert desk.reported() == ["accepted"]


def test_a_request_with_a_number_that_is_no_text_is_answered(desk: Desk) -> None:
    payload = {"time": "2026-11-23T10:00:00Z", "data": {"request_id": str(SAME), "number": 1}}

    desk.consumer.handle(
        ReceivedMessage(desk.bus.topics.dial("0011"), json.dumps(payload).encode())
    )

    assert desk.last().data.code == "not_a_number"
    assert desk.pbx.asked == []


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"data": 1}', b"\xff", b"[" * 60_000])
def test_what_is_no_request_is_not_dialled_and_harms_nobody(desk: Desk, payload: bytes) -> None:
    desk.consumer.handle(ReceivedMessage(desk.bus.topics.dial("0011"), payload))

    assert desk.pbx.asked == []
    assert desk.dial() in {result.data.request_id for _, result, _ in desk.bus.published}


def test_a_request_repeated_fifty_times_is_one_call_and_fifty_answers(desk: Desk) -> None:
    for _ in range(50):
        desk.dial(request_id=SAME)

    assert len(desk.pbx.asked) == 1
    assert desk.reported() == ["accepted"] * 50
    assert len({result.id for _, result, _ in desk.bus.published}) == 50


def test_an_old_request_replayed_is_answered_and_not_dialled(desk: Desk) -> None:
    message = desk.message("044 123 45 67", "0011", SAME)
    desk.consumer.handle(message)
    desk.receive(SAME, "ended")
    desk.clock.now += 3600

    desk.consumer.handle(message)

    assert len(desk.pbx.asked) == 1
    assert desk.reported() == ["accepted", "own-phone-not-lifted", "own-phone-not-lifted"]


def test_a_request_the_broker_sends_again_after_a_kill_is_answered_once(desk: Desk) -> None:
    message = desk.message("044 123 45 67", "0011", SAME, age=20)
    desk.consumer.handle(message)
    desk.again()

    desk.consumer.handle(dataclasses.replace(message, redelivered=True))

    assert desk.reported() == ["refused"]


def test_the_same_id_for_another_number_is_refused(desk: Desk) -> None:
    desk.dial("044 123 45 67", request_id=SAME)
    desk.dial("044 123 45 68", request_id=SAME)

    assert len(desk.pbx.asked) == 1
    assert desk.last().data.code == "duplicate"


def test_the_same_id_with_another_spelling_of_the_number_is_a_repeat(desk: Desk) -> None:
    desk.dial("044 123 45 67", request_id=SAME)
    desk.dial("+41 44 1234567", request_id=SAME)

    assert desk.reported() == ["accepted", "accepted"]
    assert len(desk.pbx.asked) == 1


def test_ids_are_per_user(desk: Desk) -> None:
    desk.dial(request_id=SAME, login="0011")
    desk.dial(request_id=SAME, login="0012")

    assert [wish.user for wish in desk.pbx.asked] == ["0011", "0012"]


def test_a_double_click_is_one_call(desk: Desk) -> None:
    desk.dial()
    desk.clock.now += 1.9
    desk.dial()

    assert len(desk.pbx.asked) == 1
    assert desk.last().data.code == "duplicate"


def test_while_a_dialled_call_runs_no_other_is_placed(desk: Desk) -> None:
    first = desk.dial()
    desk.receive(first, "connected")
    desk.clock.now += 10

    desk.dial("044 123 45 68")

    assert len(desk.pbx.asked) == 1
    assert desk.last().data.code == "busy"


def test_after_the_end_the_next_call_is_placed(desk: Desk) -> None:
    desk.receive(desk.dial(), "ended")
    desk.clock.now += 3

    desk.dial()

    assert len(desk.pbx.asked) == 2


def _dial_to_the_end(desk: Desk, count: int, seconds: float, login: str = "0011") -> None:
    for last in range(count):
        request = desk.dial(f"044 123 {10 + last // 100} {last % 100:02}", login=login)
        desk.receive(request, "ended", login=login)
        desk.clock.now += seconds


def test_six_calls_a_minute_and_no_more(desk: Desk) -> None:
    _dial_to_the_end(desk, 100, 0.5)

    assert len(desk.pbx.asked) == 6
    assert desk.last().data.code == "rate"

    desk.clock.now += 60
    _dial_to_the_end(desk, 100, 0.1)
    assert len(desk.pbx.asked) == 12


def test_sixty_calls_an_hour_and_no_more(desk: Desk) -> None:
    _dial_to_the_end(desk, 100, 15)

    assert len(desk.pbx.asked) == 60


def test_the_office_has_a_limit_of_its_own(tmp_path: Path) -> None:
    desk = Desk(tmp_path, site_per_hour=10)
    _dial_to_the_end(desk, 6, 15, "0011")
    _dial_to_the_end(desk, 6, 15, "0012")

    assert len(desk.pbx.asked) == 10
    assert "10" in desk.last().data.sentence.de


def test_ten_calls_abroad_a_day(desk: Desk) -> None:
    for last in range(15):
        desk.receive(desk.dial(f"+49 30 231251{last:02}"), "ended")
        desk.clock.now += 100

    assert len(desk.pbx.asked) == 10
    assert desk.last().data.code == "rate"
    desk.receive(desk.dial("044 123 45 67"), "ended")
    assert len(desk.pbx.asked) == 11


def test_the_limits_outlive_a_restart(desk: Desk) -> None:
    for last in range(10):
        desk.receive(desk.dial(f"044 123 45 {last:02}"), "ended")
        desk.again()

    assert len(desk.pbx.asked) == 6


def test_a_call_that_surely_was_not_placed_does_not_count(desk: Desk) -> None:
    desk.pbx.outcome = lambda _: CallNotPlaced("unreachable")
    for last in range(20):
        desk.dial(f"044 123 45 {last:02}")
        assert desk.last().data.code == "unreachable"


def test_half_of_the_offices_calls_used_up_is_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _dial_to_the_end(Desk(tmp_path, site_per_hour=8), 5, 15)

    assert caplog.text.count("half of the calls") == 1


def test_a_user_nobody_set_up_is_refused(desk: Desk) -> None:
    desk.dial(login="0099")

    assert desk.last().data.code == "not_allowed"
    assert desk.pbx.asked == []


def test_a_user_whose_interface_is_off_is_refused(desk: Desk) -> None:
    with desk.users() as users:
        users.change("0011", wanted=False)

    desk.dial()

    assert desk.last().data.code == "inactive"
    assert desk.pbx.asked == []


def test_nobody_dials_himself(desk: Desk) -> None:
    desk.dial("11")

    assert desk.last().data.code == "not_allowed"
    assert desk.pbx.asked == []


def test_the_users_own_phone_rings_unless_another_is_named(desk: Desk) -> None:
    with desk.users() as users:
        users.change("0011", phone="SIP/11")

    desk.dial()

    assert desk.pbx.asked[0].phone == "SIP/11"


def test_the_answer_also_goes_where_the_request_wants_it(desk: Desk) -> None:
    topic = "starface/users/0011/replies/crm"
    desk.dial(response_topic=topic, correlation=b"42")

    reported = [(where, correlation) for where, _, correlation in desk.bus.published]
    assert reported == [("starface/users/0011/dial/result", None), (topic, b"42")]


def test_the_result_topic_as_response_topic_is_reported_once_with_the_correlation(
    desk: Desk,
) -> None:
    desk.dial(response_topic="starface/users/0011/dial/result", correlation=b"42")

    [(_, _, correlation)] = desk.bus.published
    assert correlation == b"42"


@pytest.mark.parametrize(
    "topic", ["starface/users/0012/dial/result", "starface/users/0012/replies/x", "elsewhere"]
)
def test_nothing_is_reported_on_a_topic_that_is_not_the_users(desk: Desk, topic: str) -> None:
    desk.dial(response_topic=topic, correlation=b"42")

    [(where, _, correlation)] = desk.bus.published
    assert (where, correlation) == ("starface/users/0011/dial/result", None)


def test_of_two_processes_one_places_the_call_and_reports_it(desk: Desk) -> None:
    other = desk.another()
    message = desk.message("044 123 45 67", "0011", SAME)

    desk.consumer.handle(message)
    other.consumer.handle(message)
    desk.receive(SAME, "dialing")
    other.receive(SAME, "dialing")

    assert len(desk.pbx.asked) == 1
    assert desk.reported() == ["accepted", "own-phone-ringing"]


def test_killed_between_claim_and_call_nothing_is_dialled_again(desk: Desk) -> None:
    desk.tasks.at_once = False
    message = desk.message("044 123 45 67", "0011", SAME)
    desk.consumer.handle(message)

    desk.tasks.at_once = True
    desk.again()
    desk.following.recover()
    desk.consumer.handle(message)

    assert desk.pbx.asked == []
    assert desk.pbx.looked == [str(SAME)]
    assert desk.last().data.code == "unknown_outcome"
    assert not desk.last().data.final


def test_a_request_that_was_on_its_way_to_the_pbx_at_the_kill_is_followed(desk: Desk) -> None:
    desk.tasks.at_once = False
    desk.dial(request_id=SAME)

    desk.tasks.at_once = True
    desk.again()
    desk.following.recover()
    desk.pbx.states[str(SAME)] = "dialing"  # it reaches it only now
    desk.pass_time(6)

    assert desk.reported() == ["unknown", "accepted", "own-phone-ringing"]


def test_a_request_the_pbx_does_not_know_for_long_after_the_kill_was_not_placed(
    desk: Desk,
) -> None:
    desk.tasks.at_once = False
    desk.dial(request_id=SAME)

    desk.tasks.at_once = True
    desk.again()
    desk.following.recover()
    desk.pass_time(40)

    assert [result.data.final for _, result, _ in desk.bus.published] == [False, True]


def test_killed_after_the_call_it_is_found_at_the_pbx(desk: Desk) -> None:
    desk.tasks.at_once = False
    desk.dial(request_id=SAME)

    desk.tasks.at_once = True
    desk.pbx.states[str(SAME)] = "ringback"
    desk.again()
    desk.following.recover()

    assert desk.reported() == ["accepted", "remote-ringing"]
    assert desk.pbx.asked == []


def test_another_process_clears_up_after_one_that_is_gone(desk: Desk) -> None:
    desk.tasks.at_once = False
    desk.dial(request_id=SAME)
    desk.tasks.kept.clear()
    other = desk.another()
    desk.tasks.at_once = True

    other.pass_time(40)

    assert desk.reported() == ["unknown"]
    assert desk.last().data.final
    assert desk.pbx.asked == []


def test_an_unknown_outcome_is_said_and_never_tried_again(desk: Desk) -> None:
    desk.pbx.outcome = lambda _: OutcomeUnclear()
    request = desk.dial()
    assert desk.reported(request) == ["unknown"]
    assert not desk.last().data.final

    desk.pass_time(60)

    assert len(desk.pbx.asked) == 1
    assert desk.reported(request) == ["unknown", "unknown"]
    assert desk.last().data.final


def test_every_request_is_in_the_audit_without_its_whole_number(desk: Desk) -> None:
    desk.dial("044 123 45 67", request_id=SAME)
    desk.dial("044 123 45 67", request_id=SAME)
    desk.dial("0900 123 456")
    desk.dial("Herr Müller", age=60)

    reported = [(row["stage"], row["code"], row["shown"], row["door"]) for row in desk.book.audit()]
    assert reported == [
        ("refused", "expired", "", "test"),
        ("refused", "premium", "090012••••", "test"),
        ("accepted", None, "+4144123••••", "test"),
    ]
    assert b"1234567" not in (desk.folder / "dial.db").read_bytes()


def test_the_audit_is_forgotten_after_ninety_days(desk: Desk) -> None:
    desk.receive(desk.dial(), "ended")
    desk.clock.now += 89 * 86_400
    desk.pass_time(1)
    assert len(desk.book.audit()) == 1

    desk.clock.now += 2 * 86_400
    desk.pass_time(1)

    assert desk.book.audit() == []


def test_a_number_is_erased_from_the_audit_and_the_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path, mask="none")
    desk.dial("044 123 45 67")
    desk.dial("044 123 45 68", login="0012")
    key = NumberReader(PROFILE, desk.settings, SITE_KEY).key("0441234567")

    assert desk.book.erase(key, ()) == (1, True)

    assert [row["shown"] for row in desk.book.audit()] == ["+41441234568", ""]
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("dial.db*"))
    assert b"41441234567" not in kept
    assert key.encode() not in kept
    assert b"41441234568" in kept


def test_a_private_number_stands_in_no_audit(tmp_path: Path) -> None:
    one = entry(SITE_KEY, "0011", "+41441234567", "2026-11-23")
    with changing(tmp_path) as numbers:
        numbers[one.mark] = one
    desk = Desk(tmp_path)
    desk.dial("044 123 45 67")
    desk.dial("044 123 45 67", login="0012")

    assert [(row["user"], row["shown"]) for row in desk.book.audit()] == [
        ("0012", "+4144123••••"),
        ("0011", ""),
    ]
