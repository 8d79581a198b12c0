"""What an inbox does while the disk takes nothing: wait, in order, and lose nothing."""

import sqlite3
from collections.abc import Callable

import pytest

from bus.mqtt.inbox import Inbox, ReceivedMessage, Ticker


class Disk:
    """Writes down what it is given, unless it is full."""

    def __init__(self) -> None:
        self.full = False
        self.written: list[str] = []

    def write(self, text: str) -> None:
        if self.full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        self.written.append(text)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def acknowledged() -> list[str]:
    return []


@pytest.fixture
def dead() -> list[str]:
    return []


@pytest.fixture
def inbox(disk: Disk, dead: list[str]) -> Inbox:
    inbox = Inbox(lambda message, _: dead.append(message.payload.decode()))
    inbox.route("stored/+", lambda message: disk.write(message.payload.decode()))
    inbox.route("seen", lambda message: disk.written.append("seen"))
    return inbox


@pytest.fixture
def put(inbox: Inbox, acknowledged: list[str]) -> Callable[[str, str], None]:
    def put(topic: str, text: str) -> None:
        def acknowledge() -> bool:
            acknowledged.append(text)
            return True

        inbox.put(ReceivedMessage(topic, text.encode(), acknowledge=acknowledge))

    return put


def work_until(inbox: Inbox, condition: Callable[[], object]) -> None:
    for _ in range(300):
        if condition():
            return
        inbox.work(0.05)
    raise AssertionError("waited in vain")


def test_a_message_the_disk_does_not_take_waits_unacknowledged_and_keeps_its_place(
    inbox: Inbox, disk: Disk, put: Callable[[str, str], None], acknowledged: list[str],
    dead: list[str],
) -> None:  # fmt: skip
    disk.full = True
    put("stored/a", "1")
    inbox.work(0)
    disk.full = False
    put("stored/a", "2")
    put("stored/b", "3")
    for _ in range(2):
        inbox.work(0)
    assert acknowledged == disk.written == ["3"]

    work_until(inbox, lambda: len(disk.written) == 3)

    assert acknowledged == disk.written == ["3", "1", "2"]
    assert dead == []


def test_who_needs_no_disk_does_not_wait(
    inbox: Inbox, disk: Disk, put: Callable[[str, str], None], acknowledged: list[str]
) -> None:
    disk.full = True
    put("stored/a", "1")
    put("seen", "2")
    inbox.post(lambda: disk.written.append("posted"))
    for _ in range(3):
        inbox.work(0)

    assert disk.written == ["seen", "posted"]
    assert acknowledged == ["2"]


def test_a_result_the_disk_does_not_take_is_noted_later(inbox: Inbox, disk: Disk) -> None:
    disk.full = True
    inbox.post(lambda: disk.write("result"))
    inbox.work(0)
    disk.full = False

    work_until(inbox, lambda: disk.written == ["result"])


def test_a_handler_that_fails_otherwise_is_still_given_up(
    inbox: Inbox, put: Callable[[str, str], None], acknowledged: list[str], dead: list[str]
) -> None:
    def fail(_: ReceivedMessage) -> None:
        raise ValueError("a bug")

    inbox.route("broken", fail)
    put("broken", "1")
    inbox.work(0)

    assert acknowledged == dead == ["1"]


def test_what_is_due_is_tried_again_when_the_disk_takes_it(disk: Disk) -> None:
    def tick() -> float:
        disk.write("tick")
        return 60.0

    disk.full = True
    ticker = Ticker(tick)
    assert 0 < ticker.due() < 1
    disk.full = False

    while not disk.written:
        ticker.due()
    assert disk.written == ["tick"]
