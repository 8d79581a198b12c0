"""Files as programs really write them; `inputs/` has them byte by byte."""

from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change, ContactRecord
from consumers.importers.report import Report
from consumers.importers.sources.csv_file import csv_records, front_of
from consumers.importers.sources.csv_headings import usual_mapping
from consumers.importers.sources.vcard import vcard_records

INPUTS = Path(__file__).with_name("inputs")
ZURICH = NumberProfile(country="CH", area_code="44")


def read(name: str, report: Report | None = None) -> list[ContactRecord]:
    path = INPUTS / name
    if path.suffix == ".csv":
        front = front_of(path)
        mapping = usual_mapping(front.headings, front.rows)
        assert mapping is not None
        records: list[Change] = list(csv_records(path, mapping, ZURICH, report or Report()))
    else:
        records = list(vcard_records(path, ZURICH, report or Report()))
    assert all(isinstance(record, ContactRecord) for record in records)
    return records  # type: ignore[return-value]


def people(contacts: list[ContactRecord]) -> dict[str, list[str]]:
    return {contact.name: [number.e164 for number in contact.numbers] for contact in contacts}


TEN = {f"Kontakt {n:02}": [f"+417955500{n:02}"] for n in range(1, 11)}
MUELLER = "Jürg Müller"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "glued.vcf",
            {
                "Anna Beispiel": ["+41795550101"],
                "Bernd Muster": ["+41795550102"],
                "Carla Probe": ["+41795550103"],
            },
        ),
        (
            "bom-per-card.vcf",
            {
                "Anna Beispiel": ["+41795550101"],
                "Bernd Muster": ["+41795550102"],
                "Carla Probe": ["+41795550103"],
            },
        ),
        ("glued-one-of-ten.vcf", TEN),
        (
            "glued-with-blank.vcf",
            {"Anna Beispiel": ["+41795550101"], "Bernd Muster": ["+41795550102"]},
        ),
        (
            "charset.vcf",
            {"Łukasz Wiśniewski": ["+48601555105"], "Jiří Dvořák": ["+420601555106"]},
        ),
        ("base64-name.vcf", {MUELLER: ["+41795550110"]}),
        ("base64-tel.vcf", {"Tel in Base64": ["+41795550111"]}),
        ("soft-break-blank.vcf", {"Jürg Grünäcker": ["+41795550109"]}),
        ("soft-break-in-letter.vcf", {"Jürg Grünäcker": ["+41795550108"]}),
        ("nfd.vcf", {MUELLER: ["+41795550115"], "Grünäcker AG": ["+493055501020"]}),
        ("two-encodings.vcf", {MUELLER: ["+41795550116"], "Käthe Größl": ["+41795550117"]}),
        (
            "folded-within-umlaut.vcf",
            {
                "Rechtsanwältin Dr. Bärbel Grünäcker-Hänsel, Fachanwältin für Verkehrsrecht Köln": [
                    "+41795550105"
                ],
                MUELLER: ["+41795550106"],
            },
        ),
        ("address-not-indented.vcf", {"Anna Beispiel": ["+41795550114"]}),
        (
            "base64-not-indented.vcf",
            {"Petra Muster": ["+41795550107"], "Bernd Muster": ["+41795550102"]},
        ),
        (
            "blank-line-in-name.vcf",
            {"Anna Beispiel": ["+41795550112"], "Bernd Muster": ["+41795550102"]},
        ),
        ("junk-line.vcf", {"Jon Doe": ["+41795550311"]}),
        (
            "note-not-indented.vcf",
            {"Anna Beispiel": ["+41795550113"], "Bernd Muster": ["+41795550102"]},
        ),
        (
            "countries.vcf",
            {
                "Ayse Beispiel": ["+905325550101"],
                "Anna Muster": ["+41795550102"],
                "Simon Probe": ["+41445550103"],
                "Piotr Kowalski-śląski": ["+48601555104"],
            },
        ),
        ("whatsapp.vcf", {"Petra Muster": ["+41795550170"]}),
        ("line-separator.vcf", {"Bernd Muster": ["+41795550102"]}),
        ("long-label.vcf", {"Anna Beispiel": ["+41795550101"], "Bernd Muster": ["+41795550102"]}),
        (
            "day1.csv",
            {
                "Lukas Weber": ["+41445550138", "+41795550166"],
                "Anna Beispiel": ["+41445550137", "+41795550164"],
            },
        ),
        ("mac.csv", {MUELLER: ["+41445550113"], "Bärbel Häfner": ["+41445550114"]}),
        ("one-row.csv", {MUELLER: ["+41445550115"]}),
        ("cut-within-umlaut.csv", {MUELLER: ["+41445550117"], "Bärbel Häfner": ["+41445550118"]}),
        (
            "3cx.csv",
            {
                "Anna Beispiel": ["+41795550181", "+41445550181"],
                "Bernd Probe": ["+41795550182", "+41445550182"],
                "Carla Test": ["+41795550183"],
            },
        ),
        ("yealink.csv", {"Anna Beispiel": ["+41445550186", "+41795550186"]}),
        (
            "note-260-lines.csv",
            {"Anna Beispiel": ["+41445550105"], "Bernd Muster": ["+41445550106"]},
        ),
        ("nul.csv", {MUELLER: ["+41445550101", "+41795550101"], "Anna Beispiel": ["+41445550102"]}),
        (
            "formula.csv",
            {
                "Anna Beispiel": ["+41445550107", "+41795550107"],
                "Bernd Muster": ["+41445550108", "+41795550108"],
                "Carla Probe": [],
            },
        ),
        ("header-twice.csv", {"Anna Beispiel": ["+41445550111"], "Bernd Muster": ["+41445550112"]}),
        ("blank-first-line.csv", {"Anna Beispiel": ["+41445550109"]}),
    ],
)
def test_a_file_is_read_as_its_people_meant_it(name: str, expected: dict[str, list[str]]) -> None:
    assert people(read(name)) == expected


