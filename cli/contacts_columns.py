"""What the columns of a CSV file without a mapping mean, said before they are believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import CommandFailed

if TYPE_CHECKING:
    from consumers.importers.mapping import ContactColumns, Mapping


def mapping(
    file: Annotated[Path, typer.Argument(help="A CSV file with headings.")],
) -> None:
    """Print a mapping for a CSV file by its headings, to be corrected and imported by."""
    import tomlkit

    found, unused = understood(file)
    told = tomlkit.document()
    told.add(tomlkit.comment(f"What the columns of {file.name} mean (docs/directory.md)."))
    if unused:
        told.add(tomlkit.comment(f"Not used: {', '.join(unused)}"))
    for name, part in found.model_dump(exclude_defaults=True).items():
        told.add(name, tomlkit.item(part))
    typer.echo(tomlkit.dumps(told), nl=False)


def columns_of(file: Path) -> Mapping:
    """Return what a file's columns mean, and say so if it is not our own export."""
    found, unused = understood(file)
    if found.contact and not found.optional:
        typer.echo(f"Read as: {_told(found.contact)}.")
        if unused:
            typer.echo(f"Not used: {', '.join(unused)}.")
        typer.echo(f"If that is wrong: starface2mqtt contacts mapping {file} > mapping.toml")
    return found


def understood(file: Path) -> tuple[Mapping, list[str]]:
    """Return what the columns mean by their headings, and which mean nothing here."""
    from consumers.importers.csv_file import headings_of, unknown_columns
    from consumers.importers.report import SourceUnreadable
    from consumers.importers.sample import default_mapping
    from consumers.importers.usual_headings import usual_mapping

    try:
        headings = headings_of(file)
    except SourceUnreadable as error:
        raise CommandFailed(str(error)) from error
    own = default_mapping()
    usual = usual_mapping(headings)
    if _is_ours(set(headings), own, usual):
        found: Mapping = own
    elif usual is None:
        raise CommandFailed(unknown_columns(file, headings))
    else:
        found = usual
    return found, [one for one in headings if one not in found.columns()]


def _is_ours(headings: set[str], own: Mapping, usual: Mapping | None) -> bool:
    """Tell whether a file has the headings of our own export, and no number under another one."""
    ours = own.columns() & headings
    if "key" in ours and len(ours) > 1:
        return True
    numbers = {one.column for one in usual.contact.numbers} if usual and usual.contact else set()
    return "name" in ours and len(ours) > 1 and numbers <= ours


def _told(contact: ContactColumns) -> str:
    parts = [
        f"{what} {column}"
        for what in ("key", "name", "company", "email", "country")
        if (column := getattr(contact, what))
    ]
    numbers = [
        f"{one.column} ({one.label})" if one.label else one.column for one in contact.numbers
    ]
    return "; ".join([*parts, f"numbers {', '.join(numbers)}"])
