"""What stands in the tables, as the ladder and people ask for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber, DossierRecord, MatterRecord


def _contact(key: str, *numbers: str, **more: object) -> ContactRecord:
    read = tuple(ContactNumber(raw=one, e164=one) for one in numbers)
    return ContactRecord(key=key, name=key.title(), numbers=read, **more)  # type: ignore[arg-type]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "site.db") as directory:
        directory.apply(
            Changes(
                source="crm",
                records=[
                    _contact("anna", "+41441234567", "+41791234567", employer_key="firm"),
                    _contact("beat", "+41441234999"),
                    _contact("firm", "+41440000000", kind="company"),
                    _contact("gone", "+41445550000", active=False),
                    DossierRecord(key="d-1", contact_key="anna", title="Anna", reference="2026-1"),
                    MatterRecord(key="m-2", dossier_key="d-1", title="Will", reference="b"),
                    MatterRecord(key="m-1", dossier_key="d-1", title="Sale", reference="a"),
                ],
            )
        )
        yield directory


def _id(directory: Directory, key: str) -> int:
    contact = directory.contact_of("crm", key)
    assert contact is not None
    return contact.id


def test_a_dossier_has_its_matters_in_the_order_of_their_references(directory: Directory) -> None:
    [dossier] = directory.dossiers(_id(directory, "anna"))

    assert [one.key for one in dossier.matters] == ["m-1", "m-2"]
    assert directory.dossiers(_id(directory, "beat")) == ()


def test_the_employer_is_found_by_its_key(directory: Directory) -> None:
    anna = directory.contact(_id(directory, "anna"))
    assert anna is not None

    employer = directory.employer(anna)
    assert employer is not None
    assert employer.key == "firm"
    assert directory.employer(employer) is None


def test_the_entries_whose_numbers_begin_alike_come_first(directory: Directory) -> None:
    nearest = directory.nearest("+41441234998")

    assert [contact.key for _, contact in nearest][:2] == ["beat", "anna"]


def test_who_does_not_count_is_named_and_not_found(directory: Directory) -> None:
    assert [one.key for one in directory.inactive("+41445550000")] == ["gone"]
    assert directory.find("+41445550000", user="0011").quality == "none"


def test_a_contact_keeps_its_numbers_in_their_order(directory: Directory) -> None:
    numbers = directory.numbers(_id(directory, "anna"))

    assert [one.e164 for one in numbers] == ["+41441234567", "+41791234567"]


def test_a_source_says_how_much_it_has(directory: Directory) -> None:
    [source] = directory.sources()

    assert (source.contacts, source.numbers, source.dossiers, source.matters) == (4, 5, 1, 2)
