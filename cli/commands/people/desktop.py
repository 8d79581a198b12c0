"""`starface2mqtt desktop`: what runs on a user's workstation, with that user's broker account."""

import contextlib
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from cli.site.context import CommandFailed

if TYPE_CHECKING:
    from bus.mqtt.connection import Connection
    from cli.site.workstation import Workstation

_ANSWER = 5.0  # seconds for the dial process to say whether it dials

_SWITCHED = {"on": "desktop.switched-on", "off": "desktop.switched-off"}
app = typer.Typer(
    help="Show who calls and open files on this workstation; dial tel: links.",
    no_args_is_help=True,
)


@app.command()
def run(context: typer.Context) -> None:
    """Follow your calls: open files, show who calls."""
    from consumers.desktop.instance import AlreadyRunning
    from consumers.desktop.process import run as serve
    from runtime.process import configure_logging

    workstation = _workstation(context)
    configure_logging()
    try:
        serve(
            workstation.login(),
            workstation.desktop,
            workstation.broker,
            _folder(workstation.login()),
        )
    except AlreadyRunning as error:
        raise CommandFailed(str(error)) from error


@app.command("open")
def dial(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="A number, or a tel: or callto: link.")],
) -> None:
    """Dial a number or a link: your own phone rings first."""
    from consumers.desktop.instance import AlreadyRunning, Spool

    workstation = _workstation(context)
    cleaned = "".join(sign for sign in number if sign.isprintable()).strip()
    if not cleaned or len(cleaned) > 256:
        raise CommandFailed("this is no telephone number")
    spool = Spool(_folder(workstation.login()))
    try:
        with spool:
            _dial(workstation, cleaned)
    except AlreadyRunning:
        spool.hand_over(cleaned)
        typer.echo("Handed to the running desktop process.")


@app.command("close-all")
def close_all(context: typer.Context) -> None:
    """Take all notifications of calls away."""
    from consumers.desktop.instance import CLOSE_ALL

    _ask(_workstation(context), CLOSE_ALL)


@app.command("open-last")
def open_last(context: typer.Context) -> None:
    """Open what the last call is about, as a click on its notification does."""
    from consumers.desktop.instance import OPEN_LAST

    _ask(_workstation(context), OPEN_LAST)


@app.command()
def pause(
    context: typer.Context,
    until: Annotated[
        str, typer.Argument(help="How long or until when: 30m, 2h, 18:00; else until `resume`.")
    ] = "on",
) -> None:
    """Let nothing open or be shown on this workstation, as while its screen is shared."""
    from cli.commands.site.preferences import left_alone
    from consumers.desktop.instance import CLOSE_ALL, Spool

    spool = Spool(_folder(_workstation(context).login()))
    pause = left_alone(until, datetime.now().astimezone(), "pause")
    if isinstance(pause, str):
        end = datetime.fromisoformat(pause)
        spool.pause(end.timestamp())
        typer.echo(f"Nothing opens here until {end:%Y-%m-%d %H:%M}.")
    elif pause:
        spool.pause(math.inf)
        typer.echo("Nothing opens here until: starface2mqtt desktop resume")
    else:
        spool.pause(0.0)
        typer.echo("Calls open here again.")
    if pause:
        spool.ask(CLOSE_ALL)  # what is shown already goes too


@app.command()
def resume(context: typer.Context) -> None:
    """Let calls open and be shown on this workstation again."""
    from consumers.desktop.instance import Spool

    Spool(_folder(_workstation(context).login())).pause(0.0)
    typer.echo("Calls open here again.")


@app.command()
def on(context: typer.Context) -> None:
    """Switch your interface on, as a click on the telephone icon does."""
    _switch(_workstation(context), "on")


@app.command()
def off(context: typer.Context) -> None:
    """Switch your interface off."""
    _switch(_workstation(context), "off")


@app.command()
def dnd(
    context: typer.Context,
    until: Annotated[
        str, typer.Argument(help="How long or until when: 30m, 2h, 18:00; else `on` or `off`.")
    ] = "on",
) -> None:
    """Let nothing open or be shown for you, on no workstation and not in the panel."""
    from bus.mqtt.inbox import BrokerUnavailable
    from bus.mqtt.requests import Requests, Unanswered
    from bus.panel_events import SettingsAnswer
    from cli.commands.site.preferences import left_alone
    from consumers.desktop.process import quiet_request, quiet_sentence
    from texts import pick

    workstation = _workstation(context)
    end = left_alone(until, datetime.now().astimezone(), "dnd")
    with _beside(workstation) as connection:
        topic = connection.topics.settings(workstation.login())
        try:
            answer = Requests(connection).ask(topic, quiet_request(end), SettingsAnswer)
        except (Unanswered, BrokerUnavailable) as error:
            raise CommandFailed("nobody answers: is the sessions process running?") from error
    if answer.data.code:
        raise CommandFailed(f"the office refused it: {answer.data.code}")
    moment = datetime.fromisoformat(end) if isinstance(end, str) else end
    typer.echo(pick(quiet_sentence(moment), workstation.desktop.language))


