from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bus.journal_events import PbxAnswer, PbxRequest, PbxRequestData
from bus.mqtt.requests import Requester, Responder
from consumers.sessions.call_questions import CallQuestions
from consumers.sessions.user import UserContext
from runtime.worker_pool import AnsweringPool
from starface.failures import PbxFailure, PbxUnreachable, UnsupportedByApi
from starface.wire import CallListEntry

SINCE = datetime(2026, 11, 23, 9, tzinfo=UTC)
REQUESTER = Requester("0011", "starface/replies/journal/1", b"1")


@dataclass
class Pbx:
    """What the PBX answers one user."""

    ids: list[str] = field(default_factory=lambda: ["c-1"])
    entries: list[CallListEntry] = field(default_factory=list)
    failure: PbxFailure | None = None
    list_failure: PbxFailure | None = None

    def call_ids(self) -> list[str]:
        if self.failure is not None:
            raise self.failure
        return self.ids

    def call_list(self, _since: datetime) -> list[CallListEntry]:
        if self.list_failure is not None:
            raise self.list_failure
        return self.entries


class Workers:
    """A pool that works at once."""

    def submit(self, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        then(task())


class Answers:
    """What was answered later."""

    def __init__(self) -> None:
        self.given: list[PbxAnswer] = []

    def answer(self, _requester: Requester, answer: PbxAnswer) -> None:
        self.given.append(answer)


def _ask(pbx: Pbx | None, stage: str = "active", since: datetime | None = None) -> PbxAnswer:
    context = SimpleNamespace(pbx=pbx, session=SimpleNamespace(stage=stage))
    answers = Answers()
    questions = CallQuestions(
        {"0011": cast(UserContext, context)},
        cast(AnsweringPool, Workers()),
        cast(Responder, answers),
    )
    request = PbxRequest(data=PbxRequestData(request_id="r-1", since=since))
    answer = questions.handle(request, REQUESTER) or answers.given[0]
    assert answer.data.request_id == "r-1"
    return answer


def test_the_running_calls_are_those_of_the_user() -> None:
    answer = _ask(Pbx(ids=["c-1", "c-2"]))

    assert (answer.data.code, answer.data.running, answer.data.listed) == (
        None, ("c-1", "c-2"), None,
    )  # fmt: skip


def test_past_calls_say_with_whom_and_whether_they_were_answered() -> None:
    entries = [
        CallListEntry(id="g", direction="INBOUND", result="ANSWERED", caller_number="044",
                      called_number="11", start_time="20261123T09:00:00"),
        CallListEntry(id="h", direction="OUTBOUND", result="MISSED", caller_number="11",
                      called_number="055"),
    ]  # fmt: skip
    listed = _ask(Pbx(entries=entries), since=SINCE).data.listed

    assert listed is not None
    assert [(one.call_id, one.number, one.answered) for one in listed] == [
        ("g", "044", True), ("h", "055", False),
    ]  # fmt: skip
    assert listed[0].started == SINCE


def test_an_interface_without_a_call_list_still_says_what_is_running() -> None:
    answer = _ask(Pbx(list_failure=UnsupportedByApi("v22")), since=SINCE)

    assert (answer.data.code, answer.data.running, answer.data.listed) == (None, ("c-1",), None)


@pytest.mark.parametrize(
    ("pbx", "stage", "code"),
    [
        (None, "active", "not-logged-in"), (Pbx(), "off", "not-logged-in"),
        (Pbx(failure=PbxUnreachable("away")), "active", "pbx-failed"),
    ],
)  # fmt: skip
def test_who_cannot_be_asked_for_is_no_answer_about_calls(
    pbx: Pbx | None, stage: str, code: str
) -> None:
    assert _ask(pbx, stage).data.code == code
