"""The caller process without what reading the command line and the configuration took.

There may be one such process for each user, and those 5 MB would be in each. So the process
begins anew where the system can do that, and gets its settings through memory, never by a file.
"""

import logging
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bus.numbers import NumberProfile
from bus.process import configure_logging
from bus.settings import BrokerSettings
from consumers.caller import run
from consumers.caller_settings import CallerSettings


@dataclass(frozen=True)
class Start:
    """All a caller process has to know; `users` is None for every user."""

    users: tuple[str, ...] | None
    caller: CallerSettings
    broker: BrokerSettings
    profile: NumberProfile
    database: Path
    data_folder: Path
    account: str
    log_level: str = "INFO"
    log_format: Literal["text", "json"] = "text"

    def run(self) -> None:
        """Answer calls until told to stop."""
        run(
            self.users, self.caller, self.broker, self.profile, self.database, self.data_folder,
            self.account,
        )  # fmt: skip


def start(told: Start) -> None:
    """Become a caller process; does not return where that is a new program."""
    if sys.platform != "linux":
        told.run()
        return
    memory = os.memfd_create("caller", 0)  # no flags: the new program inherits it
    with os.fdopen(memory, "wb", closefd=False) as file:
        pickle.dump(told, file)
    os.lseek(memory, 0, os.SEEK_SET)
    shown = told.users if told.users is not None else ("--all",)  # for those who list processes
    words = [sys.executable, "-m", "cli.caller_alone", str(memory), *shown]
    os.execv(sys.executable, words)  # noqa: S606


def main() -> None:
    """Take the settings over and run; a failure a person can mend is one line and exit code 1."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        told: Start = pickle.load(file)  # noqa: S301  (written by ourselves, just before)
    configure_logging(told.log_level, told.log_format)
    try:
        told.run()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from cli.failures import sentence

        said = sentence(error)
        if said is None:
            raise
        sys.exit(f"starface2mqtt: {said}")


if __name__ == "__main__":
    # Under its real name, so that what was pickled there is found here.
    from cli.caller_alone import main as _main

    logging.getLogger().addHandler(logging.NullHandler())
    _main()