@app.command()
def why(context: typer.Context) -> None:
    """Show why the file of your last call opened here or not, and what was shown."""
    from pydantic import ValidationError

    from bus.mqtt.inbox import BrokerUnavailable
    from bus.mqtt.requests import Requests, Unanswered
    from bus.panel_events import DirectoryAnswer
    from consumers.desktop.history import ShownCall, story
    from consumers.desktop.instance import Spool
    from consumers.desktop.process import why_request

    workstation = _workstation(context)
    kept = Spool(_folder(workstation.login())).last()
    last, trace = None, None
    with contextlib.suppress(ValidationError):  # what is damaged is as if there was none
        last = ShownCall.model_validate_json(kept or "")
    if last is not None:
        with contextlib.suppress(Unanswered, BrokerUnavailable), _beside(workstation) as connection:
            topic = connection.topics.directory(workstation.login())
            request = why_request(last.call_id)
            trace = Requests(connection).ask(topic, request, DirectoryAnswer).data.trace
    for line in story(last, trace, workstation.desktop.language):
        typer.echo(line)


@app.command()
def install(
    autostart: Annotated[bool, typer.Option(help="Also start at the log-in.")] = False,
) -> None:
    """Make this program the one that opens tel: and callto: links of this user."""
    from consumers.desktop.registration.link_handler import RegistrationRefused
    from consumers.desktop.registration.linux import install as register

    try:
        written = register(_command(), Path.home(), autostart=autostart)
    except RegistrationRefused as error:
        raise CommandFailed(str(error)) from error
    for one in written:
        typer.echo(f"Wrote {one}")
    if sys.platform == "win32":
        typer.echo("Now choose starface2mqtt for TEL and CALLTO under Settings, Default apps.")
    if sys.platform == "darwin":
        typer.echo("Now choose starface2mqtt in FaceTime's settings, under Default for calls.")


@app.command()
def uninstall() -> None:
    """Take back what `install` did."""
    from consumers.desktop.registration.link_handler import RegistrationRefused
    from consumers.desktop.registration.linux import uninstall as take_back

    try:
        removed = take_back(Path.home())
    except RegistrationRefused as error:
        raise CommandFailed(str(error)) from error
    for one in removed:
        typer.echo(f"Removed {one}")


def _workstation(context: typer.Context) -> "Workstation":
    from cli.site.workstation import read

    return read((context.find_root().obj or {}).get("config"))


@contextmanager
def _beside(workstation: "Workstation") -> "Iterator[Connection]":
    """Connect with an account that does not throw the desktop process off the broker."""
    from bus.mqtt.connection import Connection
    from cli.commands.broker_account import own_account

    with (
        own_account(workstation.broker) as account,
        Connection(workstation.broker, account, lasting=False) as connection,
    ):
        connection.wait_connected()
        yield connection


def _switch(workstation: "Workstation", word: str) -> None:
    from bus.mqtt.connection import NO_SUBSCRIBERS
    from texts import render

    with _beside(workstation) as connection:
        topic = connection.topics.switch(workstation.login())
        if connection.publish_raw(topic, word.encode(), expiry=30) == NO_SUBSCRIBERS:
            raise CommandFailed("nobody listens: the sessions process is not running")
    typer.echo(render(_SWITCHED[word], workstation.desktop.language))


def _ask(workstation: "Workstation", wish: str) -> None:
    from consumers.desktop.instance import AlreadyRunning, Spool

    spool = Spool(_folder(workstation.login()))
    try:
        with spool:
            raise CommandFailed("no desktop process runs here; start: starface2mqtt desktop run")
    except AlreadyRunning:
        spool.ask(wish)


def _folder(login: str) -> Path:
    from platformdirs import user_state_path

    from bus.topics import level

    return user_state_path("starface2mqtt") / f"desktop-{level(login)}"


def _command() -> list[str]:
    """Return how this program is started, whatever the search path is at the log-in."""
    program = Path(sys.argv[0]).resolve()
    if program.name.startswith("starface2mqtt") and os.access(program, os.X_OK):
        return [str(program), "desktop"]
    return [sys.executable, "-m", "cli", "desktop"]


def _dial(workstation: "Workstation", number: str) -> None:
    from bus.events import DialResult
    from bus.mqtt.connection import Connection
    from bus.topics import level
    from consumers.desktop.process import place
    from texts import pick

    login, request_id = workstation.login(), uuid4()
    results: list[DialResult] = []

    def note(result: DialResult, _received: object) -> None:
        if result.data.request_id == request_id:
            results.append(result)

    with Connection(workstation.broker, level(login), lasting=False) as connection:
        connection.consume(connection.topics.dial_result(login), DialResult, note)
        connection.wait_connected()
        if not place(connection, login, number, request_id):
            raise CommandFailed("nobody places calls at present: is the dial process running?")
        until = time.monotonic() + _ANSWER
        while not results and time.monotonic() < until:
            connection.work(0.1)
    if not results:
        typer.echo("Asked to dial; there is no answer yet.")
        return
    said = pick(results[0].data.sentence, workstation.desktop.language)
    if results[0].data.state in ("refused", "unknown"):
        raise CommandFailed(said)
    typer.echo(said)
