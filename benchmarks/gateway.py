"""The gateway beside its peers: the same 1 KB notification, 200 only when the event is safe.

    .venv/bin/python benchmarks/gateway.py [--seconds 3] [--rounds 3] [--peers FOLDER] [--best]

Prints throughput, p50, p99, CPU and memory of each, and the ratios. The peers are installed into a
temporary folder by pip and npm unless --peers names one where they are. Load generator, broker and
a subscriber run on the same machine, so compare the figures of one run only. Bounded: about
--seconds x rounds x 4 for each candidate.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import ask, needs, needs_load_and_broker
from bus.access.accounts import PROCESS_ACCOUNTS, Accounts, write_broker_files
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from gateway.settings import GatewaySettings
from starface.callback import callback_path
from starface.xmlrpc.reading import write_call

ROOT = Path(__file__).parent.parent
USERS = [f"{number:04}" for number in range(1, 201)]
KEY = b"k" * 32
PEERS = ROOT / "benchmarks" / "peers"
MEMORY = Path("/dev/shm")  # a log here costs all but the disk
PROGRAM = """
import sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from gateway.process import run
from gateway.settings import GatewaySettings
configure_logging("WARNING")
run(GatewaySettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]),
    NumberProfile(country="CH", area_code="44"), b"k" * 32, Path(sys.argv[3]))
