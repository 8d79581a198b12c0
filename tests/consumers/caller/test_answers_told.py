"""Whether an answer says something new."""

import pytest

from bus.events import CallerData, Party, Reference
from consumers.caller.answers_told import AnswersTold

KEY = ("0011", "c-1", "ringing")
CALLER = Party(number="0441234567", e164="+41441234567", kind="external")


def _answer(**told: object) -> CallerData:
    values = {"user": "0011", "call_id": "c-1", "event_id": "e-1", "trigger": "ringing"}
    return CallerData.model_validate({**values, "caller": CALLER, **told})


def test_an_answer_is_new_once() -> None:
    told = AnswersTold()
    assert not told.holds(KEY)

    assert told.keep(KEY, _answer(reason="no-match"))
    assert not told.keep(KEY, _answer(reason="no-match", event_id="e-2"))
    assert told.holds(KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "several-contacts"},
        {"opens": "card"},
        {"caller": Party(number="0441234568", e164="+41441234568", kind="external")},
        {"called": Party(number="11", kind="internal")},
        {"contact": Reference(kind="contact", id="K-1", title="Ada Lovelace")},
        {"url": "https://cases.example/contacts/K-1"},
        {"candidates": (Reference(kind="contact", id="K-1", title="Ada Lovelace"),)},
    ],
)
def test_what_a_person_would_see_makes_it_new(change: dict[str, object]) -> None:
    told = AnswersTold()
    told.keep(KEY, _answer(reason="no-match"))

    assert told.keep(KEY, _answer(**{"reason": "no-match", **change}))


def test_another_trigger_is_told_too() -> None:
    told = AnswersTold()
    told.keep(KEY, _answer())

    assert told.keep(("0011", "c-1", "connected"), _answer())


def test_nobody_was_found_until_somebody_is() -> None:
    told = AnswersTold()
    told.keep(KEY, _answer(quality="none"))
    assert told.found_nobody(KEY)

    told.keep(KEY, _answer(quality="exact"))
    assert not told.found_nobody(KEY)


def test_a_number_that_was_not_looked_up_finds_nobody_missing() -> None:
    told = AnswersTold()
    told.keep(KEY, _answer(caller=Party(kind="withheld")))

    assert not told.found_nobody(KEY)
