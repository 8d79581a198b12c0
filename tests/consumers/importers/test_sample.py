from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.caller.rules import choose
from consumers.directory.directory import Directory
from consumers.importers.report import Report
from consumers.importers.sample import sample

SWISS = NumberProfile(country="CH", area_code="44")
TODAY = date(2026, 11, 23)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "directory.db") as directory:
        directory.apply(sample(SWISS))
        yield directory


def test_every_number_of_the_sample_is_read() -> None:
    report = Report()
    records = list(sample(SWISS, report).records)

    assert report.refusals == []
    assert len(records) > 30


def test_the_caller_of_the_demo_has_exactly_one_open_matter(office: Directory) -> None:
    match = office.find("+41441234567", user="anna")
    assert match.contact is not None
    dossiers = office.dossiers(match.contact.id)
    opening = choose("matter-or-dossier", match, dossiers, (), TODAY)

    assert (opening.kind, opening.reason) == ("matter", "only-open-matter")
    assert opening.label == "2024-011/1 Scheidung Meier / Meier"


@pytest.mark.parametrize(
    ("number", "quality", "name"),
    [
        ("+41445550217", "exact", "Carla Rossi"),
        ("+41445550255", "switchboard", "Muster Treuhand AG"),
        ("+4930901820", "exact", "Bergmann & Söhne GmbH"),
        ("+493090182047", "switchboard", "Bergmann & Söhne GmbH"),
        ("+43158858", "exact", "Alpenbau Ges.m.b.H."),
        ("+390212345679", "exact", "Giulia Bianchi"),
        ("+41445550180", "several", None),
        ("+41795550110", "none", None),
    ],
)
def test_the_sample_has_a_caller_for_each_rung(
    office: Directory, number: str, quality: str, name: str | None
) -> None:
    match = office.find(number, user="anna")

    assert match.quality == quality
    assert (match.contact.name if match.contact else None) == name
