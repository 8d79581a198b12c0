import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import falcon.testing
import pytest

from bus.events import CallEvent
from bus.numbers.private_numbers import PrivateNumbers, changing, entry
from gateway.admission import Admission, RateLimits
from gateway.app import create_app
from gateway.callbacks import CallbackValidity
from gateway.calls.private_calls import PrivateCalls
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import NAME
from gateway.eventlog.reader import EventReader
from gateway.eventlog.writer import EventLog
from gateway.source_addresses import SourceAddresses
from starface.xmlrpc.reading import write_call
from tests.gateway.conftest import PROFILE
from tests.gateway.running import KEY, call_state, path_of

MOTHER, CLIENT = "+41445550180", "0041441234567"
RESYNC = "starface2mqtt.resync.receiveCallState"


class _Pbx:
    """Reports calls to one gateway process."""

    def __init__(self, folder: Path) -> None:
        private = PrivateCalls(PrivateNumbers(folder, KEY))
        self.events = EventLog(
            folder, "gateway", Counters(), lambda: None, greatest=10**8, private=private
        )
        door = Admission(
            KEY, SourceAddresses(()), RateLimits(1_000, 1_000), CallbackValidity(folder)
        )
        self._client = falcon.testing.TestClient(create_app(self.events, door, PROFILE))

    def reports(self, call: str, state: str, caller: str = "", called: str = "11",
              user: str = "0011") -> None:  # fmt: skip
        body = call_state(
            call, state, callerNumber=caller, callerName="Mamma" if caller == MOTHER else "",
            calledNumber=called,
        )  # fmt: skip
        self.posts(body, user)

    def posts(self, body: bytes, user: str = "0011") -> None:
        answer = self._client.simulate_post(
            path_of(user), body=body, headers={"Content-Type": "text/xml"}
        )
        assert answer.status_code == 200, answer.text

    def changes_id(self, old: str, new: str) -> None:
        self.posts(write_call("ucp.v22.events.call.callChangesIdEvent", [old, new]))

    def requests(self, event: str, number: str = "") -> None:
        answer = self._client.simulate_get(
            f"{path_of('0011')}/call", params={"event": event, "number": number}
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[_Pbx]:
    one = entry(KEY, "0011", MOTHER, "2026-11-23")
    with changing(tmp_path) as numbers:
        numbers[one.mark] = one
    made = _Pbx(tmp_path)
    yield made
    made.events.close()


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[tuple[str, str]]]:
    def read() -> list[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db:
            rows = db.execute("SELECT payload FROM events ORDER BY place").fetchall()
        events = [CallEvent.model_validate_json(payload) for (payload,) in rows]
        return [(event.data.call_id, event.data.state) for event in events]

    return read


Kept = Callable[[], list[tuple[str, str]]]


@pytest.mark.parametrize("spelling", ["0445550180", "0041445550180", "044 555 01 80"])
def test_a_private_call_makes_no_event(pbx: _Pbx, kept: Kept, spelling: str) -> None:
    for state in ("INCOMING", "RINGING", "CONNECTED", "HANGUP"):
        pbx.reports("c", state, spelling)

    assert kept() == []
    assert pbx.events.counters.seen()["private"] == 4


def test_a_dialled_private_number_makes_no_event(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "REQUESTED", "11", MOTHER)
    pbx.reports("c", "HANGUP", "11", "")

    assert kept() == []


def test_the_same_number_of_another_user_is_reported(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "RINGING", MOTHER, user="0012")

    assert kept() == [("c", "ringing")]


def test_later_states_stay_out_though_they_lack_the_number(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    pbx.reports("c", "CONNECTED")
    pbx.changes_id("c", "d")
    pbx.reports("d", "CONNECTED")
    pbx.reports("d", "HANGUP")
    pbx.reports("d", "HANGUP")

    assert kept() == []


def test_another_gateway_process_knows_the_call(pbx: _Pbx, kept: Kept, tmp_path: Path) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    other = _Pbx(tmp_path)
    other.reports("c", "CONNECTED")
    other.events.close()

    assert kept() == []


def test_what_is_handed_in_later_stays_out_too(pbx: _Pbx, kept: Kept) -> None:
    fields = {"id": "c", "state": "HANGUP", "callerNumber": MOTHER, "calledNumber": "11"}
    pbx.posts(write_call(RESYNC, [fields]))

    assert kept() == []


def test_the_call_stays_private_when_the_number_leaves_the_list(
    pbx: _Pbx, kept: Kept, tmp_path: Path
) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    with changing(tmp_path) as numbers:
        numbers.clear()
    later = _Pbx(tmp_path)
    later.reports("c", "HANGUP", MOTHER)
    later.reports("d", "RINGING", MOTHER)
    later.events.close()

    assert kept() == [("d", "ringing")]


def test_a_state_that_comes_before_the_number_stays_out(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "INCOMING", called="")
    pbx.changes_id("c", "d")
    pbx.reports("d", "RINGING", MOTHER)
    pbx.reports("d", "HANGUP")

    assert kept() == []


def test_a_call_that_is_not_private_is_reported_from_its_number_on(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "INCOMING", called="")
    pbx.reports("c", "RINGING", CLIENT)
    pbx.reports("d", "INCOMING", called="")
    pbx.reports("d", "RINGING")  # withheld

    assert kept() == [("c", "ringing"), ("d", "ringing")]


def test_without_private_numbers_a_call_is_reported_at_once(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "INCOMING", called="", user="0012")

    assert kept() == [("c", "incoming")]


def test_a_call_reported_before_its_number_ends_without_it(
    pbx: _Pbx, kept: Kept, tmp_path: Path
) -> None:
    pbx.reports("c", "RINGING", CLIENT)
    pbx.reports("c", "CONNECTED", MOTHER)  # a colleague passed it on
    pbx.changes_id("c", "d")
    pbx.reports("d", "HANGUP", MOTHER)

    assert kept() == [("c", "ringing"), ("d", "other"), ("d", "ended")]
    assert not any(b"5550180" in path.read_bytes() for path in tmp_path.glob("events.db*"))
    assert not any(b"Mamma" in path.read_bytes() for path in tmp_path.glob("events.db*"))


def test_the_second_dialect_stays_out_too(pbx: _Pbx, kept: Kept) -> None:
    pbx.requests("ringing", MOTHER)
    pbx.reports("c", "RINGING", MOTHER)
    pbx.requests("answered")
    pbx.requests("ended")
    pbx.reports("c", "HANGUP")

    assert kept() == []


def test_the_second_dialect_alone_stays_out_to_its_end(pbx: _Pbx, kept: Kept) -> None:
    for event in ("ringing", "answered", "ended"):
        pbx.requests(event, MOTHER if event == "ringing" else "")

    assert kept() == []


def test_a_state_without_a_number_belongs_to_the_call_reported_last(pbx: _Pbx, kept: Kept) -> None:
    pbx.requests("ringing", MOTHER)
    pbx.requests("ringing", CLIENT)
    pbx.requests("answered")

    assert [state for _, state in kept()] == ["ringing", "connected"]


def test_other_calls_are_reported_beside_a_private_one(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    pbx.reports("d", "RINGING", CLIENT)
    pbx.reports("c", "HANGUP")
    pbx.reports("d", "HANGUP")

    assert kept() == [("d", "ringing"), ("d", "ended")]


def test_nothing_on_disk_shows_whose_private_call_it_was(pbx: _Pbx, tmp_path: Path) -> None:
    pbx.reports("a-private-call", "RINGING", MOTHER)
    pbx.events.close()

    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db:
        dump = "\n".join(db.iterdump())
    for word in ("0011", "a-private-call", "5550180", "Mamma"):
        assert word not in dump
    pbx.events = _Pbx(tmp_path).events


def test_private_calls_are_forgotten_a_day_later(pbx: _Pbx, tmp_path: Path) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as db:
        db.execute("UPDATE private_calls SET changed = ?", (time.time() - 86_401,))
        reader = EventReader(tmp_path)
        reader.forget_calls_before(time.time())
        reader.close()

        assert db.execute("SELECT count(*) FROM private_calls").fetchone() == (0,)


def test_no_line_above_debug_shows_a_private_call(
    pbx: _Pbx, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    pbx.reports("c", "RINGING", MOTHER)

    assert [one for one in caplog.records if one.levelname != "DEBUG"] == []
    assert "5550180" not in caplog.text


def test_a_client_whom_a_private_colleague_hands_over_is_reported(
    pbx: _Pbx, kept: Kept, tmp_path: Path
) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    pbx.reports("c", "CONNECTED", "", "11")
    pbx.reports("c", "CONNECTED", CLIENT)
    pbx.reports("c", "HANGUP")

    assert kept() == [("c", "connected"), ("c", "ended")]
    assert b"5550180" not in (tmp_path / NAME).read_bytes()


def test_a_private_party_who_comes_back_is_private_again(pbx: _Pbx, kept: Kept) -> None:
    for state, number in (
        ("RINGING", MOTHER), ("CONNECTED", CLIENT), ("PARKED", MOTHER), ("HANGUP", MOTHER),
    ):  # fmt: skip
        pbx.reports("c", state, number)

    assert kept() == [("c", "connected"), ("c", "ended")]


def test_what_was_held_back_at_the_beginning_has_no_end(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "INCOMING", called="")
    pbx.reports("c", "HANGUP", called="11")
    pbx.reports("c", "HANGUP", called="")
    pbx.reports("d", "REQUESTED", "11", "")
    pbx.reports("d", "HANGUP", "11", "")

    assert kept() == []


def test_a_call_held_back_whose_end_alone_names_the_caller_is_reported(
    pbx: _Pbx, kept: Kept
) -> None:
    pbx.reports("c", "INCOMING", called="")
    pbx.reports("c", "HANGUP", CLIENT)

    assert kept() == [("c", "ended")]


@pytest.mark.parametrize("state", ["QUEUED", "RINGBACK"])
def test_a_first_state_of_any_name_waits_for_the_number(pbx: _Pbx, kept: Kept, state: str) -> None:
    pbx.reports("c", state, called="")
    pbx.reports("c", "RINGING", MOTHER)
    pbx.reports("d", state, called="")
    pbx.reports("d", "CONNECTED", CLIENT)

    assert kept() == [("d", "connected")]


@pytest.mark.parametrize("before", [[], ["INCOMING"]])
def test_a_url_without_number_ends_when_the_call_proves_to_be_private(
    pbx: _Pbx, kept: Kept, before: list[str]
) -> None:
    for state in before:
        pbx.reports("c", state, called="")
    pbx.requests("ringing")
    pbx.reports("c", "RINGING", MOTHER)
    pbx.requests("answered", MOTHER)
    pbx.reports("c", "HANGUP", MOTHER)
    pbx.requests("ended", MOTHER)

    (ringing, state), (ended, end) = kept()
    assert (ringing, state, end) == (ended, "ringing", "ended")


def test_a_url_without_number_that_comes_later_ends_too(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("c", "RINGING", MOTHER)
    pbx.requests("ringing")
    pbx.reports("c", "HANGUP", MOTHER)
    pbx.requests("ended")

    (ringing, state), (ended, end) = kept()
    assert (ringing, state, end) == (ended, "ringing", "ended")


def test_the_end_of_a_private_call_by_url_ends_no_other_call(pbx: _Pbx, kept: Kept) -> None:
    pbx.reports("a", "CONNECTED", CLIENT)
    pbx.reports("p", "RINGING")
    pbx.reports("p", "CONNECTED", MOTHER)
    pbx.reports("a", "PARKED", CLIENT)
    pbx.requests("ended", MOTHER)

    assert kept()[-1] == ("p", "ended")
    assert [state for call, state in kept() if call == "a"] == ["connected", "held"]


def test_the_end_by_url_of_a_private_call_that_was_never_reported_ends_nothing(
    pbx: _Pbx, kept: Kept
) -> None:
    pbx.reports("a", "CONNECTED", CLIENT)
    pbx.requests("ringing", MOTHER)
    pbx.requests("ended", MOTHER)

    assert kept() == [("a", "connected")]
