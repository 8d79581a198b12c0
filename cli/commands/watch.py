"""`watch`, `status`, `on` and `off`: what a person sees and switches from a terminal."""

import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_logins
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import say, text

if TYPE_CHECKING:
    from bus.mqtt.connection import Connection
    from cli.site.settings import Settings

Login = Annotated[
    str, typer.Argument(help="The user's STARFACE login ID.", autocompletion=complete_logins)
]
_QUIET = 0.5  # seconds without a message after which all retained ones are here
_LONGEST = 10.0  # seconds
_AGAIN = 2.0  # seconds
HITS = "starface2mqtt_gateway_http_hits"  # the office's test of its firewall
LAST_NOTIFICATION = "starface2mqtt_gateway_last_notification_timestamp_seconds"


def watch(
    context: typer.Context,
    login: Annotated[
        str | None, typer.Argument(help="Only this user.", autocompletion=complete_logins)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The payloads as they are.")] = False,
) -> None:
    """Show what happens, a line for each event, until Ctrl-C."""
    from bus.mqtt.inbox import ReceivedMessage
    from bus.topics import ANY_USER
    from cli.commands.broker_account import command_connection
    from cli.commands.developers.event_lines import line
    from runtime.process import stop_on_signals

    settings = settings_of(context)

    def show(received: ReceivedMessage) -> None:
        try:
            if as_json:
                typer.echo(f"{received.topic} {received.payload.decode(errors='replace')}")
            elif text := line(received.topic, received.payload, settings.broker.topics()):
                typer.echo(text)
        except BrokenPipeError:  # as with `watch | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            connection.stop()

    with command_connection(settings) as connection:
        connection.subscribe(connection.topics.everything_of(login or ANY_USER), show)
        connection.wait_connected()
        stop_on_signals(connection.stop)
        say("command.watching", err=True)
        connection.run()


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    again: Annotated[bool, typer.Option("--watch", help="Show it again every 2 s.")] = False,
) -> None:
    """Show whether all is well, and first what is not; the exit code is 2 if something fails."""
    from cli.commands.broker_account import command_connection
    from cli.commands.site_state import SiteState

    settings = settings_of(context)
    # A workstation's account sees the sessions process alone.
    alone = bool(settings.broker.account)
    state = SiteState(("sessions",) if alone else ("gateway", "sessions", "caller"))
    with command_connection(settings) as connection:
        state.follow(connection)
        connection.wait_connected()
        _listen(connection)
        while again and not as_json:
            lines = [*state.lines(), *_shown_hits(_hits(settings))]
            typer.echo("\x1b[2J\x1b[H", nl=False)  # an empty screen
            typer.echo("\n".join(lines[: shutil.get_terminal_size().lines - 1]))
            until = time.monotonic() + _AGAIN
            while (left := until - time.monotonic()) > 0:
                connection.work(left)
    hits = _hits(settings)
    if as_json:
        typer.echo(json.dumps(state.as_json() | {"http_hits": hits}, indent=2))
    else:
        typer.echo("\n".join([*state.lines(), *_shown_hits(hits)]))
    if state.fails:
        raise typer.Exit(2)


def gateway_metrics(operations: str) -> dict[str, float]:
    """Return the metrics without labels of this machine's gateway, none where none runs."""
    import httpx
    from prometheus_client.parser import text_string_to_metric_families

    if not operations:
        return {}
    try:
        answer = httpx.get(f"http://{operations}/metrics", timeout=2)
    except httpx.HTTPError:
        return {}
    families = text_string_to_metric_families(answer.text)
    return {each.name: each.samples[0].value for each in families if len(each.samples) == 1}


def _hits(settings: "Settings") -> int | None:
    """Return how often this machine's gateway was asked, None on a workstation or without one."""
    if settings.broker.account:
        return None
    hits = gateway_metrics(settings.gateway.operations).get(HITS)
    return None if hits is None else int(hits)


def _shown_hits(hits: int | None) -> list[str]:
    return [] if hits is None else [text("command.status.hits", count=hits)]


def _listen(connection: "Connection") -> None:
    """Take in what the broker has retained: until nothing more comes, or too much does."""
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until and connection.work(_QUIET):
        pass


def on(context: typer.Context, login: Login) -> None:
    """Switch a user's interface on, as a click on the telephone icon does."""
    _switch(context, login, b"on")


def off(context: typer.Context, login: Login) -> None:
    """Switch a user's interface off."""
    _switch(context, login, b"off")


def _switch(context: typer.Context, login: str, wish: bytes) -> None:
    from bus.mqtt.inbox import ReceivedMessage
    from cli.commands.broker_account import command_connection

    settings = settings_of(context)
    online: list[bool] = []

    def keep(received: ReceivedMessage) -> None:
        online.append(received.payload == b"online")

    with command_connection(settings) as connection:
        connection.subscribe(connection.topics.process("sessions"), keep)
        connection.wait_connected()
        _listen(connection)
        if not online or not online[-1]:
            raise CommandFailed(text("command.nobody-listens"))
        connection.publish_raw(connection.topics.switch(login), wish, expiry=30)
    say("command.switched-on" if wish == b"on" else "command.switched-off", login=login)
