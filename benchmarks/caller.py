"""Caller processes at their limits: time from event to answer, many users, memory.

    python benchmarks/caller.py [--contacts 100000] [--users 2000] [--rate 50] [--seconds 20]

One process of one user, a crew with a process for each of ten users, one process for all. Prints
a table, and ends with 1 where a target is missed.
"""

import argparse
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.load import needs  # noqa: E402
from bus.access.accounts import PROCESS_ACCOUNTS, Accounts, caller_account, write_broker_files  # noqa: E402
from bus.events import CallData, CallerEvent, CallEvent, Party, call_event_type, now  # noqa: E402
from bus.mqtt.connection import Connection  # noqa: E402
from bus.mqtt.inbox import ReceivedMessage  # noqa: E402
from bus.settings import BrokerSettings  # noqa: E402
from cli.demo.mosquitto import Mosquitto, free_port  # noqa: E402
from consumers.directory.changes import Changes, ContactRecord  # noqa: E402
from consumers.directory.directory import Directory  # noqa: E402
from consumers.directory.records import (  # noqa: E402
    ContactNumber,
    DossierRecord,
    MatterRecord,
)
from consumers.users import User, Users  # noqa: E402
from runtime.files import private_folder  # noqa: E402

P99 = 20.0  # ms from the event's publication to the answer at a third party
PSS = 35.0  # MB of one process that is alone
CPU_POOLED, CPU_OWN = 3.0, 6.0  # ms of processor time for a whole call
WHOLE = 150  # calls by which that is measured
DAY = 100  # calls after which memory is measured
CREW = 10  # users with a process each
_SITE = """
[broker]
port = {port}
accounts_file = "accounts.json"
[caller]
matter = "https://files.example/m/{{id}}"
pops_per_minute = 600
"""


def main() -> int:
    reported = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker, settings = _broker(folder)
        with broker:
            site = folder / "starface2mqtt.toml"
            site.write_text(_SITE.format(port=settings.port))
            database = private_folder(folder / "data") / "starface2mqtt.db"
            _fill(database, reported.contacts, reported.users, reported.several)
            bench = Bench(site, settings, reported)
            alone = bench.measure(1, "0000", "caller")
            _only_on(database, CREW)
            crew = bench.measure(CREW, "--active", *(_account(place) for place in range(CREW)))
            _only_on(database, reported.users)
            many = bench.measure(reported.users, "--all", "caller")
    print(f"{reported.contacts} contacts, {reported.rate} calls/s, {reported.seconds} s each")
    for name, found in (("one user, alone", alone), (f"{CREW} users, a process each", crew),
                        (f"{reported.users} users, one process", many)):  # fmt: skip
        print(f"{name:26} {found}")
    missed = [
        text
        for text, good in (
            (f"p99 {max(alone.p99, crew.p99, many.p99):.1f} ms is over {P99} ms",
             max(alone.p99, crew.p99, many.p99) <= P99),
            (f"{many.cpu:.1f} ms of processor time a call is over {CPU_POOLED} ms",
             many.cpu <= CPU_POOLED),
            (f"{crew.cpu:.1f} ms of processor time a call is over {CPU_OWN} ms",
             crew.cpu <= CPU_OWN),
            (f"{alone.pss[0]:.1f} MB is over {PSS} MB", alone.pss[0] <= PSS),
        )
        if not good
    ]  # fmt: skip
    print("; ".join(missed) or "all targets met")
    return 1 if missed else 0


@dataclass
class Found:
    """What was measured; RSS is what a process would take if nothing were shared."""

    took: list[float]
    pss: list[float]
    rss: list[float]
    own: list[float]
    parent: float
    after: float  # MB PSS when all calls were answered and none has ended
    cpu: float  # ms of processor time for a whole call: ring, answer, end

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.took, n=100)[98]

    def __str__(self) -> str:
        median = statistics.median
        shared = f", parent {self.parent:.1f} MB PSS" if self.parent else ""
        return (
            f"{len(self.took):5} calls  p50 {median(self.took):5.1f}  p99 {self.p99:5.1f}  "
            f"worst {max(self.took):5.1f} ms   a process {median(self.pss):.1f} MB PSS "
            f"({median(self.own):.1f} its own; RSS {median(self.rss):.1f}; "
            f"{self.after:.1f} at the end){shared}   a whole call {self.cpu:.1f} ms of processor"
        )


