"""The caller processes without what reading the command line and the configuration took.

There may be one such process for each user, and those 5 MB would be in each. So the process
starts afresh where the system can do that, and gets its settings through memory, never by a file.
"""

import logging
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from consumers.caller.process import run, warm
from consumers.caller.settings import CallerSite
from consumers.caller.shared_actions import Shard
from runtime.process import configure_logging

if TYPE_CHECKING:
    from cli.site.settings import Settings

_CAN_FORK = sys.platform == "linux"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """All caller processes have to know.

    `users` is None for every user; `forking` has processes for the active ones, each or together.
    """

    site: CallerSite
    users: tuple[str, ...] | None
    account: str
    log_level: str = "INFO"
    log_format: Literal["text", "json"] = "text"
    forking: bool = False
    shard: Shard | None = None  # of all users, where `users` is None

    @classmethod
    def of(
        cls, settings: "Settings", users: tuple[str, ...] | None, account: str = "caller", *,
        forking: bool = False, shard: Shard | None = None,
    ) -> "Start":  # fmt: skip
        """Return what the caller processes of a site have to know."""
        site = CallerSite(
            settings.caller, settings.broker, settings.site.numbers, settings.database,
            settings.site.data_folder,
        )  # fmt: skip
        level, form = settings.site.log_level, settings.site.log_format
        return cls(site, users, account, level, form, forking, shard)

    def run(self) -> None:
        """Answer calls until asked to stop."""
        if self.forking and _CAN_FORK:
            from consumers.caller.processes import CallerProcesses

            warm(self.site.profile)
            CallerProcesses(self.site, self._serve).run()
        else:
            run(self.site, self.users, self.account, shard=self.shard)

    def _serve(self, account: str, users: Sequence[str] | None) -> None:
        """Be one of the forked processes; a fault is one line, and the parent starts it again."""
        from consumers.caller.processes import POOL
        from runtime.child_processes import call_process, on_finish

        call_process(" ".join(["caller", *(users or ())]))
        try:
            run(self.site, users, account, POOL, on_finish)
        except Exception as error:
            said = _sentence(error)
            if said is None:
                raise
            log.error("caller process ended account=%s reason=%s", account, said)
            raise SystemExit(1) from error


def start(work: Start) -> None:
    """Become a caller process; does not return where that is a new program."""
    if not _CAN_FORK:
        work.run()
        return
    memory = os.memfd_create("caller", 0)  # no flags: the new program inherits it
    with os.fdopen(memory, "wb", closefd=False) as file:
        pickle.dump(work, file)
    os.lseek(memory, 0, os.SEEK_SET)
    everybody = "--active" if work.forking else "--all"
    shown = work.users if work.users is not None else (everybody,)  # for those who list processes
    words = [sys.executable, "-m", "cli.run.caller", str(memory), *shown]
    os.execv(sys.executable, words)  # noqa: S606


def main() -> None:
    """Take the settings over and run; a failure a person can mend is one line and exit code 1."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        work: Start = pickle.load(file)  # noqa: S301  (written by ourselves, just before)
    configure_logging(work.log_level, work.log_format)
    try:
        work.run()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        said = _sentence(error)
        if said is None:
            raise
        sys.exit(f"starface2mqtt: {said}")


def _sentence(error: Exception) -> str | None:
    from cli.site.errors import sentence  # costs memory, so only when there is a failure

    return sentence(error)


if __name__ == "__main__":
    # Under its real name, so that what was pickled there is found here.
    from cli.run.caller import main as _main

    logging.getLogger().addHandler(logging.NullHandler())
    _main()
