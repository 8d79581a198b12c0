"""What is answered to a call: the address, the reason, and what is offered beside it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consumers.caller.answer import AnswerBuilder, CallerAnswer, UserChoice, who
from consumers.caller.calls import Call, CallStage
from consumers.caller.rules import Context
from consumers.caller.settings import CallerSettings
from consumers.directory.records import Dossier, Match, Matter
from consumers.users import User
from tests.consumers.caller.desk import ADA, CONTACT, DOSSIER, GRACE, MATTER, Shelf

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = Call("0011", "c-1", CallStage.RINGING, "in", caller=ADA, event_id="e-1", received_at=NOON)
USER = User(login="0011", extension="11")
PAGE = "https://files.example/{id}"


def answer(
    call: Call = CALL, user: User = USER, shelf: Shelf | None = None, **settings: Any
) -> CallerAnswer:
    built = AnswerBuilder(shelf or Shelf(), CallerSettings(**settings))
    return built.answer(user, call, "ringing", Context(NOON))


def test_a_matter_opens_by_the_template_of_the_site() -> None:
    data = answer(matter="https://files.example/{id}?by={number}").data

    assert (data.opens, data.reason) == ("matter", "only-open-matter")
    assert data.url == "https://files.example/m%2070?by=0441234567"


@pytest.mark.parametrize(("matter", "names"), [("", ["always"]), (PAGE, ["always", "note"])])
def test_what_opens_nothing_is_only_reported_to_those_who_want_every_call(
    matter: str, names: list[str]
) -> None:
    commands = [{"name": "note", "arguments": ["note"]}]
    hooks = [{"name": "always", "on": "call", "url": "https://app.example/", "secret": "x" * 16}]
    call = CALL if matter else replace(CALL, caller=GRACE)

    outcomes = answer(call, matter=matter, commands=commands, webhooks=hooks).outcomes

    assert [one.executor for one in outcomes] == ["mqtt", *names]
    assert {one.state for one in outcomes[1:]} == {"queued"}


def test_without_a_template_the_records_own_address_opens_if_its_host_is_allowed() -> None:
    shelf = Shelf()
    matter = MATTER.model_copy(update={"url": "https://dms.example/70"})
    shelf.kept = (DOSSIER.model_copy(update={"matters": (matter,)}),)

    assert answer(shelf=shelf, hosts=("dms.example",)).data.url == "https://dms.example/70"
    refused = answer(shelf=shelf).data
    assert (refused.opens, refused.url, refused.reason) == ("nothing", None, "url-refused")


def test_an_address_that_lacks_a_value_opens_nothing_and_names_it() -> None:
    data = answer(matter="https://files.example/{group}").data

    assert (data.opens, data.reason) == ("nothing", "url-incomplete")
    assert data.sentence is not None
    assert "{group" in data.sentence.en


def test_what_opens_is_what_the_user_works_on_from_then_on() -> None:
    assert answer(matter="https://files.example/{id}").used == MATTER
    assert answer(replace(CALL, caller=GRACE)).used is None


def test_several_are_offered_and_none_opens_by_itself() -> None:
    other = Matter(id=71, dossier_key="d-18", key="m-71", title="Divorce")
    shelf = Shelf()
    shelf.kept = (
        DOSSIER,
        Dossier(id=18, contact_key="c/7", key="d-18", title="B", matters=(other,)),
    )
    data = answer(shelf=shelf).data

    assert (data.opens, data.reason) == ("nothing", "several-dossiers")
    assert [one.id for one in data.offered] == ["18", "17"]


@pytest.mark.parametrize(("kind", "record", "opens"), [
    ("matter", "70", "matter"), ("dossier", "17", "dossier"), ("matter", "99", "nothing"),
])  # fmt: skip
def test_a_choice_opens_what_was_chosen_as_long_as_it_exists(
    kind: Any, record: str, opens: str
) -> None:
    built = AnswerBuilder(Shelf(), CallerSettings())
    chosen = built.answer(USER, CALL, "chosen", Context(NOON), UserChoice(kind, record))

    assert chosen.data.opens == opens


def test_a_chosen_contact_must_be_one_of_those_in_question() -> None:
    several = Match(quality="several", candidates=(CONTACT,))

    assert UserChoice("contact", "7").settle(several).contact == CONTACT
    assert UserChoice("contact", "8").settle(several).contact is None


def test_a_directory_that_cannot_be_read_is_the_reason() -> None:
    shelf = Shelf()
    shelf.broken = True

    assert answer(shelf=shelf).data.reason == "directory-unavailable"


def test_what_is_to_open_sooner_is_what_opened_later() -> None:
    user = User(
        login="0011", triggers=("connected", "ended"),
        actions={"connected": "business-card", "ended": "dossier"},
    )  # fmt: skip

    assert who(user, "ringing")["sooner"] == (
        "--trigger ringing=business-card --trigger ended=dossier"
    )
