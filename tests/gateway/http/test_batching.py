import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.events import Party
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import NAME, LogUnavailable
from gateway.eventlog.writer import EventLog
from gateway.http.batching import RequestBatch

Commits = list[int]


class Request:
    """A request as waitress hands it to its dispatcher."""

    def __init__(self, events: EventLog, call: str) -> None:
        self._events = events
        self._call = call
        self.event_id = ""
        self.failed = False

    def service(self) -> None:
        note = Notification(user="0011", call_id=self._call, state="ringing")
        party = Party(number="0791112233", e164="+41791112233", kind="external")
        try:
            self.event_id = self._events.append(ResolvedNotification(note, party, party, 1.0))
        except LogUnavailable:
            self.failed = True


@pytest.fixture
def commits() -> Commits:
    return []


@pytest.fixture
def begun(tmp_path: Path, commits: Commits) -> Iterator[Callable[[int], list[Request]]]:
    events = EventLog(tmp_path, "gateway", Counters(), lambda: commits.append(1), greatest=10**8)
    rounds = RequestBatch()

    def serve(count: int) -> list[Request]:
        requests = [Request(events, f"c-{number}") for number in range(count)]
        for request in requests:
            rounds.add_task(request)
        rounds.serve()
        return requests

    yield serve
    events.close()


def test_requests_of_a_round_share_one_commit(
    begun: Callable[[int], list[Request]], commits: Commits
) -> None:
    requests = begun(20)

    assert len({request.event_id for request in requests} - {""}) == 20
    assert len(commits) == 1


def test_a_request_alone_is_kept_too(
    begun: Callable[[int], list[Request]], commits: Commits
) -> None:
    assert begun(1)[0].event_id
    assert begun(1)[0].event_id
    assert len(commits) == 2


def test_none_of_a_round_is_acknowledged_while_the_log_is_locked(
    begun: Callable[[int], list[Request]], commits: Commits, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = begun(5)
    after = begun(5)

    assert [request.failed for request in locked] == [True] * 5
    assert all(request.event_id for request in after)
    assert len(commits) == 1


def test_a_connection_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    events = EventLog(tmp_path, "gateway", Counters(), lambda: None, greatest=10**8)
    cancelled: list[str] = []

    class Failing(Request):
        def service(self) -> None:
            super().service()
            raise ZeroDivisionError

        def cancel(self) -> None:
            cancelled.append(self.event_id)

    requests = [Request(events, "c-1"), Failing(events, "c-2"), Request(events, "c-3")]
    rounds = RequestBatch()
    for request in requests:
        rounds.add_task(request)
    rounds.serve()
    events.close()

    assert all(request.event_id for request in requests)
    assert cancelled == [requests[1].event_id]