@dataclass
class Bench:
    """A site and its broker, on which processes are measured one after the other."""

    site: Path
    settings: BrokerSettings
    reported: argparse.Namespace

    def measure(self, users: int, whose: str, *accounts: str) -> Found:
        with _process(self.site, whose) as process:
            _until_online(self.settings, set(accounts))
            logins = [f"{place:04}" for place in range(users)]
            settings, rate, contacts = self.settings, self.reported.rate, self.reported.contacts
            _run(settings, logins, rate, range(DAY), contacts)
            children = _children(process.pid)
            serving = children or [process.pid]
            kinds = ("Pss", "Rss", "Private_Dirty")
            pss, rss, own = ([_memory(pid, kind) for pid in serving] for kind in kinds)
            parent = _memory(process.pid, "Pss") if children else 0.0
            count = range(DAY, DAY + self.reported.seconds * rate)
            took = _run(settings, logins, rate, count, contacts)
            after = statistics.median(_memory(pid, "Pss") for pid in serving)
            cpu = _whole_calls(settings, logins, rate, contacts, serving)
            return Found(took, pss, rss, own, parent, after, cpu)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--several", type=int, default=10, help="per cent with several matters")
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    needs("mosquitto", "mosquitto")
    return arguments


def _broker(folder: Path) -> tuple[Mosquitto, BrokerSettings]:
    accounts = Accounts()
    for account in (*PROCESS_ACCOUNTS, *(_account(place) for place in range(CREW))):
        accounts.add(account)
    accounts.write(folder / "accounts.json")
    settings = BrokerSettings(port=free_port(), accounts_file=folder / "accounts.json")
    write_broker_files(folder, settings.topics(), accounts.passwords)
    return Mosquitto(ROOT / "mosquitto.conf", folder, settings.port), settings


def _account(place: int) -> str:
    return caller_account(f"{place:04}")


def _only_on(database: Path, count: int) -> None:
    """Let just the first users be active."""
    with Users(database) as people:
        people._db.execute("UPDATE users SET autostart = CAST(login AS INTEGER) < ?", [count])


def _number(place: int) -> str:
    return f"+4144{place:07}"


def _fill(database: Path, contacts: int, users: int, several: int) -> None:
    def records() -> Iterator[ContactRecord | DossierRecord | MatterRecord]:
        for place in range(contacts):
            e164 = _number(place)
            numbers = (ContactNumber(raw=e164, e164=e164),)
            yield ContactRecord(key=f"c{place}", name=f"Contact {place}", numbers=numbers)
            yield DossierRecord(key=f"d{place}", contact_key=f"c{place}", title="Dossier")
            for number in range(3 if place % 100 < several else 1):
                yield MatterRecord(key=f"m{place}-{number}", dossier_key=f"d{place}", title="M")

    with Directory(database) as directory:
        directory.apply(Changes(source="benchmark", records=records()))
    with Users(database) as people:
        people._db.execute("BEGIN")
        for place in range(users):
            people.add(User(login=f"{place:04}"))
        people._db.execute("COMMIT")