def test_one_more_row_does_not_change_how_the_others_are_read() -> None:
    first, second = people(read("day1.csv")), people(read("day2.csv"))

    assert second == first | {"Urs Test": ["+41445550113", "+41795550177"]}


@pytest.mark.parametrize("name", ["surname", "given", "empty"])
def test_a_company_in_the_field_of_a_surname_is_a_company(name: str) -> None:
    [company] = read(f"company-as-{name}.vcf")

    assert (company.kind, company.name, company.company) == ("company", "Muster AG", "")
    assert [number.stem for number in company.numbers] == ["+49305550103"]


def test_a_decomposed_name_has_its_employer() -> None:
    [person, company] = read("nfd.vcf")

    assert person.company == company.name == "Grünäcker AG"


def test_no_card_is_lost_for_its_picture() -> None:
    report = Report()

    assert len(read("photo-headers.vcf", report)) == 6
    assert report.refusals == []


def test_all_cards_of_many_programs_are_read() -> None:
    report = Report()
    contacts = read("passing.vcf", report)

    assert len(contacts) == 14
    assert {"Adler, Karen", "Dümmy GmbH", "n184 Prospection reseaux"} <= {c.name for c in contacts}
    assert [(refusal.where, refusal.what) for refusal in report.refusals] == [("line 79", "part")]


def test_what_stands_beside_the_numbers_of_some_cards_is_no_hindrance() -> None:
    report = Report()
    contacts = read("numbers.vcf", report)

    unread = {contact.name for contact in contacts if not contact.numbers}
    assert unread == {"rlo", "star", "O", "hash", "sci", "sci2"}


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("two-encodings.vcf", "line 8"),
        ("cut-within-umlaut.csv", "line 3"),
        ("nul.csv", "line 3"),
        ("header-twice.csv", "line 3"),
        ("base64-not-indented.vcf", "lines 7-8"),
        ("junk-line.vcf", "line 4"),
        ("long-label.vcf", "line 1"),
    ],
)
def test_what_is_left_out_is_named_with_its_line(name: str, where: str) -> None:
    report = Report()
    read(name, report)

    assert [(refusal.where, refusal.what) for refusal in report.refusals] == [(where, "part")]


SIX = ["Anna", "Bernd", "Carla", "Dora", "Emil", "Franz"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "outlook",
            {"Dr. Jürg Müller": ["+41445550101", "+41445550102", "+41795550103", "+41445550104"]},
        ),
        (
            "apple",
            {
                "Bea Muster": [
                    "+41795550201", "+41445550202", "+41795550203", "+41445550204", "+41445550205",
                ]
            },
        ),
        ("google", {"Carl Test": ["+41795550301", "+41795550302", "+41445550303"]}),
        (
            "android",
            {
                MUELLER: ["+41795550401", "+41445550402", "+41795550403"],
                "Mama": ["+41445550404"],
            },
        ),
        ("nextcloud", {"Dora Grün": ["+41795550501", "+49445550502"]}),
        ("thunderbird", {"Emil Beispiel": ["+41445550601", "+41795550602"]}),
    ],
)  # fmt: skip
def test_cards_are_read_after_the_habits_of_programs(
    name: str, expected: dict[str, list[str]]
) -> None:
    report = Report()

    assert people(read(f"habit-{name}.vcf", report)) == expected
    assert report.refusals == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glued-all-ways", SIX),
        ("glued-with-signs", SIX),
        ("soft-breaks", [MUELLER, "Müller€"]),
        ("base64-folded", ["Jürg"]),
        ("charsets", ["Иван Петров", "Jürg", "田中"]),
        ("bom-utf-16", ["Jürg", "Bä"]),
    ],
)
def test_cards_are_distinguished_and_decoded_however_they_are_written(
    name: str, expected: list[str]
) -> None:
    assert list(people(read(f"{name}.vcf"))) == expected


@pytest.mark.parametrize("text", ["Muster\u00a0AG", "Muster  AG", "MUSTER AG", "M\u00aduster AG"])
def test_a_company_is_one_however_its_name_is_spelled_in_the_field_of_persons(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(f"BEGIN:VCARD\nN:{text};;;;\nFN:Muster AG\nORG:Muster AG\nEND:VCARD\n")

    [company] = vcard_records(path, ZURICH, Report())
    assert (company.kind, company.name) == ("company", "Muster AG")
