"""`starface2mqtt desktop`: what runs on a user's workstation, with that user's broker account."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import CommandFailed

if TYPE_CHECKING:
    from cli.workstation import Workstation

app = typer.Typer(
    help="Show who calls and open files on this workstation; dial tel: links.",
    no_args_is_help=True,
)


@app.command()
def run(context: typer.Context) -> None:
    """Follow your calls: open files, show who calls."""
    from bus.process import configure_logging
    from consumers.desktop import run as serve
    from consumers.desktop_spool import AlreadyRunning

    told = _workstation(context)
    configure_logging()
    try:
        serve(told.login(), told.desktop, told.broker, _folder(told.login()))
    except AlreadyRunning as error:
        raise CommandFailed(str(error)) from error


@app.command("open")
def dial(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="A number, or a tel: or callto: link.")],
) -> None:
    """Dial a number or a link: your own phone rings first."""
    from consumers.desktop_spool import AlreadyRunning, Spool

    told = _workstation(context)
    cleaned = "".join(sign for sign in number if sign.isprintable()).strip()
    if not cleaned or len(cleaned) > 256:
        raise CommandFailed("this is no telephone number")
    spool = Spool(_folder(told.login()))
    try:
        with spool:
            _dial(told, cleaned)
    except AlreadyRunning:
        spool.hand_over(cleaned)
        typer.echo("Handed to the running desktop process.")


@app.command()
def install(
    autostart: Annotated[bool, typer.Option(help="Also start at the log-in.")] = False,
) -> None:
    """Make this program the one that opens tel: and callto: links of this user."""
    from consumers.desktop_registration import RegistrationRefused
    from consumers.desktop_registration import install as register

    try:
        written = register(_command(), Path.home(), autostart=autostart)
    except RegistrationRefused as error:
        raise CommandFailed(str(error)) from error
    for one in written:
        typer.echo(f"Wrote {one}")
    if sys.platform == "win32":
        typer.echo("Now choose starface2mqtt for TEL and CALLTO under Settings, Default apps.")


@app.command()
def uninstall() -> None:
    """Take back what `install` did."""
    from consumers.desktop_registration import uninstall as take_back

    for one in take_back(Path.home()):
        typer.echo(f"Removed {one}")


def _workstation(context: typer.Context) -> "Workstation":
    from cli.workstation import read

    return read((context.find_root().obj or {}).get("config"))


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


def _dial(told: "Workstation", number: str) -> None:
    from bus.connection import Connection
    from bus.topics import level
    from consumers.desktop import place

    login = told.login()
    with Connection(told.broker, level(login), lasting=False) as connection:
        connection.wait_connected()
        if not place(connection, login, number):
            raise CommandFailed("nobody places calls at present: is the dial process running?")
    typer.echo("Asked to dial; your own phone rings first.")