"""
_GO = "golang-go golang-github-eclipse-paho.mqtt.golang-dev"
_DEBIAN = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}  # where Debian puts Go's libraries
LOADS = {"1 new": (1, False), "8 new": (8, False), "64 new": (64, False), "64 keep": (64, True)}


def body() -> str:
    members = {
        "id": "c2b7d1f0-10a4-4a51-8a54-6f3d3b1d9e77",
        "state": "RINGING",
        "timestamp": "20250314T09:15:21",
        "callerNumber": "0041441234567",
        "callerName": "Jörg Müller, Musterbau GmbH",
        "calledNumber": "11",
        "calledName": "Anna Beispiel",
    }
    return write_call("ucp.v22.events.call.receiveCallState", [members]).decode()


class Candidate:
    def __init__(self, name: str, command: list[str], paths: list[str], **environment: str) -> None:
        self.name = name
        self.command = command
        self.paths = paths
        self.environment = environment


def candidates(
    peers: Path, broker: BrokerSettings, port: int, folder: Path, memory: Path
) -> list[Candidate]:
    account, password = broker.credentials("gateway")
    env = {
        "BROKER_PORT": str(broker.port), "BROKER_USER": account, "BROKER_PASSWORD": password,
        "PORT": str(port),
    }  # fmt: skip
    found = []
    for processes, data in ((1, folder), (2, folder), (1, memory), (2, memory)):
        settings = GatewaySettings(
            listen=(f"127.0.0.1:{port}",), operations="", rate=1_000_000, burst=1_000_000,
            processes=processes,
        )  # fmt: skip
        command = [
            sys.executable, "-c", PROGRAM, settings.model_dump_json(), broker.model_dump_json(),
            str(data / f"data-{processes}"),
        ]  # fmt: skip
        paths = [callback_path(user, KEY) for user in USERS]
        name = f"this gateway, {processes} process{'es' if processes > 1 else ''}"
        where = "" if data is folder else ", log in memory"
        found.append(Candidate(f"{name}{where}", command, paths))
    paths = [f"/notify?de.vertico.starface.user={user}" for user in USERS]
    if not has_peers(peers):
        return found
    python = str(peers / "venv" / "bin" / "python")
    found.append(
        Candidate(
            "FastAPI + aiomqtt",
            [python, "-m", "uvicorn", "--app-dir", str(PEERS), "fastapi_app:app", "--port",
             str(port), "--log-level", "warning", "--no-access-log"],
            paths, **env,
        )
    )  # fmt: skip
    shutil.copy(PEERS / "express_app.js", peers / "express_app.js")
    found.append(
        Candidate("Express + MQTT.js", ["node", str(peers / "express_app.js")], paths, **env)
    )
    found.append(Candidate("Go net/http + paho", [str(peers / "go_app")], paths, **env))
    red = folder / "node-red"
    subprocess.run(
        [sys.executable, str(PEERS / "node_red_flow.py"), str(red)],
        env={**os.environ, **env}, check=True,
    )  # fmt: skip
    script = str(peers / "node_modules" / "node-red" / "red.js")
    settings_file = str(red / "settings.js")
    found.append(
        Candidate("Node-RED", ["node", script, "-u", str(red), "-s", settings_file], paths, **env)
    )
    return found


def has_peers(peers: Path) -> bool:
    """Return whether the peers are in a folder."""
    wanted = ("venv/bin/uvicorn", "node_modules/express", "node_modules/node-red/red.js", "go_app")
    return all((peers / each).exists() for each in wanted)


def install(peers: Path) -> None:
    """Put the peers into a folder; end with a sentence where that fails."""
    npm = needs("npm", "npm")
    go = needs("go", _GO)
    peers.mkdir(parents=True, exist_ok=True)
    pip = [str(peers / "venv/bin/python"), "-m", "pip", "install", "-q"]
    node = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(peers)]
    for words in (
        [sys.executable, "-m", "venv", str(peers / "venv")],
        [*pip, "fastapi", "uvicorn", "uvloop", "httptools", "aiomqtt", "defusedxml"],
        [*node, "express", "mqtt", "fast-xml-parser", "node-red@4"],
        [go, "build", "-o", str(peers / "go_app"), str(PEERS / "go_app.go")],
    ):
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **_DEBIAN})
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise SystemExit(f"a peer could not be installed: {' '.join(words)}: {lines[-1]}")


@contextmanager
def running(one: Candidate, port: int) -> Iterator[int]:
    environment = {**os.environ, **one.environment}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(one.command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait(one, port, process, log)
            yield process.pid
        finally:
            process.terminate()
            process.wait(10)


def _wait(one: Candidate, port: int, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    limit = time.monotonic() + 30
    while measure(one, port, 1, 0.2, keep=False).get("failed", 1):
        if time.monotonic() > limit or process.poll() is not None:
            log.seek(0)
            said = log.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{one.name} did not come up: {said}")
        time.sleep(0.3)


def measure(
    one: Candidate, port: int, lines: int, seconds: float, *, keep: bool, rate: float = 0
) -> dict[str, float]:
    return ask(port, one.paths, body(), lines, seconds, keep=keep, rate=rate)


def tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in tree(int(child)))]


def proportional_memory(pid: int, *, alone: bool = False) -> float:
    total = 0
    for one in [pid] if alone else tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def cpu(pid: int) -> float:
    ticks = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def run(arguments: argparse.Namespace, peers: Path, folder: Path, memory: Path) -> None:
    accounts = Accounts()
    for account in (*PROCESS_ACCOUNTS, "journal"):
        accounts.add(account)
    accounts.write(folder / "accounts.json")
    write_broker_files(folder, BrokerSettings().topics(), accounts.passwords)
    conf = folder / "benchmark.conf"
    text = (ROOT / "mosquitto.conf").read_text()
    conf.write_text(text.replace("log_type notice", "").replace("log_type warning", ""))
    figures: dict[str, dict[str, list[dict[str, float]]]] = {}
    sizes: dict[str, list[float]] = {}
    with Mosquitto(conf, folder, free_port()) as broker:
        settings = BrokerSettings(port=broker.port, accounts_file=folder / "accounts.json")
        account, password = settings.credentials("journal")
        subscriber = subprocess.Popen(
            ["mosquitto_sub", "-p", str(broker.port), "-u", account,
             "-P", password, "-i", account, "-q", "1", "-t", "starface/users/+/calls", "-V", "5"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        port = free_port()
        try:
            for number in range(arguments.rounds):
                for one in candidates(
                    peers, settings, port, folder / str(number), memory / str(number)
                ):
                    if arguments.only and not any(
                        fnmatch(one.name, name) for name in arguments.only
                    ):
                        continue
                    with running(one, port) as pid:
                        for load, (lines, keep) in LOADS.items():
                            before = cpu(pid)
                            got = measure(one, port, lines, arguments.seconds, keep=keep)
                            got["cpu"] = (cpu(pid) - before) / got["count"] * 1e6
                            figures.setdefault(one.name, {}).setdefault(load, []).append(got)
                        sizes.setdefault(one.name, []).append(proportional_memory(pid))
                        if one.name.startswith("this"):
                            steady = measure(one, port, 4, arguments.seconds, keep=False, rate=50)
                            figures[one.name].setdefault("50/s", []).append(steady)
        finally:
            subscriber.terminate()
            subscriber.wait()
    report(figures, sizes, best=arguments.best)
    rates = {
        name: statistics.median(one["per_second"] for one in loads["64 new"])
        for name, loads in figures.items()
    }
    if arguments.plot:
        arguments.plot.write_text(plot(rates))


def plot(rates: dict[str, float]) -> str:
    """Return bars as SVG."""
    best, bars = max(rates.values()), []
    for place, (name, rate) in enumerate(rates.items()):
        top, width = 30 + 26 * place, 400 * rate / best
        colour = "#2a6fb0" if name.startswith("this") else "#9aa5b1"
        bars.append(
            f'<text x="250" y="{top + 14}" text-anchor="end">{name}</text>'
            f'<rect x="258" y="{top}" width="{width:.0f}" height="18" fill="{colour}"/>'
            f'<text x="{264 + width:.0f}" y="{top + 14}">{rate:.0f}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{40 + 26 * len(rates)}"'
        ' font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        '<text x="258" y="18">notifications per second, 64 new connections at a time</text>'
        + "".join(bars)
        + "</svg>\n"
    )


def report(
    figures: dict[str, dict[str, list[dict[str, float]]]], sizes: dict[str, list[float]], *,
    best: bool,
) -> None:  # fmt: skip
    def middle(name: str, load: str, key: str) -> float:
        rounds = [one[key] for one in figures[name][load]]
        if best:
            return max(rounds) if key == "per_second" else min(rounds)
        return statistics.median(rounds)

    print("| server | " + " | ".join(LOADS) + " | p50/p99 ms 1 new | p50/p99 ms 64 new"
          " | CPU us/request 64 new | PSS MB | failed |")  # fmt: skip
    print("|---" * (len(LOADS) + 6) + "|")
    for name, loads in figures.items():
        rates = [f"{middle(name, load, 'per_second'):.0f}" for load in LOADS]
        times = [
            f"{middle(name, load, 'p50'):.2f} / {middle(name, load, 'p99'):.1f}"
            for load in ("1 new", "64 new")
        ]
        failed = int(sum(one["failed"] for each in loads.values() for one in each))
        rest = [f"{middle(name, '64 new', 'cpu'):.0f}", f"{statistics.median(sizes[name]):.0f}"]
        print(f"| {name} | " + " | ".join([*rates, *times, *rest, str(failed)]) + " |")
    print()
    longest = max(middle(name, "64 new", "per_second") for name in figures)
    for name in figures:
        rate = middle(name, "64 new", "per_second")
        print(f"{name:28} {'#' * int(50 * rate / longest):50} {rate:6.0f}/s at 64 new")
    print()
    for own in [name for name in figures if name.startswith("this")]:
        steady = figures[own].get("50/s", [])
        if steady:
            print(f"{own} at 50/s: p99 {middle(own, '50/s', 'p99'):.1f} ms")
        for peer in [name for name in figures if not name.startswith("this")]:
            ratios = ", ".join(
                f"{load} {middle(own, load, 'per_second') / middle(peer, load, 'per_second'):.2f}"
                for load in LOADS
            )
            print(f"{own} / {peer}: {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", action="append", help="a name, with * and ?; several times")
    parser.add_argument(
        "--best",
        action="store_true",
        help="the best round instead of the median, beside other work",
    )
    arguments = parser.parse_args()
    needs_load_and_broker()
    shared = MEMORY if MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory() as temporary,
        tempfile.TemporaryDirectory(dir=shared) as memory,
    ):
        folder = Path(temporary)
        peers = arguments.peers or folder / "peers"
        if not arguments.only or not all(name.startswith("this") for name in arguments.only):
            needs("node", "nodejs")
            if not has_peers(peers):
                install(peers)
        run(arguments, peers, folder, Path(memory))


if __name__ == "__main__":
    main()