@contextmanager
def _process(site: Path, whose: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start it as `up` does."""
    words = [sys.executable, "-m", "cli", "--config", str(site), "caller", whose]
    with (site.parent / "caller.log").open("ab") as log:
        process = subprocess.Popen(words, cwd=ROOT, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _until_online(settings: BrokerSettings, accounts: set[str]) -> None:
    online: set[str] = set()

    def receive(arrived: ReceivedMessage) -> None:
        name = arrived.topic.rpartition("/")[2]
        (online.add if arrived.payload == b"online" else online.discard)(name)

    with Connection(settings, "cli-1", lasting=False) as watch:
        watch.subscribe("starface/processes/+", receive)
        while online != accounts:
            watch.work(0.1)
    time.sleep(1)


def _run(
    settings: BrokerSettings, logins: list[str], rate: int, places: range, contacts: int
) -> list[float]:
    """Return the milliseconds from each event's publication to its answer."""
    dice = random.Random(1)
    began: dict[str, float] = {}
    took: dict[str, float] = {}
    with (
        Connection(settings, "panel", lasting=False) as watch,
        Connection(settings, "gateway", lasting=False) as gateway,
    ):

        def receive(answer: CallerEvent, arrived: ReceivedMessage) -> None:
            took.setdefault(answer.data.call_id, arrived.at)

        watch.consume("starface/users/+/caller", CallerEvent, receive)
        watch.wait_connected()
        gateway.wait_connected()
        time.sleep(0.5)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                watch.work(0.05)

        listener = threading.Thread(target=listen)
        listener.start()
        start = time.monotonic()
        for turn, place in enumerate(places):
            time.sleep(max(0.0, start + turn / rate - time.monotonic()))
            call = f"{len(logins)}-{place}-{os.getpid()}"  # of this measurement alone
            began[call] = time.monotonic()
            topic = gateway.topics.calls(user := dice.choice(logins))
            gateway.send(topic, _event(user, call, dice.randrange(contacts)).encoded())
        limit = time.monotonic() + 30
        while len(took) < len(places) and time.monotonic() < limit:
            time.sleep(0.05)
        stop.set()
        listener.join()
    if len(took) < len(places):
        raise SystemExit(f"only {len(took)} of {len(places)} calls were answered")
    return [(took[call] - at) * 1000 for call, at in began.items()]


def _whole_calls(
    settings: BrokerSettings, logins: list[str], rate: int, contacts: int, pids: list[int]
) -> float:
    """Return the milliseconds of processor time that these processes need for a whole call."""
    dice = random.Random(2)
    closed: set[str] = set()
    calls = [
        (dice.choice(logins), f"whole-{len(logins)}-{place}", dice.randrange(contacts))
        for place in range(WHOLE)
    ]
    with (
        Connection(settings, "panel", lasting=False) as watch,
        Connection(settings, "gateway", lasting=False) as gateway,
    ):

        def note(answer: CallerEvent, _received: ReceivedMessage) -> None:
            if answer.data.trigger == "closed":
                closed.add(answer.data.call_id)

        watch.consume("starface/users/+/caller", CallerEvent, note)
        watch.wait_connected()
        gateway.wait_connected()
        before = sum(_processor(pid) for pid in pids)
        start = time.monotonic()
        for turn in range(WHOLE + 20):  # each is answered after ten others began, then ended
            for state, behind in (("ringing", 0), ("connected", 10), ("ended", 20)):
                if 0 <= turn - behind < WHOLE:
                    user, call, contact = calls[turn - behind]
                    event = _event(user, call, contact, state)
                    gateway.send(gateway.topics.calls(user), event.encoded())
            while time.monotonic() < start + turn / rate:
                watch.work(0.005)
        limit = time.monotonic() + 30
        while len(closed) < WHOLE and time.monotonic() < limit:
            watch.work(0.05)
    if len(closed) < WHOLE:
        raise SystemExit(f"only {len(closed)} of {WHOLE} whole calls were closed")
    return (sum(_processor(pid) for pid in pids) - before) / WHOLE


def _processor(pid: int) -> float:
    """Return the milliseconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _event(user: str, call: str, contact: int, state: Any = "ringing") -> CallEvent:
    e164 = _number(contact)
    return CallEvent(
        source="gateway/bench", type=call_event_type(state), subject=call,
        data=CallData(
            user=user, call_id=call, state=state, direction="in", received_at=now(),
            caller=Party(number=e164, e164=e164, kind="external"),
        ),
    )  # fmt: skip


def _memory(pid: int, kind: str) -> float:
    reported = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(rf"^{kind}:\s+(\d+) kB", reported, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    raise SystemExit(main())
