import json
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from bus.events import Party
from bus.journal_events import CallRecordData, CallResult
from consumers.journal.other_systems import AnnouncedCall, Event, body
from tests.consumers.journal.call_events import BEGIN, CLIENT, WITHHELD, inside


def _record(
    user: str = "0011", result: CallResult = "unknown", *, answered: bool = False,
    ended: bool = False, party: Party = CLIENT, out: bool = False,
) -> CallRecordData:  # fmt: skip
    later = BEGIN + timedelta(seconds=5)
    return CallRecordData(
        user=user, call_id="c-1", revision=1, direction="out" if out else "in", party=party,
        called=inside("11"), started=BEGIN, answered=later if answered else None,
        ended=later if ended else None, result=result,
    )  # fmt: skip


def test_a_call_that_rings_many_begins_once_and_ends_with_the_last() -> None:
    call = AnnouncedCall()

    assert call.note(_record("0011")) == ["newCall"]
    assert call.note(_record("0012")) == []
    assert call.note(_record("0012", answered=True)) == ["answer"]
    assert call.note(_record("0011", "answered-elsewhere", ended=True)) == []
    assert call.note(_record("0012", "answered", answered=True, ended=True)) == ["hangup"]
    assert (call.result, call.answered_by) == ("answered", "0012")


def test_an_end_that_comes_again_is_said_once() -> None:
    call = AnnouncedCall()
    ended = _record(result="missed", ended=True)

    assert call.note(ended) == ["newCall", "hangup"]
    assert call.note(ended) == []


def _fields(event: Event, record: CallRecordData, call: AnnouncedCall) -> dict[str, object]:
    return dict(json.loads(body("zammad", event, record, call, "c-1", ["Anna"])))


def test_numbers_are_written_as_the_other_system_writes_them() -> None:
    call = AnnouncedCall(ringing=["0011"])

    incoming = _fields("newCall", _record(), call)
    assert (incoming["from"], incoming["to"], incoming["direction"]) == ("41443334455", "11", "in")
    outgoing = _fields("newCall", _record(out=True), call)
    assert (outgoing["from"], outgoing["to"], outgoing["direction"]) == (
        "0011", "41443334455", "out",
    )  # fmt: skip
    assert _fields("newCall", _record(party=WITHHELD), call)["from"] == "anonymous"


@pytest.mark.parametrize(
    ("result", "cause"),
    [("answered", "normalClearing"), ("missed", "cancel"), ("busy", "busy"),
     ("not-reached", "noAnswer")],
)  # fmt: skip
def test_the_end_has_a_cause(result: CallResult, cause: str) -> None:
    call = AnnouncedCall()
    record = _record(result=result, answered=result == "answered", ended=True)
    call.note(record)

    assert _fields("hangup", record, call)["cause"] == cause


def test_sipgate_is_a_form_with_all_whom_it_rings() -> None:
    call = AnnouncedCall(ringing=["0011", "0012"])

    form = parse_qs(body("sipgate", "newCall", _record(), call, "c-1", ["Anna", "Bernd"]).decode())

    assert form["user[]"] == ["Anna", "Bernd"]
    assert form["userId[]"] == ["0011", "0012"]
