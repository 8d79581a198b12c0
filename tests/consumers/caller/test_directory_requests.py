from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.numbers.number import NumberProfile
from bus.panel_events import DirectoryAnswerData, DirectoryRequestData
from bus.settings import BrokerSettings
from consumers.caller.directory_requests import DirectoryRequests
from consumers.caller.running_calls import RunningCalls
from consumers.caller.settings import CallerSettings, CallerSite
from consumers.directory.directory import Directory
from consumers.importers.sample import sample

PROFILE = NumberProfile(country="CH", area_code="44")
SETTINGS = CallerSettings(
    matter="https://cases.example/matters/{id}", card="https://cases.example/contacts/{id}",
    new_contact="https://cases.example/new?number={e164}",
)  # fmt: skip
FREI = "+41445550180"


@pytest.fixture
def requests(tmp_path: Path) -> Iterator[DirectoryRequests]:
    database = tmp_path / "site.db"
    with Directory(database) as directory:
        directory.apply(sample(PROFILE))
    running = RunningCalls(lambda: 0.0)
    site = CallerSite(SETTINGS, BrokerSettings(), PROFILE, database, tmp_path)
    requests = DirectoryRequests(site, running, lambda work: work())
    yield requests
    requests.close()


def ask(requests: DirectoryRequests, action: Any, **content: Any) -> DirectoryAnswerData:
    return requests.answer("0011", DirectoryRequestData(action=action, **content)).data


@pytest.mark.parametrize("text", ["Meier", "meier", "044 123 45 67", "+41441234567", "2024-011"])
def test_a_contact_is_found_by_name_number_and_reference(
    requests: DirectoryRequests, text: str
) -> None:
    found = ask(requests, "search", text=text).contacts

    assert "Anna Meier" in [one.name for one in found]


def test_an_empty_search_finds_nobody(requests: DirectoryRequests) -> None:
    assert ask(requests, "search", text="  ").contacts == ()


def test_a_business_card_has_dossiers_and_what_opens_them(requests: DirectoryRequests) -> None:
    [found] = ask(requests, "search", text="Anna Meier").contacts

    [card] = ask(requests, "contact", id=found.id).contacts

    assert card.url == "https://cases.example/contacts/K-1001"
    [dossier] = card.dossiers
    assert [(one.title, one.open) for one in dossier.matters] == [
        ("Scheidung Meier / Meier", True), ("Mietvertrag Seefeldstrasse", False),
    ]  # fmt: skip
    assert dossier.matters[0].url == "https://cases.example/matters/M-1001"


@pytest.mark.parametrize("contact_id", [None, "x", "999999", "9" * 30])
def test_a_contact_that_is_not_there_is_said(
    requests: DirectoryRequests, contact_id: str | None
) -> None:
    answer = ask(requests, "contact", id=contact_id)

    assert answer.code == "unknown-contact"
    assert answer.sentence is not None


def test_a_number_leads_to_who_has_it_and_to_the_page_for_a_new_contact(
    requests: DirectoryRequests,
) -> None:
    known = ask(requests, "number", number=FREI)
    unknown = ask(requests, "number", number="+41445559999")

    assert sorted(one.name for one in known.contacts) == ["Hans Frei", "Ida Frei"]
    assert unknown.contacts == ()
    assert unknown.new_contact == "https://cases.example/new?number=%2B41445559999"


def test_an_own_contact_is_added_changed_and_removed(requests: DirectoryRequests) -> None:
    contact = {"name": "Neue Mandantin", "numbers": ["044 555 99 88"]}

    [added] = ask(requests, "add", contact=contact).contacts
    assert (added.own, added.numbers[0].e164) == (True, "+41445559988")
    assert ask(requests, "search", text="+41445559988").contacts[0].id == added.id
    [changed] = ask(requests, "edit", id=added.id, contact=contact | {"name": "Andere"}).contacts
    assert (changed.id, changed.name) == (added.id, "Andere")
    assert ask(requests, "remove", id=added.id).code is None
    assert ask(requests, "search", text="Andere").contacts == ()


def test_an_own_contact_never_loses_its_neighbours(requests: DirectoryRequests) -> None:
    ask(requests, "add", contact={"name": "Eine"})
    ask(requests, "add", contact={"name": "Zweite"})

    assert len(ask(requests, "search", text="Eine").contacts) == 1
    assert len(ask(requests, "search", text="Meier").contacts) >= 1


def test_what_is_no_number_is_not_kept(requests: DirectoryRequests) -> None:
    answer = ask(requests, "add", contact={"name": "Niemandin", "numbers": ["siehe Notiz"]})

    assert answer.code == "no-number"
    assert ask(requests, "search", text="Niemandin").contacts == ()


@pytest.mark.parametrize("action", ["edit", "remove"])
def test_a_contact_of_another_source_is_changed_there(
    requests: DirectoryRequests, action: str
) -> None:
    [meier] = ask(requests, "search", text="Anna Meier").contacts

    answer = ask(requests, action, id=meier.id, contact={"name": "X"})

    assert answer.code == "not-own"


def test_choices_are_listed_and_revoked(requests: DirectoryRequests, tmp_path: Path) -> None:
    [ida] = ask(requests, "search", text="Ida Frei").contacts
    with Directory(tmp_path / "site.db") as directory:
        directory.remember_choice("0011", FREI, int(ida.id))

    [choice] = ask(requests, "choices").choices
    assert (choice.number, choice.contact.name) == (FREI, "Ida Frei")
    ask(requests, "forget", number=FREI)
    assert ask(requests, "choices").choices == ()


def test_the_sources_are_counted(requests: DirectoryRequests) -> None:
    [source] = ask(requests, "sources").sources

    assert (source.name, source.contacts > 5) == ("sample", True)
