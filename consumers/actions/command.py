"""Starts a program on this machine, with exactly the arguments of its template and no shell.

Each argument of the template becomes one argument of the program, whatever a caller is called. A
value never becomes an option or a command of the program: where it begins an argument, the signs
that programs take for one are left out, unless it is a telephone number; and it never leads to
another folder.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from consumers.actions.settings import CommandTarget

_PLACE = re.compile(r"\{([^{}?]*)(\??)\}")
_E164 = re.compile(r"\+[0-9]{1,15}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SIGNS = "-/@+=\\~ "  # what makes an option, a command or a path of the first signs of an argument
_PARENT = re.compile(r"(?<![^/\\:=])\s*\.\.\s*(?![^/\\:=])")  # a part of a path that leads above
_SEPARATOR = re.compile(r"[/\\:=]")
_LONGEST = 2048  # characters of one value
_OWN = "STARFACE2MQTT_"  # our environment may hold secrets


class ActionFailed(Exception):
    """The action was not done; the message is a stable code, without personal data."""


class Command:
    """One configured program."""

    def __init__(self, settings: CommandTarget) -> None:
        self.name = settings.name
        self.names = settings.names
        self._template = settings.arguments[1:]
        self._program = settings.arguments[0]
        self._timeout = settings.timeout

    def run(self, values: Mapping[str, str], started: Callable[[], None] = lambda: None) -> str:
        """Run the program; return how it ended or raise ActionFailed with a code.

        `started` is called as soon as the program runs, whatever becomes of us.
        """
        arguments = [self._found(), *(_filled(one, values) for one in self._template)]
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={key: value for key, value in os.environ.items() if not key.startswith(_OWN)},
                start_new_session=True,
            )
        except OSError as error:
            raise ActionFailed(f"not-started-{type(error).__name__}") from error
        started()
        try:
            code = process.wait(self._timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise ActionFailed("timed-out") from error
        if code != 0:
            raise ActionFailed(f"exit-{code}")
        return "exit-0"

    def fault(self) -> str | None:
        """Return why the program cannot be started, in one sentence; None if it can."""
        try:
            self._found()
        except ActionFailed:
            whose = f"[[caller.commands]] {self.name}"
            return f"{whose}: there is no program {self._program!r} that can be started"
        return None

    def _found(self) -> str:
        """Return where the program is; it may be installed, or taken away, while we run."""
        found = shutil.which(self._program)
        if found is None or Path(found).suffix.lower() in (".bat", ".cmd"):
            raise ActionFailed("no-program")
        return found


def faults_of(commands: Iterable[CommandTarget]) -> tuple[str, ...]:
    """Return which of the configured programs cannot be started, a sentence for each."""
    return tuple(fault for one in commands if (fault := Command(one).fault()) is not None)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Return one argument; raise ActionFailed where it lacks a value or leads elsewhere."""
    argument = ""
    end = 0
    for place in _PLACE.finditer(template):
        argument += template[end : place.start()]
        value = _UNFIT.sub(" ", values.get(place[1], "")).strip()[:_LONGEST]
        value = _PARENT.sub("", value).strip()
        if not argument and not _E164.fullmatch(value):
            value = value.lstrip(_SIGNS)
        if not value and not place[2]:
            raise ActionFailed(f"no-{place[1]}")
        argument += value
        end = place.end()
    argument += template[end:]
    if _PLACE.match(template) and not _E164.fullmatch(argument):
        argument = argument.lstrip(_SIGNS)
    if _parents_in(argument) > _parents_in(_PLACE.sub("0", template)):
        raise ActionFailed("value-refused")
    return argument


def _parents_in(argument: str) -> int:
    """Return how many parts of an argument lead to the folder above."""
    return [part.strip() for part in _SEPARATOR.split(argument)].count("..")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the program and what it started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
