"""The command `starface2mqtt`."""

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import (
    account,
    application,
    backup,
    broker,
    call,
    calls,
    choose,
    desktop,
    dials,
    dnd,
    erase,
    group,
    number,
    open_found,
    own_calls,
    private,
    supervisor,
    users,
    why,
)
from cli.commands import init as site
from cli.commands import watch as watching
from cli.contacts import contacts
from cli.doctor import doctor
from cli.run import processes
from cli.setup import setup
from cli.simulate import simulate

app = typer.Typer(
    help="Call events of a STARFACE telephone system on MQTT, and calls placed through it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("starface2mqtt"))
        raise typer.Exit


@app.callback()
def _everything(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file; default ./starface2mqtt.toml, then /etc."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    context.obj = {"config": config}


SET_UP, RUN, WATCH = "Set up", "Run", "Look and act"
app.command(rich_help_panel=SET_UP)(setup.setup)
app.command(rich_help_panel=SET_UP)(site.init)
app.add_typer(users.app, name="user", rich_help_panel=SET_UP)
app.add_typer(group.app, name="group", rich_help_panel=SET_UP)
app.add_typer(supervisor.app, name="supervisor", rich_help_panel=SET_UP)
app.add_typer(account.app, name="account", rich_help_panel=SET_UP)
app.add_typer(private.app, name="private", rich_help_panel=SET_UP)
app.add_typer(contacts.app, name="contacts", rich_help_panel=SET_UP)
app.add_typer(broker.app, name="broker", rich_help_panel=SET_UP)
app.add_typer(application.app, name="application", rich_help_panel=SET_UP)
app.command(rich_help_panel=RUN)(processes.up)
app.command(rich_help_panel=RUN)(processes.gateway)
app.command(rich_help_panel=RUN)(processes.sessions)
app.command(rich_help_panel=RUN)(processes.caller)
app.command(rich_help_panel=RUN)(processes.dial)
app.command(rich_help_panel=RUN)(processes.journal)
app.command(rich_help_panel=RUN)(processes.panel)
app.command(rich_help_panel=RUN)(processes.directory)
app.command(rich_help_panel=RUN)(processes.demo)
app.add_typer(desktop.app, name="desktop", rich_help_panel=RUN)
app.add_typer(simulate.app, name="simulate", rich_help_panel=RUN)
app.command(rich_help_panel=SET_UP)(doctor.doctor)
app.command(rich_help_panel=SET_UP)(backup.backup)
app.command(rich_help_panel=SET_UP)(backup.restore)
app.command(rich_help_panel=WATCH)(watching.watch)
app.command(rich_help_panel=WATCH)(watching.status)
app.command(rich_help_panel=WATCH)(why.why)
app.add_typer(calls.app, name="calls", rich_help_panel=WATCH)
app.command(rich_help_panel=WATCH)(choose.choose)
app.command("open", rich_help_panel=WATCH)(open_found.open_found)
app.command(rich_help_panel=WATCH)(call.call)
app.command(rich_help_panel=WATCH)(own_calls.hangup)
app.command(rich_help_panel=WATCH)(own_calls.hold)
app.command(rich_help_panel=WATCH)(own_calls.forward)
app.command(rich_help_panel=WATCH)(own_calls.phones)
app.command(rich_help_panel=WATCH)(dials.dials)
app.command(rich_help_panel=WATCH)(number.number)
app.command(rich_help_panel=WATCH)(erase.erase)
app.command(rich_help_panel=WATCH)(watching.on)
app.command(rich_help_panel=WATCH)(watching.off)
app.command(rich_help_panel=WATCH)(dnd.dnd)


def main() -> None:
    """Run a command; a failure a person can mend is one line and exit code 1."""
    logging.getLogger().addHandler(logging.NullHandler())  # only processes write a log
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from cli.site.errors import sentence

        told = sentence(error)
        if told is None:
            raise
        sys.exit(f"starface2mqtt: {told}")


if __name__ == "__main__":
    main()
