from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Changes
from consumers.directory.directory import Directory
from consumers.importers.publication import PublicationStep, PublishedFolder, entry_values
from consumers.importers.raw_contact import ContactReader, NumberField, RawContact
from consumers.importers.report import Report
from starface.rest import RestClient, by_password
from starface.settings import StarfaceSettings
from starface.simulator import SimulatedContact, Simulator
from tests.cli.contacts_command import contacts_command

FOLDER = "starface2mqtt"
KEYS = frozenset(
    {"NAME", "SURNAME", "COMPANY", "OFFICE_PHONE_NUMBER", "MOBILE_PHONE_NUMBER", "FAX_NUMBER"}
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(contacts=[SimulatedContact(surname="Weber", tags=("Privat",))]) as simulator:
        yield simulator


@pytest.fixture
def book(simulator: Simulator) -> RestClient:
    settings = StarfaceSettings.model_validate(
        {"host": "127.0.0.1", "scheme": "http", "port": simulator.port}
    )
    return by_password(settings, "0011", "Geheim#2024")


def load(directory: Directory, swiss: NumberProfile, source: str, **people: str) -> None:
    records = [
        ContactReader(swiss, Report()).record(
            RawContact(key=name, name=name, numbers=[NumberField(number)])
        )
        for name, number in people.items()
    ]
    changes = Changes(source, [r for r in records if r], complete=frozenset({"contact"}))
    directory.apply(changes, force=True)


def run(publication: PublishedFolder) -> list[str]:
    return [
        step.kind for step in publication.carry_out(publication.plan().steps, wait=lambda _: None)
    ]


def names(book: RestClient) -> list[str]:
    return sorted(contact.first("SURNAME") for contact in book.contacts())


def test_contacts_are_added_changed_and_removed_and_others_stay(
    directory: Directory, swiss: NumberProfile, book: RestClient
) -> None:
    publication = PublishedFolder(directory, book, FOLDER)
    load(directory, swiss, "crm", Anna="044 555 01 01", Bernd="044 555 01 02")

    assert run(publication) == ["added", "added"]
    assert names(book) == ["Anna", "Bernd", "Weber"]
    assert publication.plan().steps == []

    load(directory, swiss, "crm", Anna="044 555 01 03")

    assert sorted(run(publication)) == ["changed", "removed"]
    assert names(book) == ["Anna", "Weber"]
    assert publication.plan().kept == 1
    [tag] = [tag for tag in book.tags() if tag.name == FOLDER]
    [anna] = book.contacts(tag_ids=(tag.id,))
    assert [number.value for number in anna.numbers] == ["+41445550103"]


def test_an_entry_removed_by_hand_is_made_again(
    directory: Directory, swiss: NumberProfile, book: RestClient
) -> None:
    publication = PublishedFolder(directory, book, FOLDER)
    load(directory, swiss, "crm", Anna="044 555 01 01")
    run(publication)
    [entry] = directory.published_entries()
    book.remove_contact(entry)
    load(directory, swiss, "crm", Anna="044 555 01 02")

    assert run(publication) == ["changed"]
    assert names(book) == ["Anna", "Weber"]


def test_an_entry_whose_answer_was_lost_is_not_made_twice(
    directory: Directory, swiss: NumberProfile, book: RestClient
) -> None:
    publication = PublishedFolder(directory, book, FOLDER)
    load(directory, swiss, "crm", Anna="044 555 01 01")
    run(publication)
    [(contact_id, (entry, digest))] = directory.published(FOLDER).items()
    directory.keep_published(FOLDER, contact_id, "", digest)

    assert run(publication) == ["added"]
    assert names(book) == ["Anna", "Weber"]
    assert directory.published_entries() == {entry}


def test_a_number_stands_in_the_entry_of_the_source_that_decides(
    directory: Directory, swiss: NumberProfile, book: RestClient
) -> None:
    load(directory, swiss, "crm", Anna="044 555 01 01")
    load(directory, swiss, "phone", Mama="044 555 01 01")

    [step] = PublishedFolder(directory, book, FOLDER).plan().steps
    assert step.values["SURNAME"] == "Anna"


def test_so_many_entries_are_written_in_a_second(
    directory: Directory, swiss: NumberProfile, book: RestClient
) -> None:
    publication = PublishedFolder(directory, book, FOLDER)
    load(directory, swiss, "crm", Anna="044 555 01 01", Bernd="044 555 01 02")
    waits: list[float] = []

    list(publication.carry_out(publication.plan().steps, per_second=4, wait=waits.append))

    assert waits == [0.25, 0.25]


def test_each_number_has_a_field_of_its_kind_as_long_as_there_are_some(
    directory: Directory, swiss: NumberProfile
) -> None:
    raw = RawContact(
        key="1",
        name="Anna Meier",
        numbers=[
            NumberField("Fax 044 555 01 09"), NumberField("044 555 01 01", "work"),
            NumberField("044 555 01 02", "work"), NumberField("044 555 01 03", "home"),
        ],
    )  # fmt: skip
    record = ContactReader(swiss, Report()).record(raw)
    assert record is not None
    directory.apply(Changes("crm", [record]))
    [contact] = directory.contacts()

    assert entry_values(contact, directory.numbers(contact.id), KEYS) == (
        {
            "NAME": "Anna",
            "SURNAME": "Meier",
            "FAX_NUMBER": "+41445550109",
            "OFFICE_PHONE_NUMBER": "+41445550101",
            "MOBILE_PHONE_NUMBER": "+41445550102",
        },
        1,
    )


def test_a_step_says_what_it_does() -> None:
    steps = [
        PublicationStep(1, "", {"NAME": "A"}),
        PublicationStep(1, "7", {"NAME": "A"}),
        PublicationStep(1, "7", {}),
    ]

    assert [step.kind for step in steps] == ["added", "changed", "removed"]


def test_the_command_shows_first_and_is_not_read_back(tmp_path: Path, simulator: Simulator) -> None:
    config = tmp_path / "starface2mqtt.toml"
    config.write_text(
        '[site]\ncountry = "CH"\narea_code = "44"\n[starface]\nhost = "127.0.0.1"\n'
        f'scheme = "http"\nport = {simulator.port}\n'
    )
    env = {"CONTACTS_PASSWORD": "Geheim#2024"}
    contacts_command(config, "add", "--name", "Anna", "--number", "044 555 01 01")

    shown = contacts_command(config, "publish", "0011", "--dry-run", env=env)
    assert "starface2mqtt: 1 added, 0 changed, 0 removed, 0 unchanged" in shown
    assert "1 added" in contacts_command(config, "publish", "0011", "--per-second", "50", env=env)
    assert "1 unchanged" in contacts_command(config, "publish", "0011", env=env)
    contacts_command(config, "import", "starface", "0011", env=env)
    assert "(person, own)" in contacts_command(config, "find", "Anna")
    assert "starface)" not in contacts_command(config, "find", "Anna")
