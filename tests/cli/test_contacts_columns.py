"""A CSV file as an office has it, without a mapping."""

from pathlib import Path

import pytest

from cli.context import CommandFailed
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

    told = contacts_command(config, "import", "csv", file, "--source", "outlook")

    assert "name {Vorname} {Nachname}; company Firma;" in told
    assert "Telefon geschäftlich (work), Mobiltelefon (mobile)" in told
    assert "Not used: Anrede." in told
    assert "1 added" in told
    assert "Ada Lovelace, Analytical AG" in contacts_command(config, "find", "044 888 00 11")


def test_the_mapping_that_is_printed_imports_the_same(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, LIST)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(contacts_command(config, "mapping", file), encoding="utf-8")

    contacts_command(config, "import", "csv", file, "--source", "outlook")
    told = contacts_command(
        config, "import", "csv", file, "--source", "outlook", "--mapping", mapping
    )

    assert "0 added, 0 changed, 0 removed, 1 unchanged" in told


def test_excels_line_for_the_delimiter_is_no_heading(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "sep=|\nName|Telefon\nAda Lovelace|044 888 00 11\n")

    assert "numbers Telefon." in contacts_command(config, "import", "csv", file, "--source", "list")


def test_our_own_export_is_read_as_such_whatever_stands_beside(
    config: Path, tmp_path: Path
) -> None:
    text = "key,name,work,dossier,matter,note\nK-1,Ada Lovelace,044 888 00 11,D-1,M-1,x\n"
    told = contacts_command(
        config, "import", "csv", written(tmp_path, text), "--source", "own-export"
    )

    assert "Read as" not in told
    assert "matters: 1 added" in told


def test_a_list_without_numbers_is_not_imported(config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "Name;Ort\nAda Lovelace;London\n")

    with pytest.raises(CommandFailed, match=r"\(Name, Ort\) do not say which are a name and a tel"):
        contacts_command(config, "import", "csv", file, "--source", "list")
    assert contacts_command(config, "find", "Lovelace") == "nobody\n"


def test_a_file_that_is_not_there_is_named(config: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"none\.csv.*No such file"):
        contacts_command(config, "mapping", tmp_path / "none.csv")
