"""What a site of two machines costs: processor time and memory of each process and of the broker.

benchmarks/estate.py [KIND]: 200 users, 30 s without a call and 30 s with 5 calls a second, each
with four notifications. Broker and machines are started as the tests do.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from bus.mqtt.connection import Connection
from starface.simulator import Simulator, many_users
from tests.conftest import wait_until
from tests.estate.bookkeeping import Bookkeeping
from tests.estate.nodes import Kind, missing
from tests.estate.site import Site, site

USERS, SECONDS, RATE = 200, 30, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("mosquitto", "nats", "rabbitmq"), nargs="?")
    kind: Kind = parser.parse_args().kind or "mosquitto"
    if package := missing(kind):
        raise SystemExit(f"{kind} is missing; install {package}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(users=many_users(USERS)) as simulator,
        site(kind, Path(folder), simulator, shards=2, panels=True) as estate,
        Connection(estate.nodes.settings(), "cli-1", lasting=False) as connection,
        Bookkeeping(connection, simulator) as books,
    ):
        for machine in estate.machines.values():
            machine.start()
            wait_until(lambda: books.well, 180)
            wait_until(partial(books.online, machine), 180)
        print(f"{kind}, {USERS} users")
        print("| process | ms a second without calls | ms a call | PSS, MB |")
        idle = spent(estate)
        simulator.load(USERS, RATE, SECONDS, answered_after=3, ended_after=8)
        busy = spent(estate)
        for name, each in processes(estate).items():
            a_call = (busy[name] - idle[name]) / RATE
            print(f"| {name} | {idle[name]:.1f} | {a_call:.2f} | {pss(each):.0f} |")


def spent(estate: Site) -> dict[str, float]:
    """Return the milliseconds of a core that each process takes in a second."""
    before = {name: processor(each) for name, each in processes(estate).items()}
    time.sleep(SECONDS)
    return {
        name: (processor(each) - before[name]) / SECONDS * 1e3
        for name, each in processes(estate).items()
    }


def processes(estate: Site) -> Mapping[str, list[psutil.Process]]:
    programs = [
        program for machine in estate.machines.values() for program in machine.programs.values()
    ]
    found = {program.name: program.pid for program in programs}
    found |= {f"node {node.name}": node.pid for node in estate.nodes.nodes}
    roots = {name: psutil.Process(pid) for name, pid in found.items() if pid}
    return {name: [root, *root.children(recursive=True)] for name, root in roots.items()}


def processor(of: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in of)


def pss(of: list[psutil.Process]) -> float:
    return sum(each.memory_full_info().pss for each in of) / 1e6


if __name__ == "__main__":
    main()
