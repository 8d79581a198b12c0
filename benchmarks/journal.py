"""The journal with 5 million records: lists, counts, insertion; and its cost at 50 calls a second.

python benchmarks/journal.py [--records 5000000] [--folder DIR]
python benchmarks/journal.py --load 60      (a real broker, 2,000 users, 50 calls/s)
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from bus.events import CallData, CallEvent, Party, call_event_type, now
from bus.journal_events import CallRecordData
from consumers.journal.record import opened
from consumers.journal.store import Filter, JournalStore

ROOT = Path(__file__).parent.parent
USERS = 2_000
_BATCH = 10_000
_DAYS = 730
_OPEN = 0.004  # of all records


def record(dice: random.Random, at: float) -> CallRecordData:
    """Return a record as they come."""
    number = f"+4144{dice.randrange(10**7):07}"
    missed = dice.random() < 0.15
    started = datetime.fromtimestamp(at, UTC)
    return opened(
        CallRecordData(
            user=f"{dice.randrange(USERS):04}", call_id=str(UUID(int=dice.getrandbits(128))),
            revision=1, direction=dice.choice(["in", "out"]),
            party=Party(number=number, e164=number, name=f"Name {number[-4:]}", kind="external"),
            started=started, ended=started, ring_seconds=9, talk_seconds=0 if missed else 120,
            result="missed" if missed else "answered",
            handled=missed and dice.random() > _OPEN / 0.15,
        )
    )  # fmt: skip


def fill(store: JournalStore, count: int) -> list[float]:
    """Fill the journal; return the microseconds of a record at each tenth of the way.

    Most rows are copied in, since making them would take an hour; what is measured is made.
    """
    dice, begin = random.Random(1), time.time() - _DAYS * 86_400
    template = record(dice, begin).model_dump_json()
    spans: list[float] = []
    for place in range(0, count, _BATCH):
        with store.changing():
            store.db.executemany(
                "INSERT INTO records (user, call_id, started, number, open, missed, words, data,"
                " revision, published) VALUES (?, ?, ?, ?, ?, ?, 'name', ?, 1, 1)",
                (_row(dice, begin + number * _DAYS * 86_400 / count, template)
                 for number in range(place, min(place + _BATCH, count))),
            )  # fmt: skip
        if place // _BATCH % (count // _BATCH // 10) == 0:
            spans.append(_insert(store, dice, begin + place * _DAYS * 86_400 / count))
            print(f"{place + _BATCH:9,} records: one more takes {spans[-1]:.0f} µs", flush=True)
    return spans


def _row(dice: random.Random, at: float, data: str) -> tuple[object, ...]:
    missed = dice.random() < 0.15
    return (
        f"{dice.randrange(USERS):04}", str(UUID(int=dice.getrandbits(128))), at,
        f"+4144{dice.randrange(10**7):07}", missed and dice.random() < _OPEN / 0.15, missed, data,
    )  # fmt: skip


def _insert(store: JournalStore, dice: random.Random, at: float) -> float:
    records = [record(dice, at) for _ in range(500)]
    before = time.perf_counter()
    for one in records:
        with store.changing():
            store.put(one)
    return (time.perf_counter() - before) / len(records) * 1e6


def timed(name: str, ask: Callable[[str], object]) -> None:
    """Print how long a question takes, over many users."""
    spans = []
    for user in random.Random(2).sample(range(USERS), 200):
        before = time.perf_counter()
        ask(f"{user:04}")
        spans.append((time.perf_counter() - before) * 1e3)
    spans.sort()
    print(f"{name:42} median {statistics.median(spans):6.2f} ms   p99 {spans[197]:6.2f} ms")


def lists(folder: Path, count: int) -> None:
    """Measure the lists of a large journal."""
    path = folder / "journal.db"
    with closing(JournalStore(path)) as store:
        there = store.count(Filter())
        if there < count:
            fill(store, count - there)
        print(f"{path.stat().st_size / 1e9:.2f} GB")
        timed("last 50 of a user", lambda user: store.select(Filter(user=user), 50))
        timed("open missed of a user", lambda user: store.select(Filter(user=user, open=True), 50))
        timed("counts of a user", store.missed)
        timed("a number of a user", lambda user: store.select(
            Filter(user=user, numbers=("+41441234567",)), 50))  # fmt: skip
        timed("a word of a user", lambda user: store.select(Filter(user=user, text="name 00"), 50))
        dice = random.Random(3)
        timed("one more record, committed", lambda _: store.put(record(dice, time.time())))


def load(folder: Path, seconds: int) -> None:
    """Measure processor time and memory of the process at 50 calls a second of 2,000 users."""
    from bus.access.accounts import PROCESS_ACCOUNTS, Accounts, write_broker_files
    from bus.mqtt.connection import Connection
    from bus.mqtt.mqtt5_client import CodecClient
    from bus.settings import BrokerSettings
    from cli.demo.mosquitto import Mosquitto, free_port
    from consumers.users import User, Users

    broker_folder = folder / "broker"
    broker_folder.mkdir()
    accounts = Accounts()
    for account in PROCESS_ACCOUNTS:
        accounts.add(account)
    accounts.write(broker_folder / "accounts.json")
    write_broker_files(broker_folder, BrokerSettings().topics(), accounts.passwords)
    with Users(folder / "users.db") as users:
        for number in range(USERS):
            users.add(User(login=f"{number:04}"))
    with Mosquitto(ROOT / "mosquitto.conf", broker_folder, free_port()) as mosquitto:
        broker = BrokerSettings(port=mosquitto.port, accounts_file=broker_folder / "accounts.json")
        journal = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(folder), broker.model_dump_json()],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            with Connection(broker, "gateway", clients=CodecClient) as gateway:
                gateway.wait_connected()
                time.sleep(3)
                before, started = _cpu(journal.pid), time.monotonic()
                calls = _calls(gateway, seconds)
                used, took = _cpu(journal.pid) - before, time.monotonic() - started
                print(
                    f"{calls} calls in {took:.0f} s: {used / took:.1%} of a core,"
                    f" {_memory(journal.pid):.0f} MB"
                )
        finally:
            journal.terminate()
            journal.wait(10)
    with closing(JournalStore(folder / "data" / "journal.db")) as store:
        print(f"{store.count(Filter())} records")


def _calls(gateway: object, seconds: int) -> int:
    dice, seqs = random.Random(4), dict[str, int]()
    due: list[tuple[float, str, str, str]] = []
    begin, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        while count < elapsed * 50 and elapsed < seconds - 12:
            user, call_id = f"{dice.randrange(USERS):04}", str(UUID(int=dice.getrandbits(128)))
            at = time.monotonic()
            due += [(at, user, call_id, "ringing"), (at + 2, user, call_id, "connected"),
                    (at + 10, user, call_id, "ended")]  # fmt: skip
            count += 1
        due.sort()
        while due and due[0][0] <= time.monotonic():
            _, user, call_id, state = due.pop(0)
            seqs[user] = seqs.get(user, 0) + 1
            _publish(gateway, user, call_id, state, seqs[user])
        time.sleep(0.01)
    return count


def _publish(gateway, user: str, call_id: str, state: str, seq: int) -> None:  # type: ignore[no-untyped-def]
    data = CallData(
        user=user, call_id=call_id, state=state, direction="in", received_at=now(),
        caller=Party(number=f"044{call_id[:7]}", e164=f"+4144{int(call_id[:6], 16) % 10**7:07}",
                     kind="external"),
        called=Party(number=user, kind="internal"),
    )  # fmt: skip
    event = CallEvent(type=call_event_type(data.state), source="gateway/g", seq=seq, data=data)
    gateway.send(gateway.topics.calls(user), event.encoded(), expiry=60)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024


_PROGRAM = """
import sys
from pathlib import Path
from bus.access.roles import Roles
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings
from consumers.journal.process import run
from consumers.journal.settings import JournalSettings
folder = Path(sys.argv[1])
run(JournalSettings(), BrokerSettings.model_validate_json(sys.argv[2]), NumberProfile(country="CH"),
    folder / "users.db", folder / "data", b"k" * 32, Roles)
"""


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, help="keep the journal there, to measure again")
    parser.add_argument("--load", type=int, help="seconds of calls instead")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.load:
            load(Path(folder), asked.load)
        else:
            lists(asked.folder or Path(folder), asked.records)


if __name__ == "__main__":
    main()
