"""The commands that run a process; each blocks until it is asked to stop."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.site.context import settings_of

if TYPE_CHECKING:
    from consumers.caller.shared_actions import Shard

_MOST_SHARDS = 64

Users = Annotated[list[str] | None, typer.Argument(help="Logins whose calls to follow.")]


def gateway(context: typer.Context) -> None:
    """Receive the PBX's notifications on 8080 and 8081 and publish them as events."""
    from gateway.process import run

    settings = settings_of(context, log=True)
    run(
        settings.gateway, settings.broker, settings.site.numbers, settings.site_key(),
        settings.site.data_folder,
    )  # fmt: skip


def sessions(context: typer.Context) -> None:
    """Keep each user who is on logged in at the PBX."""
    from cli.site.files import panel_key, seal
    from consumers.sessions.process import run

    settings = settings_of(context, log=True)
    run(
        settings.starface, settings.broker, settings.site_key(), settings.database,
        seal(settings), settings.site.data_folder, settings.site.numbers, panel_key(settings),
        settings.panel.enrolment, settings.sessions.operations,
        (sys.executable, "-m", "cli", "--config", str(settings.file), "doctor", "--json"),
    )  # fmt: skip


def caller(
    context: typer.Context,
    logins: Users = None,
    everybody: Annotated[bool, typer.Option("--all", help="Follow every user.")] = False,
    active: Annotated[
        bool,
        typer.Option("--active", help="Those who are on, in processes as [caller] processes says."),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(help="Follow a part of all users: 2/3 is the second of three parts."),
    ] = None,
    account: Annotated[str, typer.Option(help="Broker account of this process.")] = "caller",
) -> None:
    """Find out who is calling and open what the user chose."""
    if [bool(logins), everybody, active, bool(shard)].count(True) != 1:
        raise typer.BadParameter("name the logins to follow, or say --all, --active or --shard")
    settings = settings_of(context, log=True)
    from bus.access.accounts import shard_role
    from cli.run.caller import Start, start
    from consumers.caller.settings import CallerSite

    if active and settings.broker.machine is not None:
        raise typer.BadParameter("where several machines serve the site, say --all or --shard")
    part = _shard(shard, settings.broker.machine) if shard else None
    account = shard_role(part.number, part.of) if part else account

    start(
        Start(
            CallerSite(
                settings.caller, settings.broker, settings.site.numbers, settings.database,
                settings.site.data_folder,
            ),
            tuple(logins) if logins else None, account, settings.site.log_level,
            settings.site.log_format, active, part,
        )
    )  # fmt: skip


def _shard(part: str, machine: str | None) -> "Shard":
    from consumers.caller.shared_actions import Shard

    number, _, of = part.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) <= _MOST_SHARDS):
        raise typer.BadParameter(f"{part!r}: a part of the users is said as 2/3")
    if machine is None:
        raise typer.BadParameter("parts of the users need the name of this machine: [site] machine")
    return Shard(int(number), int(of))


def dial(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="Broker account of this process.")] = "dial",
) -> None:
    """Have the PBX place the calls that users ask for."""
    from cli.site.files import seal
    from consumers.dial.process import run

    settings = settings_of(context, log=True)
    run(
        settings.dial, settings.starface, settings.broker, settings.site.numbers,
        settings.database, seal(settings), settings.site_key(), settings.site.data_folder, account,
    )  # fmt: skip


def journal(context: typer.Context) -> None:
    """Keep a record of every finished call, and answer who asks for them."""
    from cli.site.files import read_roles
    from consumers.journal.process import run

    settings = settings_of(context, log=True)
    run(
        settings.journal, settings.broker, settings.site.numbers, settings.database,
        settings.site.data_folder, settings.site_key(), lambda: read_roles(settings),
    )  # fmt: skip


def panel(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="Broker account of this process.")] = "panel",
) -> None:
    """Show people their calls in a browser; take dial requests of applications by HTTP."""
    from cli.site.files import panel_key
    from panel.process import run

    settings = settings_of(context, log=True)
    run(settings.panel, settings.broker, settings.site.data_folder, panel_key(settings), account)


def directory(context: typer.Context) -> None:
    """Take changes of contacts by HTTP, from applications that know their own."""
    from consumers.importers.push_api import run

    settings = settings_of(context, log=True)
    run(settings.directory, settings.site.numbers, settings.database)


def up(
    context: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this process; may be repeated.")
    ] = None,
) -> None:
    """Run all server processes and start again what dies."""
    from cli.run.up import PROGRAMS, up
    from cli.site.files import add_missing_process_accounts, broker_folder

    settings = settings_of(context)
    unknown = set(only or ()) - set(PROGRAMS)
    if unknown:
        raise typer.BadParameter(
            f"there is no process {', '.join(sorted(unknown))}; known are {', '.join(PROGRAMS)}"
        )
    wanted = only or [name for name in PROGRAMS if name != "directory" or settings.directory.listen]
    if not settings.broker.account and (added := add_missing_process_accounts(settings)):
        typer.echo(
            f"New broker accounts: {', '.join(added)}. Let the broker read its files again:"
            f" {broker_folder(settings)}", err=True,
        )  # fmt: skip
    up(settings, wanted)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the last step.")] = False,
    folder: Annotated[Path, typer.Option(help="Where its files go; emptied first.")] = Path(
        ".demo"
    ),
    embedded: Annotated[
        bool, typer.Option("--embedded-broker", help="Not Mosquitto, even if it is installed.")
    ] = False,
) -> None:
    """Show an incoming call that opens a file and a click that dials, with a stand-in STARFACE."""
    from cli.demo.demo import run

    run(folder.resolve(), once=once, embedded=embedded)
