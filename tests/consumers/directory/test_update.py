import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from consumers.directory.changes import (
    KINDS,
    Change,
    Changes,
    ContactRecord,
    ImportResult,
    Unchanged,
    UseRecord,
)
from consumers.directory.directory import Directory, DirectoryUnavailable
from consumers.directory.known import CurrentContacts
from consumers.directory.records import Contact, ContactNumber, DossierRecord, MatterRecord
from consumers.directory.throttle import WriteThrottle
from consumers.directory.update import SourceImport, source_lock
from runtime.lock import LockTaken

ALL = frozenset(KINDS)
MANY = 150  # records of each kind, together more than are written at once
USER = "0011"


def is_read(known: CurrentContacts, key: str, read_from: bytes) -> bool:
    return known.marks([key]).get(key) == read_from


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "directory.db"
    with Directory(path):
        pass
    return path


def number(place: int) -> str:
    return f"+4144{2_000_000 + place}"


def contact(place: int, name: str) -> ContactRecord:
    e164 = number(place)
    numbers = (ContactNumber(raw=e164, e164=e164),)
    return ContactRecord(key=str(place), name=name, numbers=numbers)


def office(name: str, first: int = 0) -> list[Change]:
    """Give contacts of one name, each with a dossier and a matter that was used."""
    day = date(2026, 11, 1 if name == "old" else 2)
    return [
        one
        for place in range(first, first + MANY)
        for one in (
            contact(place, name),
            DossierRecord(key=f"d{place}", contact_key=str(place), title=name),
            MatterRecord(key=f"m{place}", dossier_key=f"d{place}", title=name),
            UseRecord(record="matter", key=f"m{place}", user=USER, on=day),
        )
    ]


def bring(
    path: Path,
    records: list[Change],
    pause: Callable[[float], None] = lambda _: None,
    source: str = "crm",
) -> int:
    """Import records with many pauses, and return how many there were."""
    paused: list[float] = []

    def pausing(seconds: float) -> None:
        paused.append(seconds)
        pause(seconds)

    changes = Changes(source, records, 10, ALL)
    one = SourceImport(path, changes, partial(WriteThrottle, pause=pausing, first_piece=40))
    try:
        one.run(dry_run=False, force=True)
    finally:
        one.close()
    return len(paused)


def owners(directory: Directory, contact_id: int) -> list[Contact]:
    matches = [directory.find(n.e164, user=USER) for n in directory.numbers(contact_id)]
    return [match.contact for match in matches if match.contact]


def reported(path: Path) -> list[object]:
    """Return all that the directory shows."""
    with Directory(path) as directory:
        return [
            (
                one.key,
                one.name,
                [one.key for one in owners(directory, one.id)],
                [(d.title, [m.title for m in d.matters]) for d in directory.dossiers(one.id)],
                [use.on for use in directory.uses(USER, one.id)],
            )
            for one in directory.contacts("crm")
        ]


def rows(path: Path) -> dict[str, int]:
    """Count what lies in the file, whether it is shown or not."""
    names = ("contacts", "contact_numbers", "dossiers", "matters", "matter_uses", "sources")
    with sqlite3.connect(path) as other:
        counted = {
            name: other.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for name in names
        }
    other.close()
    return counted


def copied(path: Path, file: Path) -> None:
    one, other = sqlite3.connect(path), sqlite3.connect(file)
    one.backup(other)
    one.close()
    other.close()
    file.chmod(0o600)


def killed_at(path: Path, nth: int, records: list[Change]) -> None:
    """Bring records in a process that is killed in its n-th pause."""
    child = os.fork()
    if child == 0:
        left = iter(range(nth - 1))

        def pause(_: float) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            bring(path, records, pause)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended before it was killed"


class Stopped(WriteThrottle):
    """A pace at which somebody presses Ctrl-C, once, while the fourth piece is written."""

    pieces = 0

    def each(self, total: int, do: Callable[[int, int], None]) -> None:
        def stopped(low: int, high: int) -> None:
            do(low, high)
            self.pieces += 1
            if self.pieces == 4:
                raise KeyboardInterrupt

        super().each(total, stopped)


# all or nothing


def test_a_killed_import_leaves_the_old_or_brings_the_new_and_never_a_mixture(path: Path) -> None:
    bring(path, office("old"))
    old = reported(path)
    files = [path.with_name(f"{place}.db") for place in range(40)]
    for file in files:
        copied(path, file)
    pauses = bring(files[0], office("new", first=10))
    new, tidy = reported(files[0]), rows(files[0])
    assert (tidy["contacts"], tidy["matters"], tidy["matter_uses"]) == (MANY, MANY, MANY)
    seen = []

    for nth, file in zip(range(1, pauses + 1), files[1:], strict=False):
        killed_at(file, nth, office("new", first=10))
        seen.append(reported(file))
        bring(file, office("new", first=10))
        assert (reported(file), rows(file)) == (new, tidy), nth

    assert 7 < len(seen) == pauses
    assert (seen[0], seen[-1]) == (old, new)
    assert all(one in (old, new) for one in seen)
    assert seen == sorted(seen, key=lambda one: one == new)


