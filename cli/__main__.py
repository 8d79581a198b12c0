"""The command `starface2mqtt`."""

import logging
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import watch as watching
from cli.commands.developers import deploy, number
from cli.commands.people import call, calls, choose, desktop, dnd, open_found, own_calls, why
from cli.commands.site import (
    account,
    application,
    backup,
    broker,
    dials,
    erase,
    group,
    private,
    supervisor,
    users,
)
from cli.commands.site import init as site
from cli.contacts import contacts
from cli.doctor import doctor
from cli.run import processes
from cli.setup import setup
from cli.simulate import simulate

app = typer.Typer(
    help="Call events of a STARFACE telephone system on MQTT, and calls placed through it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
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


def _commands(group: str, /, **commands: Callable[..., None] | typer.Typer) -> None:
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=group)
        else:
            app.command(name, rich_help_panel=group)(command)


_commands(
    "People: calls and telephones",
    calls=calls.app, why=why.why, open=open_found.open_found, choose=choose.choose,
    call=call.call, hangup=own_calls.hangup, hold=own_calls.hold, forward=own_calls.forward,
    phones=own_calls.phones, on=watching.on, off=watching.off, dnd=dnd.dnd, desktop=desktop.app,
)  # fmt: skip
_commands(
    "Site: set up, look after",
    setup=setup.setup, doctor=doctor.doctor, status=watching.status, user=users.app,
    contacts=contacts.app, group=group.app, supervisor=supervisor.app, account=account.app,
    private=private.app, application=application.app, broker=broker.app, dials=dials.dials,
    erase=erase.erase, backup=backup.backup, restore=backup.restore, init=site.init,
)  # fmt: skip
_commands(
    "Processes",
    up=processes.up, gateway=processes.gateway, sessions=processes.sessions,
    caller=processes.caller, dial=processes.dial, journal=processes.journal,
    panel=processes.panel, directory=processes.directory,
)  # fmt: skip
_commands(
    "Developers",
    demo=processes.demo, simulate=simulate.app, watch=watching.watch, number=number.number,
    contract=deploy.contract, deploy=deploy.deploy,
)  # fmt: skip


def main() -> None:
    """Run a command; a failure a person can mend is one line and exit code 1."""
    logging.getLogger().addHandler(logging.NullHandler())  # only processes write a log
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from cli.site.errors import sentence

        line = sentence(error)
        if line is None:
            raise
        sys.exit(f"starface2mqtt: {line}")


if __name__ == "__main__":
    main()
