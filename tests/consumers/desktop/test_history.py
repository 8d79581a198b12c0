from typing import Any

import pytest

from bus.events import CallerData, Party, Reference, TraceStep, now
from consumers.desktop.history import CallHistory, ShownCall, story


def _answer(**more: Any) -> CallerData:
    given = {
        "user": "0011", "call_id": "c-1", "event_id": "e-1", "trigger": "ringing",
        "caller": Party(number="0441234567", e164="+41441234567", kind="external"),
        "quality": "exact", "action": "matter-or-dossier", "opens": "matter",
        "contact": Reference(kind="contact", id="7", title="Ada Lovelace"),
        "reason": "only-open-matter", **more,
    }  # fmt: skip
    return CallerData.model_validate(given)


def test_the_newest_call_is_kept_with_what_was_done_and_no_name() -> None:
    kept: list[ShownCall] = []
    history = CallHistory(kept.append, "en")
    history.note(_answer())
    history.note_shown("c-1")
    history.note(_answer(reason="already-opened"))
    history.note_opened("c-1", "exit-1")
    history.note_opened("c-unknown", "")
    history.note_shown("health")

    assert (kept[-1].shown, kept[-1].opened, kept[-1].reason) == (True, "exit-1", "already-opened")
    assert kept[-1].at == kept[0].at
    assert "Ada" not in kept[-1].model_dump_json()
    assert len(kept) == 4


def test_the_last_five_calls_are_listed_newest_first() -> None:
    history = CallHistory(lambda _: None, "en")
    for number in range(8):
        history.note(_answer(call_id=f"c-{number}"))

    assert [one.call_id for one in history.past()] == ["c-7", "c-6", "c-5", "c-4", "c-3"]
    assert history.past()[0].title == "Ada Lovelace"


@pytest.mark.parametrize("by_office", [True, False])
def test_a_discreet_workstation_lists_no_name(by_office: bool) -> None:
    history = CallHistory(lambda _: None, "en", discreet=not by_office)
    history.note(_answer(discreet=by_office))

    assert history.past()[0].title == "Call"


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        (None, "shown, nothing opened"),
        ("", "shown, opened"),
        ("exit-1", "shown, not opened (exit-1)"),
    ],
)
def test_a_story_ends_with_what_was_done_here(opened: str | None, said: str) -> None:
    call = ShownCall(call_id="c-1", at=now(), reason="no-contact", shown=True, opened=opened)
    step = TraceStep(step="rule", code="x", at=now(), en="Nobody has this number.")

    lines = story(call, [step], "en")

    assert lines[0].endswith("Call c-1")
    assert lines[1].endswith("Nobody has this number.")
    assert lines[2:] == [f"This workstation: {said}"]


def test_without_the_office_the_story_is_what_the_workstation_knows() -> None:
    call = ShownCall(call_id="c-1", at=now(), reason="no-contact")

    assert story(call, None, "en")[1:] == [
        "Reason: no-contact",
        "This workstation: not shown, nothing opened",
        "The server does not answer; this is what the workstation itself knows.",
    ]
    assert story(None, None, "en") == ["No call has reached this workstation yet."]
