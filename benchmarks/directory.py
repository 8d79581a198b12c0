"""Measures the directory with many numbers: time and memory of imports, time of look-ups.

    python benchmarks/directory.py [NUMBERS] [LOOKUPS]

One contact in three has two numbers, one in ten works for a company with a switchboard.
"""

import csv
import random
import resource
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bus.numbers import NumberProfile
from consumers.changes import Changes
from consumers.directory import Directory
from consumers.importers.csv_file import csv_records
from consumers.importers.report import Report
from consumers.importers.sample import default_mapping

SWISS = NumberProfile(country="CH", area_code="44")
AREAS = (21, 22, 31, 32, 33, 34, 41, 43, 44, 51, 52, 55, 56, 61, 62, 71, 81, 91)
_BY_KEY = "SELECT name FROM contacts WHERE id = ?"


def main() -> None:
    """Write a file, import it twice, change a part of it, then look up."""
    numbers = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    lookups = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "contacts.csv")
        _write(path, numbers, salt="")
        with Directory(Path(folder, "directory.db")) as directory:
            _import(directory, path, "first import")
            _import(directory, path, "the same again")
            _write(path, numbers, salt=" changed")
            _import(directory, path, "one in a hundred changed")
            size = sum(file.stat().st_size for file in Path(folder).glob("directory.db*"))
            print(f"file: {size / 1e6:.0f} MB")
            with closing(sqlite3.connect(Path(folder, "directory.db"))) as plain:
                _look_up(directory, plain, numbers, lookups)


def number_of(place: int) -> str:
    """Give the n-th telephone number of Switzerland's fixed lines."""
    area = AREAS[place % len(AREAS)]
    return f"+41{area}{2_000_000 + place * 7 % 7_900_000:07d}"


def _write(path: Path, numbers: int, salt: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["key", "kind", "name", "company", "switchboard", "work", "mobile"])
        place = contact = 0
        while place < numbers:
            contact += 1
            changed = salt if contact % 100 == 0 else ""
            if contact % 10 == 0:
                name, kind, fields = (
                    f"Company {contact}{changed}",
                    "company",
                    [_form(place), "", ""],
                )
            else:
                second = _form(place + 1) if contact % 3 == 0 and place + 1 < numbers else ""
                name, kind, fields = (
                    f"Person {contact}{changed}",
                    "person",
                    ["", _form(place), second],
                )
            place += 2 if fields[2] else 1
            company = f"Company {contact - contact % 10}" if kind == "person" else ""
            writer.writerow([contact, kind, name, company, *fields])


def _form(place: int) -> str:
    number = number_of(place)
    return f"0{number[3:5]} {number[5:8]} {number[8:10]} {number[10:]}"


def _import(directory: Directory, path: Path, what: str) -> None:
    mapping, report = default_mapping(), Report()
    began = time.monotonic()
    records = csv_records(path, mapping, SWISS, report)
    applied = directory.apply(Changes("benchmark", records, 10, mapping.kinds))
    took = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what}: {took:.1f} s, {report.rows} rows, {report.refused_numbers} numbers refused, "
        f"{applied.contacts}, peak memory {peak:.0f} MB"
    )


def _look_up(directory: Directory, plain: sqlite3.Connection, numbers: int, lookups: int) -> None:
    """Look up, and after each one read a row by its key, which tells how much is the machine's."""
    chance = random.Random(1)
    known = [number_of(chance.randrange(numbers)) for _ in range(lookups)]
    asked = {
        "known": known,
        "unknown": [f"+4179{chance.randrange(10**7):07d}" for _ in range(lookups)],
        "extension of a switchboard": [
            number[:-1] + chance.choice("123456789") for number in known
        ],
    }
    for what, several in asked.items():
        times, busy, floor, found = [], [], [], 0
        for number in several:
            began, began_busy = time.perf_counter(), time.thread_time()
            match = directory.find(number, user="anna")
            times.append(time.perf_counter() - began)
            busy.append(time.thread_time() - began_busy)
            found += match.quality != "none"
            began = time.perf_counter()
            plain.execute(_BY_KEY, [chance.randrange(numbers // 2)]).fetchone()
            floor.append(time.perf_counter() - began)
        print(
            f"look-up, {what}: {_percentiles(times)} by the clock, "
            f"{_percentiles(busy)} of the processor, {found} of {lookups} found; "
            f"a row by its key: {_percentiles(floor)}"
        )


def _percentiles(times: list[float]) -> str:
    ordered = sorted(times)
    p50, p99, p999 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99, 0.999))
    return f"p50 {p50:.3f} ms, p99 {p99:.3f} ms, p99.9 {p999:.3f} ms"


if __name__ == "__main__":
    main()
