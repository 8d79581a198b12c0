"""`call`: dial from a terminal, and always know how far the call is."""

import getpass
import signal
import time
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from cli.commands.completion import complete_logins
from cli.commands.login import login_meant
from cli.commands.people.own_calls import own_call, telephone_of
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import chosen_language, say, speak, spoken, text
from texts import pick

if TYPE_CHECKING:
    from bus.events import DialResultData
    from bus.mqtt.connection import Connection
    from cli.site.settings import Settings

REFUSED, UNKNOWN, INTERRUPTED = 1, 3, 130  # exit codes
_HINT = 3.0  # seconds without an answer after which a person wants to know why
_PBX = 9.0  # seconds the PBX may take at most
_COLOURS = {
    "accepted": typer.colors.CYAN,
    "own-phone-ringing": typer.colors.YELLOW,
    "remote-ringing": typer.colors.YELLOW,
    "connected": typer.colors.GREEN,
    "ended": typer.colors.GREEN,
}


def call(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="As you would write it: +41 44 123 45 67, tel:…")],
    login: Annotated[
        str | None,
        typer.Option(
            "--as", help="Login ID of the user whose phone rings.", autocompletion=complete_logins
        ),
    ] = None,
    phone: Annotated[
        str | None, typer.Option(help="Telephone that rings first; see `phones`.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be dialled; dial nothing.")
    ] = False,
    hang_up_on_interrupt: Annotated[
        bool, typer.Option("--hang-up-on-interrupt", help="Ctrl-C ends the call too.")
    ] = False,
    lang: Annotated[str | None, typer.Option(help="de, en, fr or it; default: the site's.")] = None,
) -> None:
    """Dial: your own phone rings first, and when you lift it the number is called."""
    settings = settings_of(context)
    if lang is not None:
        speak(chosen_language(lang))
    if dry_run:
        raise typer.Exit(_preview(settings, number))
    meant = login_meant(settings, login)
    raise typer.Exit(_dial(settings, meant, number, phone, hang_up_on_interrupt))


def _preview(settings: "Settings", number: str) -> int:
    from bus.numbers.number import read_number
    from consumers.dial.policy import Dialable, decide

    read = read_number(number, settings.site.numbers)
    decision = decide(number, settings.site.numbers, settings.dial.policy)
    understood = read.e164 or read.short or "-"
    if isinstance(decision, Dialable):
        dialled, policy = decision.dialled, text("command.call.allowed")
    else:
        said = decision.sentence(spoken())
        dialled = "-"
        policy = text("command.call.refused", code=decision.code, sentence=said)
    for key, value in {
        "number": number, "understood": f"{understood} ({read.kind}, {read.reading})",
        "dialled": dialled, "policy": policy,
    }.items():  # fmt: skip
        typer.echo(f"{text(f'command.call.{key}'):12}{value}")
    return 0 if isinstance(decision, Dialable) else REFUSED


def _dial(
    settings: "Settings", login: str, number: str, phone: str | None, hang_up: bool
) -> int:  # fmt: skip
    from bus.events import DialResult
    from cli.commands.broker_account import command_connection

    # A shell that started us in the background has SIGINT ignored; here it is a person's wish.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request_id = uuid4()
    results: list[DialResultData] = []

    def keep(result: DialResult, _: object) -> None:
        if result.data.request_id == request_id:
            results.append(result.data)
            _show(result.data)

    with command_connection(settings) as connection:
        connection.consume(connection.topics.dial_result(login), DialResult, keep)
        connection.wait_connected()
        _ask(connection, login, number, phone, request_id)
        try:
            return _watch(connection, results, settings.dial.expiry)
        except KeyboardInterrupt:
            _interrupted(settings, login, results, hang_up)
            return INTERRUPTED


def _ask(
    connection: "Connection", login: str, number: str, phone: str | None, request_id: UUID
) -> None:
    from bus.events import DialRequest, DialRequestData, now
    from bus.mqtt.connection import NO_SUBSCRIBERS

    request = DialRequest(
        source=f"cli/{getpass.getuser()}",
        time=now(),
        data=DialRequestData(number=number, phone=phone, request_id=request_id),
    )
    if connection.publish(connection.topics.dial(login), request) == NO_SUBSCRIBERS:
        raise CommandFailed(text("command.call.nobody"))


def _watch(connection: "Connection", results: "list[DialResultData]", expiry: float) -> int:
    """Wait for the end of the call; return the exit code."""
    asked, hinted = time.monotonic(), False
    while not (results and results[-1].final):
        connection.work(0.1)
        waited = time.monotonic() - asked
        if results:
            continue
        if waited > _HINT and not hinted:
            hinted = True
            say("command.call.waiting", err=True)
        if waited > expiry + _PBX:
            raise CommandFailed(text("command.call.unanswered", seconds=round(expiry)))
    return {"refused": REFUSED, "unknown": UNKNOWN}.get(results[-1].state, 0)


def _show(data: "DialResultData") -> None:
    sentence = pick(data.sentence, spoken())
    code = f" [{data.code}]" if data.code else ""
    state = typer.style(f"{data.state:20}", fg=_COLOURS.get(data.state, typer.colors.RED))
    typer.echo(f"{time.strftime('%H:%M:%S')}  {state} {sentence}{code}")


def _interrupted(
    settings: "Settings", login: str, results: "list[DialResultData]", hang_up: bool
) -> None:
    call_id = next((data.call_id for data in reversed(results) if data.call_id), None)
    typer.echo()
    if call_id is None:
        say("command.call.unwatched")
    elif hang_up:
        telephone = telephone_of(settings, login)
        telephone.hang_up(own_call(telephone, call_id))
        say("command.call.ended", call=call_id)
    else:
        say("command.call.continues", call=call_id, login=login)
