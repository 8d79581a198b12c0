"""`watch`, `status`, `on` and `off`: what a person sees and switches from a terminal."""

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli.site.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from bus.events import UserState
    from bus.mqtt.connection import Connection

Login = Annotated[str, typer.Argument(help="The user's STARFACE login ID.")]
_QUIET = 0.5  # seconds without a message after which all retained ones are here
_LONGEST = 10.0  # seconds


def watch(
    context: typer.Context,
    login: Annotated[str | None, typer.Argument(help="Only this user.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The payloads as they are.")] = False,
) -> None:
    """Show what happens, a line for each event, until Ctrl-C."""
    from bus.mqtt.connection import Connection
    from bus.mqtt.inbox import ReceivedMessage
    from bus.topics import ANY_USER
    from cli.commands.broker_account import cli_account
    from cli.commands.event_lines import line
    from runtime.process import stop_on_signals

    settings = settings_of(context)

    def tell(arrived: ReceivedMessage) -> None:
        try:
            if as_json:
                typer.echo(f"{arrived.topic} {arrived.payload.decode(errors='replace')}")
            elif told := line(arrived.topic, arrived.payload, settings.broker.topics()):
                typer.echo(told)
        except BrokenPipeError:  # as with `watch | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            connection.stop()

    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        connection.subscribe(connection.topics.everything_of(login or ANY_USER), tell)
        connection.wait_connected()
        stop_on_signals(connection.stop)
        typer.echo("Watching; end with Ctrl-C.", err=True)
        connection.run()


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show each process and each user's telephone icon."""
    from bus.events import ProcessDetail, UserState
    from bus.mqtt.connection import Connection
    from bus.mqtt.inbox import ReceivedMessage
    from bus.topics import ANY_USER
    from cli.commands.broker_account import cli_account
    from cli.commands.hits import http_hits

    settings = settings_of(context)
    processes: dict[str, str] = {}
    faults: dict[str, tuple[str, ...]] = {}
    users: dict[str, UserState] = {}

    def hear(arrived: ReceivedMessage) -> None:
        if arrived.topic.endswith("/state"):
            if arrived.payload:
                state = UserState.model_validate_json(arrived.payload)
                users[state.data.user] = state
        elif arrived.topic.endswith("/detail"):
            if arrived.payload:
                detail = ProcessDetail.model_validate_json(arrived.payload).data
                faults[detail.name] = detail.faults if detail.state == "online" else ()
        else:
            processes[arrived.topic.rpartition("/")[2]] = arrived.payload.decode()

    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        connection.subscribe(connection.topics.processes(), hear)
        connection.subscribe(connection.topics.state(ANY_USER), hear)
        connection.wait_connected()
        _listen(connection)
    hits = http_hits(settings.gateway.operations)
    looks = {login: _look(state, processes) for login, state in sorted(users.items())}
    if as_json:
        told = {"processes": processes, "users": looks, "http_hits": hits}
        told["faults"] = {name: list(found) for name, found in faults.items() if found}
        typer.echo(json.dumps(told, indent=2))
        return
    for name, online in sorted(processes.items()):
        typer.echo(f"{name:12} {online}")
        for fault in faults.get(name, ()):
            typer.echo(f"{'':12} cannot work: {fault}")
    if hits is not None:
        typer.echo(f"HTTP hits total: {hits}")
    for login, look in looks.items():
        typer.echo(f"user {login:8} {look['state']}  {look['sentence'] or ''}".rstrip())


def _listen(connection: "Connection") -> None:
    """Take in what the broker has retained: until nothing more comes, or too much does."""
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until and connection.work(_QUIET):
        pass


def _look(state: "UserState", processes: dict[str, str]) -> dict[str, str | None]:
    """Return how a user is; without the sessions process nobody knows."""
    if processes.get("sessions") != "online":
        return {"state": "unknown", "code": None, "sentence": None}
    data = state.data
    sentence = data.sentence.en if data.sentence else None
    return {"state": data.state, "code": data.code, "sentence": sentence}


def on(context: typer.Context, login: Login) -> None:
    """Switch a user's interface on, as a click on the telephone icon does."""
    _switch(context, login, b"on")


def off(context: typer.Context, login: Login) -> None:
    """Switch a user's interface off."""
    _switch(context, login, b"off")


def _switch(context: typer.Context, login: str, wish: bytes) -> None:
    from bus.mqtt.connection import Connection
    from bus.mqtt.inbox import ReceivedMessage
    from cli.commands.broker_account import cli_account

    settings = settings_of(context)
    online: list[bool] = []

    def hear(arrived: ReceivedMessage) -> None:
        online.append(arrived.payload == b"online")

    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        connection.subscribe(connection.topics.process("sessions"), hear)
        connection.wait_connected()
        _listen(connection)
        if not online or not online[-1]:
            raise CommandFailed("nobody listens: the sessions process is not running")
        connection.publish_raw(connection.topics.switch(login), wish, expiry=30)
    typer.echo(f"{login} is told to be {wish.decode()}.")