def test_a_killed_first_import_leaves_no_trace_of_its_source(path: Path) -> None:
    killed_at(path, 3, office("old"))
    with Directory(path) as directory:
        assert directory.sources() == []
        assert directory.find(number(0), user=USER).quality == "none"

    bring(path, [contact(0, "Anna")], source="other")

    assert rows(path)["contacts"] == 1
    assert rows(path)["sources"] == 1


def test_an_import_that_is_stopped_clears_up_at_once(path: Path) -> None:
    bring(path, office("old"))
    before, tidy = reported(path), rows(path)
    stop = iter([None, KeyboardInterrupt])

    def pause(_: float) -> None:
        if error := next(stop, None):
            raise error

    with pytest.raises(KeyboardInterrupt):
        bring(path, office("new"), pause)

    assert (reported(path), rows(path)) == (before, tidy)


def test_an_import_that_is_stopped_in_the_middle_of_a_piece_clears_up_too(path: Path) -> None:
    bring(path, office("old"))
    before, tidy = reported(path), rows(path)
    changes = Changes("crm", office("new"), 10, ALL)
    one = SourceImport(path, changes, partial(Stopped, pause=lambda _: None, first_piece=40))

    with pytest.raises(KeyboardInterrupt):
        one.run(dry_run=False, force=True)
    one.close()

    assert (reported(path), rows(path)) == (before, tidy)


def test_nothing_of_an_import_is_seen_before_all_of_it(path: Path) -> None:
    bring(path, office("old"))
    seen: set[tuple[str | None, ...]] = set()
    with Directory(path) as directory:

        def look(_: float) -> None:
            matches = [directory.find(number(place), user=USER) for place in (0, MANY - 1)]
            seen.add(tuple(one.contact.name for one in matches if one.contact))

        bring(path, office("new"), look)

    assert seen == {("old", "old"), ("new", "new")}


def test_a_removed_source_is_gone_at_once_and_wholly(path: Path) -> None:
    bring(path, office("old"))

    with Directory(path) as directory:
        assert directory.remove_source("crm") is True
        assert directory.sources() == []
    assert set(rows(path).values()) == {0}


def test_a_contact_keeps_its_id_through_all_editions(path: Path) -> None:
    ids = set()
    for name in ("old", "new", "old"):
        bring(path, office(name))
        with Directory(path) as directory:
            found = directory.contact_of("crm", "7")
            assert found is not None
            ids.add((found.id, found.name))

    assert len({one for one, _ in ids}) == 1
    assert {name for _, name in ids} == {"old", "new"}


def test_the_id_of_a_removed_contact_is_never_given_again(path: Path) -> None:
    def its_id() -> int:
        bring(path, [contact(0, "Anna")])
        with Directory(path) as directory:
            found = directory.contact_of("crm", "0")
            assert found is not None
            return found.id

    first = its_id()
    bring(path, [])

    assert its_id() > first


# others


def test_others_write_in_each_pause(path: Path) -> None:
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    other.execute("CREATE TABLE others (at TEXT)")
    written: list[int] = []

    def write(_: float) -> None:
        written.append(other.execute("INSERT INTO others VALUES ('now')").rowcount)

    bring(path, office("old"), write)
    other.close()

    assert len(written) > 5


def test_two_sources_are_imported_at_once(path: Path) -> None:
    failed: list[BaseException] = []

    def one(source: str) -> None:
        try:
            bring(path, office("old"), source=source)
        except DirectoryUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=[source]) for source in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Directory(path) as directory:
        assert [(source.contacts, source.matters) for source in directory.sources()] == [
            (MANY, MANY),
            (MANY, MANY),
        ]
    assert failed == []


def test_one_source_is_changed_by_one_at_a_time(path: Path) -> None:
    with source_lock(path, 1, 0):
        with pytest.raises(LockTaken), source_lock(path, 1, 0.05):
            pass
        with source_lock(path, 2, 0):
            pass
    with source_lock(path, 1, 0):
        pass


def test_a_push_into_a_source_that_is_being_written_says_so(path: Path) -> None:
    bring(path, [contact(0, "Anna")])

    def push(_: float) -> None:
        with pytest.raises(LockTaken), source_lock(path, 1, 0):
            pass

    bring(path, office("old"), push)


# what is known already


@pytest.fixture
def directory(path: Path) -> Iterator[Directory]:
    with Directory(path) as directory:
        yield directory


def put(directory: Directory, *records: Change) -> tuple[int, int, int, int]:
    return counts(directory.apply(Changes("crm", records, 10, frozenset({"contact"})), force=True))


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    contacts = result.contacts
    return contacts.added, contacts.changed, contacts.removed, contacts.kept


def anna(*numbers: str, name: str = "Anna", read_from: bytes = b"") -> ContactRecord:
    held = tuple(ContactNumber(raw=one, e164=one) for one in numbers)
    return ContactRecord(key="anna", name=name, numbers=held, read_from=read_from)


