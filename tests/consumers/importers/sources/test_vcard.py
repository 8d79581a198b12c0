from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.raw_contact import ContactReader
from consumers.importers.report import Report
from consumers.importers.sources.vcard import contacts_of, vcard_records

Read = Callable[..., list[ContactRecord]]

THREE = """BEGIN:VCARD
VERSION:3.0
N:Müller;Jörg;;Dr.;
FN:Dr. Jörg Müller
ORG:Muster AG;Recht
TEL;TYPE=WORK,VOICE:044 123 45 67
TEL;TYPE=CELL:+41 79 555 01 01
TEL;TYPE=WORK,FAX:044 123 45 68
EMAIL;TYPE=INTERNET:joerg@example.ch
ADR;TYPE=WORK:;;Seestrasse 1;Zürich;ZH;8001;Schweiz
URL:https://example.ch/joerg
UID:abc-1
END:VCARD
"""


@pytest.fixture
def read(tmp_path: Path, swiss: NumberProfile, report: Report) -> Read:
    def read(
        text: str | bytes, encoding: str = "utf-8", newline: str = "\r\n"
    ) -> list[ContactRecord]:
        file = tmp_path / "contacts.vcf"
        octets = text if isinstance(text, bytes) else text.replace("\n", newline).encode(encoding)
        file.write_bytes(octets)
        return list(vcard_records(file, swiss, report))

    return read


def numbers(contact: ContactRecord) -> list[tuple[str, str]]:
    return [(one.e164, one.label) for one in contact.numbers]


def test_a_card_of_version_3_is_a_contact(read: Read) -> None:
    [contact] = read(THREE)

    assert (contact.key, contact.kind, contact.name) == ("abc-1", "person", "Dr. Jörg Müller")
    assert (contact.company, contact.country) == ("Muster AG", "CH")
    assert (contact.email, contact.url) == ("joerg@example.ch", "https://example.ch/joerg")
    assert numbers(contact) == [
        ("+41441234567", "work"),
        ("+41795550101", "mobile"),
        ("+41441234568", "fax"),
    ]


