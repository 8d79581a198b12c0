"""The caller process at its limits: time from event to answer, many users, memory when alone.

    python benchmarks/caller.py [--contacts 100000] [--users 2000] [--rate 50] [--seconds 20]

Prints a table, and ends with 1 where a target is missed.
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
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bus.accounts import PROCESS_ACCOUNTS, Accounts, write_broker_files  # noqa: E402
from bus.connection import Connection  # noqa: E402
from bus.events import CallData, CallerEvent, CallEvent, Party, call_event_type, now  # noqa: E402
from bus.inbox import Arrived  # noqa: E402
from bus.process import private_folder  # noqa: E402
from bus.settings import BrokerSettings  # noqa: E402
from cli.mosquitto import Mosquitto, free_port  # noqa: E402
from consumers.changes import Changes, ContactRecord, DossierRecord, MatterRecord  # noqa: E402
from consumers.contacts import ContactNumber  # noqa: E402
from consumers.directory import Directory  # noqa: E402
from consumers.users import User, Users  # noqa: E402

P99 = 20.0  # ms from the event's publication to the answer at a third party
PSS = 35.0  # MB of one process that is alone
_SITE = """
[broker]
port = {port}
accounts_file = "accounts.json"
[caller]
matter = "https://files.example/m/{{id}}"
pops_per_minute = 600
"""


def main() -> int:
    told = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker, settings = _broker(folder)
        with broker:
            site = folder / "starface2mqtt.toml"
            site.write_text(_SITE.format(port=settings.port))
            database = private_folder(folder / "data") / "starface2mqtt.db"
            _fill(database, told.contacts, told.users, told.several)
            with _process(site, "0000") as process:
                _until_online(settings)
                alone = _run(settings, ["0000"], 5, 20, told.contacts)
                memory_alone = _pss(process.pid)
            with _process(site, "--all") as process:
                _until_online(settings)
                logins = [f"{number:04}" for number in range(told.users)]
                many = _run(settings, logins, told.rate, told.seconds * told.rate, told.contacts)
                memory_many = _pss(process.pid)
    p99 = statistics.quantiles(many, n=100)[98]
    print(f"contacts {told.contacts}, users {told.users}, {told.rate} calls/s, {len(many)} calls")
    print(f"one user   p50 {statistics.median(alone):6.1f} ms   {memory_alone:5.1f} MB PSS")
    print(f"all users  p50 {statistics.median(many):6.1f} ms   p99 {p99:6.1f} ms   "
          f"worst {max(many):6.1f} ms   {memory_many:5.1f} MB PSS")  # fmt: skip
    missed = [
        text
        for text, good in (
            (f"p99 {p99:.1f} ms is over {P99} ms", p99 <= P99),
            (f"{memory_alone:.1f} MB is over {PSS} MB", memory_alone <= PSS),
        )
        if not good
    ]
    print("; ".join(missed) or "all targets met")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--several", type=int, default=10, help="per cent with several matters")
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    return parser.parse_args()


def _broker(folder: Path) -> tuple[Mosquitto, BrokerSettings]:
    accounts = Accounts()
    for account in PROCESS_ACCOUNTS:
        accounts.add(account)
    accounts.write(folder / "accounts.json")
    settings = BrokerSettings(port=free_port(), accounts_file=folder / "accounts.json")
    write_broker_files(folder, settings.topics(), accounts.passwords)
    return Mosquitto(ROOT / "mosquitto.conf", folder, settings.port), settings


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


def _until_online(settings: BrokerSettings) -> None:
    seen: list[bytes] = []
    with Connection(settings, "cli-1", lasting=False) as watch:
        watch.subscribe("starface/processes/caller", lambda arrived: seen.append(arrived.payload))
        while b"online" not in seen[-1:]:
            watch.work(0.1)
    time.sleep(1)


def _run(
    settings: BrokerSettings, logins: list[str], rate: int, count: int, contacts: int
) -> list[float]:
    """Return the milliseconds from each event's publication to its answer."""
    dice = random.Random(1)
    began: dict[str, float] = {}
    took: dict[str, float] = {}
    with (
        Connection(settings, "panel", lasting=False) as watch,
        Connection(settings, "gateway", lasting=False) as gateway,
    ):

        def hear(answer: CallerEvent, arrived: Arrived) -> None:
            took.setdefault(answer.data.call_id, arrived.at)

        watch.consume("starface/users/+/caller", CallerEvent, hear)
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
        for place in range(count):
            time.sleep(max(0.0, start + place / rate - time.monotonic()))
            call = f"{logins[0]}-{place}-{os.getpid()}"
            began[call] = time.monotonic()
            topic = gateway.topics.calls(user := dice.choice(logins))
            gateway.send(topic, _event(user, call, dice.randrange(contacts)).encoded())
        limit = time.monotonic() + 30
        while len(took) < count and time.monotonic() < limit:
            time.sleep(0.05)
        stop.set()
        listener.join()
    if len(took) < count:
        raise SystemExit(f"only {len(took)} of {count} calls were answered")
    return [(took[call] - at) * 1000 for call, at in began.items()]


def _event(user: str, call: str, contact: int) -> CallEvent:
    e164 = _number(contact)
    return CallEvent(
        source="gateway/bench", type=call_event_type("ringing"), subject=call,
        data=CallData(
            user=user, call_id=call, state="ringing", direction="in", received_at=now(),
            caller=Party(number=e164, e164=e164, kind="external"),
        ),
    )  # fmt: skip


def _pss(pid: int) -> float:
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", told, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
