"""Starts a program on this machine, with exactly the arguments of its template and no shell.

Each argument of the template becomes one argument of the program, whatever a caller is called; a
value cannot become an option, since what it begins with is not taken from a caller.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bus.settings import SettingsRefused
from consumers.caller.settings import CommandSettings

_PLACE = re.compile(r"\{([^{}?]*)(\??)\}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LONGEST = 2048  # characters of one value
_OWN = "STARFACE2MQTT_"  # our environment may hold secrets


class ActionFailed(Exception):
    """The action was not done; the message is a stable code, without personal data."""


class Command:
    """One configured program."""

    def __init__(self, settings: CommandSettings) -> None:
        self.name = settings.name
        self.on = settings.on
        self.names = settings.names
        self._template = settings.arguments[1:]
        self._program = _program(settings.arguments[0], settings.name)
        self._timeout = settings.timeout

    def run(self, values: Mapping[str, str]) -> str:
        """Run the program; return how it ended or raise ActionFailed with a code."""
        arguments = [self._program, *(_filled(one, values) for one in self._template)]
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={key: told for key, told in os.environ.items() if not key.startswith(_OWN)},
                start_new_session=True,
            )
        except OSError as error:
            raise ActionFailed(f"not-started-{type(error).__name__}") from error
        try:
            code = process.wait(self._timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise ActionFailed("timed-out") from error
        if code != 0:
            raise ActionFailed(f"exit-{code}")
        return "exit-0"


def _filled(template: str, values: Mapping[str, str]) -> str:
    def value(place: re.Match[str]) -> str:
        told = _UNFIT.sub(" ", values.get(place[1], "")).strip()[:_LONGEST]
        if not told and not place[2]:
            raise ActionFailed(f"no-{place[1]}")
        return told if place.start() else told.lstrip("-/@+= ") if told[:1] != "+" else told

    return _PLACE.sub(value, template)


def _program(name: str, command: str) -> str:
    found = shutil.which(name)
    if found is None or Path(found).suffix.lower() in (".bat", ".cmd"):
        raise SettingsRefused(
            f"[[caller.commands]] {command}: there is no program {name!r} that can be started"
        )
    return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the program and what it started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
