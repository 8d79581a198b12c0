import contextlib
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.events import CallEvent, CallStateName, Direction, Party, call_event_expiry
from gateway.calls.correlation import CorrelatedCall
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.counters import VISITS, Counters
from gateway.eventlog.file import BUSY, NAME, LogUnavailable
from gateway.eventlog.reader import EventReader
from gateway.eventlog.writer import EventLog, encoded_event
from tests.conftest import wait_until

INSIDE = Party(number="11", kind="internal")
OUTSIDE = Party(number="0791112233", e164="+41791112233", kind="external")


def _reported(
    call: str,
    state: CallStateName,
    caller: Party = OUTSIDE,
    called: Party = INSIDE,
    user: str = "0011",
    previous: str | None = None,
) -> ResolvedNotification:
    note = Notification(user=user, call_id=call, state=state, previous_call_id=previous)
    return ResolvedNotification(note, caller, called, time.time())


def _kept(folder: Path) -> list[CallEvent]:
    with contextlib.closing(sqlite3.connect(folder / NAME)) as db:
        rows = db.execute("SELECT payload FROM events ORDER BY place").fetchall()
    return [CallEvent.model_validate_json(payload) for (payload,) in rows]


def test_numbers_have_no_gaps_though_many_threads_write(events: EventLog, tmp_path: Path) -> None:
    def write(user: str) -> None:
        for number in range(50):
            while True:
                with contextlib.suppress(LogUnavailable):  # on a busy machine, as the PBX is
                    events.append(_reported(f"{user}-{number}", "ringing", user=user))
                    break

    threads = [threading.Thread(target=write, args=(f"00{n % 2}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for user in ("000", "001"):
        numbers = [event.seq for event in _kept(tmp_path) if event.data.user == user]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 200


@given(
    notification=st.builds(
        Notification,
        user=st.sampled_from(["0011", "a@b.ch", "Jörg/x"]),
        call_id=st.just("pbx's"),
        state=st.sampled_from(get_args(CallStateName)),
        pbx_state=st.text(max_size=20),
        group=st.none() | st.text(max_size=20),
        pbx_time=st.none() | st.text(max_size=20),
        replayed=st.booleans(),
    ),
    caller=st.builds(Party, number=st.text(max_size=20), name=st.text(max_size=20)),
    previous=st.none() | st.just("c-0"),
    at=st.floats(0, 4e9),
)
def test_what_is_written_is_what_the_contract_writes(
    notification: Notification, caller: Party, previous: str | None, at: float
) -> None:
    resolved = ResolvedNotification(notification, caller, INSIDE, at)
    call = CorrelatedCall('"c\\', "in", previous)

    payload = encoded_event(resolved, call, "id-1", "gateway/x", 7)

    event = CallEvent.model_validate_json(payload)
    assert payload == event.encoded()
    assert (event.id, event.source, event.seq) == ("id-1", "gateway/x", 7)
    assert (event.data.state, event.data.caller) == (notification.state, caller)
    assert event.expiry() == call_event_expiry(notification.state)


def test_numbers_continue_after_a_restart_and_a_new_log_is_another_source(tmp_path: Path) -> None:
    sources = []
    for folder in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        events = EventLog(folder, "gateway", Counters(), lambda: None, greatest=10**8)
        events.append(_reported("c", "ringing"))
        sources.append(events.gateway)
        events.close()

    assert [event.seq for event in _kept(tmp_path / "a")] == [1, 2]
    assert sources[0] == sources[1] != sources[2]


def test_only_the_owner_can_read_the_log(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("c", "ringing"))

    for path in tmp_path.glob(f"{NAME}*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    ("states", "caller", "called", "direction"),
    [(["incoming", "ringing", "connected", "ended"], OUTSIDE, INSIDE, "in"),
     (["dialing", "ringback", "connected", "held", "connected", "ended"], INSIDE, OUTSIDE, "out"),
     (["ringing", "connected", "ended"], INSIDE, INSIDE, "internal"),
     (["connected", "ended"], INSIDE, OUTSIDE, "out"),
     (["connected", "ended"], OUTSIDE, INSIDE, "in"),
     (["connected"], Party(), Party(), "unknown")],
)  # fmt: skip
def test_the_direction_is_remembered_to_the_end(
    events: EventLog, tmp_path: Path, states: list[CallStateName], caller: Party, called: Party,
    direction: Direction,
) -> None:  # fmt: skip
    for state in states:
        events.append(_reported("c", state, caller, called))

    assert {event.data.direction for event in _kept(tmp_path)} == {direction}


def test_each_participant_has_his_own_direction(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("c", "dialing", Party(), OUTSIDE, user="a"))
    events.append(_reported("c", "ringing", OUTSIDE, Party(), user="b"))
    events.append(_reported("c", "ended", Party(), Party(), user="a"))
    events.append(_reported("c", "ended", Party(), Party(), user="b"))

    assert [event.data.direction for event in _kept(tmp_path)] == ["out", "in", "out", "in"]


def test_a_call_that_changes_its_id_keeps_its_direction(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("old", "ringing"))
    events.append(_reported("new", "other", Party(), Party(), previous="old"))
    events.append(_reported("new", "ended", Party(), Party()))

    reported = _kept(tmp_path)
    assert [event.data.direction for event in reported] == ["in", "in", "in"]
    assert [event.data.previous_call_id for event in reported] == [None, "old", None]


@pytest.mark.parametrize(
    ("caller", "called", "direction"),
    [(OUTSIDE, INSIDE, "in"), (INSIDE, OUTSIDE, "out"), (Party(kind="withheld"), INSIDE, "in")],
)
def test_an_internal_call_is_none_any_more_when_a_colleague_hands_somebody_over(
    events: EventLog, tmp_path: Path, caller: Party, called: Party, direction: Direction
) -> None:
    events.append(_reported("second", "connected", INSIDE, INSIDE))
    events.append(_reported("first", "other", Party(), Party(), previous="second"))
    events.append(_reported("first", "connected", caller, called))
    events.append(_reported("first", "ended", Party(), Party()))

    reported = [event.data.direction for event in _kept(tmp_path)]
    assert reported == ["internal", "internal", direction, direction]


def test_a_log_at_its_greatest_size_refuses_and_says_so(tmp_path: Path) -> None:
    events = EventLog(tmp_path, "gateway", Counters(), lambda: None, greatest=1)

    with pytest.raises(LogUnavailable, match="log_megabytes"):
        events.append(_reported("c", "ringing"))

    events.counters.count("requests:503")
    events.write_counts()
    assert events.fault is not None, "counts can be written, events cannot"
    assert _kept(tmp_path) == []
    events.close()


def test_what_is_settled_and_old_is_forgotten_and_what_is_held_is_not(
    events: EventLog, tmp_path: Path
) -> None:
    for number in range(4):
        events.append(_reported(f"c-{number}", "ringing"))
    reader = EventReader(tmp_path)
    rows = reader.after(0, 10)
    reader.settle(rows[2].place, [(rows[1].place, 0x87, time.time())])

    assert reader.prune(time.time() + 1) == 2
    assert [event.data.call_id for event in _kept(tmp_path)] == ["c-1", "c-3"]
    assert [(one.user, one.seq, one.oldest) for one in reader.sequence_ranges()] == [("0011", 1, 2)]
    reader.close()


def _waited_beside_counts(events: EventLog) -> float:
    """Return the seconds until a request is refused while counts wait for the same lock."""

    def count() -> None:
        with pytest.raises(LogUnavailable):
            events.write_counts()

    counts = threading.Thread(target=count)
    counts.start()
    before = time.monotonic()
    with pytest.raises(LogUnavailable):
        events.append(_reported("c-1", "ringing"))
    took = time.monotonic() - before
    counts.join()
    return took


def test_what_the_broker_never_took_is_emptied_when_its_time_is_over(
    events: EventLog, tmp_path: Path
) -> None:
    for number in range(3):
        events.append(_reported(f"c-{number}", "ringing"))
    with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as db:
        db.execute("UPDATE events SET at = at - 86401 WHERE seq < 3")
        reader = EventReader(tmp_path)

        assert reader.empty_before(time.time() - 86_400) == 2
        assert reader.empty_before(time.time() - 86_400) == 0
        assert [bool(row.payload) for row in reader.after(0, 10)] == [False, False, True]
        assert [row.seq for row in reader.repeatable("0011", 0, 9, 10)] == [3]
        reader.empty_before(time.time() + 60)
        reader.close()
        kept = db.execute("SELECT seq, payload FROM events").fetchall()
    assert kept == [(1, b""), (2, b""), (3, b"")]


def test_counts_never_keep_a_request_waiting(events: EventLog, tmp_path: Path) -> None:
    events.counters.count(VISITS)
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    # Without their turns each try would take twice the time a writer waits.
    assert min(_waited_beside_counts(events) for _ in range(3)) < 1.8 * BUSY
    assert events.fault is not None
    other.execute("ROLLBACK")
    other.close()
    events.write_counts()
    assert events.counts()[VISITS] == 1


def test_counts_wait_for_no_disk_and_events_do(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from tests.gateway.failing_disk import main; main()"]
    ran = subprocess.run([*command, _ON_A_DISK_WITHOUT_SYNC, tmp_path / "log"], timeout=60)

    assert ran.returncode == 0


_ON_A_DISK_WITHOUT_SYNC = """
import sys
from pathlib import Path
from gateway.eventlog.counters import VISITS, Counters
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.writer import EventLog
from tests.gateway.failing_disk import NAME, Faults
folder = Path(sys.argv[-1])
events = EventLog(folder, "gateway", Counters(), bool, greatest=10**9)
Faults(folder.parent / NAME).at("sync", 1, lasting=10**6)
events.counters.count(VISITS)
events.write_counts()
assert events.written_counts()[VISITS] == 1
try:
    events.append_reset("0011")
except LogUnavailable:
    sys.exit(0)
sys.exit("an event was kept that is not on disk")
"""


def test_a_damaged_log_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 1_000)

    with pytest.raises(LogUnavailable, match=r"events\.db: .*; once it is moved away"):
        EventLog(tmp_path, "gateway", Counters(), lambda: None, greatest=100_000_000)


def test_the_count_on_the_page_rises_whichever_process_answers(tmp_path: Path) -> None:
    one, other = (
        EventLog(tmp_path, "gateway", Counters(), lambda: None, greatest=10**8) for _ in range(2)
    )

    def settled(events: EventLog, shown: int) -> bool:
        return events.totals()[0] == shown == one.written_counts()[VISITS]

    for shown, events in enumerate((one, other, other, one, other, one), 1):
        events.counters.count(VISITS)
        assert events.totals()[0] == shown
        wait_until(partial(settled, events, shown))

    one.close()
    other.close()


def test_a_log_that_has_room_again_says_so_though_nothing_comes(tmp_path: Path) -> None:
    events = EventLog(tmp_path, "gateway", Counters(), lambda: None, greatest=1)
    with pytest.raises(LogUnavailable):
        events.append(_reported("c", "ringing"))
    events.write_counts()
    events._greatest = 10**9  # as if it had been pruned

    def writable() -> bool:
        events.write_counts()
        return events.fault is None

    assert not events.counters.seen()
    wait_until(writable)
    events.close()


def test_counts_never_go_back_while_they_are_written_down(events: EventLog, tmp_path: Path) -> None:
    events.counters.count(VISITS)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # so that writing takes its time
        writing = threading.Thread(target=events.write_counts)
        writing.start()
        limit = time.monotonic() + 0.1
        seen = set()
        while time.monotonic() < limit:
            seen.add(events.counts().get(VISITS, 0))
        other.execute("ROLLBACK")
        writing.join()

    assert seen == {1}
    assert events.written_counts()[VISITS] == 1


class _EndedMeanwhile(threading.Event):
    """Set while somebody waits for it."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return super().wait(timeout)


def test_counts_keep_no_process_from_ending_while_another_holds_the_log(
    events: EventLog, tmp_path: Path
) -> None:
    events.counters.count(VISITS)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        events.write_counts(_EndedMeanwhile())

    assert events.fault is None
    assert events.counts()[VISITS] == 1
