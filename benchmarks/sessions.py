"""What keeping 2,000 users logged in costs, against a stand-in PBX in a process of its own.

    .venv/bin/python benchmarks/sessions.py [--users 2000] [--seconds 30]

Prints one line a figure, and last the share of one core against the limit of 10 % (less than 1 is
good). Takes about --seconds and a minute and a half. Exit code 1 when a limit is missed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import needs
from bus.access.accounts import Accounts, write_broker_files
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from consumers.sessions.process import run as run_sessions
from consumers.users import User, Users
from gateway.process import run as run_gateway
from gateway.settings import GatewaySettings
from runtime.process import configure_logging
from runtime.secret_box import SecretBox, new_key
from starface.credential import derive
from starface.settings import StarfaceSettings
from starface.simulator import Simulator
from starface.simulator.model.people import many_users

ROOT = Path(__file__).parent.parent
KEY = b"k" * 32
LIMIT = 0.10  # of one core
INTERVAL = 30.0  # seconds between two keepAlives at most
LOGIN_METHOD = "ucp.v22.requests.connection.login"
POWER_CUT = 20.0  # seconds
Reported = tuple[int, float, Counter[str]]
Ask = Callable[[], Reported]
KEEP_ALIVE = "ucp.v22.requests.connection.keepAlive"


def simulate(users: int, pipe: "Pipe[Any, Any]") -> None:
    """Be the PBX; answer questions about it until asked to stop."""
    with Simulator(many_users(users)) as pbx:
        pipe.send(pbx.port)
        while (asked := pipe.recv()) != "stop":
            if asked == "crash":
                pbx.restart()
                pbx.outage(on=True, kind="silent")
            if asked == "start":
                pbx.outage(on=False)
            sessions, now = pbx.sessions, time.monotonic()
            oldest = max((now - session.last_seen for session in sessions), default=0.0)
            pipe.send((len(sessions), oldest, pbx.requests))


def keep_sessions(*given: Any) -> None:
    """Be the sessions process, quietly."""
    configure_logging("ERROR")
    settings, broker, database, seal_key, folder = given
    profile = NumberProfile(country="CH", area_code="44")
    run_sessions(
        settings,
        broker,
        KEY,
        database,
        SecretBox(seal_key),
        folder,
        profile,
        panel_key=new_key(),
    )


def be_gateway(port: int, broker: BrokerSettings, folder: Path) -> None:
    """Be the gateway, quietly."""
    configure_logging("ERROR")
    settings = GatewaySettings(listen=(f"127.0.0.1:{port}",), operations="")
    run_gateway(settings, broker, NumberProfile(country="CH", area_code="44"), KEY, folder)


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def power_cut(pipe: "Pipe[Any, Any]", ask: Ask, users: int) -> tuple[float, int]:
    """Take the PBX away without a word for a while; return as log_in, counted from its return."""
    for what in ("crash", "start"):
        pipe.send(what)
        pipe.recv()
        time.sleep(POWER_CUT if what == "crash" else 0.0)
    return log_in(ask, users)


def log_in(ask: Ask, users: int) -> tuple[float, int]:
    """Wait until everybody is in; return the seconds it took and the logins of the busiest one."""
    moments: list[tuple[float, int]] = []
    began, before = time.monotonic(), ask()[2][LOGIN_METHOD]
    while time.monotonic() - began < 120:
        present, _, requests = ask()
        moments.append((time.monotonic(), requests[LOGIN_METHOD]))
        if present >= users:
            break
        time.sleep(0.1)
    first = began if before else next(at for at, count in moments if count)
    busiest = max(
        later - count for at, count in moments for after, later in moments if 0 <= after - at <= 1.0
    )
    return moments[-1][0] - first, busiest


def measure(users: int, seconds: float, folder: Path) -> bool:
    """Measure and print; True when every limit is kept."""
    context = get_context("spawn")
    pipe, theirs = context.Pipe()
    accounts = Accounts()
    for account in ("gateway", "sessions"):
        accounts.add(account)
    accounts.write(folder / "accounts.json")
    write_broker_files(folder, BrokerSettings().topics(), accounts.passwords)
    seal_key = new_key()
    print(f"preparing users={users}", flush=True)
    with Users(folder / "site.db", SecretBox(seal_key)) as roll:
        for person in many_users(users):
            credential = derive("sha512", person.login, person.password)
            roll.add(User(login=person.login), credential)
    with Mosquitto(ROOT / "mosquitto.conf", folder, free_port()) as mosquitto:
        broker = BrokerSettings(port=mosquitto.port, accounts_file=folder / "accounts.json")
        gateway_port = free_port()
        pbx = context.Process(target=simulate, args=(users, theirs), daemon=True)
        gateway = context.Process(
            target=be_gateway, args=(gateway_port, broker, folder / "gateway"), daemon=True
        )
        pbx.start()
        gateway.start()
        settings = StarfaceSettings(
            host="127.0.0.1", port=pipe.recv(), scheme="http", callback_port=gateway_port,
            keep_alive=INTERVAL,
        )  # fmt: skip
        sessions = context.Process(
            target=keep_sessions,
            args=(settings, broker, folder / "site.db", seal_key, folder / "sessions"),
        )
        sessions.start()

        def ask() -> Reported:
            pipe.send("how is it")
            answer: Reported = pipe.recv()
            return answer

        took, busiest = log_in(ask, users)
        print(f"logged in users={users} seconds={took:.1f} most_in_one_second={busiest}")
        time.sleep(INTERVAL / 2)  # what follows a login is done, the keepAlives are spread
        before, used, began = ask()[2], cpu_seconds(sessions.pid or 0), time.monotonic()
        oldest = 0.0
        while time.monotonic() - began < seconds:
            time.sleep(1.0)
            oldest = max(oldest, ask()[1])
        present, _, after = ask()
        share = (cpu_seconds(sessions.pid or 0) - used) / (time.monotonic() - began)
        rate = (after[KEEP_ALIVE] - before[KEEP_ALIVE]) / (time.monotonic() - began)
        total = (after.total() - before.total()) / (time.monotonic() - began)
        print(f"sessions present={present} keepalives_per_second={rate:.1f} requests={total:.1f}")
        print(f"longest_without_keepalive={oldest:.1f} interval={INTERVAL:.0f}")
        print(f"memory_mb={memory_mb(sessions.pid or 0):.0f}")
        print(f"cpu_share={share:.3f} limit={LIMIT:.2f} ratio={share / LIMIT:.2f}")
        back, busiest_back = power_cut(pipe, ask, users)
        print(f"back after a power cut seconds={back:.1f} most_in_one_second={busiest_back}")
        sessions.terminate()
        sessions.join(5)
        left = sessions.exitcode
        print(f"left exitcode={left}")
        gateway.terminate()
        pipe.send("stop")
        pbx.join(5)
        gateway.join(5)
    return (
        present == users and share <= LIMIT and oldest <= INTERVAL + 1.0
        and max(busiest, busiest_back) < 1000 and left == 0
    )  # fmt: skip


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Measure once."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--users", type=int, default=2000)
    asked.add_argument("--seconds", type=float, default=INTERVAL)
    reported = asked.parse_args()
    needs("mosquitto", "mosquitto")
    with tempfile.TemporaryDirectory() as folder:
        return 0 if measure(reported.users, reported.seconds, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
