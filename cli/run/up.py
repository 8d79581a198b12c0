"""All server processes, forked from one parent that starts again what dies.

What they import is in memory once: the parent loads it all and then only waits, without a thread
or an open file of a process, so that it can fork at any time. It reports to systemd: ready once
all processes run, alive at each look.
"""

import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module

from bus.mqtt.connection import client_for
from bus.settings import SettingsRefused
from cli.run.work import WORK, processes
from cli.site.settings import Settings, read
from consumers.caller.process import warm
from runtime.child_processes import ChildProcesses, compact
from runtime.files import private_folder
from runtime.process import configure_logging

log = logging.getLogger(__name__)

_PATIENCE = 6.0  # seconds for the processes to end; some have processes of their own
_EVERY = 20.0  # seconds between two signs of life; systemd's WatchdogSec is 60
# What every process, or the panel, imports only when it is at work: then each would have its own.
_NEEDED_LATER = ("cli.site.errors", "cli.run.caller", "encodings.idna", "uvicorn.lifespan.off")
_STABLE = 0.5  # seconds a process must live to count as running


class SiteProcesses:
    """The processes of a site and their parent."""

    def __init__(self, settings: Settings, kinds: Sequence[str]) -> None:
        self._settings = settings
        self._changed = _changed(settings)
        self._kinds = kinds
        self._children = ChildProcesses(_PATIENCE)

    def run(self) -> None:
        """Keep them running until SIGTERM."""
        # httpx's own command line: rich and pygments, 4 MB that nobody here has a use for.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        for kind in self._kinds:
            import_module(WORK[kind].module)
        for module in _NEEDED_LATER:
            import_module(module)
        client_for(self._settings.broker)
        warm(self._settings.site.numbers)
        compact()
        self._children.run(self._reconcile)

    def _reconcile(self) -> float:
        self._read_again()
        wanted = processes(self._settings, self._kinds)
        for name, work in wanted.items():
            self._children.keep(name, partial(_work, name, work, self._settings))
        running = len(self._children.names(_STABLE))
        ready = running == len(wanted)
        notify(
            f"{'READY=1' if ready else ''}\nWATCHDOG=1\n"
            f"STATUS={running} of {len(wanted)} processes run"
        )
        return _EVERY if ready else _STABLE / 5

    def _read_again(self) -> None:
        """Read a changed configuration for what is started from now on."""
        try:
            if (changed := _changed(self._settings)) != self._changed:
                self._changed = changed
                self._settings = read(self._settings.file)
        except (OSError, SettingsRefused) as error:
            log.error("the configuration stays as it was reason=%s", error)


def up(settings: Settings, kinds: Sequence[str] = tuple(WORK)) -> None:
    """Run these processes until SIGTERM."""
    os.umask(0o077)  # all that they write is private
    configure_logging(settings.site.log_level, settings.site.log_format)
    private_folder(settings.site.data_folder)
    SiteProcesses(settings, kinds).run()


def _work(name: str, work: Callable[[Settings], None], settings: Settings) -> None:
    """Be one process; a failure that a person can mend is one line."""
    from cli.site.errors import sentence

    configure_logging(settings.site.log_level, settings.site.log_format)
    try:
        work(settings)
    except Exception as error:
        line = sentence(error)
        if line is None:
            raise
        log.error("process ended name=%s reason=%s", name, line)
        raise SystemExit(1) from error


def notify(state: str) -> None:
    """Send a state to systemd, sd_notify(3); do nothing where systemd did not start us."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), address.replace("@", "\0", 1))


def _changed(settings: Settings) -> int:
    return settings.file.stat().st_mtime_ns
