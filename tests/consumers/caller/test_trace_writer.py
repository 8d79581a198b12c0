"""The story of a call as it is gathered, also while the disk takes nothing."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bus.events import CallData, now
from consumers.caller.calls import Call
from consumers.caller.executors import ActionResult
from consumers.caller.trace_store import TraceEntry, TraceStore, find, path_of
from consumers.caller.trace_writer import TraceWriter
from consumers.users import User
from tests.consumers.caller.desk import ADA

USER = User(login="0011")
CALL = Call("0011", "c-1", caller=ADA)


class Disk(TraceStore):
    """A store on a disk that may be full or fail."""

    fault: sqlite3.Error | None = None

    def add(self, entries: Iterable[TraceEntry]) -> None:
        if self.fault is not None:
            raise self.fault
        super().add(entries)


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.disk = Disk(path_of(folder, "caller"))
        self.writer = TraceWriter(self.disk, lambda: self.now)

    def received(self, state: Any = "ringing", **more: Any) -> None:
        data = {"user": "0011", "call_id": "c-1", "state": state, "direction": "in", "caller": ADA,
                "received_at": now(), **more}  # fmt: skip
        self.writer.received(USER, CALL, CallData.model_validate(data))

    def steps(self) -> list[tuple[str, str]]:
        found = find(self.folder)
        return [(step.step, step.code) for step in found[0].steps] if found else []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_was_received_comes_before_what_came_of_it_though_it_is_noted_after(
    desk: Desk,
) -> None:
    desk.writer.deferred(CALL, 2.0)
    desk.received()
    assert desk.steps() == []

    desk.writer.write()
    assert desk.steps() == [("received", "ringing"), ("normalised", "external"), ("rule", "delay")]


def test_each_event_stands_behind_the_one_before(desk: Desk) -> None:
    desk.received()
    desk.writer.write()
    desk.writer.closed(CALL, "", given_up=False)
    desk.received("ended")
    desk.writer.write()

    received = [code for step, code in desk.steps() if step in ("received", "closed")]
    assert received == ["ringing", "ended", "ended"]


def test_what_belongs_to_an_event_that_comes_again_is_dropped(desk: Desk) -> None:
    desk.received()
    desk.writer.write()
    before = desk.steps()
    desk.writer.deferred(CALL, 2.0)
    desk.writer.discard()
    desk.writer.write()

    assert desk.steps() == before


def test_a_full_disk_is_waited_for_and_nothing_is_lost(desk: Desk) -> None:
    full = sqlite3.OperationalError("disk full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    desk.disk.fault = full
    desk.received()
    desk.writer.write()
    desk.disk.fault = None
    desk.now += 60
    desk.received("connected")
    desk.writer.write()

    assert [code for step, code in desk.steps() if step == "received"] == ["ringing", "connected"]


def test_a_story_that_cannot_be_written_at_all_is_lost_and_the_next_is_written(desk: Desk) -> None:
    desk.disk.fault = sqlite3.ProgrammingError("no such table")
    desk.received()
    desk.writer.write()
    desk.disk.fault = None
    desk.received("connected")
    desk.writer.write()

    assert ("received", "ringing") not in desk.steps()
    assert ("received", "connected") in desk.steps()


def test_what_a_receiver_answered_is_in_the_story_and_nowhere_else(desk: Desk) -> None:
    result = ActionResult("crm", "0011", "c-1", "", done=True, reason="status-200", answer="ok")
    public = desk.writer.finished(result)
    desk.writer.write()

    assert [step.code for step in public] == ["done"]
    assert desk.steps() == [("executor", "done"), ("executor", "answered")]


def test_the_end_is_the_reason_only_where_there_is_none(desk: Desk) -> None:
    desk.writer.interrupted("0011", "c-1")
    desk.writer.closed(CALL, "", given_up=False)
    desk.writer.write()

    [story] = find(desk.folder)
    assert story.reason == "interrupted"
