"""What an event costs as the log and the number of users grow.

    .venv/bin/python benchmarks/gateway_growth.py [--seconds 5] [--rounds 3]

Each case has a log of its own, filled before with events that the broker has taken. Prints
processor time of the gateway for each event at 8 new connections, the answer's p50 and p99 at
50/s, and the memory of the process; medians. Bounded: about a minute for each round.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.gateway import (  # noqa: E402
    KEY,
    PROGRAM,
    Candidate,
    cpu,
    measure,
    proportional_memory,
    running,
)
from benchmarks.load import needs_load_and_broker  # noqa: E402
from bus.access.accounts import PROCESS_ACCOUNTS, Accounts, write_broker_files  # noqa: E402
from bus.events import Party  # noqa: E402
from bus.settings import BrokerSettings  # noqa: E402
from cli.demo.mosquitto import Mosquitto, free_port  # noqa: E402
from gateway.calls.notifications import Notification, ResolvedNotification  # noqa: E402
from gateway.eventlog.counters import Counters  # noqa: E402
from gateway.eventlog.file import writing  # noqa: E402
from gateway.eventlog.reader import EventReader  # noqa: E402
from gateway.eventlog.writer import EventLog  # noqa: E402
from gateway.settings import GatewaySettings  # noqa: E402
from runtime.files import private_folder  # noqa: E402
from starface.callback import callback_path  # noqa: E402

CASES = [(10, 10), (100_000, 10), (10, 5_000), (100_000, 5_000)]
_PIECE = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    needs_load_and_broker()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        accounts = Accounts()
        for account in (*PROCESS_ACCOUNTS, "journal"):
            accounts.add(account)
        accounts.write(folder / "accounts.json")
        write_broker_files(folder, BrokerSettings().topics(), accounts.passwords)
        with Mosquitto(ROOT / "mosquitto.conf", folder, free_port()) as broker:
            settings = BrokerSettings(port=broker.port, accounts_file=folder / "accounts.json")
            account, password = settings.credentials("journal")
            receive = [
                "mosquitto_sub", "-p", str(broker.port), "-u", account,
                "-P", password, "-i", account, "-q", "1", "-t", "starface/users/+/calls", "-V", "5",
            ]  # fmt: skip
            subscriber = subprocess.Popen(receive, stdout=subprocess.DEVNULL)
            try:
                report(settings, folder, arguments.rounds, arguments.seconds)
            finally:
                subscriber.terminate()
                subscriber.wait()


def report(broker: BrokerSettings, folder: Path, rounds: int, seconds: float) -> None:
    """Print a row for each case; a round takes them in turn, since a machine's pace drifts."""
    seen: dict[tuple[int, int], list[tuple[float, ...]]] = {case: [] for case in CASES}
    for case in CASES:
        fill(_log(folder, case), *case)
    for _ in range(rounds):
        for case in CASES:
            seen[case].append(once(broker, _log(folder, case), case[1], seconds))
    print("| events in the log | users | CPU us/event | p50 / p99 ms at 50/s | PSS MB |")
    print("|---|---|---|---|---|")
    for (events, users), rows in seen.items():
        spent, p50, p99, size = (statistics.median(each) for each in zip(*rows, strict=True))
        print(f"| {events:,} | {users:,} | {spent:.0f} | {p50:.1f} / {p99:.1f} | {size:.0f} |")


def _log(folder: Path, case: tuple[int, int]) -> Path:
    return folder / f"{case[0]}-{case[1]}"


def once(
    broker: BrokerSettings, data: Path, users: int, seconds: float
) -> tuple[float, float, float, float]:
    """Return processor time, p50, p99 and memory of one run."""
    port = free_port()
    gateway = GatewaySettings(
        listen=(f"127.0.0.1:{port}",), operations="", rate=1_000_000, burst=1_000_000
    )
    command = [sys.executable, "-c", PROGRAM, gateway.model_dump_json(), broker.model_dump_json()]
    paths = [callback_path(name, KEY) for name in names(users)]
    one = Candidate("this gateway", [*command, str(data)], paths)
    with running(one, port) as pid:
        settle(pid)  # the heads of all users are announced after the start
        before = cpu(pid)
        got = measure(one, port, 8, seconds, keep=False)
        spent = (cpu(pid) - before) / got["count"] * 1e6
        steady = measure(one, port, 4, seconds, keep=False, rate=50)
        return spent, steady["p50"], steady["p99"], proportional_memory(pid)


def settle(pid: int) -> None:
    """Wait until the process has nothing to do."""
    while True:
        before = cpu(pid)
        time.sleep(1)
        if cpu(pid) - before < 0.05:
            return


def names(users: int) -> list[str]:
    return [f"{number:04}" for number in range(1, users + 1)]


def fill(data: Path, events: int, users: int) -> None:
    """Write a log of events that the broker has taken already."""
    log = EventLog(private_folder(data), "gateway", Counters(), lambda: None, greatest=10**10)
    party = Party(number="0441234567", e164="+41441234567", kind="external")
    who = names(users)
    for begin in range(0, events, _PIECE):
        with writing(log._db):
            for number in range(begin, min(events, begin + _PIECE)):
                call = Notification(
                    user=who[number % users], call_id=f"call-{number}", state="ended"
                )
                log._write(ResolvedNotification(call, party, party, time.time()))
    log.close()
    reader = EventReader(data)
    reader.settle(events)
    reader.close()


if __name__ == "__main__":
    main()
