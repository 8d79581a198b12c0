import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from bus.events import CallEvent, CallStateName, Party
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.erasure import erase
from gateway.eventlog.file import NAME, LogUnavailable
from gateway.eventlog.reader import EventReader
from gateway.eventlog.writer import EventLog

NUMBER = "+41445550180"
IDA = Party(number="044 555 01 80", e164=NUMBER, name="Ida Frei", kind="external")
HANS = Party(number="0445550181", e164="+41445550181", name="Hans Frei", kind="external")
INSIDE = Party(number="11", kind="internal")


def _reported(
    call: str, caller: Party, state: CallStateName = "ringing", called: Party = INSIDE
) -> ResolvedNotification:
    note = Notification(user="0011", call_id=call, state=state)
    return ResolvedNotification(note, caller, called, time.time())


def _kept(folder: Path) -> list[CallEvent]:
    with contextlib.closing(sqlite3.connect(folder / NAME)) as db:
        rows = db.execute("SELECT payload FROM events ORDER BY place").fetchall()
    return [CallEvent.model_validate_json(payload) for (payload,) in rows]


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(f"{NAME}*"))


def test_the_party_is_gone_and_the_events_stay(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("a", IDA))
    events.append(_reported("b", HANS))
    events.append(_reported("c", INSIDE, "dialing", IDA))
    before = _kept(tmp_path)

    done = erase(tmp_path, NUMBER)

    after = _kept(tmp_path)
    assert done is not None
    assert (done.events, done.clean) == (2, True)
    assert [event.seq for event in after] == [1, 2, 3]
    assert [event.id for event in after] == [event.id for event in before]
    assert [event.data.state for event in after] == ["ringing", "ringing", "dialing"]
    assert [event.data.caller for event in after] == [Party(), HANS, INSIDE]
    assert after[2].data.called == Party()
    reported = _bytes(tmp_path)
    assert not any(trace in reported for trace in (b"5550180", b"044 555 01 80", b"Ida"))
    assert b"Hans" in reported


def test_the_call_itself_forgets_the_number_and_continues(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("a", IDA))
    erase(tmp_path, NUMBER)
    events.append(_reported("a", Party(), "ended"))

    assert [event.data.direction for event in _kept(tmp_path)] == ["in", "in"]
    assert b"5550180" not in _bytes(tmp_path)


def _by_url(caller: Party, state: CallStateName) -> ResolvedNotification:
    note = Notification(user="0011", call_id=None, state=state)
    return ResolvedNotification(note, caller, Party(), time.time())


def test_another_caller_does_not_join_a_call_whose_number_was_erased(
    events: EventLog, tmp_path: Path
) -> None:
    events.append(_reported("a", IDA))
    erase(tmp_path, NUMBER)
    events.append(_by_url(HANS, "ringing"))

    first, second = (event.data.call_id for event in _kept(tmp_path))
    assert first != second


def test_a_call_whose_number_was_erased_still_ends(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("a", IDA))
    erase(tmp_path, NUMBER)
    events.append(_by_url(IDA, "ended"))

    assert [event.data.call_id for event in _kept(tmp_path)] == ["a", "a"]


def test_an_extension_is_erased_where_it_stands_alone(events: EventLog, tmp_path: Path) -> None:
    events.append(_reported("a", IDA))

    done = erase(tmp_path, "11")

    assert done is not None
    assert done.events == 1
    assert _kept(tmp_path)[0].data.caller == IDA


def test_what_the_publisher_has_read_is_read_again(events: EventLog, tmp_path: Path) -> None:
    reader = EventReader(tmp_path)
    before = reader.erased()
    erase(tmp_path, NUMBER)

    assert reader.erased() == before + 1
    reader.close()


def test_notifications_are_taken_while_a_number_is_erased(events: EventLog, tmp_path: Path) -> None:
    for number in range(500):
        events.append(_reported(f"c-{number}", IDA))
    eraser = threading.Thread(target=erase, args=(tmp_path, NUMBER))
    eraser.start()
    taken = 0
    while eraser.is_alive() or not taken:
        with contextlib.suppress(LogUnavailable):  # on a machine as slow as that
            events.append(_reported(f"d-{taken}", HANS))
            taken += 1
        eraser.join(0.003)
    eraser.join()

    kept = _kept(tmp_path)
    assert [event.seq for event in kept] == list(range(1, 501 + taken))
    assert b"5550180" not in _bytes(tmp_path)


def test_a_machine_without_gateway_has_nothing_to_erase(tmp_path: Path) -> None:
    assert erase(tmp_path, NUMBER) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spelling", ["0445550180", "0041445550180"])
def test_every_spelling_of_the_number_is_meant(
    events: EventLog, tmp_path: Path, spelling: str
) -> None:
    events.append(_reported("a", IDA.model_copy(update={"number": spelling})))
    erase(tmp_path, NUMBER)

    assert b"5550180" not in _bytes(tmp_path)
