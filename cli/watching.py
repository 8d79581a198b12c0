"""`watch`, `status`, `on` and `off`: what a person sees and switches from a terminal."""

import json
import time
from typing import Annotated

import typer

from cli.context import settings_of

Login = Annotated[str, typer.Argument(help="The user's STARFACE login ID.")]
_LISTEN = 1.0  # seconds until the retained messages are surely here


def watch(
    context: typer.Context,
    login: Annotated[str | None, typer.Argument(help="Only this user.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The payloads as they are.")] = False,
) -> None:
    """Show what happens, a line for each event, until Ctrl-C."""
    from bus.connection import Connection
    from bus.inbox import Arrived
    from bus.process import stop_on_signals
    from bus.topics import ANY_USER
    from cli.cli_account import cli_account
    from cli.telling import line

    settings = settings_of(context)

    def tell(arrived: Arrived) -> None:
        if as_json:
            typer.echo(f"{arrived.topic} {arrived.payload.decode(errors='replace')}")
        elif told := line(arrived.topic, arrived.payload, settings.broker.topics()):
            typer.echo(told)

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
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show each process and each user's telephone icon."""
    from bus.connection import Connection
    from bus.events import UserState
    from bus.inbox import Arrived
    from bus.topics import ANY_USER
    from cli.cli_account import cli_account

    settings = settings_of(context)
    processes: dict[str, str] = {}
    users: dict[str, UserState] = {}

    def hear(arrived: Arrived) -> None:
        if arrived.topic.endswith("/state"):
            if arrived.payload:
                state = UserState.model_validate_json(arrived.payload)
                users[state.data.user] = state
        elif not arrived.topic.endswith("/detail"):
            processes[arrived.topic.rpartition("/")[2]] = arrived.payload.decode()

    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        connection.subscribe(connection.topics.processes(), hear)
        connection.subscribe(connection.topics.state(ANY_USER), hear)
        connection.wait_connected()
        until = time.monotonic() + _LISTEN
        while time.monotonic() < until:
            connection.work(0.1)
    if as_json:
        told = {"processes": processes, "users": {u: s.data.state for u, s in users.items()}}
        typer.echo(json.dumps(told, indent=2))
        return
    for name, state in sorted(processes.items()):
        typer.echo(f"{name:12} {state}")
    for login, told_state in sorted(users.items()):
        data = told_state.data
        # Without the sessions process nobody knows how a user is.
        look = data.state if processes.get("sessions") == "online" else "unknown"
        sentence = f"  {data.sentence.en}" if data.sentence and look == "failing" else ""
        typer.echo(f"user {login:8} {look}{sentence}")


def on(context: typer.Context, login: Login) -> None:
    """Switch a user's interface on, as a click on the telephone icon does."""
    _switch(context, login, b"on")


def off(context: typer.Context, login: Login) -> None:
    """Switch a user's interface off."""
    _switch(context, login, b"off")


def _switch(context: typer.Context, login: str, wish: bytes) -> None:
    from bus.connection import NO_SUBSCRIBERS, Connection
    from bus.inbox import BrokerUnavailable
    from cli.cli_account import cli_account

    settings = settings_of(context)
    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        connection.wait_connected()
        topic = connection.topics.switch(login)
        if connection.publish_raw(topic, wish, expiry=30) == NO_SUBSCRIBERS:
            raise BrokerUnavailable("nobody listens: the sessions process is not running")
    typer.echo(f"{login} is told to be {wish.decode()}.")
