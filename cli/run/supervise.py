"""supervisor, with word to systemd: ready once all processes run, alive at each of its ticks.

A program of its own (`python -m cli.run.supervise FILE`), so that what stays in memory is small.
"""

import contextlib
import os
import socket
import sys

from supervisor import events
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.states import ProcessStates
from supervisor.supervisord import Supervisor


class NotifyingSupervisor(Supervisor):  # type: ignore[misc]  # untyped
    """A supervisor that systemd can watch."""

    def runforever(self) -> None:
        """Run until asked to stop; supervisor forgets subscriptions made before this."""
        events.subscribe(events.Tick5Event, self._report)
        events.subscribe(events.ProcessStateRunningEvent, self._report)
        super().runforever()

    def _report(self, _event: object) -> None:
        states = [
            process.get_state()
            for group in self.process_groups.values()
            for process in group.processes.values()
        ]
        running = states.count(ProcessStates.RUNNING)
        ready = "READY=1\n" if states and running == len(states) else ""
        notify(f"{ready}WATCHDOG=1\nSTATUS={running} of {len(states)} processes run")


def main(configuration: str) -> None:
    """Run supervisor in the foreground until it is asked to stop."""
    options = ServerOptions()
    options.realize(["-n", "-c", configuration])
    options.first, options.test = True, False  # as its own main does
    with contextlib.suppress(ExitNow):
        NotifyingSupervisor(options).main()


def notify(state: str) -> None:
    """Send a state to systemd, sd_notify(3); do nothing where systemd did not start us."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), address.replace("@", "\0", 1))


if __name__ == "__main__":
    main(sys.argv[1])
