"""What each process of a site does, from its configuration to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what costs time is loaded by the process that needs it
    from cli.site.settings import Settings
    from consumers.caller.shared_actions import Shard


def gateway(settings: Settings) -> None:
    """Receive the PBX's notifications and publish them as events."""
    from gateway.process import run

    run(
        settings.gateway, settings.broker, settings.site.numbers, settings.site_key(),
        settings.site.data_folder,
    )  # fmt: skip


def sessions(settings: Settings) -> None:
    """Keep each user who is on logged in at the PBX."""
    from cli.site.files import panel_key, seal
    from consumers.sessions.process import run

    run(
        settings.starface, settings.broker, settings.site_key(), settings.database,
        seal(settings), settings.site.data_folder, settings.site.numbers, panel_key(settings),
        settings.panel.enrolment, settings.sessions.operations,
        (sys.executable, "-m", "cli", "--config", str(settings.file), "doctor", "--json"),
    )  # fmt: skip


def caller(settings: Settings, shard: Shard | None = None) -> None:
    """Find out who is calling, in processes as [caller] processes says, or for a part of all."""
    from bus.access.accounts import shard_role
    from cli.run.caller import Start

    account = shard_role(shard.number, shard.of) if shard else "caller"
    Start.of(settings, None, account, forking=settings.broker.machine is None, shard=shard).run()


def dial(settings: Settings, account: str = "dial") -> None:
    """Have the PBX place the calls that users ask for."""
    from cli.site.files import seal
    from consumers.dial.process import run
    from consumers.dial.settings import DialSite

    site = DialSite(
        settings.dial, settings.starface, settings.broker, settings.site.numbers,
        settings.database, seal(settings), settings.site_key(), settings.site.data_folder,
    )  # fmt: skip
    run(site, account)


def journal(settings: Settings) -> None:
    """Keep a record of every finished call, and answer who asks for them."""
    from cli.site.files import read_roles
    from consumers.journal.process import run

    run(
        settings.journal, settings.broker, settings.site.numbers, settings.database,
        settings.site.data_folder, settings.site_key(), lambda: read_roles(settings),
    )  # fmt: skip


def panel(settings: Settings, account: str = "panel") -> None:
    """Show people their calls in a browser; take dial requests of applications by HTTP."""
    from cli.site.files import panel_key
    from panel.process import run

    run(settings.panel, settings.broker, settings.site.data_folder, panel_key(settings), account)


def directory(settings: Settings) -> None:
    """Take changes of contacts by HTTP, from applications that know their own."""
    from consumers.importers.push_api import run

    run(settings.directory, settings.site.numbers, settings.database)


@dataclass(frozen=True)
class ProcessWork:
    """A process of `up`: what it does, and what it imports for that."""

    run: Callable[[Settings], None]
    module: str


WORK = {
    "gateway": ProcessWork(gateway, "gateway.process"),
    "sessions": ProcessWork(sessions, "consumers.sessions.process"),
    "caller": ProcessWork(caller, "consumers.caller.processes"),
    "dial": ProcessWork(dial, "consumers.dial.process"),
    "journal": ProcessWork(journal, "consumers.journal.process"),
    "directory": ProcessWork(directory, "consumers.importers.push_api"),
    "panel": ProcessWork(panel, "panel.process"),
}


def processes(settings: Settings, kinds: Iterable[str]) -> dict[str, Callable[[Settings], None]]:
    """Return what each process of these kinds does, by its name."""
    from bus.access.accounts import shard_role
    from consumers.caller.shared_actions import Shard

    work = {kind: WORK[kind].run for kind in kinds}
    shards = settings.caller.shards
    if "caller" in work and settings.broker.machine is not None and shards > 1:
        del work["caller"]
        for number in range(1, shards + 1):
            work[shard_role(number, shards)] = partial(caller, shard=Shard(number, shards))
    return work
