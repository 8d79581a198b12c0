"""All server processes from one configuration file; supervisor starts again what dies."""

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bus.process import private_folder
from cli.settings import Settings

PROGRAMS = ("gateway", "sessions", "caller", "dial", "directory", "panel")
_HEAD = """; Written by `starface2mqtt up`; changes are lost.
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
loglevel = warn
pidfile = {run}/supervisord.pid
directory = {folder}
user = {user}
silent = true
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
    parts = [
        _HEAD.format(run=settings.site.data_folder, folder=settings.folder, user=getpass.getuser())
    ]
    for name in programs:
        words = [sys.executable, "-m", "cli", "--config", str(settings.file), *_words(name)]
        command = " ".join(f'"{word}"' if " " in word else word for word in words)
        parts.append(_PROGRAM.format(name=name, command=command.replace("%", "%%")))
    parts.append(_GROUP.format(programs=",".join(programs)))
    return "".join(parts)


def up(settings: Settings, programs: Sequence[str] = PROGRAMS) -> None:
    """Become supervisor; returns only if that fails."""
    folder = private_folder(settings.site.data_folder)
    path = folder / "supervisord.conf"
    path.write_text(supervisor_configuration(settings, programs))
    supervisor = Path(sys.executable).with_name("supervisord")
    os.execv(supervisor, [str(supervisor), "-n", "-c", str(path)])  # noqa: S606


def _words(name: str) -> list[str]:
    return [name, "--all"] if name == "caller" else [name]
