"""`starface2mqtt simulate ...`: a stand-in STARFACE, and the people at its telephones."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.simulate import run as simulate_run
from cli.simulate.failures import plainly
from cli.simulate.run import CONTROL
from cli.simulate.simulate_switches import pairs as pairs_of

if TYPE_CHECKING:
    from starface.simulator.control.client import ControlClient

app = typer.Typer(
    help="A stand-in STARFACE: run it, ring its users, record and replay.", no_args_is_help=True
)

Control = Annotated[
    str, typer.Option(help="Control door of the stand-in.", envvar="SIMULATORCONTROL")
]
Login = Annotated[str, typer.Argument(help="The user's login ID.")]
CallId = Annotated[str, typer.Argument(help="The call, as `simulate phones` shows it.")]
for _command in (simulate_run.run, simulate_run.record, simulate_run.replay):
    app.command()(_command)

User = Annotated[str | None, typer.Option(help="Login ID of the user.")]


@app.command()
def ring(
    login: Login,
    from_: Annotated[
        str, typer.Option("--from", help="Number of the caller; empty: withheld.")
    ] = "+41441234567",
    name: Annotated[str, typer.Option(help="Name that STARFACE knows for it.")] = "",
    answer_after: Annotated[float | None, typer.Option(min=0, help="Seconds; or by hand.")] = None,
    end_after: Annotated[float | None, typer.Option(min=0, help="Seconds from the start.")] = None,
    group: Annotated[bool, typer.Option(help="LOGIN is the id of a group: all ring.")] = False,
    control: Control = CONTROL,
) -> None:  # fmt: skip
    """Ring a user as a caller from outside."""
    with _door(control) as door:
        called = {"group": login} if group else {"user": login}
        call = door.do(
            "ring",
            caller_number=from_,
            caller_name=name,
            answered_after=answer_after,
            ended_after=end_after,
            **called,
        )
        typer.echo(f"{login} rings. call {call['call_id']}")


@app.command()
def answer(call_id: CallId, user: User = None, control: Control = CONTROL) -> None:
    """Answer a call; in a group call, as this user."""
    with _door(control) as door:
        door.do("answer", call_id=call_id, user=user)


@app.command()
def lift(call_id: CallId, control: Control = CONTROL) -> None:
    """Lift the user's own phone, which rings for a call being placed."""
    with _door(control) as door:
        door.do("lift", call_id=call_id)


@app.command()
def hangup(call_id: CallId, user: User = None, control: Control = CONTROL) -> None:
    """End a call."""
    with _door(control) as door:
        door.do("hangup", call_id=call_id, user=user)


@app.command()
def phones(control: Control = CONTROL) -> None:
    """Show who is logged in, and the running calls."""
    with _door(control) as door:
        for phone in door.see("phones"):
            here = "logged in" if phone["sessions"] else "-"
            who = f"{phone['login']:8} {phone['name']:24} {phone['extension']:6} {here:10}"
            typer.echo(who.rstrip())
            for call in phone["calls"]:
                other = f"to {call['called']}" if call["outgoing"] else f"from {call['caller']}"
                typer.echo(f"{'':8} {call['state']:11} {other:22} call {call['id']}")


@app.command()
def scenario(
    name: Annotated[str, typer.Argument(help="Name; without it, they are listed.")] = "",
    user: User = None,
    other: Annotated[str | None, typer.Option(help="Login ID of the colleague.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Number of the caller.")] = None,
    to: Annotated[str | None, typer.Option(help="Number that is dialled.")] = None,
    control: Control = CONTROL,
) -> None:
    """Let a whole course of a call happen."""
    from starface.simulator.model.scenarios import described

    if not name:
        for each, sentence in described().items():
            typer.echo(f"{each:22} {sentence}")
        return
    with _door(control) as door:
        begun = door.do(
            "scenario", name=name, user=user, other=other, caller_number=from_, number=to
        )
        typer.echo(f"{name} begins. call {begun['call_id']}")


@app.command("set")
def set_switch(
    pairs: Annotated[list[str] | None, typer.Argument(help="KEY=VALUE ...; none: all.")] = None,
    control: Control = CONTROL,
) -> None:  # fmt: skip
    """Set switches of the stand-in: how it spells, delays, drops and refuses."""
    with _door(control) as door:
        if pairs:
            door.do("set", values=pairs_of(pairs))
        else:
            for name, value in door.see("switches").items():
                typer.echo(f"{name}={json.dumps(value, ensure_ascii=False)}")


@app.command()
def restart(
    down: Annotated[float, typer.Option(min=0, help="Seconds until it answers again.")] = 0,
    control: Control = CONTROL,
) -> None:
    """Restart the PBX: all sessions and running calls are gone."""
    with _door(control) as door:
        door.do("restart", down_for=down)


@app.command()
def outage(
    on: Annotated[bool, typer.Option("--on/--off", help="Begin or end it.")] = True,
    silent: Annotated[bool, typer.Option(help="Accept and never answer.")] = False,
    control: Control = CONTROL,
) -> None:
    """Take the PBX off the network, or bring it back; telephones keep working."""
    with _door(control) as door:
        door.do("outage", on=on, kind="silent" if silent else "refuse")


@app.command()
def do(
    act: Annotated[str, typer.Argument(help="For example deafen, expire, reset, hold, password.")],
    pairs: Annotated[list[str] | None, typer.Argument(help="KEY=VALUE ...")] = None,
    control: Control = CONTROL,
) -> None:
    """Do anything else that the control door offers."""
    with _door(control) as door:
        typer.echo(json.dumps(door.do(act, **pairs_of(pairs or []))))


@app.command()
def load(
    users: Annotated[int, typer.Option(min=1, max=10_000)] = 200,
    rate: Annotated[float, typer.Option(min=0.01, max=200, help="Calls a second.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, max=3600)] = 30,
    control: Control = CONTROL,
) -> None:
    """Let many calls come in, and show how they were answered."""
    with _door(control) as door:
        before = door.see("figures")["sent"]
        calls = door.do("load", users=users, rate=rate, seconds=seconds)["calls"]
        typer.echo(f"{calls} calls in {seconds:g} s")
        limit = time.monotonic() + seconds + 30
        time.sleep(seconds)
        while True:
            figures = door.see(f"figures?since={before}")
            done = figures["idle"] and not figures["running_calls"]
            if done or time.monotonic() > limit:
                break
            time.sleep(0.5)
        _print_figures(figures)


def _print_figures(figures: dict[str, Any]) -> None:
    if not figures["sent"]:
        typer.echo("nothing was sent: no user is logged in; start the sessions first")
        return
    answers = ", ".join(f"{count} × {status}" for status, count in figures["answers"].items())
    spent = ", ".join(f"{name} {ms} ms" for name, ms in figures["milliseconds"].items())
    typer.echo(f"sent {figures['sent']} times: {answers}; answered within {spent}")


@contextmanager
def _door(url: str) -> "Iterator[ControlClient]":
    from starface.simulator.control.client import ControlClient

    with plainly(), ControlClient(url) as remote:
        yield remote
