"""All server processes from one configuration file; supervisor starts again what dies."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bus.access.accounts import shard_role
from cli.site.settings import Settings
from runtime.files import private_folder, replace

PROGRAMS = ("gateway", "sessions", "caller", "dial", "journal", "directory", "panel")
_HEAD = """; Written by `starface2mqtt up`; changes are lost.
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
loglevel = warn
pidfile = {run}/supervisord.pid
directory = {folder}
"""
_PROGRAM = """
[program:{name}]
command = {command}
autorestart = true
startsecs = 1
startretries = 1000000
stopwaitsecs = 6
stopasgroup = false
killasgroup = true
stdout_logfile = /dev/stdout
stdout_logfile_maxbytes = 0
redirect_stderr = true
"""
# One group, because supervisor ends the programs of a group together, groups one by one.
_GROUP = """
[group:starface2mqtt]
programs = {programs}
"""


def supervisor_configuration(settings: Settings, programs: Sequence[str]) -> str:
    """Return supervisor's configuration for these processes."""
    head = _HEAD.format(run=_plain(settings.site.data_folder), folder=_plain(settings.folder))
    # Supervisor warns about running as root unless it is configured.
    parts = [head, "user = root\n" if os.getuid() == 0 else ""]
    commands = dict(each for name in programs for each in _commands(settings, name))
    for name, arguments in commands.items():
        words = [sys.executable, "-m", "cli", "--config", str(settings.file), *arguments]
        command = " ".join(f'"{word}"' if " " in word else word for word in words)
        parts.append(_PROGRAM.format(name=name, command=_plain(command)))
    parts.append(_GROUP.format(programs=",".join(commands)))
    return "".join(parts)


def up(settings: Settings, programs: Sequence[str] = PROGRAMS) -> None:
    """Become supervisor; returns only if that fails."""
    folder = private_folder(settings.site.data_folder)
    path = folder / "supervisord.conf"
    replace(path, supervisor_configuration(settings, programs))
    _give_a_pipe_for_output()
    words = [sys.executable, "-m", "cli.run.supervise", str(path)]
    os.umask(0o077)  # supervisor's own files, and all that the processes write, are private
    os.execv(sys.executable, words)  # noqa: S606


def _give_a_pipe_for_output() -> None:
    """Put a pipe of our own where the output goes: supervisor opens it once more.

    A socket, as under systemd, cannot be opened again, nor can another user's file or pipe.
    """
    passing_on = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    if passing_on.stdin is not None:
        os.dup2(passing_on.stdin.fileno(), 1)


def _plain(text: str | Path) -> str:
    """Return a text in which supervisor finds nothing to fill in."""
    return str(text).replace("%", "%%")


def _commands(settings: Settings, name: str) -> list[tuple[str, list[str]]]:
    """Return names and arguments of the processes of one kind."""
    shards = settings.caller.shards
    if name != "caller":
        return [(name, [name])]
    if settings.broker.machine is None:
        return [(name, [name, "--active"])]
    if shards == 1:
        return [(name, [name, "--all"])]
    return [
        (shard_role(number, shards), [name, "--shard", f"{number}/{shards}"])
        for number in range(1, shards + 1)
    ]