@pytest.mark.parametrize(
    ("encoding", "newline"),
    [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\r\n"), ("cp1252", "\r\n")],
)
def test_the_encoding_of_a_file_is_found_out(read: Read, encoding: str, newline: str) -> None:
    [contact] = read(THREE, encoding, newline)

    assert contact.name == "Dr. Jörg Müller"


def test_a_card_of_version_2_1_is_a_contact(read: Read) -> None:
    [contact] = read(
        b"BEGIN:VCARD\r\nVERSION:2.1\r\n"
        b"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg\r\n"
        b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BCller=\r\n"
        b"-Weber\r\n"
        b"TEL;WORK;VOICE:044 123 45 67\r\nTEL;CELL:079 555 01 01\r\n"
        b"PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD\r\n AAAA\r\n\r\n"
        b"END:VCARD\r\n"
    )

    assert contact.name == "Jörg Müller-Weber"
    assert numbers(contact) == [("+41441234567", "work"), ("+41795550101", "mobile")]


def test_the_charset_of_a_quoted_value_counts(read: Read) -> None:
    [contact] = read(
        b"BEGIN:VCARD\r\nVERSION:2.1\r\n"
        b"FN;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:J=F6rg\r\nEND:VCARD\r\n"
    )

    assert contact.name == "Jörg"


def test_a_card_of_version_4_is_a_contact(read: Read) -> None:
    [contact] = read(
        "BEGIN:VCARD\nVERSION:4.0\nKIND:org\nFN:Muster AG\n"
        'TEL;VALUE=uri;PREF=1;TYPE="voice,home":tel:+41-44-123-45-67;ext=12\n'
        "UID:urn:uuid:1234\nEND:VCARD\n"
    )

    assert (contact.key, contact.kind, contact.name) == ("1234", "company", "Muster AG")
    assert numbers(contact) == [("+41441234567", "home")]


def test_a_line_may_be_folded(read: Read) -> None:
    [contact] = read(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Jörg\n  Müller\nTEL:044 123\n\t 45 67\nEND:VCARD\n"
    )

    assert (contact.name, numbers(contact)) == ("Jörg Müller", [("+41441234567", "")])


def test_a_label_of_the_owner_counts_and_a_switchboard_is_evidence(read: Read) -> None:
    [contact] = read(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Muster AG\nX-ABShowAs:COMPANY\nORG:Muster AG;\n"
        "item1.TEL;type=pref:030 90182 0\nitem1.X-ABLabel:Zentrale\n"
        "item2.TEL:+41 79 555 01 01\nitem2.X-ABLabel:_$!<Mobile>!$_\n"
        "ADR:;;;;;;Deutschland\nEND:VCARD\n"
    )

    assert contact.kind == "company"
    assert numbers(contact) == [("+4930901820", "switchboard"), ("+41795550101", "mobile")]
    assert [one.stem for one in contact.numbers] == ["+493090182", ""]


def test_without_a_formatted_name_the_parts_are_put_together(read: Read) -> None:
    [contact] = read("BEGIN:VCARD\nVERSION:3.0\nN:Meier;Anna;B.;Dr.;\nEND:VCARD\n")

    assert contact.name == "Dr. Anna B. Meier"


def test_escaped_signs_are_read(read: Read) -> None:
    [contact] = read("BEGIN:VCARD\nVERSION:3.0\nFN:Meier\\, Huber\\; Co\nEND:VCARD\n")

    assert contact.name == "Meier, Huber; Co"


def test_without_an_id_the_same_card_has_the_same_key(read: Read) -> None:
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Anna\nTEL:044 123 45 6%d\nEND:VCARD\n"

    assert read(card % 7)[0].key == read(card % 8)[0].key


def test_a_broken_card_is_reported_and_does_not_end_the_others(read: Read, report: Report) -> None:
    contacts = read(
        "BEGIN:VCARD\nFN:Open\n" + THREE + "BEGIN:VCARD\nFN:X\nno line at all\nEND:VCARD\n"
        "BEGIN:VCARD\nTEL:044 123 45 67\nEND:VCARD\nBEGIN:VCARD\nFN:Cut"
    )

    assert [one.name for one in contacts] == ["Dr. Jörg Müller", "X no line at all"]
    assert [(one.where, one.reason) for one in report.refusals] == [
        ("line 1", "the card is never closed"),
        ("line 18", "no vCard line, left out"),
        ("line 20", "neither a name nor a company"),
        ("line 23", "the card is never closed"),
    ]


def test_a_number_that_is_none_is_reported_with_its_card(read: Read, report: Report) -> None:
    [contact] = read("BEGIN:VCARD\nFN:Anna\nTEL:ask the office\nTEL:044 123 45 67\nEND:VCARD\n")

    assert numbers(contact) == [("+41441234567", "")]
    [refusal] = report.refusals
    assert (refusal.where, refusal.row) == ("line 1", False)


def test_a_card_within_a_card_is_not_a_contact(read: Read) -> None:
    [contact] = read(
        "BEGIN:VCARD\nVERSION:2.1\nFN:Boss\nAGENT:\nBEGIN:VCARD\nFN:Agent\nTEL:044 123 45 67\n"
        "END:VCARD\nTEL:044 123 45 68\nEND:VCARD\n"
    )

    assert (contact.name, numbers(contact)) == ("Boss", [("+41441234568", "")])


def test_a_list_of_contacts_is_no_contact(read: Read) -> None:
    assert read("BEGIN:VCARD\nVERSION:4.0\nKIND:group\nFN:Friends\nEND:VCARD\n") == []


def test_all_cards_of_a_folder_are_read(
    tmp_path: Path, swiss: NumberProfile, report: Report
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.vcf").write_text(f"BEGIN:VCARD\nFN:{name}\nEND:VCARD\n")

    assert [one.name for one in vcard_records(tmp_path, swiss, report)] == ["a", "b"]


lines = st.lists(
    st.sampled_from(["BEGIN:VCARD", "END:VCARD", "FN:Anna", "AGENT:", "TEL:044 123 45 67"])
    | st.builds("{}{}:{}".format, st.sampled_from(["N", "TEL", "a.TEL"]), st.text(), st.text())
    | st.text(max_size=40),
    max_size=20,
)


@given(lines)
def test_no_lines_break_the_reader(lines: list[str]) -> None:
    contacts = ContactReader(NumberProfile(country="CH"), Report())

    for contact in contacts_of("\n".join(lines), contacts):
        assert contact.name


def test_a_name_in_parts_has_what_stands_behind_it(read: Read) -> None:
    [contact] = read("BEGIN:VCARD\nN:Beispiel;Anna;Maria;Dr.;jun.\nTEL:044 123 45 67\nEND:VCARD\n")

    assert contact.name == "Dr. Anna Maria Beispiel jun."


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=42=C3=BC=72=6F)", "work"),
        ("X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=46=65=72=69=65=6E)", "Ferien"),
        ("X-CUSTOM(Boot)", "Boot"),
        ("X-Ferienhaus", "Ferienhaus"),
        ("WORK,X-2", "work"),
    ],
)
def test_a_label_of_ones_own_is_kept(read: Read, kind: str, label: str) -> None:
    [contact] = read(f"BEGIN:VCARD\nFN:Anna\nTEL;{kind}:044 123 45 67\nEND:VCARD\n")

    assert numbers(contact) == [("+41441234567", label)]
