"""A Mosquitto of our own, from the project's mosquitto.conf: for the demo and the tests."""

import contextlib
import itertools
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Self

from cli.site.broker_configuration import adapted
from cli.site.context import CommandFailed

_PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections
_places = itertools.count(random.randrange(len(_PORTS)))  # noqa: S311
_reserved: deque[socket.socket] = deque(maxlen=64)  # of the ports given last
PATIENCE = 10.0  # seconds until a broker must answer
_PROGRAMS = ("mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")


class BrokerNotStarted(CommandFailed):
    """The broker did not come up; the message holds what it said."""


def program() -> str | None:
    """Return the installed Mosquitto, None if there is none."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


class Mosquitto:
    """A broker process; it can be killed and started again on the same port and files."""

    def __init__(self, conf: Path, folder: Path, port: int) -> None:
        self.port = port
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(adapted(conf.read_text(), port, folder, folder))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the broker and wait until it answers; raise BrokerNotStarted."""
        found = program()
        if found is None:
            raise BrokerNotStarted("Mosquitto is not installed: apt-get install mosquitto")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [found, "-c", self._conf], stdout=log, stderr=log, start_new_session=True
            )
        limit = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise BrokerNotStarted(self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """End the broker in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as a power cut would."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Have the broker read its password and access files again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return True
        return False


def free_port() -> int:
    """Return a port nobody listens on, nor gets by chance while a program of ours restarts."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of so many free ports in a row; no other process gets them meanwhile."""
    while True:
        first = next(_places) % (len(_PORTS) - count) + _PORTS.start
        ports = range(first, first + count)
        for _ in ports[1:]:
            next(_places)
        if all(_reserve(port) for port in ports):
            return first


def _reserve(port: int) -> bool:
    """Keep a port from others who look for one: until it is used, its number is a name of ours."""
    reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        if sys.platform == "linux":
            reservation.bind(f"\0starface2mqtt-port-{port}")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        return False
    if len(_reserved) == _reserved.maxlen:
        _reserved[0].close()
    _reserved.append(reservation)
    return True
