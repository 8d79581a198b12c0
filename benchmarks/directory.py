"""Measures the directory with many numbers: imports, how long others wait for them, look-ups.

    python benchmarks/directory.py [NUMBERS] [LOOKUPS]

One contact in three has two numbers, one in ten is a company with a switchboard. Meanwhile another
process writes a row into the same file every 50 ms. Each line is printed as soon as it is known.
"""

import argparse
import csv
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from consumers.importers.report import Report
from consumers.importers.sample import default_mapping
from consumers.importers.sources.csv_file import csv_records

SWISS = NumberProfile(country="CH", area_code="44")
AREAS = (21, 22, 31, 32, 33, 34, 41, 43, 44, 51, 52, 55, 56, 61, 62, 71, 81, 91)
_BY_KEY = "SELECT name FROM contacts WHERE row = ?"
_WRITER = """
import select, sqlite3, sys, time
file = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
file.execute("CREATE TABLE IF NOT EXISTS written (at TEXT)")
waits = []
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    began = time.monotonic()
    file.execute("INSERT INTO written VALUES ('now')")
    waits.append(time.monotonic() - began)
waits.sort()
p50, p99 = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
print(f"{len(waits)} writes, p50 {p50:.1f} ms, p99 {p99:.0f} ms, worst {waits[-1] * 1000:.0f} ms")
"""


def main() -> None:
    """Write a file, import it twice, change a part of it, then look up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", type=int, nargs="?", default=1_000_000)
    parser.add_argument("lookups", type=int, nargs="?", default=20_000)
    arguments = parser.parse_args()
    numbers, lookups = arguments.numbers, arguments.lookups
    _report(f"{numbers} numbers, {lookups} look-ups of each kind, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        path, file = Path(folder, "contacts.csv"), Path(folder, "directory.db")
        _write(path, numbers, salt="")
        with Directory(file) as directory:
            _import(directory, path, file, "first import")
            _import(directory, path, file, "the same again")
            _write(path, numbers, salt=" changed")
            _import(directory, path, file, "one contact in a hundred changed")
            size = sum(part.stat().st_size for part in Path(folder).glob("directory.db*"))
            _report(f"file: {size / 1e6:.0f} MB")
            with closing(sqlite3.connect(file)) as plain:
                _look_up(directory, plain, numbers, lookups)
        with tempfile.TemporaryDirectory(dir=folder) as files:
            _compare_files(Path(files), numbers // 10, lookups // 10)
        _report(f"load at the end {os.getloadavg()[0]:.1f}")


def _compare_files(folder: Path, numbers: int, lookups: int) -> None:
    """Compare one file for all sources with a file for each, built aside and put in its place."""
    for sources in (1, 5):
        together = folder / f"together-{sources}.db"
        apart = [folder / f"apart-{sources}-{at}.db" for at in range(sources)]
        for at, file in enumerate(apart):
            records = [_record(place) for place in range(at, numbers, sources)]
            for path in (together, file):
                with Directory(path) as directory:
                    directory.apply(Changes(f"source-{at}", records, 10))
        with ExitStack() as opened:
            one = [opened.enter_context(Directory(together))]
            several = [opened.enter_context(Directory(file)) for file in apart]
            for what, directories in (("one file", one), ("a file for each", several)):
                _report(f"{sources} sources, {what}: {_ask_all(directories, numbers, lookups)}")
            began = time.monotonic()
            one[0].apply(Changes("source-0", [_record(0, "changed")], 10))
            pushed = time.monotonic() - began
            began = time.monotonic()
            aside = folder / "aside.db"
            with closing(sqlite3.connect(apart[0])) as old, closing(sqlite3.connect(aside)) as new:
                old.backup(new)
            aside.replace(folder / "placed.db")
            copied = time.monotonic() - began
            _report(
                f"  one contact pushed: {pushed:.3f} s; copying its source alone: {copied:.3f} s"
            )


def _record(place: int, name: str = "Person") -> ContactRecord:
    e164 = number_of(place)
    numbers = (ContactNumber(raw=e164, e164=e164),)
    return ContactRecord(key=str(place), name=f"{name} {place}", numbers=numbers)


def _ask_all(directories: list[Directory], numbers: int, lookups: int) -> str:
    chance, busy = random.Random(1), []
    for _ in range(lookups):
        number = number_of(chance.randrange(numbers))
        began = time.thread_time()
        for directory in directories:
            directory.find(number, user="anna")
        busy.append(time.thread_time() - began)
    return f"look-up {_percentiles(busy)} of the processor"


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
                kind, name = "company", f"Company {contact}{changed}"
                fields = [_form(place), "", ""]
            else:
                kind, name = "person", f"Person {contact}{changed}"
                second = _form(place + 1) if contact % 3 == 0 and place + 1 < numbers else ""
                fields = ["", _form(place), second]
            place += 2 if fields[2] else 1
            company = f"Company {contact - contact % 10}" if kind == "person" else ""
            writer.writerow([contact, kind, name, company, *fields])


def _form(place: int) -> str:
    number = number_of(place)
    return f"0{number[3:5]} {number[5:8]} {number[8:10]} {number[10:]}"


def _import(directory: Directory, path: Path, file: Path, what: str) -> None:
    mapping = default_mapping()
    with _writing_beside(file), directory.known("benchmark") as known:
        report = Report(known=known)
        began, began_busy = time.monotonic(), time.process_time()
        records = known.while_read(csv_records(path, mapping, SWISS, report))
        applied = directory.apply(Changes("benchmark", records, 10, mapping.kinds)).contacts
        took, busy = time.monotonic() - began, time.process_time() - began_busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _report(
        f"{what}: {took:.1f} s ({busy:.1f} s of the processor), {report.rows} rows, "
        f"{report.refused_numbers} numbers refused, {applied.added} added, "
        f"{applied.changed} changed, {applied.kept} kept, peak memory {peak:.0f} MB"
    )


@contextmanager
def _writing_beside(file: Path) -> Iterator[None]:
    """Let another process write all the time, and report in the end how long it waited."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        try:
            if writer.stdout:
                writer.stdout.readline()
            yield
        finally:
            reported, _ = writer.communicate("end\n")
            _report(f"  another writer meanwhile: {reported.strip()}")


def _look_up(directory: Directory, plain: sqlite3.Connection, numbers: int, lookups: int) -> None:
    """Look up, and after each one read a row by its key, which shows how much is the machine's."""
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
        _report(
            f"look-up, {what}: {_percentiles(times)} by the clock, "
            f"{_percentiles(busy)} of the processor, {found} of {lookups} found; "
            f"a row by its key: {_percentiles(floor)}"
        )


def _percentiles(times: list[float]) -> str:
    ordered = sorted(times)
    p50, p99, p999 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99, 0.999))
    return f"p50 {p50:.3f} ms, p99 {p99:.3f} ms, p99.9 {p999:.3f} ms"


def _report(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
