"""What a small office costs: `up` for three users, with journal and panel, beside a stand-in PBX.

    .venv/bin/python benchmarks/office.py [--seconds 20] [--starts 3]

Prints how long `up` needs until it reports to be ready, the memory (PSS) of each process, and what
all of them take of a processor while nobody telephones.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.gateway import proportional_memory  # noqa: E402
from benchmarks.load import needs  # noqa: E402
from cli.demo.mosquitto import Mosquitto, free_port  # noqa: E402
from cli.demo.stage import Ports, demo_values  # noqa: E402
from cli.site.files import add_user_account, broker_folder, make_site, seal  # noqa: E402
from cli.site.settings import Settings, read  # noqa: E402
from cli.site.shipped import shipped  # noqa: E402
from consumers.users import User, Users  # noqa: E402
from starface.credential import derive  # noqa: E402
from starface.simulator.model.people import DEFAULT_USERS  # noqa: E402

_SETTLES = 5.0  # seconds after the start until nothing is left to do


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--starts", type=int, default=3)
    arguments = parser.parse_args()
    needs("mosquitto", "mosquitto")
    with tempfile.TemporaryDirectory() as name:
        ports = Ports(*(free_port() for _ in range(7)))
        settings = office(Path(name) / "site", ports)
        pbx = [sys.executable, "-m", "cli", "simulate", "run", "--port", str(ports.pbx),
               "--control-port", str(ports.pbx_control)]  # fmt: skip
        simulator = subprocess.Popen(pbx, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            with Mosquitto(shipped("mosquitto.conf"), broker_folder(settings), ports.broker):
                ready = [start(settings, 0, 0) for _ in range(arguments.starts)]
                print(f"ready after {statistics.median(ready):.2f} s")
                start(settings, _SETTLES, arguments.seconds)
        finally:
            simulator.kill()
            simulator.wait()


def office(folder: Path, ports: Ports) -> Settings:
    values = demo_values(ports)
    del values["starface"]["keep_alive"]  # the demo's is short
    settings = make_site(folder, values)
    with Users(settings.database, seal(settings)) as users:
        for known in DEFAULT_USERS[:3]:
            user = User(login=known.login, name=known.name, extension=known.extension)
            users.add(user, derive("sha512", known.login, known.password))
            add_user_account(settings, known.login)
    return read(settings.file)


def start(settings: Settings, settle: float, seconds: float) -> float:
    """Return how long `up` took to be ready; print the figures of some seconds, if any."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = settings.folder / "notify"
        address.unlink(missing_ok=True)
        systemd.bind(str(address))
        systemd.settimeout(30)
        began = time.monotonic()
        up = subprocess.Popen(
            [sys.executable, "-m", "cli", "--config", str(settings.file), "up"], cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": str(address)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while b"READY=1" not in systemd.recv(4096):
                pass
            took = time.monotonic() - began
            if seconds:
                time.sleep(settle)
                report(psutil.Process(up.pid), seconds)
            return took
        finally:
            up.terminate()
            up.wait(20)


def report(up: psutil.Process, seconds: float) -> None:
    family = [up, *up.children(recursive=True)]
    before = [_spent(each) for each in family]
    time.sleep(seconds)
    shares = [(_spent(each) - at) / seconds * 100 for each, at in zip(family, before, strict=True)]
    sizes = [proportional_memory(each.pid, alone=True) for each in family]
    for each, share, size in zip(family, shares, sizes, strict=True):
        print(f"{each.name():16} {size:6.1f} MB {share:5.2f} % of a core")
    print(f"{len(family)} processes  {sum(sizes):6.1f} MB {sum(shares):5.2f} % of a core, idle")


def _spent(process: psutil.Process) -> float:
    """Return the seconds of processor time, as the scheduler counts them."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


if __name__ == "__main__":
    main()
