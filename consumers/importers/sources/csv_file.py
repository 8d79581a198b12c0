"""Contacts from a CSV file as spreadsheets and programs write it.

Encoding and delimiter are found out; a fault that would lose rows without a word, such as a
quotation mark never closed, refuses the whole file.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import Rows

_DELIMITERS = ";,\t|"
_SAMPLE = 1 << 18  # bytes looked at for the encoding
_COMPARED = 10  # lines below the headings that tell the delimiter
_LONGEST_ROW = 200  # lines; more is a quotation mark that is never closed
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def csv_records(
    path: Path, mapping: Mapping, profile: NumberProfile, report: Report
) -> Iterator[Change]:
    """Give the records of a CSV file row by row; raise SourceUnreadable for a broken file."""
    rows = Rows(mapping, profile, report)
    encoding = mapping.file.encoding or encoding_of(path)
    try:
        report.total = path.stat().st_size
        with path.open("rb") as raw, TextIOWrapper(raw, encoding, newline="") as file:
            for line, row in _rows(file, mapping, path, report):
                report.done = raw.tell()
                yield from rows.records(row, f"line {line}")
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    except LookupError as error:
        raise SourceUnreadable(f"{path}: {error}") from error
    except UnicodeError as error:
        raise SourceUnreadable(f"{path}: not written in {encoding}: {error}") from error


def headings_of(path: Path) -> list[str]:
    """Give the headings; raise SourceUnreadable."""
    encoding = encoding_of(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            delimiter, first, _ = _first_line(file)
            lines = [first, *islice(file, _COMPARED)]
            delimiter = delimiter or _steady_delimiter(lines)
            names = next(csv.reader(lines, delimiter=delimiter), [])
            return [name.strip() for name in names]
    except (OSError, UnicodeError, csv.Error) as error:
        raise SourceUnreadable(f"{path}: its first line cannot be read: {error}") from error


def encoding_of(path: Path) -> str:
    """Find out how a file is encoded."""
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
            for bom, encoding in _BOMS:
                if sample.startswith(bom):
                    return encoding
            if b"\0" in sample:
                return "utf-16-be" if sample.find(b"\0") % 2 == 0 else "utf-16-le"
            if _is_utf8(sample, file):
                return "utf-8"
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    return _guessed(sample, path)


def delimiter_of(first_line: str, columns: set[str]) -> str:
    """Find out what stands between the columns: what shows most columns we look for."""

    def found(delimiter: str) -> tuple[int, int]:
        header = next(csv.reader([first_line], delimiter=delimiter), [])
        names = {name.strip() for name in header}
        return len(names & columns), len(header)

    return max(_DELIMITERS, key=found)


def _steady_delimiter(lines: list[str]) -> str:
    """Find out what stands between the columns: what cuts all lines alike, and leaves no blanks."""

    def found(delimiter: str) -> tuple[bool, float, bool, int]:
        header, *rows = list(csv.reader(lines, delimiter=delimiter)) or [[]]
        filled = [row for row in rows if row]
        alike = sum(len(row) == len(header) for row in filled) / max(len(filled), 1)
        blank = any(name.startswith(" ") for name in header)
        return len(header) > 1, alike, not blank, len(header)

    return max(_DELIMITERS, key=found)


def _is_utf8(sample: bytes, file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while sample:
            decoder.decode(sample)
            sample = file.read(_SAMPLE)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(sample: bytes, path: Path) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise SourceUnreadable(
            f"{path}: not UTF-8; say its encoding in the mapping, or install "
            "starface2mqtt[importers] to have it found out"
        ) from error
    best = from_bytes(sample, cp_isolation=["cp1252", "cp850", "mac_roman"]).best()
    return best.encoding if best else "cp1252"


def _rows(
    file: TextIO, mapping: Mapping, path: Path, report: Report
) -> Iterator[tuple[int, dict[str, str]]]:
    delimiter, first, skipped = _first_line(file)
    delimiter = delimiter or mapping.file.delimiter or delimiter_of(first, mapping.columns())
    reader = csv.reader(_chained(first, file), delimiter=delimiter)
    try:
        names = next(reader, [])
        if not mapping.file.header:
            names = [f"#{place}" for place in range(1, len(names) + 1)]
            reader, skipped = csv.reader(_chained(first, file), delimiter=delimiter), skipped
        names = _checked([name.strip() for name in names], mapping, path)
        before = reader.line_num
        for fields in reader:
            line, before = before + 1 + skipped, reader.line_num
            if before + skipped - line > _LONGEST_ROW:
                raise SourceUnreadable(f"{path}: line {line}: a quotation mark is never closed")
            if not any(field.strip() for field in fields):
                continue
            if any(field.strip() for field in fields[len(names) :]):
                report.rows += 1
                reason = f"{len(fields)} columns where the first line has {len(names)}"
                report.refuse_row(f"line {line}", reason)
                continue
            yield line, dict(zip(names, fields, strict=False))
    except csv.Error as error:
        line = reader.line_num + skipped
        raise SourceUnreadable(f"{path}: line {line}: {error}") from error


def _first_line(file: TextIO) -> tuple[str, str, int]:
    """Give the delimiter if Excel tells it, the first line, and how many lines stand before it."""
    first = file.readline()
    if first.lower().startswith("sep="):
        return first[4:5], file.readline(), 1
    return "", first, 0


def unknown_columns(path: Path, names: list[str]) -> str:
    """Say that nothing can be done with these columns."""
    return (
        f"{path}: its columns ({', '.join(names)}) do not say which are a name and a telephone"
        f" number; say which means what in a mapping file: --mapping FILE (docs/directory.md)"
    )


def _chained(first: str, file: TextIO) -> Iterator[str]:
    yield first
    yield from file


def _checked(names: list[str], mapping: Mapping, path: Path) -> list[str]:
    """Refuse a file without the columns we look for, or with one of them twice."""
    wanted = mapping.columns()
    for name in sorted(wanted):
        if names.count(name) > 1:
            raise SourceUnreadable(
                f"{path}: the column {name!r} is there {names.count(name)} times"
            )
    missing = sorted(wanted - set(names))
    if mapping.optional and missing == sorted(wanted):
        raise SourceUnreadable(unknown_columns(path, names))
    if missing and not mapping.optional:
        raise SourceUnreadable(f"{path}: no column {', '.join(missing)}; it has {', '.join(names)}")
    return names
