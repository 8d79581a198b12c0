import re
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from consumers.importers.mapping import (
    ContactColumns,
    DossierColumns,
    Flag,
    Mapping,
    NumberColumn,
    filled,
    read_mapping,
)
from consumers.importers.push import push
from consumers.importers.report import SourceUnreadable

GUIDE = Path(__file__).parents[3] / "docs" / "directory.md"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("name", "Anna"),
        ("{name}", "Anna"),
        ("{name} {family}", "Anna Meier"),
        ("{title} {name} {family}", "Anna Meier"),
        ("{family}, {title}", "Meier"),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_a_value_is_a_column_or_a_text_with_columns(template: str, expected: str) -> None:
    assert filled(template, {"name": " Anna ", "family": "Meier", "title": ""}) == expected


@pytest.mark.parametrize(
    ("said", "expected"), [("Ja", True), ("YES", True), ("nein", False), ("", False)]
)
def test_a_flag_is_what_the_column_says(said: str, expected: bool) -> None:
    assert Flag(column="a").read({"a": said}) is expected


def test_an_empty_flag_is_what_the_mapping_says() -> None:
    assert Flag(column="a", otherwise=True).read({}) is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[contact]\nnmae = 'x'", "contact.nmae"),
        ("[contact\n", "mapping.toml"),
        ("[matter]\ntitle = 'x'", "matter.key"),
        ("", "it names no columns"),
    ],
)
def test_a_fault_in_a_mapping_is_named(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(text)

    with pytest.raises(SourceUnreadable, match=reason):
        read_mapping(file)


def test_columns_that_a_file_lacks_are_left_out_of_its_mapping() -> None:
    columns = ContactColumns(
        key="id",
        name="{first} {last}",
        company="firm",
        numbers=(NumberColumn(column="work"), NumberColumn(column="fax")),
    )

    whole = Mapping(contact=columns, dossier=DossierColumns(key="file"))
    mapping = whole.within({"id", "last", "work"})

    present = mapping.contact
    assert present is not None
    assert mapping.dossier is None
    assert whole.within({"file"}).dossier == whole.dossier
    assert (present.key, present.name, present.company) == ("id", "{first} {last}", "")
    assert [number.column for number in present.numbers] == ["work"]


def test_the_examples_of_the_guide_are_right(tmp_path: Path, swiss: NumberProfile) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    tables = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    [mapping] = [table for table in tables if "[contact]" in table]
    texts = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    [pushed] = [text for text in texts if '"source"' in text]
    file = tmp_path / "mapping.toml"
    file.write_text(mapping, encoding="utf-8")

    assert read_mapping(file).kinds == {"contact", "dossier", "matter"}
    assert push(pushed, swiss).report.refusals == []
