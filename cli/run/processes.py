"""The commands that run a process; each blocks until it is asked to stop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.run import work
from cli.site.context import settings_of

if TYPE_CHECKING:
    from consumers.caller.shared_actions import Shard

_MOST_SHARDS = 64

Users = Annotated[list[str] | None, typer.Argument(help="Logins whose calls to follow.")]


def gateway(context: typer.Context) -> None:
    """Receive the PBX's notifications on 8080 and 8081 and publish them as events."""
    work.gateway(settings_of(context, log=True))


def sessions(context: typer.Context) -> None:
    """Keep each user who is on logged in at the PBX."""
    work.sessions(settings_of(context, log=True))


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

    if active and settings.broker.machine is not None:
        raise typer.BadParameter("where several machines serve the site, say --all or --shard")
    part = _shard(shard, settings.broker.machine) if shard else None
    account = shard_role(part.number, part.of) if part else account
    users = tuple(logins) if logins else None
    start(Start.of(settings, users, account, forking=active, shard=part))


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
    work.dial(settings_of(context, log=True), account)


def journal(context: typer.Context) -> None:
    """Keep a record of every finished call, and answer who asks for them."""
    work.journal(settings_of(context, log=True))


def panel(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="Broker account of this process.")] = "panel",
) -> None:
    """Show people their calls in a browser; take dial requests of applications by HTTP."""
    work.panel(settings_of(context, log=True), account)


def directory(context: typer.Context) -> None:
    """Take changes of contacts by HTTP, from applications that know their own."""
    work.directory(settings_of(context, log=True))


def up(
    context: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this process; may be repeated.")
    ] = None,
) -> None:
    """Run all server processes and start again what dies."""
    from cli.run.up import up
    from cli.site.files import add_missing_process_accounts, broker_folder

    settings = settings_of(context)
    unknown = set(only or ()) - set(work.WORK)
    if unknown:
        raise typer.BadParameter(
            f"there is no process {', '.join(sorted(unknown))}; known are {', '.join(work.WORK)}"
        )
    wanted = only or [
        name for name in work.WORK if name != "directory" or settings.directory.listen
    ]
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
