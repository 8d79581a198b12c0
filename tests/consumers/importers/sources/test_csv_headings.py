"""What the headings of usual address lists mean."""

import pytest

from consumers.importers.mapping import ContactColumns
from consumers.importers.sources.csv_headings import doubtful, usual_mapping


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


@pytest.mark.parametrize(
    ("heading", "label"),
    [
        ("Telefon1", ""),
        ("Tel1", ""),
        ("Telefonnr.", ""),
        ("Rufnr.", ""),
        ("Haupttelefon", ""),
        ("Autotelefon", "mobile"),
        ("Tel. dienstlich", "work"),
        ("Dienstlich: Telefon", "work"),
        ("Téléphone (bureau 2)", "work"),
        ("Telefono (uff.)", "work"),
        ("Numéro de téléphone", ""),
        ("Autre téléphone", ""),
        ("work", "work"),
        ("numbers", ""),
    ],
)
def test_further_headings_of_programs(heading: str, label: str) -> None:
    assert _numbers(heading) == {heading: label}


@pytest.mark.parametrize(
    "heading",
    [
        "Telefon Gegner", "Tel. Gericht", "Telefon Versicherung", "Mobil Ehefrau",
        "Telefon gesperrt", "Mobile App", "Telefon für Hörbehinderte", "Radio Phone",
        "TTY/TDD Phone", "Assistant's Phone", "Téléphone de l'assistant", "Phone 1 - Type",
    ],
)  # fmt: skip
def test_a_number_that_is_perhaps_somebody_elses_is_doubtful(heading: str) -> None:
    assert _numbers("Telefon", heading) == {"Telefon": ""}
    assert doubtful(["Name", "Telefon", heading, "Notiz"]) == [heading]


@pytest.mark.parametrize("heading", ["Nummer", "Number", "Nr.", "Kundennummer", "Numéro"])
def test_a_column_called_number_has_no_telephone_numbers(heading: str) -> None:
    assert usual_mapping(["Name", heading]) is None


def test_the_firms_line_in_french_is_the_switchboard_beside_an_own_one() -> None:
    assert _numbers("Téléphone (bureau)", "Téléphone société") == {
        "Téléphone (bureau)": "work",
        "Téléphone société": "switchboard",
    }


def test_googles_labels_belong_to_the_values_beside_them() -> None:
    contact = _read("Name", "Phone 1 - Type", "Phone 1 - Value", "Phone 2 - Value")

    assert [one.label_column for one in contact.numbers] == ["Phone 1 - Type", ""]


@pytest.mark.parametrize(
    ("headings", "country"),
    [
        (("Land",), "Land"),
        (("Address 1 - Country",), "Address 1 - Country"),
        (("Dienstlich: Land",), "Dienstlich: Land"),
        (("Pays/Région (bureau)",), "Pays/Région (bureau)"),
        (("Business Country/Region",), "Business Country/Region"),
        (("Home Country", "Work Country"), "{Work Country} {Home Country}"),
    ],
)
def test_the_country_is_found_wherever_a_program_has_it(
    headings: tuple[str, ...], country: str
) -> None:
    assert _read("Name", "Telefon", *headings).country == country


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("ID", "ID"), ("Adressnr.", "Adressnr."), ("Kundennummer", "Kundennummer"),
        ("Mandantennummer", "Mandantennummer"), ("Kontakt-Nr.", "Kontakt-Nr."),
        ("UID", ""), ("Nr.", ""),
    ],
)  # fmt: skip
def test_what_distinguishes_contacts_is_the_key(heading: str, key: str) -> None:
    assert _read("Name", "Telefon", heading).key == key


@pytest.mark.parametrize(
    ("headings", "name"),
    [
        (("nom", "prenom"), "{prenom} {nom}"),
        (("Nom", "Prénom"), "{Prénom} {Nom}"),
        (("vollstaendiger Name", "Name"), "Name"),
    ],
)
def test_accents_make_no_difference(headings: tuple[str, ...], name: str) -> None:
    assert _read(*headings, "tel").name == name


def test_the_address_for_mail_is_found_in_thunderbird() -> None:
    assert _read("Name", "Telefon", "Primary Email").email == "Primary Email"


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


@pytest.mark.parametrize(
    ("headings", "row", "name", "columns"),
    [
        (
            "Nr.;Kontaktart;Name 1;Name 2;Telefon;Mobile",
            "1;Person;Meier;Anna;1;",
            "{Name 2} {Name 1}",
            2,
        ),
        (
            "Adressnummer;Matchcode;Name 1;Name 2;Telefon 1;Telefax",
            "1;M;A;B;1;1",
            "{Name 1} {Name 2}",
            2,
        ),
        (
            "Person - Name;Person - Phone - Work;Person - Phone - Mobile",
            "A;1;1",
            "Person - Name",
            2,
        ),
        (
            "FirstName;LastName;PhoneNumber;WorkNumber",
            "A;B;1;044 555 01 01",
            "{FirstName} {LastName}",
            2,
        ),
        ("Name;Number;Type", "Anna;044 555 01 01;work", "Name", 1),
        ("Ansprechpartner;Firma;Telefon", "A;B;1", "Ansprechpartner", 1),
        ("Name;Business;Home 2;Mobile", "A;044 555 01 01;;1", "Name", 3),
    ],
)
def test_headings_of_further_programs(headings: str, row: str, name: str, columns: int) -> None:
    mapping = usual_mapping(headings.split(";"), [row.split(";")])

    assert mapping is not None
    assert mapping.contact is not None
    assert (mapping.contact.name, len(mapping.contact.numbers)) == (name, columns)


def test_a_company_does_not_take_the_numbers_of_names_that_are_not_understood() -> None:
    assert usual_mapping(["Personenname intern", "Firma", "Telefon"]) is None


def test_a_column_whose_cells_contradict_is_not_one_of_numbers() -> None:
    rows = [["Anna", "consulting", "044 555 01 01"], ["Bernd", "retail", "044 555 01 02"]]
    mapping = usual_mapping(["Name", "Business", "Mobile"], rows)

    assert mapping is not None
    assert mapping.contact is not None
    assert [number.column for number in mapping.contact.numbers] == ["Mobile"]


def test_an_abbreviated_heading_is_read_in_full() -> None:
    assert _numbers("Telefon (geschäftl.)", "Fax (geschäftl.)", "Mobiltel.") == {
        "Telefon (geschäftl.)": "work",
        "Fax (geschäftl.)": "fax",
        "Mobiltel.": "mobile",
    }
    assert doubtful(["Telefon Gegn."]) == ["Telefon Gegn."]


@pytest.mark.parametrize("heading", ["Number", "Nummer", "Numero"])
def test_a_telephones_own_list_may_have_nothing_but_numbers(heading: str) -> None:
    mapping = usual_mapping(["Name", heading], [["Anna", "044 555 01 01"]])

    assert mapping is not None
    assert mapping.contact is not None
    assert [one.column for one in mapping.contact.numbers] == [heading]


def test_the_account_of_a_contact_in_salesforce_is_its_company() -> None:
    assert _read("First Name", "Last Name", "Account Name", "Phone").company == "Account Name"
