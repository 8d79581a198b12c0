"""`starface2mqtt demo`: the whole way once, on the real protocol, then it stays up."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console

from bus.mqtt.inbox import ReceivedMessage
from cli.commands.broker_account import command_connection
from cli.demo.ports import PortTaken
from cli.demo.stage import FIRST_PORT, Ports, Stage
from cli.demo.steps import ANNA, BERND, DIALLED, KNOWN, ReceivedEvents, StepFailed, Steps
from cli.site.context import CommandFailed

_RINGS_AFTER = 3.0  # seconds after the login
_ANSWERED_AFTER, _ENDS_AFTER = 12.0, 40.0  # seconds after it rings


class DemoFailed(CommandFailed):
    """Something the demo shows did not happen."""


def run(folder: Path, *, once: bool, embedded: bool = False) -> None:
    """Show every step once; then, unless `once`, stay up until asked to stop."""
    console = Console(highlight=False)
    try:
        ports = Ports.chosen(os.environ)
    except ValueError as error:
        raise PortTaken(str(error)) from error
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    with Stage(folder, ports, embedded=embedded) as stage:
        console.print(f"starface2mqtt demo; broker: {stage.broker_name}")
        try:
            _show(console, stage)
        except StepFailed as failed:
            raise DemoFailed("the demo stopped at the step marked FAILED") from failed
        if once:
            return
        typer.echo(_what_next(stage))
        _wait_for_the_end(stage)


def _show(console: Console, stage: Stage) -> None:
    with command_connection(stage.settings) as connection:
        received = ReceivedEvents(connection)
        connection.wait_connected()
        Steps(console, stage, received).show()


def _wait_for_the_end(stage: Stage) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    with command_connection(stage.settings) as connection:
        first_ring = FirstRing(stage)
        connection.subscribe(connection.topics.access("+"), first_ring.receive)
        while not stopped.is_set():
            if ended := stage.ended():
                raise DemoFailed(f"a process has ended; {ended} says why")
            connection.work(0.5)
            first_ring.ring_when_due()


class FirstRing:
    """Rings a known number at each person who logs in to the panel for the first time."""

    def __init__(self, stage: Stage, clock: Callable[[], float] = time.monotonic) -> None:
        self._stage = stage
        self._clock = clock
        self._seen: set[str] = set()
        self._due: list[tuple[float, str, dict[str, str]]] = []

    def receive(self, message: ReceivedMessage) -> None:
        """Note a login."""
        login = message.topic.split("/")[-2]
        if message.payload and login not in self._seen:
            self._seen.add(login)
            ring = {"user": login, "caller_number": KNOWN}
            self._due.append((self._clock() + _RINGS_AFTER, "ring", ring))

    def ring_when_due(self) -> None:
        """Ring, answer and hang up as time goes by."""
        now = self._clock()
        due = [one for one in self._due if one[0] <= now]
        self._due = [one for one in self._due if one[0] > now]
        for at, act, values in due:
            answer = self._stage.at_the_phones(act, **values)
            if act == "ring":
                call = {"call_id": str(answer["call_id"])}
                self._due.append((at + _ANSWERED_AFTER, "answer", call))
                self._due.append((at + _ENDS_AFTER, "hangup", call))


def _what_next(stage: Stage) -> str:
    ports, config = stage.ports, stage.settings.file
    command = f".venv/bin/starface2mqtt --config {_short(config)}"
    accounts = _short(stage.settings.broker.accounts_file)
    password = (
        f"""$(python3 -c 'import json; print(json.load(open("{accounts}"))["{ANNA.login}"])')"""
    )
    ring = f"simulate ring {ANNA.login} --from {KNOWN}"
    control = f"http://127.0.0.1:{ports.pbx_control}"
    return f"""
It stays up; end it with Ctrl-C.

Open in a browser, log in, and see who is calling a moment later:

  http://127.0.0.1:{ports.panel}/       {ANNA.name}: {ANNA.login} and {ANNA.password}
                               {BERND.name}: {BERND.login} and {BERND.password}
  {control}/       the telephones of the stand-in STARFACE: ring by hand

To try next, in another terminal:

  {command} watch
  mosquitto_sub -p {ports.broker} -u {ANNA.login} -i {ANNA.login} -P "{password}" \\
      -v -t 'starface/users/{ANNA.login}/#'
  .venv/bin/starface2mqtt {ring} --control {control}
  {command} call {DIALLED} --as {ANNA.login}
  {command} why

  http://127.0.0.1:{ports.gateway}/       the reachability page
Other ports: make demo {FIRST_PORT}=28080"""


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