def read(name: str, number: int, mark: bytes) -> ContactRecord:
    return ContactRecord(key=str(number), name=name, read_from=mark)


def held(directory: Directory) -> list[str]:
    found = directory.contact_of("crm", "anna")
    return [one.e164 for one in directory.numbers(found.id)] if found else []


def test_a_contact_reported_as_unchanged_stays(directory: Directory) -> None:
    put(directory, anna("+41441234567", read_from=b"1"), contact(1, "Beat"))

    assert put(directory, Unchanged(key="anna")) == (0, 0, 1, 1)
    assert held(directory) == ["+41441234567"]


def test_what_a_contact_was_read_from_is_known(directory: Directory) -> None:
    put(directory, anna(read_from=b"1"))

    with directory.known("crm") as known:
        assert is_read(known, "anna", b"1") is True
        assert is_read(known, "anna", b"2") is False
        assert is_read(known, "beat", b"1") is False
        assert known.marks(["anna", "beat"]) == {"anna": b"1"}


def test_the_same_contact_read_from_something_else_is_no_change(directory: Directory) -> None:
    put(directory, anna(read_from=b"1"))

    assert put(directory, anna(read_from=b"2")) == (0, 0, 0, 1)
    with directory.known("crm") as known:
        assert is_read(known, "anna", b"2") is True


@pytest.mark.parametrize("turned", [False, True])
def test_a_further_row_of_an_unchanged_contact_adds_its_numbers(
    directory: Directory, turned: bool
) -> None:
    put(directory, anna("+41441234567", read_from=b"1"))
    reported: list[Change] = [Unchanged(key="anna"), anna("+41441234568", read_from=b"2")]

    assert put(directory, *(reversed(reported) if turned else reported)) == (0, 1, 0, 0)
    assert sorted(held(directory)) == ["+41441234567", "+41441234568"]
    with directory.known("crm") as known:  # what it was read from is more than one row
        assert is_read(known, "anna", b"1") is False
        assert is_read(known, "anna", b"2") is False


def test_a_row_that_comes_twice_is_known_the_next_time(directory: Directory) -> None:
    put(directory, anna("+41441234567", read_from=b"1"), anna("+41441234567", read_from=b"1"))

    with directory.known("crm") as known:
        assert is_read(known, "anna", b"1") is True
    assert put(directory, Unchanged(key="anna"), Unchanged(key="anna")) == (0, 0, 0, 1)


def test_a_source_is_locked_before_its_first_record_is_read(
    directory: Directory, path: Path
) -> None:
    def reading() -> Iterator[Change]:
        with pytest.raises(LockTaken), source_lock(path, 1, 0):
            pass
        yield contact(1, "Beat")

    assert counts(directory.apply(Changes("crm", reading()))) == (1, 0, 0, 0)


def test_two_imports_of_one_source_at_once_come_one_after_the_other(
    directory: Directory, path: Path
) -> None:
    versions = {name: [f"{name}{n}".encode() for n in range(400)] for name in ("old", "new")}
    put(directory, *(read("old", n, mark) for n, mark in enumerate(versions["old"])))
    first_reads, second_waits = threading.Event(), threading.Event()

    def reading(name: str, known: CurrentContacts) -> Iterator[Change]:
        for number, mark in enumerate(versions[name]):
            if number == 200 and name == "new":
                first_reads.set()
                assert second_waits.wait(10)
            unchanged = is_read(known, str(number), mark)
            yield Unchanged(key=str(number)) if unchanged else read(name, number, mark)

    def second() -> None:
        with Directory(path) as own, own.known("crm") as known:
            assert first_reads.wait(10)
            second_waits.set()
            records = known.while_read(reading("old", known))
            own.apply(Changes("crm", records, 10, frozenset({"contact"})), force=True)

    with ThreadPoolExecutor(1) as others, directory.known("crm") as known:
        running = others.submit(second)
        records = known.while_read(reading("new", known))
        directory.apply(Changes("crm", records, 10, frozenset({"contact"})), force=True)
        running.result(30)

    assert {one.name for one in directory.contacts("crm")} == {"old"}


def test_a_source_may_be_asked_about_while_it_is_read_without_holding_up_the_file(
    directory: Directory, path: Path
) -> None:
    put(directory, anna(read_from=b"1"), contact(1, "Beat"))
    asked: list[bool] = []
    with directory.known("crm") as known:

        def reading() -> Iterator[Change]:
            for _ in range(1200):
                asked.append(is_read(known, "anna", b"1"))
                yield Unchanged(key="anna")
            directory.apply(Changes("other", [anna(read_from=b"2")]))
            yield Unchanged(key="anna")

        directory.apply(Changes("crm", known.while_read(reading())))
        connection = sqlite3.connect(path, timeout=0)
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.close()
        put(directory, anna(read_from=b"2"))
        asked.append(is_read(known, "anna", b"2"))

    assert busy == 0
    assert all(asked)
