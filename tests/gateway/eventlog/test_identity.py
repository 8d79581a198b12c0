"""A log that was put back never gives a number twice under one identity."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bus.events import CallEvent
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import NAME, identity, open_log
from gateway.eventlog.identity import MARK, renew_if_put_back
from gateway.eventlog.reader import EventReader
from gateway.eventlog.writer import EventLog
from runtime.lock import locked
from tests.gateway.eventlog.test_writer import _reported

Numbered = list[tuple[str, int]]


class Gateway:
    """Runs on a folder for a while, as often as it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = folder / "events.lock"
        self.given: Numbered = []

    def run(self, calls: int, *, publish: bool = True) -> bool:
        """Take some calls; return whether the log got a new identity before."""
        renewed = renew_if_put_back(self.folder, self.lock)
        events = EventLog(self.folder, "gateway", Counters(), lambda: None, greatest=1 << 30)
        for _ in range(calls):
            events.append(_reported(f"c-{len(self.given)}", "ringing"))
            self.given.append(("", 0))
        with closing(EventReader(self.folder)) as reader:
            rows = reader.after(0, 1000)
            reported = [CallEvent.model_validate_json(row.payload or b"") for row in rows]
            self.given[len(self.given) - calls :] = [
                (event.source or "", event.seq or 0) for event in reported[len(reported) - calls :]
            ]
            if publish:
                reader.settle(rows[-1].place, [])
            reader.mark.write(at_once=True)
        events.close()
        return renewed


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return Gateway(folder)


def whole_folder(gateway: Gateway, backup: Path) -> None:
    mark = json.loads((backup / MARK).read_text())  # from a minute ago, as no test waits so long
    (backup / MARK).write_text(json.dumps(mark | {"at": mark["at"] - 60}))
    shutil.rmtree(gateway.folder)
    shutil.copytree(backup, gateway.folder)
    for path in (gateway.folder, *gateway.folder.iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)


def log_alone(gateway: Gateway, backup: Path) -> None:
    for name in (NAME, f"{NAME}-wal", f"{NAME}-shm"):
        (gateway.folder / name).unlink(missing_ok=True)
    shutil.copy2(backup / NAME, gateway.folder / NAME)


def log_in_place(gateway: Gateway, backup: Path) -> None:
    for name in (f"{NAME}-wal", f"{NAME}-shm"):
        (gateway.folder / name).unlink(missing_ok=True)
    (gateway.folder / NAME).write_bytes((backup / NAME).read_bytes())


def log_without_mark(gateway: Gateway, backup: Path) -> None:
    log_in_place(gateway, backup)
    (gateway.folder / MARK).unlink()


@pytest.mark.parametrize("put_back", [whole_folder, log_alone, log_in_place, log_without_mark])
def test_a_log_that_was_put_back_gives_no_number_twice(
    gateway: Gateway, tmp_path: Path, put_back: Callable[[Gateway, Path], None]
) -> None:
    gateway.run(5)
    shutil.copytree(gateway.folder, tmp_path / "backup")
    gateway.run(4)
    put_back(gateway, tmp_path / "backup")

    assert gateway.run(3)
    assert not gateway.run(2)

    assert len(set(gateway.given)) == len(gateway.given) == 14
    assert len({source for source, _ in gateway.given}) == 2
    assert [seq for _, seq in gateway.given[9:]] == [1, 2, 3, 4, 5]


def test_a_mark_that_was_put_back_later_with_its_log_is_noticed(
    gateway: Gateway, tmp_path: Path
) -> None:
    gateway.run(5)
    mark = json.loads((gateway.folder / MARK).read_text())
    (gateway.folder / MARK).write_text(json.dumps(mark | {"at": mark["at"] - 60}))

    assert gateway.run(1)


@pytest.mark.parametrize("unreadable", [b"", b"{", b"[]", b'{"identity": 1}'])
def test_a_mark_that_cannot_be_read_is_none(gateway: Gateway, unreadable: bytes) -> None:
    gateway.run(2)
    (gateway.folder / MARK).write_bytes(unreadable)

    assert gateway.run(1)


def test_a_log_that_continues_keeps_its_identity(gateway: Gateway) -> None:
    assert not any(gateway.run(2) for _ in range(4))
    assert [seq for _, seq in gateway.given] == list(range(1, 9))
    assert len({source for source, _ in gateway.given}) == 1


def test_a_log_of_an_earlier_release_keeps_its_identity(gateway: Gateway) -> None:
    with closing(open_log(gateway.folder, durable=True)) as db:
        before = identity(db)

    assert not gateway.run(1)
    assert gateway.given[0][0].endswith(before)


def test_a_log_from_which_somebody_publishes_is_left_alone(gateway: Gateway) -> None:
    gateway.run(2)
    (gateway.folder / MARK).unlink()
    with locked(gateway.lock, 0):
        assert not renew_if_put_back(gateway.folder, gateway.lock)


def test_what_was_still_to_be_sent_goes_out_as_it_was(gateway: Gateway) -> None:
    gateway.run(3)
    gateway.run(2, publish=False)
    (gateway.folder / MARK).unlink()
    gateway.run(2, publish=False)

    with closing(EventReader(gateway.folder)) as reader:
        rows = reader.after(0, 100)
        reported = [CallEvent.model_validate_json(row.payload or b"") for row in rows]
        assert [(event.source, event.seq) for event in reported] == gateway.given[3:]
        assert [event.seq for event in reported] == [4, 5, 1, 2]
        reader.settle(rows[-1].place, [])
        [head] = reader.sequence_ranges()
        assert (head.seq, head.oldest) == (2, 1)
        assert [row.seq for row in reader.repeatable(head.user, 0, head.seq, 10)] == [1, 2]
