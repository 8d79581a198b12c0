"""What the headings of usual address lists mean."""

import pytest

from consumers.importers.mapping import ContactColumns
from consumers.importers.usual_headings import usual_mapping


def _read(*headings: str) -> ContactColumns:
    mapping = usual_mapping(headings)
    assert mapping is not None
    assert mapping.contact is not None
    return mapping.contact


def _numbers(*headings: str) -> dict[str, str]:
    return {one.column: one.label for one in _read("Name", *headings).numbers}


OUTLOOK_DE = (
    "Anrede", "Vorname", "Nachname", "Firma", "Abteilung", "Straße geschäftlich",
    "Fax geschäftlich", "Rückmeldung", "Telefon geschäftlich", "Telefon geschäftlich 2",
    "Telefon Assistent", "Mobiltelefon", "Telefon privat", "Telefon Firma", "E-Mail-Adresse",
)  # fmt: skip
OUTLOOK_EN = (
    "Title", "First Name", "Middle Name", "Last Name", "Company", "Department", "Assistant's Phone",
    "Business Fax", "Business Phone", "Business Phone 2", "Callback", "Company Main Phone",
    "Home Phone", "Mobile Phone", "Other Phone", "Pager", "Telex", "E-mail Address",
)  # fmt: skip
GOOGLE = (
    "First Name", "Last Name", "Phonetic First Name", "Organization Name", "E-mail 1 - Value",
    "Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Label", "Phone 2 - Value",
)  # fmt: skip


def test_outlook_in_german() -> None:
    contact = _read(*OUTLOOK_DE)

    assert (contact.name, contact.company) == ("{Vorname} {Nachname}", "Firma")
    assert contact.email == "E-Mail-Adresse"
    assert {one.column: one.label for one in contact.numbers} == {
        "Fax geschäftlich": "fax",
        "Telefon geschäftlich": "work",
        "Telefon geschäftlich 2": "work",
        "Mobiltelefon": "mobile",
        "Telefon privat": "home",
        "Telefon Firma": "switchboard",
    }


def test_outlook_in_english() -> None:
    contact = _read(*OUTLOOK_EN)

    assert (contact.name, contact.company) == ("{First Name} {Last Name}", "Company")
    assert {one.column: one.label for one in contact.numbers} == {
        "Business Fax": "fax",
        "Business Phone": "work",
        "Business Phone 2": "work",
        "Company Main Phone": "switchboard",
        "Home Phone": "home",
        "Mobile Phone": "mobile",
        "Other Phone": "",
    }


def test_google_whose_labels_are_no_numbers() -> None:
    contact = _read(*GOOGLE)

    assert (contact.name, contact.company) == ("{First Name} {Last Name}", "Organization Name")
    assert [one.column for one in contact.numbers] == ["Phone 1 - Value", "Phone 2 - Value"]


@pytest.mark.parametrize(
    ("heading", "label"),
    [
        ("Tel. G", "work"),
        ("Tel. P", "home"),
        ("Natel", "mobile"),
        ("Handy-Nr.", "mobile"),
        ("TELEFAX", "fax"),
        ("Zentrale", "switchboard"),
        ("Téléphone bureau", "work"),
        ("Tél. portable", "mobile"),
        ("Cellulare", "mobile"),
        ("Telefono ufficio", "work"),
        ("Rufnummer", ""),
    ],
)
def test_headings_of_lists_kept_by_hand(heading: str, label: str) -> None:
    assert _numbers(heading) == {heading: label}


def test_a_firms_line_alone_is_where_one_reaches_the_contact() -> None:
    assert _numbers("Telefon Firma", "Telefon privat") == {
        "Telefon Firma": "work",
        "Telefon privat": "home",
    }


def test_a_column_called_number_is_one_only_where_no_other_is() -> None:
    assert _numbers("Nummer", "Mobil") == {"Mobil": "mobile"}
    assert _numbers("Nummer") == {"Nummer": ""}


def test_a_single_name_beside_a_first_name_is_the_last_name() -> None:
    assert _read("Name", "Vorname", "Telefon").name == "{Vorname} {Name}"


def test_a_list_of_companies_needs_no_name() -> None:
    contact = _read("Firma", "Telefon")

    assert (contact.name, contact.company) == ("", "Firma")


@pytest.mark.parametrize(
    "headings", [("Telefon",), ("Name", "Ort"), ("Name", "Telefon Assistent"), (), ("",)]
)
def test_without_a_name_or_a_number_nothing_is_guessed(headings: tuple[str, ...]) -> None:
    assert usual_mapping(headings) is None
