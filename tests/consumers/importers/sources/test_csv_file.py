from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.numbers.number import NumberProfile
from consumers.directory.changes import (
    KINDS,
    Change,
    Changes,
    ContactRecord,
    RecordCounts,
    UseRecord,
)
from consumers.directory.directory import Directory
from consumers.importers.encodings import TextFile
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sample import default_mapping
from consumers.importers.sources.csv_file import csv_records, delimiter_of, front_of

Read = Callable[..., list[Change]]

OFFICE = Mapping.model_validate(
    {
        "date_format": "%d.%m.%Y",
        "contact": {
            "key": "Nr.",
            "name": "{Vorname} {Nachname}",
            "company": "Firma",
            "country": "Land",
            "numbers": ["Tel. G", {"column": "Natel", "label": "mobile"}],
        },
    }
)
HEAD = "Nr.;Vorname;Nachname;Firma;Land;Tel. G;Natel\r\n"
ANNA = '1;Anna;Müller;"Muster; Söhne AG";Schweiz;044 123 45 67;079 555 01 01\r\n'


@pytest.fixture
def read(tmp_path: Path, swiss: NumberProfile, report: Report) -> Read:
    def read(text: str | bytes, encoding: str = "utf-8", mapping: Mapping = OFFICE) -> list[Change]:
        file = tmp_path / "contacts.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return list(csv_records(file, mapping, swiss, report))

    return read


def only_contacts(records: list[Change]) -> list[ContactRecord]:
    contacts = [one for one in records if isinstance(one, ContactRecord)]
    assert contacts == records
    return contacts


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "iso8859-1", "cp850"],
)
def test_the_encoding_is_found_out(read: Read, encoding: str) -> None:
    [anna] = only_contacts(read(HEAD + ANNA * 1, encoding))

    assert (anna.name, anna.company) == ("Anna Müller", "Muster; Söhne AG")


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_found_out(read: Read, delimiter: str) -> None:
    line = delimiter.join(["1", "Anna", "Müller", '"M; S, T | U"', "CH", "0441234567", ""])
    [anna] = only_contacts(read(HEAD.replace(";", delimiter) + line))

    assert (anna.name, anna.company) == ("Anna Müller", "M; S, T | U")


