"""`starface2mqtt demo`: the whole way once, on the real protocol, then it stays up."""

import os
import signal
import threading
from pathlib import Path

import typer
from rich.console import Console

from bus.mqtt.connection import Connection
from cli.commands.broker_account import cli_account
from cli.demo.ports import PortTaken
from cli.demo.stage import FIRST_PORT, Ports, Stage
from cli.demo.steps import ANNA, DIALLED, KNOWN, Heard, StepFailed, Steps
from cli.site.context import CommandFailed


class DemoFailed(CommandFailed):
    """Something the demo shows did not happen."""


def run(folder: Path, *, once: bool, embedded: bool = False) -> None:
    """Show every step once; then, unless `once`, stay up until told to stop."""
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
    with (
        cli_account(stage.settings) as account,
        Connection(stage.settings.broker, account, lasting=False) as connection,
    ):
        heard = Heard(connection)
        connection.wait_connected()
        Steps(console, stage, heard).show()


def _wait_for_the_end(stage: Stage) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1.0):
        if ended := stage.ended():
            raise DemoFailed(f"a process has ended; {ended} says why")


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
It stays up; end it with Ctrl-C. To try next, in another terminal:

  {command} watch
  mosquitto_sub -p {ports.broker} -u {ANNA.login} -i {ANNA.login} -P "{password}" \\
      -v -t 'starface/users/{ANNA.login}/#'
  .venv/bin/starface2mqtt {ring} --control {control}
  {command} call {DIALLED} --as {ANNA.login}
  {command} why

  http://127.0.0.1:{ports.gateway}/       the reachability page
  {control}/       the telephones of the stand-in STARFACE
Other ports: make demo {FIRST_PORT}=28080"""


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
