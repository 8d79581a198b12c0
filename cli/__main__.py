"""The command `starface2mqtt`."""

import logging
import sys
from collections.abc import Sequence

import typer

from cli.run.process_app import PROCESSES, process_app


def main() -> None:
    """Run a command; a failure a person can mend is one line and exit code 1."""
    logging.getLogger().addHandler(logging.NullHandler())  # only processes write a log
    try:
        app_for(sys.argv[1:])()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from cli.site.errors import sentence

        line = sentence(error)
        if line is None:
            raise
        sys.exit(f"starface2mqtt: {line}")


def app_for(words: Sequence[str]) -> typer.Typer:
    """Return the program with all commands, or for a process with no more than it needs.

    What `up` has loaded is in the memory of all that it forks, and costs time at each start.
    """
    words = words[2:] if words[:1] == ["--config"] else words
    if words and words[0] in PROCESSES and "--help" not in words:
        return process_app()
    from cli.app import app

    return app


if __name__ == "__main__":
    main()
