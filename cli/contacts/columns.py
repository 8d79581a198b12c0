"""What the columns of a CSV file without a mapping mean, shown before they are believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.site.context import CommandFailed
from cli.site.languages import say, text

if TYPE_CHECKING:
    from consumers.importers.mapping import ContactColumns, Mapping


class UnderstoodColumns(NamedTuple):
    """What the columns of a file mean by their headings, and which mean nothing here."""

    mapping: Mapping
    headings: list[str]
    unused: list[str]
    doubtful: list[str]  # of the unused ones, those that may hold numbers
    ours: bool  # nothing but our own export


def mapping(
    file: Annotated[Path, typer.Argument(help="A CSV file with headings.")],
) -> None:
    """Print a mapping for a CSV file by its headings, to be corrected and imported by."""
    import tomlkit

    found = understood(file)
    document = tomlkit.document()
    document.add(tomlkit.comment(f"What the columns of {file.name} mean (docs/directory.md)."))
    for line in _not_used(found):
        document.add(tomlkit.comment(line))
    for name, part in found.mapping.model_dump(exclude_defaults=True).items():
        document.add(name, tomlkit.item(part))
    typer.echo(tomlkit.dumps(document), nl=False)


def columns_of(file: Path, encoding: str) -> Mapping:
    """Return what a file's columns mean, and say so if it is not just our own export."""
    found = understood(file, encoding)
    if found.mapping.contact and not found.ours:
        meaning = _meaning(found.mapping, found.mapping.contact, set(found.headings))
        say("import.read-as", meaning=meaning)
        for line in _not_used(found):
            typer.echo(line)
        say("import.not-read-as", file=file)
    return found.mapping


def understood(file: Path, encoding: str = "") -> UnderstoodColumns:
    """Return what the columns mean by their headings; raise CommandFailed."""
    from consumers.importers.report import SourceUnreadable
    from consumers.importers.sample import default_mapping
    from consumers.importers.sources.csv_file import front_of, unknown_columns
    from consumers.importers.sources.csv_headings import doubtful, usual_mapping

    try:
        headings, rows = front_of(file, encoding)
    except SourceUnreadable as error:
        raise CommandFailed(str(error)) from error
    own = default_mapping()
    if _is_ours(set(headings), own):
        found: Mapping | None = _with_further_numbers(own, headings)
    else:
        found = usual_mapping(headings, rows)
    if found is None:
        raise CommandFailed(unknown_columns(file, headings))
    used = found.columns()
    for heading in headings:
        if heading in used and headings.count(heading) > 1:
            raise CommandFailed(
                f"{file}: the column {heading!r} stands there {headings.count(heading)} times;"
                " rename one"
            )
    unused = [heading for heading in dict.fromkeys(headings) if heading and heading not in used]
    only_ours = set(headings) <= own.columns() | {""}
    return UnderstoodColumns(
        found, headings, unused, doubtful(unused), only_ours and found.optional
    )


def _is_ours(headings: set[str], own: Mapping) -> bool:
    """Return whether a file has the headings of our own export, perhaps with others beside them."""
    ours = own.columns() & headings
    if headings <= own.columns() | {""}:
        return len(ours) > 1 and bool(ours & {"key", "name", "dossier", "matter"})
    numbers = {column.column for column in own.contact.numbers} if own.contact else set()
    below = own.model_copy(update={"contact": None}).columns()
    return "key" in ours and bool(ours & (numbers | below))


def _with_further_numbers(own: Mapping, headings: list[str]) -> Mapping:
    """Take the numbers too that stand beside our own headings."""
    from consumers.importers.sources.csv_headings import number_columns

    known = own.columns()
    further = [column for column in number_columns(headings) if column.column not in known]
    if not further or not own.contact:
        return own
    numbers = (*own.contact.numbers, *further)
    return own.model_copy(update={"contact": own.contact.model_copy(update={"numbers": numbers})})


def _not_used(found: UnderstoodColumns) -> list[str]:
    lines = []
    if found.unused:
        lines.append(text("import.unused", columns=", ".join(map(_in_one_line, found.unused))))
    if found.doubtful:
        names = ", ".join(map(_in_one_line, found.doubtful))
        lines.append(text("import.doubtful", columns=names))
    return lines


def _meaning(mapping: Mapping, contact: ContactColumns, headings: set[str]) -> str:
    parts = [
        f"{text(f'import.column.{what}')} {_in_one_line(column)}"
        for what in ("key", "name", "company", "email", "country")
        if (column := getattr(contact, what)) and ("{" in column or column in headings)
    ]
    numbers = [
        f"{_in_one_line(column.column)} ({column.label})"
        if column.label
        else _in_one_line(column.column)
        for column in contact.numbers
        if column.column in headings
    ]
    if numbers:
        parts.append(f"{text('import.column.numbers')} {', '.join(numbers)}")
    for what, part in (("dossiers", mapping.dossier), ("matters", mapping.matter)):
        if part and part.key in headings:
            parts.append(text(f"import.column.{what}"))
    return "; ".join(parts)


def _in_one_line(heading: str) -> str:
    return " ".join(heading.split())
