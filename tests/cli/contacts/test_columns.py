"""A CSV file as an office has it, without a mapping."""

from pathlib import Path

import pytest

from cli.site.context import CommandFailed
from tests.cli.contacts_command import contacts_command, site

LIST = (
    "Anrede;Vorname;Nachname;Firma;Telefon geschäftlich;Mobiltelefon;Telefon Firma\n"
    "Frau;Ada;Lovelace;Analytical AG;044 888 00 11;079 555 00 11;044 888 00 00\n"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return site(tmp_path)


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_it_is_said_what_was_read_and_what_was_not(
    config: Path, tmp_path: Path, encoding: str
) -> None:
    file = written(tmp_path, LIST, encoding)

    result = contacts_command(config, "import", "csv", file, "--source", "outlook")

    assert "name {Vorname} {Nachname}; company Firma;" in result
    assert "Telefon geschäftlich (work), Mobiltelefon (mobile)" in result
    assert "Not used: Anrede." in result
    assert "1 added" in result
    assert "Ada Lovelace, Analytical AG" in contacts_command(config, "find", "044 888 00 11")


def test_the_mapping_that_is_printed_imports_the_same(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, LIST)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(contacts_command(config, "mapping", file), encoding="utf-8")

    contacts_command(config, "import", "csv", file, "--source", "outlook")
    result = contacts_command(
        config, "import", "csv", file, "--source", "outlook", "--mapping", mapping
    )

    assert "0 added, 0 changed, 0 removed, 1 unchanged" in result


def test_excels_line_for_the_delimiter_is_no_heading(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "sep=|\nName|Telefon\nAda Lovelace|044 888 00 11\n")

    assert "numbers Telefon." in contacts_command(config, "import", "csv", file, "--source", "list")


def test_our_own_export_is_read_as_such(config: Path, tmp_path: Path) -> None:
    text = "key,name,work,dossier,matter\nK-1,Ada Lovelace,044 888 00 11,D-1,M-1\n"
    result = contacts_command(config, "import", "csv", written(tmp_path, text), "--source", "own-x")

    assert "Read as" not in result
    assert "matters: 1 added" in result


def test_what_stands_beside_our_own_headings_is_said(config: Path, tmp_path: Path) -> None:
    text = (
        "key,name,work,dossier,matter,note,phone,Telefon Gegner\n"
        "K-1,Ada Lovelace,044 888 00 11,D-1,M-1,x,044 888 00 12,044 888 00 13\n"
    )
    result = contacts_command(config, "import", "csv", written(tmp_path, text), "--source", "own-x")

    assert "Read as: key key; name name; numbers work (work), phone; dossiers; matters." in result
    assert "Not used: note, Telefon Gegner." in result
    assert "whose is not clear; by a mapping if meant: Telefon Gegner." in result
    assert "Ada Lovelace" in contacts_command(config, "find", "044 888 00 12")
    assert "+41448880013: Not in the contacts" in contacts_command(config, "find", "044 888 00 13")


@pytest.mark.parametrize(
    ("headings", "read"),
    [
        ("key,name,phone", "key key; name name; numbers phone"),
        ("name,company,phone1", "name name; company company; numbers phone1"),
        ("name,email,Rufnr.", "name name; email email; numbers Rufnr."),
        ("id,name,mobile", "key id; name name; numbers mobile (mobile)"),
        ("name,work,Rufnr.", "name name; numbers work (work), Rufnr."),
    ],
)
def test_a_few_headings_of_ours_do_not_make_a_list_our_export(
    config: Path, tmp_path: Path, headings: str, read: str
) -> None:
    file = written(tmp_path, f"{headings}\n1,Ada Lovelace,044 888 00 11\n")

    assert f"Read as: {read}." in contacts_command(
        config, "import", "csv", file, "--source", "list", "--dry-run"
    )


def test_headings_of_ours_alone_need_no_key(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "name,mobile\nAda Lovelace,079 888 00 11\n")

    assert "Read as" not in contacts_command(config, "import", "csv", file, "--source", "list")


def test_a_heading_that_stands_twice_is_named_before_a_mapping_is_printed(
    config: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, "Name;Telefon;Telefon\nAda Lovelace;044 888 00 11;\n")

    with pytest.raises(CommandFailed, match="'Telefon' stands there 2 times"):
        contacts_command(config, "mapping", file)


def test_a_heading_may_have_two_lines_and_another_none(config: Path, tmp_path: Path) -> None:
    text = 'Name;"Telefon\ngeschäftlich";;;\nAda Lovelace;044 888 00 11;;;\n'
    file = written(tmp_path, text)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(contacts_command(config, "mapping", file), encoding="utf-8")

    result = contacts_command(config, "import", "csv", file, "--source", "list", "--dry-run")
    assert "numbers Telefon geschäftlich (work)." in result
    assert "Not used" not in result
    again = contacts_command(
        config, "import", "csv", file, "--source", "list", "--mapping", mapping
    )
    assert "1 added" in again


def test_googles_labels_are_those_of_its_numbers(config: Path, tmp_path: Path) -> None:
    text = (
        "Name,Phone 1 - Label,Phone 1 - Value,Address 1 - Country\n"
        "Ada Lovelace,Mobile,079 888 00 11 ::: 079 888 00 12,\n"
        "Jean Martin,Work,01 23 45 67 89,France\n"
    )
    contacts_command(config, "import", "csv", written(tmp_path, text), "--source", "google")

    assert "+33123456789 work" in contacts_command(config, "show", "1")
    assert "Ada" in contacts_command(config, "find", "079 888 00 12")
    assert "Jean Martin" in contacts_command(config, "find", "+33 1 23 45 67 89")


def test_a_key_that_is_none_is_reported(config: Path, tmp_path: Path) -> None:
    text = "Kundennummer;Name;Telefon\n1;Ada;044 888 00 11\n1;Grace;044 888 00 12\n"
    file = written(tmp_path, text)

    result = contacts_command(config, "import", "csv", file, "--source", "list")
    assert "contact 1 came twice with different names: is that its key?" in result


def test_rows_that_are_put_together_by_their_name_are_reported(
    config: Path, tmp_path: Path
) -> None:
    text = (
        "Name;Ort;Telefon\nPeter Müller;Bern;044 888 00 11\nPeter Müller;Basel;044 888 00 12\n"
        "Ada Lovelace;Bern;044 888 00 13\nAda Lovelace;Bern;044 888 00 13\n"
    )
    file = written(tmp_path, text)

    for _ in range(2):  # and the next time, when most of it is not read again
        result = contacts_command(config, "import", "csv", file, "--source", "list")
        assert "1 row has the name of another and was put together with it" in result


def test_a_list_without_numbers_is_not_imported(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "Name;Ort\nAda Lovelace;London\n")

    with pytest.raises(CommandFailed, match=r"\(Name, Ort\) do not say which are a name and a tel"):
        contacts_command(config, "import", "csv", file, "--source", "list")
    assert contacts_command(config, "find", "Lovelace") == "nobody\n"


def test_a_file_that_is_not_there_is_named(config: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"none\.csv.*No such file"):
        contacts_command(config, "mapping", tmp_path / "none.csv")
