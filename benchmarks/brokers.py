"""What one message of QoS 1 costs each broker: processor time of its nodes, delay, memory.

benchmarks/brokers.py [KIND...]: 50 messages a second for 10 s and then as many as go, from one
publisher to one consumer at another node. It starts the nodes as the tests do.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from bus.mqtt.connection import Connection
from bus.topics import Topics
from tests.estate.nodes import Cluster, Kind, cluster, missing

SECONDS, RATE, BURST, UNDER_WAY = 10.0, 50, 3_000, 20
PAYLOAD = b"x" * 800  # a call event
CALLS = Topics().calls("0011")


def main() -> None:
    kinds: tuple[Kind, ...] = ("mosquitto", "nats", "rabbitmq")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(kinds)}; all if none is named")
    wanted = parser.parse_args().kind or kinds
    for kind in wanted:
        if kind not in kinds:
            parser.error(f"{kind}: one of {', '.join(kinds)} is expected")
        if package := missing(kind):
            raise SystemExit(f"{kind} is missing; install {package}")
    print("| broker | us/message | p50 / p99 ms at 50/s | at most /s | PSS MB, all nodes | disk |")
    for kind in [each for each in kinds if each in wanted]:
        with tempfile.TemporaryDirectory() as folder, cluster(kind, Path(folder)) as nodes:
            print(f"| {kind}, {len(nodes.nodes)} |", measured(nodes), flush=True)


def measured(nodes: Cluster) -> str:
    delays: list[float] = []
    first, last = nodes.settings(nodes.nodes[0]), nodes.settings(nodes.nodes[-1])
    with Connection(last, "caller") as caller, Connection(first, "gateway") as gateway:
        caller.subscribe(CALLS, lambda each: delays.append(time.time() - float(each.payload[:20])))
        caller.wait_connected(30)
        gateway.wait_connected(30)
        before = processor(nodes)
        began = time.monotonic()
        for number in range(int(SECONDS * RATE)):
            while time.monotonic() < began + number / RATE:
                caller.work(0.001)
            gateway.send(CALLS, stamped())
        drain(caller, delays, int(SECONDS * RATE))
        cost = (processor(nodes) - before) / len(delays)
        steady = sorted(delays)
        delays.clear()
        began, under_way = time.monotonic(), []
        for _ in range(BURST):
            under_way.append(gateway.send(CALLS, stamped()))
            if len(under_way) >= UNDER_WAY:
                under_way.pop(0).wait()
            caller.work(0)
        drain(caller, delays, BURST)
        rate = BURST / (time.monotonic() - began)
    memory = sum(each.memory_full_info().pss for each in processes(nodes)) / 1e6
    disk = sum(path.stat().st_size for path in nodes.folder.rglob("*") if path.is_file()) / 1e6
    return (
        f"{cost * 1e6:.0f} | {statistics.median(steady) * 1e3:.1f} / "
        f"{steady[int(len(steady) * 0.99)] * 1e3:.1f} | {rate:.0f} | {memory:.0f} | {disk:.0f} MB |"
    )


def stamped() -> bytes:
    return f"{time.time():<20}".encode() + PAYLOAD


def drain(caller: Connection, delays: list[float], count: int) -> None:
    limit = time.monotonic() + 60
    while len(delays) < count and time.monotonic() < limit:
        caller.work(0.05)


def processes(nodes: Cluster) -> list[psutil.Process]:
    found = [psutil.Process(node.pid) for node in nodes.nodes if node.pid]
    return [*found, *(child for each in found for child in each.children(recursive=True))]


def processor(nodes: Cluster) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes(nodes))


if __name__ == "__main__":
    main()
