import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.outage import StorageOutage, outlasting, repeat_until_stored, require_room
from runtime.sqlite import StorageUnavailable, is_unavailable
from tests.conftest import ROOT


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def test_an_outage_is_said_once_and_tried_again_later_and_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = StorageOutage("dial", clock)
    pauses = []
    for _ in range(8):
        assert outage.failed(full())
        pauses.append(outage.pause)
        clock.now += outage.pause
    outage.over()

    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < 1 < pauses[-1] == pauses[-2] <= 10
    assert outage.pause == 0
    assert [record.getMessage().split(" storage")[0] for record in caplog.records] == [
        "dial waits for", "dial has",
    ]  # fmt: skip


def test_a_fault_that_is_not_the_disk_s_is_nothing_to_wait_for() -> None:
    assert not StorageOutage("dial").failed(ValueError("no"))
    assert StorageOutage("dial").pause == 0


def test_what_was_raised_because_of_the_disk_is_the_disk_s_fault() -> None:
    error = RuntimeError("not written")
    error.__cause__ = full()

    assert is_unavailable(error)


def test_a_process_begins_again_once_the_disk_takes_it() -> None:
    runs: list[int] = []

    @outlasting("dial")
    def run(wanted: int) -> None:
        runs.append(wanted)
        if len(runs) < wanted:
            raise full()

    run(3)

    assert runs == [3, 3, 3]


def test_a_process_that_fails_otherwise_ends() -> None:
    @outlasting("dial")
    def run() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run()


def test_a_process_that_waits_for_the_disk_can_be_stopped() -> None:
    program = (
        "import sqlite3, os, signal\n"
        "from runtime.outage import outlasting\n"
        "@outlasting('dial')\n"
        "def run():\n"
        "    print('run', flush=True)\n"
        "    error = sqlite3.OperationalError('full')\n"
        "    error.sqlite_errorcode = sqlite3.SQLITE_FULL\n"
        "    raise error\n"
        "run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(2):  # from the second on it has waited
        process.stdout.readline()
    process.terminate()

    assert process.wait(10) == 0


def test_work_that_can_wait_leaves_room_to_others(tmp_path: Path) -> None:
    require_room(tmp_path, 0)
    with pytest.raises(StorageUnavailable, match="make room"):
        require_room(tmp_path, 1 << 60)


def test_work_is_repeated_until_the_disk_takes_it(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise full()
        return "done"

    assert repeat_until_stored("dial", work) == "done"
    assert len(tries) == 3
    assert len(caplog.records) == 2


def test_work_the_disk_does_not_take_in_time_fails() -> None:
    def work() -> None:
        raise full()

    with pytest.raises(sqlite3.OperationalError):
        repeat_until_stored("dial", work, within=0.3)


def test_work_that_fails_by_itself_is_not_repeated() -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        repeat_until_stored("dial", work)
    assert len(tries) == 1
