from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from consumers.directory.changes import ContactRecord
from consumers.directory.digest import ContentsWatch, contents_digest
from consumers.directory.directory import Directory
from consumers.directory.schema import plainly_connected
from tests.consumers.directory.records import contact, put

ANNA = contact("1", "+41446681800", name="Anna Muster")
BERT = contact("2", name="Bert Beispiel")


def _import(path: Path, source: str, *records: ContactRecord) -> None:
    with Directory(path) as directory:
        put(directory, *records, source=source, force=True)


def _digest(path: Path) -> str:
    with closing(plainly_connected(path)) as connection:
        return contents_digest(connection)


def test_machines_that_import_the_same_have_the_same_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    _import(first, "crm", ANNA, BERT)
    _import(first, "dms", BERT)
    _import(second, "dms", ANNA, BERT)
    _import(second, "dms", BERT)
    _import(second, "crm", BERT, ANNA)

    assert _digest(first) == _digest(second)


def test_every_difference_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    seen = set()
    for records in (
        (ANNA,), (ANNA, BERT), (BERT,), (contact("1", "+41446681800", name="Anna Meier"),),
        (contact("1", name="Anna Meier"),),
    ):  # fmt: skip
        _import(path, "crm", *records)
        seen.add(_digest(path))
    with Directory(path) as directory:
        directory.set_source("crm", priority=7)
        seen.add(_digest(path))
        directory.set_source("crm", active=False)
        seen.add(_digest(path))

    assert len(seen) == 7


def test_the_contents_are_reported_at_first_and_after_an_import(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    _import(path, "crm", ANNA)
    reported: list[str] = []

    def at_once(work: Callable[[], None]) -> None:
        work()

    watch = ContentsWatch(path, at_once, reported.append)
    watch.tick(0.0)
    watch.tick(100.0)
    assert reported == [_digest(path)]

    _import(path, "crm", ANNA, BERT)
    watch.tick(110.0)  # too soon
    watch.tick(200.0)

    assert reported[1:] == [_digest(path)]
