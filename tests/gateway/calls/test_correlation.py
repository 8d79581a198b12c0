"""Which call is meant, from whom it comes and in whatever order."""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.events import CallEvent
from gateway.calls.correlation import JUST_ENDED, LATE
from gateway.calls.notifications import (
    Notification,
    read_notification,
    read_url,
    resolve,
)
from gateway.eventlog.file import NAME
from gateway.eventlog.writer import EventLog
from starface.xmlrpc.reading import Value
from tests.gateway.conftest import PROFILE

NOON = 1_790_000_000.0
EVENT = "ucp.v22.events.call.receiveCallState"


class Line:
    """A user of both dialects, and what was reported of his calls."""

    def __init__(self, events: EventLog, folder: Path) -> None:
        self._events = events
        self._folder = folder

    def by_pbx(self, state: str, at: float = 0.0, call_id: str = "c-1", **members: Value) -> None:
        """Report a state as the PBX does; 0041441234567 calls unless something else is given."""
        ends = {"callerNumber": "0041441234567", "calledNumber": "11"}
        reported = read_notification(
            "0011", EVENT, [{"id": call_id, "state": state, **ends, **members}]
        )
        assert isinstance(reported, Notification)
        self._take(reported, at)

    def by_url(self, event: str, at: float = 0.0, number: str = "+41441234567") -> None:
        self._take(read_url("0011", {"event": event, "number": number}), at)

    def calls(self) -> list[str]:
        """Return which call each event belongs to, by the call's last id."""
        became: dict[str, str] = {}
        reported = self.reported()
        for event in reported:
            if event.data.previous_call_id:
                became[event.data.previous_call_id] = event.data.call_id
        return [became.get(event.data.call_id, event.data.call_id) for event in reported]

    def reported(self) -> list[CallEvent]:
        with sqlite3.connect(self._folder / NAME) as db:
            rows = db.execute("SELECT payload FROM events ORDER BY place").fetchall()
        db.close()
        return [CallEvent.model_validate_json(payload) for (payload,) in rows]

    def _take(self, note: Notification, at: float) -> None:
        self._events.append(resolve(note, PROFILE, NOON + at))


@pytest.fixture
def line(events: EventLog, tmp_path: Path) -> Line:
    return Line(events, tmp_path)


def _orders(pbx: list[str], urls: list[str]) -> Iterator[list[str]]:
    """Yield every order of both in which each keeps its own."""
    steps = len(pbx) + len(urls)
    for places in itertools.combinations(range(steps), len(pbx)):
        mine, other = iter(pbx), iter(urls)
        yield [next(mine) if place in places else next(other) for place in range(steps)]


INCOMING = list(_orders(["RINGING", "CONNECTED", "HANGUP"], ["ringing", "answered", "ended"]))
MISSED = list(_orders(["INCOMING", "RINGING", "HANGUP"], ["ringing", "ended"]))
OUTGOING = list(
    _orders(["PROCEEDING", "RINGBACK", "CONNECTED", "HANGUP"], ["outgoing", "answered", "ended"])
)


@pytest.mark.parametrize("order", [*INCOMING, *MISSED, *OUTGOING], ids=" ".join)
def test_a_call_reported_in_both_dialects_is_one_call_in_whatever_order(
    line: Line, order: list[str]
) -> None:
    out = {"callerNumber": "11", "calledNumber": "0041441234567"} if order in OUTGOING else {}
    for step, state in enumerate(order):
        if state == "INCOMING":  # the first event of a call is often incomplete
            line.by_pbx(state, step * 0.1, callerNumber="", calledNumber="")
        elif state.isupper():
            line.by_pbx(state, step * 0.1, **out)
        else:
            line.by_url(state, step * 0.1)

    assert set(line.calls()) == {"c-1"}
    assert {event.data.direction for event in line.reported()} == {
        "out" if order in OUTGOING else "in"
    }


def test_a_number_that_the_pbx_reports_late_still_joins_what_a_url_reported(line: Line) -> None:
    line.by_url("ringing")
    line.by_pbx("INCOMING", callerNumber="", calledNumber="11")
    line.by_pbx("RINGING")

    assert set(line.calls()[:1] + line.calls()[2:]) == {"c-1"}


def test_who_calls_again_at_once_is_another_call(line: Line) -> None:
    for state in ("ringing", "ended"):
        line.by_url(state)
    line.by_url("ringing", at=1.0)

    first, second, third = line.calls()
    assert first == second != third


def test_a_url_that_comes_long_after_the_end_is_another_call(line: Line) -> None:
    line.by_pbx("RINGING")
    line.by_pbx("HANGUP", at=10)
    line.by_url("ringing", at=10 + LATE + 1)
    line.by_url("ended", at=10 + LATE + JUST_ENDED + 2)

    assert line.calls()[:2] == ["c-1", "c-1"]
    assert "c-1" not in line.calls()[2:]


def test_an_open_call_goes_before_one_that_has_just_ended(line: Line) -> None:
    line.by_pbx("RINGING", at=0, call_id="c-2")
    line.by_pbx("RINGING", at=1)
    line.by_pbx("HANGUP", at=2)
    line.by_url("answered", at=3)

    assert line.calls() == ["c-2", "c-1", "c-1", "c-2"]


def test_a_withheld_call_under_way_is_not_the_one_a_url_reports(line: Line) -> None:
    line.by_pbx("RINGING", callerNumber="")
    line.by_pbx("CONNECTED", at=3, callerNumber="")
    line.by_url("ringing", at=120, number="")
    line.by_pbx("PARKED", at=121, callerNumber="")
    line.by_pbx("RINGING", at=122, call_id="c-2", callerNumber="")
    line.by_url("answered", at=123, number="")

    assert line.calls() == ["c-1", "c-1", "c-2", "c-1", "c-2", "c-2"]


def test_a_withheld_call_reported_by_url_before_its_own_ringing_is_one(line: Line) -> None:
    line.by_pbx("INCOMING", callerNumber="", calledNumber="")
    line.by_url("ringing", at=1, number="")
    line.by_pbx("RINGING", at=2, callerNumber="")
    line.by_url("ended", at=3, number="")

    assert set(line.calls()) == {"c-1"}
