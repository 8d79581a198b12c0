import random
import zipfile
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.csv_file import csv_records, front_of
from consumers.importers.sources.csv_headings import usual_mapping
from consumers.importers.sources.file_kind import file_kind
from consumers.importers.sources.fritzbox import fritzbox_records

BOOK = """<?xml version="1.0" encoding="iso-8859-1"?>
<phonebooks><phonebook name="Telefonbuch">
<contact><category>0</category><person><realName>Jürg Müller &amp; Söhne</realName></person>
<telephony nid="2"><number type="work" prio="1" id="0">044 555 01 01</number>
<number type="fax_work" id="1">044 555 01 02</number>
<number type="label:Boot">079 555 01 01</number>
<number type="intern">**610</number></telephony>
<services nid="1"><email classifier="private" id="0">juerg@example.ch</email></services>
<uniqueid>12</uniqueid></contact>
<contact><person><realName>Anna Beispiel</realName></person><telephony>
<number type="mobile">079 555 01 03</number></telephony></contact>
</phonebook></phonebooks>
"""
CELL = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    "{}</sheetData></worksheet>"
)


def spreadsheet(path: Path, *rows: tuple[str | int, ...]) -> Path:
    """Write a spreadsheet as small as one can be."""
    body = ""
    for number, row in enumerate(rows, 1):
        cells = "".join(
            CELL.format(f"{'ABCDE'[place]}{number}", cell)
            if isinstance(cell, str)
            else f'<c r="{"ABCDE"[place]}{number}"><v>{cell}</v></c>'
            for place, cell in enumerate(row)
        )
        body += f'<row r="{number}">{cells}</row>'
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    main = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{packages}/content-types"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
            f'<Override PartName="/xl/s.xml" ContentType="{types}.worksheet+xml"/></Types>',
        )
        relation = f'<Relationship Id="r1" Type="{main}/{{}}" Target="{{}}"/></Relationships>'
        head = f'<Relationships xmlns="{packages}/relationships">'
        file.writestr("_rels/.rels", head + relation.format("officeDocument", "xl/workbook.xml"))
        file.writestr("xl/_rels/workbook.xml.rels", head + relation.format("worksheet", "s.xml"))
        file.writestr(
            "xl/workbook.xml",
            '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
            f' xmlns:r="{main}"><sheets><sheet name="Liste" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        file.writestr("xl/s.xml", SHEET.format(body))
    return path


def test_the_numbers_of_a_spreadsheet_are_read(
    tmp_path: Path, swiss: NumberProfile, report: Report
) -> None:
    path = spreadsheet(
        tmp_path / "liste.csv",
        ("Adressliste", ""),
        ("Vorname", "Nachname", "Telefon", "Kundennummer"),
        ("Jürg", "Müller", "044 555 01 01", 12),
        ("Anna", "Beispiel", 41795550101, 13),
    )
    front = front_of(path)
    mapping = usual_mapping(front.headings, front.rows)
    assert mapping is not None
    contacts = list(csv_records(path, mapping, swiss, report))

    assert file_kind(path) == "table"
    assert [
        (one.key, one.name, [number.e164 for number in one.numbers])
        for one in contacts
        if isinstance(one, ContactRecord)
    ] == [("12", "Jürg Müller", ["+41445550101"]), ("13", "Anna Beispiel", ["+41795550101"])]
    assert [refusal.where for refusal in report.refusals] == ["line 1"]


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_the_telephone_book_of_a_fritzbox_is_read(
    tmp_path: Path, swiss: NumberProfile, report: Report, encoding: str
) -> None:
    path = tmp_path / "FRITZ.Box_Telefonbuch.xml"
    path.write_bytes(BOOK.encode(encoding))

    assert file_kind(path) == "fritzbox"
    juerg, anna = fritzbox_records(path, swiss, report)
    assert (juerg.key, juerg.name, juerg.email) == ("12", "Jürg Müller & Söhne", "juerg@example.ch")
    assert [(number.e164, number.label) for number in juerg.numbers] == [
        ("+41445550101", "work"),
        ("+41445550102", "fax"),
        ("+41795550101", "Boot"),
    ]
    assert [(number.e164, number.label) for number in anna.numbers] == [("+41795550103", "mobile")]
    assert report.refusals == []


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"M&uuml;ller &amp; S&#246;hne", "Müller & Söhne"),
        (b"Muster & Co", "Muster & Co"),
        (b"Anna\x0b", "Anna"),
        (b"Anna&#x0b;", "Anna"),
        (b"<![CDATA[Muster & Co]]>", "Muster & Co"),
        (b"J\xfcrg", "Jürg"),  # though nothing says so
    ],
)
def test_what_xml_forbids_in_one_name_takes_no_other_contact_along(
    tmp_path: Path, swiss: NumberProfile, report: Report, written: bytes, name: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(
        BOOK.encode().replace(b"J\xc3\xbcrg M\xc3\xbcller &amp; S\xc3\xb6hne", written)
    )

    first, second = fritzbox_records(path, swiss, report)
    assert (first.name, second.name) == (name, "Anna Beispiel")


@pytest.mark.parametrize("body", ["<a/>", "<phonebook>", "<!DOCTYPE a><phonebook/>"])
def test_other_xml_is_no_telephone_book(
    tmp_path: Path, swiss: NumberProfile, report: Report, body: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(body)

    with pytest.raises(SourceUnreadable, match=r"a\.xml: "):
        list(fritzbox_records(path, swiss, report))


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"Name;Telefon\n", "table"),
        (b"", "table"),
        (b"\xef\xbb\xbfBEGIN:VCARD\r\n", "vcard"),
        ("\ufeffbegin:vcard\r\n".encode("utf-16-le"), "vcard"),
        (b"\r\nBEGIN : VCARD\r\n", "vcard"),
        (b"\xd0\xcf\x11\xe0\xa1", "table"),
    ],
)
def test_a_file_is_what_is_in_it(tmp_path: Path, octets: bytes, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(octets)

    assert file_kind(path) == kind


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be", "cp1251"])
def test_data_of_a_program_is_no_table(tmp_path: Path, encoding: str) -> None:
    rows = "".join(f"Иван {number};044 123 {number}\r\n" for number in range(1000, 2000))
    table, data = tmp_path / "table.csv", tmp_path / "data.csv"
    table.write_bytes(f"Name;Telefon\r\n{rows}".encode(encoding))
    data.write_bytes(b"Name;Telefon\r\n" + random.Random(1).randbytes(9000))

    assert file_kind(table) == "table"
    with pytest.raises(SourceUnreadable, match="no text but data of a program"):
        file_kind(data)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"<?xml version='1.0'?><feed/>", "XML, but not"),
        (b'{"contacts": []}', "contacts import json"),
        (b"PK\x03\x04" + b"\0" * 26 + b"a.vcf", "unpack it first"),
    ],
)
def test_a_file_that_is_none_of_contacts_is_named(
    tmp_path: Path, octets: bytes, reason: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(octets)

    with pytest.raises(SourceUnreadable, match=reason):
        file_kind(path)
