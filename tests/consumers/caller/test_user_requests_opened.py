from typing import Any

import pytest

from bus.events import Opened, OpenedData
from consumers.caller.calls import Call
from consumers.caller.executors import ActionResult
from consumers.caller.user_requests import note_opened


class Desk:
    """A caller process that knows one call, and what it noted."""

    def __init__(self) -> None:
        self.noted: list[ActionResult] = []

    def find_call(self, user: str, call_id: str) -> Call | None:
        return Call("0011", "c-0") if (user, call_id) == ("0011", "c-1") else None

    def finished(self, given: ActionResult) -> None:
        self.noted.append(given)

    def report(self, user: str = "0011", **given: Any) -> None:
        data = OpenedData.model_validate({"call_id": "c-1", "state": "done", **given})
        note_opened(self, user, Opened(data=data))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_a_workstation_opened_is_noted_under_the_first_id_of_the_call(desk: Desk) -> None:
    desk.report()

    assert desk.noted == [ActionResult("desktop", "0011", "c-0", "", True, "")]


def test_what_it_could_not_open_is_noted_with_the_reason(desk: Desk) -> None:
    desk.report(state="failed", reason="exit-3")

    assert desk.noted == [ActionResult("desktop", "0011", "c-0", "", False, "exit-3")]


@pytest.mark.parametrize("given", [{"user": "0012"}, {"call_id": "c-2"}])
def test_of_another_users_or_unknown_calls_nothing_is_noted(
    desk: Desk, given: dict[str, Any]
) -> None:
    desk.report(**given)

    assert desk.noted == []
