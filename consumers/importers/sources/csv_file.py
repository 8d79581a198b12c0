"""Contacts from a table: a CSV file as spreadsheets and programs write it, or the spreadsheet.

Encoding, delimiter and the line of the headings are found out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change
from consumers.importers.contact_text import clean_lines
from consumers.importers.encodings import TextFile
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import RowReader, SourceRow, check_columns
from consumers.importers.sources.csv_headings import usual_mapping
from consumers.importers.sources.csv_rows import CsvRow, csv_rows
from consumers.importers.sources.spreadsheet import is_spreadsheet, spreadsheet_rows

_DELIMITERS = ";,\t|"
_SAID = re.compile(r'"?sep=(?P<delimiter>[^\r\n])"?[;,\t|]*[\r\n]*', re.I)  # Excel's first line
_COMPARED = 10  # lines below the headings that show the delimiter
_ABOVE = 20  # lines that may stand above the headings
_SAMPLE = 50  # rows that show what is in a column


class TableFront(NamedTuple):
    """The headings of a table and some of its rows."""

    headings: list[str]
    rows: list[Sequence[str]]


def csv_records(
    path: Path, mapping: Mapping, profile: NumberProfile, report: Report
) -> Iterator[Change]:
    """Return the records of a table row by row; raise SourceUnreadable for a file that is none."""
    rows = _rows(path, report, mapping)
    head = list(islice(rows, _ABOVE))
    wanted = mapping.columns()
    start = 0
    if mapping.file.header:
        hits = [len(wanted & set(_names(row.fields))) for row in head]
        filled = [any(row.fields) for row in head]
        start = hits.index(max(hits)) if any(hits) else filled.index(True) if any(filled) else 0
        names = _names(head[start].fields) if head else []
        for row in head[:start]:
            if any(field.strip() for field in row.fields):
                report.leave_out(f"line {row.line}", "above the headings, left out")
    else:
        names = [f"#{place}" for place in range(1, len(head[0].fields) + 1)] if head else []
    if mapping.optional and not mapping.columns() & set(names):
        raise SourceUnreadable(unknown_columns(path, names))
    check_columns(mapping, names, str(path))
    reader = RowReader(mapping.within(names), names, profile, report)
    yield from reader.changes(
        _source_rows(chain(head[start + mapping.file.header :], rows), names, report)
    )


def _source_rows(rows: Iterable[CsvRow], names: list[str], report: Report) -> Iterator[SourceRow]:
    headings = [name.casefold() for name in names]
    for row in rows:
        where = f"line {row.line}"
        if not any(map(str.strip, row.fields)):
            continue
        if _is_heading(row.fields, headings):
            report.leave_out(where, "the headings again, left out")
            continue
        if row.fault:
            report.leave_out(where, row.fault)
        refusal = ""
        if len(row.fields) > len(names) and any(map(str.strip, row.fields[len(names) :])):
            refusal = f"{len(row.fields)} columns where the first line has {len(names)}"
        yield SourceRow(where, row.fields, refusal)


def _is_heading(fields: Sequence[str], headings: list[str]) -> bool:
    """Return whether a row is the headings again; its first field mostly shows that it is not."""
    if len(fields) != len(headings) or (
        fields[0].isascii() and headings[0] not in fields[0].casefold()
    ):
        return False
    return [name.casefold() for name in _names(fields)] == headings


def front_of(path: Path, encoding: str = "") -> TableFront:
    """Return the headings, the first line whose words are known as such, and rows below them."""
    rows = [
        row.fields for row in islice(_rows(path, Report(encoding=encoding), None), _ABOVE + _SAMPLE)
    ]
    filled = [row for row in rows if any(field.strip() for field in row)]
    headed = (place for place, row in enumerate(filled[:_ABOVE]) if usual_mapping(_names(row)))
    start = next(headed, 0)
    return TableFront(_names(filled[start]) if filled else [], filled[start + 1 :])


def delimiter_of(first_line: str, columns: set[str]) -> str:
    """Find out what stands between the columns: what shows most columns we look for."""

    def found(delimiter: str) -> tuple[int, int]:
        header = next(csv.reader([first_line], delimiter=delimiter), [])
        return len(set(_names(header)) & columns), len(header)

    return max(_DELIMITERS, key=found)


def unknown_columns(path: Path, names: list[str]) -> str:
    """Return the sentence that nothing can be done with these columns."""
    return (
        f"{path}: its columns ({', '.join(names)}) do not say which are a name and a telephone"
        f" number; say which means what in a mapping file: --mapping FILE (docs/directory.md)"
    )


def _rows(path: Path, report: Report, mapping: Mapping | None) -> Iterator[CsvRow]:
    if is_spreadsheet(path):
        yield from spreadsheet_rows(path, report)
        return
    encoding = mapping.file.encoding if mapping else ""
    lines = TextFile(path, report, encoding).lines()
    front = list(islice(lines, _ABOVE + _COMPARED))
    skipped = 0
    if front and (said := _SAID.fullmatch(front[0])):
        delimiter, skipped = said["delimiter"], 1
    elif mapping and mapping.file.delimiter:
        delimiter = mapping.file.delimiter
    else:
        filled = [line for line in front if line.strip()]
        columns = mapping.columns() if mapping else set()
        known = [line for line in filled if any(name in line for name in columns - {""})]
        delimiter = (
            delimiter_of(known[0] if known else filled[0], columns)
            if mapping and filled
            else _steady_delimiter(filled[: _COMPARED + 1])
        )
    for row in csv_rows(chain(front[skipped:], lines), delimiter):
        yield row._replace(line=row.line + skipped) if skipped else row


def _steady_delimiter(lines: list[str]) -> str:
    """Find out what stands between the columns: what cuts all lines alike, and leaves no blanks."""

    def found(delimiter: str) -> tuple[bool, float, bool, int]:
        header, *rows = [row.fields for row in csv_rows(lines, delimiter)] or [[]]
        filled = [row for row in rows if row]
        alike = sum(len(row) == len(header) for row in filled) / max(len(filled), 1)
        blank = any(name.startswith(" ") for name in header)
        return len(header) > 1, alike, not blank, len(header)

    return max(_DELIMITERS, key=found)


def _names(fields: Sequence[str]) -> list[str]:
    return [clean_lines(name) for name in fields]
