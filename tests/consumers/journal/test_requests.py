from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bus.journal_events import CallRecordData, JournalAnswerData, JournalRequest, JournalRequestData
from bus.mqtt.requests import Requester
from bus.numbers.number import NumberProfile
from consumers.journal.calls import LegOutcome
from consumers.journal.leg import Leg
from consumers.journal.record import opened, record_of
from consumers.journal.requests import JournalRequests
from consumers.journal.store import JournalStore
from tests.consumers.journal.call_events import OTHER, START, said

KEPT = 5


class Desk:
    """A journal with some missed calls, and who asks it."""

    def __init__(self, folder: Path) -> None:
        self.store = JournalStore(folder / "journal.db")
        self.noted: list[CallRecordData] = []
        self.requests = JournalRequests(
            self.store, self, NumberProfile(country="CH"), self.noted.append,
            clock=lambda: START + 1000,
        )  # fmt: skip

    def is_user(self, login: str) -> bool:
        return login in ("0011", "0012")

    def may_read(self, login: str, colleague: str) -> bool:
        return (login, colleague) == ("0011", "0012")

    def missed(self, user: str, call_id: str, at: float, **more: Any) -> None:
        leg = Leg(user)
        for data in (
            said(user, "ringing", at, call_id=call_id, **more),
            said(user, "ended", at + 20, call_id=call_id, **more),
        ):
            leg.learn(data, data.received_at.timestamp())
        record = record_of(leg, LegOutcome("missed"), None)
        self.store.put(opened(record), shared=call_id if more.get("group") else None)

    def ask(self, user: str = "0011", **data: Any) -> JournalAnswerData:
        request = JournalRequest(data=JournalRequestData(**data))
        return self.requests.handle(request, Requester(user, "starface/replies/x/y", None)).data


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    for place in range(KEPT):
        desk.missed("0011", f"c-{place}", place * 100)
    with closing(desk.store):
        yield desk


def _ids(answer: JournalAnswerData) -> list[str]:
    return [record.call_id for record in answer.records]


def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk) -> None:
    first = desk.ask(action="list", limit=2)
    second = desk.ask(action="list", limit=2, cursor=first.cursor)
    third = desk.ask(action="list", limit=2, cursor=second.cursor)

    assert _ids(first) + _ids(second) + _ids(third) == [f"c-{n}" for n in reversed(range(KEPT))]
    assert third.cursor is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"number": "044 333 44 55"}, 5), ({"number": "079 111 22 33"}, 0),
        ({"text": "muster"}, 5), ({"text": "meier"}, 0), ({"open": True}, 5),
        ({"missed": True}, 5), ({"from": "2026-11-23T09:02:00Z"}, 3),
        ({"to": "2026-11-23T09:02:00Z"}, 2), ({"matter": "2026-1"}, 0), ({"contact": "9"}, 0),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_what_comes(desk: Desk, wanted: dict[str, Any], found: int) -> None:
    assert len(desk.ask(action="list", **wanted).records) == found


def test_a_note_is_written_once_and_found(desk: Desk) -> None:
    for _ in range(2):
        desk.ask(action="note", call_id="c-1", text="  Rückruf morgen ", request_id="n-1")

    [record] = desk.ask(action="list", text="rückruf").records
    assert (record.note, len(record.notes), record.notes[0].by) == ("Rückruf morgen", 1, "0011")
    assert record.open
    assert len(desk.noted) == 1


def test_a_note_that_settles_it_closes_the_missed_call(desk: Desk) -> None:
    [record] = desk.ask(action="note", call_id="c-1", text="erledigt", handled=True).records

    assert (record.handled_how, record.open) == ("note", False)


def test_a_click_closes_and_opens_again_for_all_of_the_group(desk: Desk) -> None:
    for user in ("0011", "0012"):
        desk.missed(user, "g", 600, group="7")
    desk.ask(action="handle", call_id="g")
    assert [desk.store.missed(user).group for user in ("0011", "0012")] == [0, 0]

    desk.ask("0012", action="unhandle", call_id="g")
    assert [desk.store.missed(user).group for user in ("0011", "0012")] == [1, 1]


def test_a_message_waits_for_the_colleague_and_its_writer_sees_what_became_of_it(
    desk: Desk,
) -> None:
    for _ in range(2):
        desk.ask(
            action="message", colleague="0012", call_id="c-1", text="Fristsache",
            wishes=("urgent", "call-back"), request_id="m-1",
        )  # fmt: skip
    [received] = desk.ask("0012", action="list", open=True).records
    assert (received.kind, received.message and received.message.by) == ("message", "0011")
    assert received.party.e164 == "+41443334455"
    assert desk.store.missed("0012").messages == 1

    desk.ask("0012", action="handle", call_id=received.call_id)

    [sent] = desk.ask(action="list", sent=True).records
    assert (sent.handled, sent.handled_by) == (True, "0012")
    assert desk.ask("0012", action="list", sent=True).records == ()


def test_messages_are_found_among_many_calls(desk: Desk) -> None:
    desk.missed("0012", "d-1", 0, caller=OTHER)
    desk.ask(action="message", colleague="0012", text="Please call back")

    [message] = desk.ask("0012", action="list", messages=True, limit=1).records

    assert message.kind == "message"
    assert desk.ask(action="list", messages=True).records == ()


@pytest.mark.parametrize(
    ("user", "asked", "code"),
    [
        ("0012", {"action": "get", "call_id": "c-1"}, "no-such-record"),
        ("0012", {"action": "list", "of": "0011"}, "not-allowed"),
        ("0012", {"action": "get", "of": "0011", "call_id": "c-1"}, "not-allowed"),
        ("0011", {"action": "handle"}, "no-such-record"),
        ("0011", {"action": "note", "call_id": "c-1", "text": " "}, "text-missing"),
        ("0011", {"action": "message", "colleague": "0099", "text": "x"}, "no-such-user"),
        ("0011", {"action": "message", "colleague": "0012"}, "text-missing"),
        ("0011", {"action": "list", "cursor": "x"}, "cursor-unknown"),
    ],
)
def test_what_cannot_be_done_is_refused_in_every_language(
    desk: Desk, user: str, asked: dict[str, Any], code: str
) -> None:
    answer = desk.ask(user, **asked)

    assert answer.code == code
    assert answer.sentence is not None
    assert (
        len({answer.sentence.de, answer.sentence.en, answer.sentence.fr, answer.sentence.it}) == 4
    )


def test_a_supervisor_reads_and_changes_nothing(desk: Desk) -> None:
    desk.missed("0012", "d-1", 0, caller=OTHER)

    assert _ids(desk.ask(action="list", of="0012")) == ["d-1"]
    assert desk.ask(action="handle", of="0012", call_id="d-1").code == "no-such-record"
    assert desk.store.missed("0012").open == 1
