"""All commands, as people see them."""

from collections.abc import Callable

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
from cli.run.process_app import PROCESSES, new_app
from cli.setup import setup
from cli.simulate import simulate

app = new_app()


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
_commands("Processes", **PROCESSES)
_commands(
    "Developers",
    demo=processes.demo, simulate=simulate.app, watch=watching.watch, number=number.number,
    contract=deploy.contract, deploy=deploy.deploy,
)  # fmt: skip
