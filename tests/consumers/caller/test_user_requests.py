from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from bus.events import ChoiceRequest, ChoiceRequestData, Opened, OpenedData, Party
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import Topics
from consumers.caller.answer import UserChoice
from consumers.caller.calls import Call
from consumers.caller.consumer import CallerConsumer
from consumers.caller.executors import ActionResult
from consumers.caller.user_requests import UserRequests
from consumers.directory.directory import Directory, DirectoryUnavailable

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = Call("0011", "c-1", caller=Party(number="044", e164="+41445555555", kind="external"))


class Desk:
    """A caller process that knows one call, and what it remembered and opened."""

    def __init__(self) -> None:
        self.call: Call | None = CALL
        self.other_ids: dict[str, str] = {}
        self.remembered: list[tuple[str, str, int | None]] = []
        self.opened: list[UserChoice | None] = []
        self.refused: list[tuple[str, str, str]] = []
        self.locked = False
        self.noted: list[ActionResult] = []
        self.requests = UserRequests(
            cast(CallerConsumer, self), cast(Directory, self), Topics(), _now, _now, NOON.timestamp
        )

    def find_call(self, user: str, call_id: str) -> Call | None:
        call_id = self.other_ids.get(call_id, call_id)
        known = self.call is not None and (user, call_id) == (self.call.user, self.call.call_id)
        return self.call if known else None

    def choose(self, call: Call, choice: UserChoice | None, request_id: str) -> None:
        self.opened.append(choice)

    def refuse(self, login: str, call_id: str, request_id: str) -> None:
        self.refused.append((login, call_id, request_id))

    def remember_choice(self, user: str, e164: str, contact_id: int) -> bool:
        if self.locked:
            raise DirectoryUnavailable("locked")
        self.remembered.append((user, e164, contact_id))
        return True

    def forget_choice(self, user: str, e164: str) -> None:
        self.remembered.append((user, e164, None))

    def finished(self, result: ActionResult) -> None:
        self.noted.append(result)

    def opens(self, user: str = "0011", **given: Any) -> None:
        data = OpenedData.model_validate({"call_id": "c-1", "state": "done", **given})
        topic = f"starface/users/{user}/opened"
        self.requests.note_opened(Opened(data=data), ReceivedMessage(topic, b""))

    def report(
        self, topic: str = "starface/users/0011/choose", age: float = 0.0, **given: Any
    ) -> ChoiceRequest:
        request = ChoiceRequest(
            time=NOON - timedelta(seconds=age),
            data=ChoiceRequestData.model_validate({"call_id": "c-1", "id": "8", **given}),
        )
        self.requests.choose(request, ReceivedMessage(topic, b""))
        return request


def _now(job: Callable[[], None]) -> None:
    job()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_chosen_contact_is_remembered_and_opened(desk: Desk) -> None:
    desk.report()

    assert desk.remembered == [("0011", "+41445555555", 8)]
    assert desk.opened == [UserChoice("contact", "8")]


def test_a_chosen_matter_is_opened_and_no_contact_remembered(desk: Desk) -> None:
    desk.report(kind="matter", id="70")

    assert desk.remembered == []
    assert desk.opened == [UserChoice("matter", "70")]


def test_a_choice_without_an_id_is_revoked(desk: Desk) -> None:
    desk.report(id=None)

    assert desk.remembered == [("0011", "+41445555555", None)]
    assert desk.opened == [None]


def test_a_request_that_comes_twice_counts_once(desk: Desk) -> None:
    request = desk.report()
    desk.requests.choose(request, ReceivedMessage("starface/users/0011/choose", b""))

    assert len(desk.opened) == 1


@pytest.mark.parametrize("call", [None, Call("0011", "c-1", restored=True)])
def test_a_choice_for_a_call_that_is_not_known_any_more_is_refused(
    desk: Desk, call: Call | None
) -> None:
    desk.call = call
    request = desk.report()

    assert (desk.opened, desk.remembered) == ([], [])
    assert desk.refused == [("0011", "c-1", request.id)]


@pytest.mark.parametrize("age", [31, -31])
def test_a_request_of_another_time_does_nothing(desk: Desk, age: float) -> None:
    desk.report(age=age)

    assert desk.remembered == []
    assert desk.opened == []


def test_nobody_chooses_for_a_colleague(desk: Desk) -> None:
    desk.report("starface/users/0012/choose", user="0011")

    assert desk.opened == []


@pytest.mark.parametrize("given", ["x", "-1", "9" * 200, "\N{SUPERSCRIPT TWO}"])
def test_an_id_that_is_none_is_not_remembered(desk: Desk, given: str) -> None:
    desk.report(id=given)

    assert desk.remembered == []


def test_a_choice_among_withheld_numbers_is_not_remembered(desk: Desk) -> None:
    desk.call = replace(CALL, caller=Party(kind="withheld"))
    desk.report()

    assert desk.remembered == []


def test_what_cannot_be_kept_still_opens(desk: Desk) -> None:
    desk.locked = True
    desk.report()

    assert desk.opened == [UserChoice("contact", "8")]


def test_what_a_workstation_opened_is_noted_under_the_first_id_of_the_call(desk: Desk) -> None:
    desk.other_ids["c-2"] = "c-1"
    desk.opens(call_id="c-2")

    assert desk.noted == [ActionResult("desktop", "0011", "c-1", "", True, "")]


def test_what_it_could_not_open_is_noted_with_the_reason(desk: Desk) -> None:
    desk.opens(state="failed", reason="exit-3")

    assert desk.noted == [ActionResult("desktop", "0011", "c-1", "", False, "exit-3")]


@pytest.mark.parametrize("given", [{"user": "0012"}, {"call_id": "c-2"}])
def test_of_another_users_or_unknown_calls_nothing_is_noted(
    desk: Desk, given: dict[str, Any]
) -> None:
    desk.opens(**given)

    assert desk.noted == []
