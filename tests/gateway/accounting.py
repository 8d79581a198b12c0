"""Who reported what, and what was done about it: the accounting of the fault tests.

A PBX notes each call with the gateway's answer, a consumer in a process of its own notes each
event it carried out. Acknowledged must be carried out, once; what was never reported must not.
"""

import contextlib
import random
import signal
import sqlite3
import threading
import time
from pathlib import Path

from bus.settings import BrokerSettings
from tests.conftest import USERS, wait_until
from tests.forked_program import ForkedProgram
from tests.gateway.running import call_state, notify, path_of

CONSUMER = """
import sqlite3, sys
from pathlib import Path
from bus.mqtt.connection import Connection
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.events import CallEvent
from runtime.process import configure_logging, stop_on_signals
from bus.settings import BrokerSettings
configure_logging("INFO")
folder, mode = Path(sys.argv[2]), sys.argv[3]
db = sqlite3.connect(folder / "executed.db", isolation_level=None, timeout=5)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE IF NOT EXISTS executed (event TEXT PRIMARY KEY, call TEXT, user TEXT)")
def carry_out(event):
    row = (event.id, event.data.call_id, event.data.user)
    db.execute("INSERT OR IGNORE INTO executed VALUES (?, ?, ?)", row)
def follow(connection):
    stop_on_signals(connection.stop)
    if mode == "numbered":
        CallStream(connection, ConsumerOffsets(folder / "progress.db"), carry_out).follow_all()
    else:  # the negative control: believes the broker, asks for nothing
        topic = connection.topics.calls("+")
        connection.consume(topic, CallEvent, lambda event, _: carry_out(event))
    connection.run()
with Connection(BrokerSettings.model_validate_json(sys.argv[1]), "journal") as connection:
    follow(connection)
"""


class Consumer:
    """A process that carries out every call event it receives."""

    def __init__(self, folder: Path, broker: BrokerSettings, mode: str = "numbered") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._arguments = [broker.model_dump_json(), str(folder), mode]
        self._process: ForkedProgram | None = None

    def start(self) -> None:
        log = self._folder / "consumer.log"
        log.write_bytes(b"")
        self._process = ForkedProgram(CONSUMER, *self._arguments, log=log)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def is_connected(self) -> bool:
        log = self._folder / "consumer.log"
        return "connected to the broker" in log.read_text()

    def executed(self) -> list[str]:
        """Return the calls of all events carried out, in their order."""
        path = self._folder / "executed.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path, timeout=5)) as db:
            try:
                return [call for (call,) in db.execute("SELECT call FROM executed ORDER BY rowid")]
            except sqlite3.OperationalError:
                return []

    def more(self, than: int, patience: float = 20) -> list[str]:
        """Return what is carried out once it is more than that; fail when it stays."""
        wait_until(lambda: len(self.executed()) > than, patience)
        return self.executed()

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(5)
        self._process = None
        return code


class Pbx:
    """Reports calls from several lines at once, each once, and notes the answers."""

    def __init__(self, ports: list[int], seed: int, per_second: float = 60, lines: int = 4) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.unknown: list[str] = []
        self.took: list[float] = []
        self._ports = ports
        self._pause = lines / per_second
        self._stopping = threading.Event()
        self._lines = [
            threading.Thread(target=self._report, args=(line, random.Random(seed * 100 + line)))
            for line in range(lines)
        ]

    def __enter__(self) -> "Pbx":
        for line in self._lines:
            line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for line in self._lines:
            line.join()

    @property
    def has_ended(self) -> bool:
        return not any(line.is_alive() for line in self._lines)

    def _report(self, line: int, chance: random.Random) -> None:
        # One user for each line: a PBX reports one user's calls one after the other.
        user = USERS[line % len(USERS)]
        path, number = path_of(user), 0
        while not self._stopping.is_set():
            number += 1
            call = f"{line}-{number:06}"
            # A connected call is kept for a day, so that a broker's absence does not outdate it.
            before = time.monotonic()
            try:
                status = notify(chance.choice(self._ports), path, call_state(call, "CONNECTED"))
            except OSError:
                self.unknown.append(call)
            else:
                (self.acknowledged if status == 200 else self.refused).append(call)
                self.took.append(time.monotonic() - before)
            self._stopping.wait(self._pause * chance.uniform(0.5, 1.5))


def settle(pbx: Pbx, consumer: Consumer, patience: float = 45) -> None:
    """Wait until all that was acknowledged is carried out, and check the accounts.

    A busy machine may take its time, and a connection that was lost again and again pauses for
    half a minute; only when nothing more happens, the rest is lost.
    """
    assert pbx.has_ended, "the accounts of a PBX that still reports calls cannot be right"
    wanted = set(pbx.acknowledged)
    assert wanted, "nothing was acknowledged, so nothing is proven"
    executed = consumer.executed()
    with contextlib.suppress(AssertionError):
        while not wanted <= set(executed):
            executed = consumer.more(len(executed), patience)
    lost = wanted - set(executed)
    assert not lost, f"{len(lost)} of {len(wanted)} lost, such as {sorted(lost)[:5]}"
    assert len(executed) == len(set(executed)), "carried out twice"
    never_reported = set(executed) - wanted - set(pbx.unknown)
    assert not never_reported, f"carried out what was refused, such as {sorted(never_reported)[:5]}"


def in_order(executed: list[str]) -> bool:
    """Return whether the calls of each line came in the order in which they were reported."""
    lines: dict[str, list[str]] = {}
    for call in executed:
        lines.setdefault(call.partition("-")[0], []).append(call)
    return all(calls == sorted(calls) for calls in lines.values())
