"""The rows of a CSV file, each by itself: a quotation mark astray spoils its own row alone.

Python's csv reads on until a quotation mark is closed, so one that never is takes the rest of the
file with it. Here a row of many lines counts only if it reads well; otherwise its first line is a
row of its own, in which the mark is a sign like others, and the next line begins the next row.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_MOST_LINES = 5_000  # of one row
_LONGEST = 1 << 22  # characters of one row
ASTRAY = "a quotation mark is never closed, read as a sign like others"

csv.field_size_limit(_LONGEST)


class CsvRow(NamedTuple):
    """The fields of a row, its first line, and what is wrong with it."""

    line: int
    fields: Sequence[str]
    fault: str = ""


def csv_rows(lines: Iterable[str], delimiter: str) -> Iterator[CsvRow]:
    """Return the rows of some lines, whose first is number 1."""
    ahead = _Ahead(lines)
    number, columns = 1, 0
    while line := ahead.line(0):
        used, fault = 1, ""
        fields: list[str] | None
        if '"' not in line and len(line) < _LONGEST:  # as most are, and the reader makes the same
            fields = line.rstrip("\r\n").split(delimiter) if line.strip("\r\n") else []
        else:
            fields = _fields(line, delimiter, strict=True)
        if fields is None:
            used = _lines_of_row(ahead, delimiter, columns)
            text = "".join(ahead.line(place) for place in range(used))
            fields = _fields(text, delimiter, strict=True) if used > 1 else None
        if fields is None:
            fields, used = _fields(line, delimiter, strict=False) or [], 1
            if line.count('"') % 2:
                plain = csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE)
                fields, fault = [field.strip('"\r\n') for field in next(plain, [])], ASTRAY
        yield CsvRow(number, fields, fault)
        columns = columns or len(fields)
        number += used
        ahead.drop(used)


class _Ahead:
    """Lines that can be looked at before they are read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = iter(lines)
        self._lines: deque[str] = deque()

    def line(self, place: int) -> str:
        """Return a line, counted from the next one; nothing behind the end."""
        while len(self._lines) <= place:
            if (line := next(self._source, None)) is None:
                return ""
            self._lines.append(line)
        return self._lines[place]

    def drop(self, count: int) -> None:
        """Leave lines behind."""
        for _ in range(count):
            self._lines.popleft()


def _lines_of_row(ahead: _Ahead, delimiter: str, columns: int) -> int:
    """Return how many lines a row has whose first one ends within quotation marks; 1 if astray."""
    within, size, rows = False, 0, 0
    for place in range(_MOST_LINES):
        line = ahead.line(place)
        size += len(line)
        state = _is_within(line, delimiter, within=within) if line and size < _LONGEST else None
        if state is None:
            return 1
        if not state:
            return place + 1 if place and not rows else 1
        within = True
        # a line of the columns' number is a row of its own, joined to the others by a stray mark
        rows += columns > 2 and place > 0 and line.count(delimiter) == columns - 1
    return 1


def _is_within(line: str, delimiter: str, *, within: bool) -> bool | None:
    """Return whether a line ends within quotation marks; None where a closed field continues."""
    place = 0
    while True:
        if not within:
            if line[place : place + 1] != '"':
                place = line.find(delimiter, place) + 1
                if not place:
                    return False
                continue
            place += 1
        place = line.find('"', place) + 1
        if not place:
            return True
        within = line[place : place + 1] == '"'
        if within:
            place += 1
        elif not line[place:].strip("\r\n"):
            return False
        elif line[place] != delimiter:
            return None
        else:
            place += 1


def _fields(text: str, delimiter: str, *, strict: bool) -> list[str] | None:
    """Return the fields of a whole row; None if it is none."""
    lines = [text.rstrip("\r\n")] if '"' not in text else _kept_lines(text)
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=strict), [])
    except csv.Error:
        return None


def _kept_lines(text: str) -> list[str]:
    """Return the lines with their ends, for the mere line ends within quotation marks stay."""
    return [f"{line}\n" for line in text.rstrip("\r\n").replace("\r\n", "\n").split("\n")]
