from pathlib import Path

import pytest

from consumers.importers.encodings import TextFile, decoded
from consumers.importers.report import Report

HEAD = "Vorname;Nachname;Telefon geschäftlich\r\n"


def lines(path: Path, octets: bytes, report: Report | None = None, kept: str = "") -> str:
    path.write_bytes(octets)
    report = report or Report()
    report.encoding = kept
    return "".join(TextFile(path, report).lines())


@pytest.mark.parametrize(
    "encoding", ["cp1252", "mac_roman", "cp850", "utf-8", "utf-16", "utf-8-sig"]
)
@pytest.mark.parametrize(
    "row", ["Jürg;Müller", "Bärbel;Häfner", "Käthe;Groß", "Zoé;Lefèvre", "JÜRG;MÜLLER", "Anna;Öz"]
)
def test_one_row_is_enough_to_find_an_encoding(tmp_path: Path, row: str, encoding: str) -> None:
    text = f"{HEAD}{row};044 555 01 01\r\n"

    assert lines(tmp_path / "a.csv", text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "row"),
    [
        ("cp1250", "Łukasz;Wiśniewski\r\nJiří;Dvořák\r\nMałgorzata;Dąbrowska\r\n"),
        ("cp1251", "Иван;Петров\r\nОльга;Смирнова\r\n"),
        ("cp1254", "Ayşe;Yılmaz\r\nIşık;Doğan\r\n"),
        ("cp1252", "Søren;Jørgensen\r\nBjørn;Kjær\r\n"),
        ("cp1250", "Šimůnek;\r\n"),
        ("cp1250", "Čapek;\r\n"),
        ("cp1250", "Žižek;\r\n"),
        ("cp1250", "Kovács;Gergő\r\n"),
        ("iso8859_2", "Šimůnek;\r\n"),
        ("cp1252", "Œuvre;\r\n"),
        ("cp1253", "Παπαδόπουλος;\r\n"),
        ("cp1253", "Ελένη;Γεωργίου\r\n"),
        ("cp1251", "Иванов;\r\n"),
        ("cp1254", "Çağlar;\r\n"),
        ("cp850", "Jörg;Schäfer\r\n"),
        ("cp1250", "Tőkés;\r\n"),
        ("cp1250", "Szűcs;\r\n"),
        ("cp1250", "Hegedűs;\r\n"),
        ("cp1250", "Győr;\r\n"),
        ("cp1250", "Żółć;\r\n"),
        ("cp1250", "Czerwiński;\r\n"),
        ("cp1250", "Kraków;Święty\r\n"),
        ("cp1250", "Ďurďa;\r\n"),
        ("cp1250", "Ľubomír;\r\n"),
        ("iso8859_2", "Żółć;\r\n"),
        ("iso8859_15", "Lebœuf;Saša\r\n"),
        ("cp1254", "Yıldız;\r\n"),
        ("cp1251", "Иванов;Пётр\r\n"),  # the last two bytes are UTF-8 by accident
        ("koi8_r", "Смирнова;\r\n"),
        ("cp866", "Попов;\r\n"),
        ("cp866", "Кузнецов;Алексей\r\n"),
        ("cp1252", "Simões;\r\n"),
        ("cp1252", "Sigurðsson;\r\n"),
        ("mac_roman", "Núñez;\r\n"),
        ("cp850", "Lefèvre;\r\n"),
        ("cp850", "Noël;\r\n"),
        ("cp850", "Nicolò;\r\n"),
        ("cp850", "Íñigo;\r\n"),  # valid UTF-8 too, of a sign that nobody writes alone
        ("mac_roman", "Görlitz;\r\n"),
        ("cp1252", "Þór;Guðrún\r\n"),
        ("cp1252", "Cantù;\r\n"),
        ("cp1252", "Tõnu;\r\n"),
        ("iso8859_15", "Šimunek;\r\n"),
        ("cp1250", "Wiśniewski;\r\n"),
        ("cp1250", "Růžička;\r\n"),
        ("cp1250", "Eliška;\r\n"),
        ("cp1250", "Županič;\r\n"),
        ("cp1250", "Mănescu;\r\n"),
        ("iso8859_2", "Božena;\r\n"),
        ("iso8859_2", "Knežević;\r\n"),
        ("cp1254", "Yılmaz;\r\n"),
        ("cp1254", "Şimşek;\r\n"),
        ("cp1257", "Žydrūnas;\r\n"),
        ("iso8859_7", "Άννα;\r\n"),
        ("cp1253", "Όλγα;\r\n"),
        ("cp1253", "Θεοδώρα;\r\n"),
        ("koi8_r", "ИВАНОВ;\r\n"),
        ("koi8_r", "Светлана;\r\n"),
        ("cp866", "Кузнецов;\r\n"),
        ("cp866", "Васильев;\r\n"),
        ("iso8859_5", "Смирнова;\r\n"),
        ("cp1251", "Зоя;\r\n"),
    ],
)
def test_names_of_neighbours_are_read(tmp_path: Path, encoding: str, row: str) -> None:
    assert lines(tmp_path / "a.csv", row.encode(encoding)) == row


def test_a_file_that_may_be_either_is_read_as_the_last_one_was(tmp_path: Path) -> None:
    octets = "Ort;\xc9\r\n".encode("cp1252")  # É in Windows, … on a Mac

    assert lines(tmp_path / "a.csv", octets) == "Ort;É\r\n"
    assert lines(tmp_path / "a.csv", octets, kept="mac_roman") == "Ort;…\r\n"


def test_strong_evidence_overrides_the_last_file(tmp_path: Path) -> None:
    text = f"{HEAD}Jürg;Müller;1\r\nBärbel;Häfner;2\r\n"

    assert lines(tmp_path / "a.csv", text.encode("cp1252"), kept="mac_roman") == text


def test_plain_rows_leave_what_is_kept_as_it_is(tmp_path: Path) -> None:
    report = Report()
    lines(tmp_path / "a.csv", b"Name;Telefon\r\n", report, kept="mac_roman")

    assert report.encoding == "mac_roman"


def test_a_line_in_another_encoding_garbles_no_other(tmp_path: Path) -> None:
    report = Report()
    octets = "Jürg\nBärbel\n".encode() + "Käthe\n".encode("cp1252") + b"gew\xc3\n"

    assert lines(tmp_path / "a.csv", octets, report) == "Jürg\nBärbel\nKäthe\ngewÃ\n"
    assert [refusal.where for refusal in report.refusals] == ["line 3", "line 4"]


def test_a_letter_cut_in_two_is_left_out_of_a_line_of_utf_8(tmp_path: Path) -> None:
    assert lines(tmp_path / "a.csv", "Rückruf gewü\n".encode()[:-2] + b"\n") == "Rückruf gew\n"


def test_a_byte_order_mark_within_a_file_is_no_text(tmp_path: Path) -> None:
    assert lines(tmp_path / "a.csv", b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n") == "a\nb\n"


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        ("Łódź".encode("cp1250"), "windows-1250", "Łódź"),
        ("Müller".encode(), "iso-8859-1", "Müller"),
        ("Müller".encode("cp1252"), "utf-8", "Müller"),
        ("Müller".encode("cp1252"), "no such", "Müller"),
    ],
)
def test_a_charset_counts_unless_the_bytes_say_otherwise(
    octets: bytes, charset: str, text: str
) -> None:
    assert decoded(octets, charset) == text
