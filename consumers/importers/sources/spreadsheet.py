"""The rows of a spreadsheet (.xlsx, .xlsb, .xls, .ods), read by python-calamine.

openpyxl reads only .xlsx, and takes twenty times as long (10,000 rows of six cells: 1.9 s).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import cell_text
from consumers.importers.sources.csv_rows import CsvRow

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def is_spreadsheet(path: Path) -> bool:
    """Return whether a file is written by a spreadsheet, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (_ZIP, _OLE)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error


def spreadsheet_rows(path: Path, report: Report) -> Iterator[CsvRow]:
    """Return the rows of the first sheet that has some; the others are reported."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError as error:
        raise SourceUnreadable(
            f"{path}: a spreadsheet; save it as CSV, or: {sys.executable} -m pip install"
            " python-calamine"
        ) from error
    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = [
            (name, book.get_sheet_by_name(name).to_python(skip_empty_area=False))
            for name in book.sheet_names
        ]
    except CalamineError as error:
        raise SourceUnreadable(f"{path}: no spreadsheet that can be read: {error}") from error
    filled = [(name, rows) for name, rows in sheets if rows]
    for name, _ in filled[1:]:
        report.leave_out(f"sheet {name}", "only the first sheet is read")
    rows = filled[0][1] if filled else []
    report.total, report.done = len(rows), 0
    for line, cells in enumerate(rows, 1):
        report.done = line
        yield CsvRow(line, [cell_text(cell) for cell in cells])
