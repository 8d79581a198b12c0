"""One site on several machines: the processes of each with own folder and ports."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bus.access.accounts import Accounts, accounts_of_machines, shard_role
from cli.demo.mosquitto import free_port
from consumers.users import User, Users
from runtime.files import private_folder, replace
from runtime.secret_box import SecretBox, new_key
from starface.credential import derive
from starface.simulator import Simulator
from tests.conftest import ROOT
from tests.estate.balancer import Balancer, Gateway
from tests.estate.nodes import Cluster, Kind, cluster
from tests.estate.relay import Relay

PROCESSES = ("gateway", "sessions", "caller", "dial", "journal", "panel")
MACHINES = ("a", "b")
_CONFIGURATION = """
[site]
country = "CH"
area_code = "44"
internal_digits = 4
{machine}
[starface]
host = "127.0.0.1"
port = {pbx}
scheme = "http"
callback_host = "127.0.0.1"
callback_port = {callback}
extension_may_differ = true
keep_alive = 24

[broker]
hosts = {hosts}
version = "{version}"
{habits}accounts_file = "{accounts}"

[gateway]
listen = ["127.0.0.1:{gateway}"]
operations = "127.0.0.1:{operations}"
[sessions]
operations = ""

[panel]
listen = "127.0.0.1:{panel}"

[dial]
per_minute = 999
per_hour = 9999
site_per_hour = 9999
double_click = 0

[caller]
new_contact = "https://files.example/new?number={{e164}}"
pops_per_minute = 600
shards = {shards}

[[caller.commands]]
name = "note"
arguments = ["{note}", "{{call_id}}", "{{trigger}}"]
"""
_HABITS = {"mosquitto": "", "nats": "", "rabbitmq": "escape_dots = true\nrepeat_retained = 60\n"}


class Program:
    """One process of one machine; it can be killed, paused and started again."""

    def __init__(self, name: str, words: Sequence[str], folder: Path) -> None:
        self.name = name
        self._words = words
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli", *self._words], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(20)
            self._process = None

    def pause(self) -> None:
        """Have it do nothing, with its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


class Machine:
    """A machine with all processes, and the line to the broker."""

    def __init__(
        self, name: str, programs: Sequence[Program], relays: Sequence[Relay], panel: str
    ) -> None:
        self.name = name
        self.panel = panel
        self.programs = {program.name.removesuffix(f"-{name}"): program for program in programs}
        self._relays = relays

    def start(self) -> None:
        """Start every process that does not run."""
        for program in self.programs.values():
            program.start()

    def kill(self) -> None:
        """Cut its power."""
        for program in self.programs.values():
            program.kill()

    def pause(self) -> None:
        """Let it sleep."""
        for program in self.programs.values():
            program.pause()

    def resume(self) -> None:
        """Wake it."""
        for program in self.programs.values():
            program.resume()

    def cut(self) -> None:
        """Cut its line to the broker."""
        for relay in self._relays:
            relay.cut()

    def mend(self) -> None:
        """Mend its line to the broker."""
        for relay in self._relays:
            relay.mend()


class Site:
    """The machines, the broker and what the commands of the callers wrote down."""

    def __init__(self, nodes: Cluster, machines: Sequence[Machine], acts: Path) -> None:
        self.nodes = nodes
        self.machines = {machine.name: machine for machine in machines}
        self._acts = acts

    def acts(self) -> list[str]:
        """Return the calls for which something opened, each as often as it did."""
        return [line.split()[0] for line in self._acts.read_text().splitlines()]


@contextmanager
def site(
    kind: Kind,
    folder: Path,
    simulator: Simulator,
    *,
    leases: bool = True,
    shards: int = 1,
    panels: bool = False,
) -> Iterator[Site]:
    """Run the broker of a site of two machines, and the balancer through which the PBX reaches
    their gateways; the machines are still to be started.

    Without leases each machine believes that it is alone: the negative control.
    """
    accounts = Accounts()
    for account in (*accounts_of_machines(MACHINES, shards), "caller-1", "caller-2"):
        accounts.add(account)
    acts, note = folder / "acts", folder / "note"
    acts.touch()
    note.write_text(f'#!/bin/sh\necho "$1 $2" >> {acts}\n')
    note.chmod(0o700)
    keys = {name: new_key().decode() for name in ("seal.key", "panel.key")}
    keys["site.key"] = secrets.token_urlsafe(48)
    gateways = [Gateway(free_port(), free_port()) for _ in MACHINES]
    with (
        cluster(kind, folder / "broker", accounts=accounts) as nodes,
        Balancer(gateways) as balancer,
        ExitStack() as stack,
    ):
        machines = []
        for number, (name, gateway) in enumerate(zip(MACHINES, gateways, strict=True), 1):
            relays = [stack.enter_context(Relay(node.port)) for node in nodes.nodes]
            panel_port = free_port()
            text = _CONFIGURATION.format(
                machine=f'machine = "{name}"\nmachines = ["a", "b"]\n' if leases else "",
                pbx=simulator.port, callback=balancer.port, gateway=gateway.port,
                operations=gateway.operations, panel=panel_port,
                hosts=[f"127.0.0.1:{relay.port}" for relay in relays],
                version=nodes.settings().version, habits=_HABITS[kind],
                accounts=nodes.folder / "accounts.json",
                note=note, shards=shards,
            )  # fmt: skip
            config = _files(folder / name, text.replace("'", '"'), keys, simulator)
            commands = _commands(shards) if leases else {role: [role] for role in PROCESSES}
            if not panels:
                del commands["panel"]
            if not leases:
                commands["caller"] += ["--all", "--account", f"caller-{number}"]
            programs = [
                Program(f"{role}-{name}", ["--config", str(config), *words], folder / name)
                for role, words in commands.items()
            ]
            machine = Machine(name, programs, relays, f"http://127.0.0.1:{panel_port}")
            stack.callback(machine.kill)
            machines.append(machine)
        yield Site(nodes, machines, acts)


def _commands(shards: int) -> dict[str, list[str]]:
    """Return what the processes of a machine are called, and how each is started."""
    if shards == 1:
        callers = {"caller": ["caller", "--all"]}
    else:
        numbers = range(1, shards + 1)
        callers = {
            shard_role(number, shards): ["caller", "--shard", f"{number}/{shards}"]
            for number in numbers
        }
    return {role: [role] for role in PROCESSES if role != "caller"} | callers


def _files(folder: Path, text: str, keys: dict[str, str], simulator: Simulator) -> Path:
    secret, data = private_folder(folder / "secrets"), private_folder(folder / "data")
    for name, key in keys.items():
        replace(secret / name, key)
        (secret / name).chmod(0o600)
    config = folder / "starface2mqtt.toml"
    config.write_text(text)
    box = SecretBox(keys["seal.key"].encode())
    with Users(data / "starface2mqtt.db", box) as users:
        for user in simulator.pbx.users.values():
            credential = derive("sha512", user.login, user.password)
            users.add(User(login=user.login, extension=user.extension), credential)
    return config