def test_the_columns_we_look_for_decide_about_the_delimiter() -> None:
    assert delimiter_of("name;a,b,c,d,e", {"name"}) == ";"


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("Name;Telefon\nAnna;1\n", ["Name", "Telefon"]),
        ('Name,Telefon\n"Meier; Anna",1\n', ["Name", "Telefon"]),
        ("Name, Vorname, Titel;Telefon\nMeier Anna;1\n", ["Name, Vorname, Titel", "Telefon"]),
        ("Name, Vorname, T;Telefon\nMeier, Anna, Dr.;1\n", ["Name, Vorname, T", "Telefon"]),
        ("Name, Vorname, T;Telefon\n", ["Name, Vorname, T", "Telefon"]),
        ("Name;Telefon;Ort\nAnna\nBeat;1\n", ["Name", "Telefon", "Ort"]),
        ('Name;"Tel.\nG";Ort\nAnna;1;Bern\n', ["Name", "Tel.\nG", "Ort"]),
        ("Name, Telefon\nAnna, 1\n", ["Name", "Telefon"]),
        ("sep=|\nName|Telefon;x\n", ["Name", "Telefon;x"]),
        ('"sep=|"\nName|Telefon;x\n', ["Name", "Telefon;x"]),
        ("", []),
    ],
)
def test_the_headings_are_distinguished_as_the_lines_below_are(
    tmp_path: Path, text: str, headings: list[str]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(text)

    assert front_of(file).headings == headings


def test_the_first_line_of_excel_may_name_the_delimiter(read: Read, report: Report) -> None:
    [anna] = only_contacts(read("sep=;\r\n" + HEAD + ANNA + "2;;;;;;\r\n"))

    assert anna.name == "Anna Müller"
    assert [one.where for one in report.refusals] == ["line 4"]


def test_a_field_may_have_several_lines(read: Read, report: Report) -> None:
    records = read(HEAD + '1;Anna;Müller;"Muster\r\nAG";;;\r\n' + "2;;;;;;\r\n" + ANNA)

    assert [one.company for one in only_contacts(records)] == ["Muster AG", "Muster; Söhne AG"]
    assert [one.where for one in report.refusals] == ["line 4"]


def test_rows_that_are_refused_are_reported_with_line_and_reason(
    read: Read, report: Report
) -> None:
    read(HEAD + ANNA + "2;;;;;044 123;\r\n" + "3;Beat;Huber;;;12;;unquoted;\r\n\r\n;;;;;;\r\n")

    assert [(one.where, one.reason, one.row) for one in report.refusals] == [
        ("line 3", "neither a name nor a company", True),
        ("line 4", "9 columns where the first line has 7", True),
    ]
    assert (report.rows, report.refused_rows) == (3, 2)


def test_a_country_that_is_not_understood_reads_only_international_numbers(
    read: Read, report: Report
) -> None:
    row = "1;Anna;Müller;;Atlantis;044 123 45 67;+41 79 555 01 01 / 044 123 45 68\r\n"
    [anna] = only_contacts(read(HEAD + row))

    assert [one.e164 for one in anna.numbers] == ["+41795550101"]
    assert [one.reason for one in report.refusals] == [
        "'044 123 45 67': the country 'Atlantis' is not understood",
        "'044 123 45 68': the country 'Atlantis' is not understood",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD.replace("Natel", "Handy") + ANNA, "no column Natel; it has Nr., Vorname"),
        (HEAD.replace("Natel", "Tel. G") + ANNA, "'Tel. G' stands there 2 times"),
        ("", "no column"),
    ],
)
def test_a_file_that_would_lose_rows_is_refused_as_a_whole(
    read: Read, text: str | bytes, reason: str
) -> None:
    with pytest.raises(SourceUnreadable, match=reason):
        read(text)


def test_a_quotation_mark_astray_spoils_its_own_row_alone(read: Read, report: Report) -> None:
    rows = "".join(f"{n};Beat;;;;;\r\n" for n in range(2, 302))
    contacts = only_contacts(read(HEAD + '1;"Anna;Müller;;;;\r\n' + rows))

    assert [one.name for one in contacts] == ["Anna Müller"] + ["Beat"] * 300
    assert [(one.where, one.row) for one in report.refusals] == [("line 2", False)]


def test_what_a_column_holds_that_is_not_used_does_not_matter(read: Read, report: Report) -> None:
    note = '"' + "line\r\n" * 260 + '"'
    rows = f"{ANNA.strip()};{note}\r\n2;Beat;;;;;;{'a' * 150_000}\r\n"
    contacts = only_contacts(read(f"{HEAD.strip()};Notes\r\n{rows}"))

    assert [one.name for one in contacts] == ["Anna Müller", "Beat"]
    assert report.refusals == []


def test_a_file_none_of_whose_columns_is_known_names_the_way_out(read: Read) -> None:
    lenient = OFFICE.model_copy(update={"optional": True})

    with pytest.raises(SourceUnreadable, match=r"\(Kunde, Handy\).* --mapping FILE"):
        read("Kunde;Handy\r\nMeier;044 123 45 67\r\n", mapping=lenient)


def test_a_file_that_is_not_there_is_reported(
    tmp_path: Path, swiss: NumberProfile, report: Report
) -> None:
    with pytest.raises(SourceUnreadable, match="No such file"):
        list(csv_records(tmp_path / "nothing.csv", OFFICE, swiss, report))


def test_an_unknown_encoding_is_reported(read: Read) -> None:
    mapping = OFFICE.model_copy(update={"file": OFFICE.file.model_copy(update={"encoding": "x-y"})})

    with pytest.raises(SourceUnreadable, match="unknown encoding"):
        read(HEAD, mapping=mapping)


def test_a_file_without_headings_is_read_by_the_places_of_its_columns(read: Read) -> None:
    mapping = Mapping.model_validate(
        {"file": {"header": False}, "contact": {"key": "#1", "name": "#2", "numbers": ["#3"]}}
    )
    records = read("1;Anna;0441234567\r\n2;Beat;0441234568\r\n", mapping=mapping)

    assert [one.name for one in only_contacts(records)] == ["Anna", "Beat"]


def test_without_a_key_the_same_contact_has_the_same_key(read: Read) -> None:
    mapping = Mapping.model_validate({"contact": {"name": "N", "numbers": ["T"]}})

    first, again = (
        only_contacts(read(f"N;T\r\nAnna;{tel}\r\n", mapping=mapping))
        for tel in ("1", "044 123 45 67")
    )
    assert first[0].key == again[0].key


def test_dates_are_read_as_the_mapping_says(read: Read, report: Report) -> None:
    mapping = Mapping.model_validate(
        {
            "date_format": "%d.%m.%Y",
            "matter": {"key": "M", "dossier": "D", "used_by": "U", "used_on": "W"},
        }
    )
    records = read("M;D;U;W\r\nm1;d1;anna;02.11.2026\r\nm2;d1;anna;soon\r\n", mapping=mapping)

    [use] = [one for one in records if isinstance(one, UseRecord)]
    assert (use.key, use.on, use.at) == ("m1", date(2026, 11, 2), None)
    assert {one.where for one in report.refusals} == {"line 3"}


def test_matters_may_come_in_a_file_of_their_own(read: Read, directory: Directory) -> None:
    contacts = read("key;name;work\r\n1;Anna;044 123 45 67\r\n", mapping=default_mapping())
    directory.apply(Changes("office", contacts, complete=frozenset(KINDS)))
    mapping = Mapping.model_validate(
        {
            "dossier": {"key": "Dossier", "contact": "Kunde", "title": "Titel"},
            "matter": {"key": "Akte", "open": {"column": "Status", "values": ["offen"]}},
        }
    )
    rows = "Kunde;Dossier;Titel;Akte;Status\r\n1;D1;Meier;A1;offen\r\n1;D1;Meier;A2;erledigt\r\n"
    applied = directory.apply(
        Changes("office", read(rows, mapping=mapping), complete=mapping.kinds)
    )

    anna = directory.find("+41441234567", user="u").contact
    assert anna is not None
    [dossier] = directory.dossiers(anna.id)
    assert [(one.key, one.open) for one in dossier.matters] == [("A1", True), ("A2", False)]
    assert applied.contacts == RecordCounts()


def test_a_large_file_is_read_row_by_row(
    tmp_path: Path, swiss: NumberProfile, report: Report
) -> None:
    file = tmp_path / "large.csv"
    file.write_text("key;name\r\n" + "".join(f"{n};Contact {n}\r\n" for n in range(20_000)))
    records = csv_records(file, default_mapping(), swiss, report)

    first = next(records)

    assert isinstance(first, ContactRecord)
    assert report.rows == 1
    assert report.total is not None
    assert 0 < report.done < report.total


def test_text_that_is_utf_8_only_at_the_end_of_a_long_file_is_still_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    for encoding in ("utf-8", "cp1252"):
        file.write_text("a;b\n" * 100_000 + "Müller;1\n", encoding=encoding)

        assert list(TextFile(file, Report()).lines())[-1] == "Müller;1\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    octets=st.binary(max_size=200) | st.text(alphabet='ab;,"\r\n\0ü', max_size=80).map(str.encode)
)
def test_no_file_breaks_the_reader(
    tmp_path: Path, swiss: NumberProfile, report: Report, octets: bytes
) -> None:
    file = tmp_path / "any.csv"
    file.write_bytes(b"key;name;work\r\n" + octets)
    reported = ""
    try:
        records = list(csv_records(file, default_mapping(), swiss, report))
    except SourceUnreadable as error:
        records, reported = [], str(error)

    assert not reported or str(file) in reported
    assert all(isinstance(one, ContactRecord) for one in records)
