"""The services of a packaged site under systemd; elsewhere what to do by hand."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cli.site.context import CommandFailed

PACKAGED = Path("/etc/starface2mqtt")
DATA = Path("/var/lib/starface2mqtt")
_SYSTEMD = Path("/run/systemd/system")
BROKER_PORT = 1885  # beside the 1883 of a broker that may run already


def is_packaged(folder: Path) -> bool:
    """Return whether this site is the one that the Debian package runs."""
    return folder == PACKAGED and DATA.is_dir() and _SYSTEMD.is_dir()


def units(folder: Path, *, broker: bool) -> tuple[str, ...]:
    """Return the units that run a packaged site and, if it is ours, its broker; else none."""
    if (
        (folder != PACKAGED and folder.parent != PACKAGED)
        or not DATA.is_dir()
        or not _SYSTEMD.is_dir()
    ):
        return ()
    site = "" if folder == PACKAGED else f"@{folder.name}"
    ours = (f"-broker{site}.service", f"-broker-reload{site}.path") if broker else ()
    return tuple(f"starface2mqtt{unit}" for unit in (*ours, f"{site}.service"))


def disabled(names: Sequence[str]) -> list[str]:
    """Return which units do not start at boot."""
    systemctl = shutil.which("systemctl") or "/bin/systemctl"
    return [
        name
        for name in names
        if subprocess.run([systemctl, "-q", "is-enabled", name], check=False).returncode
    ]


def enable(*units: str) -> None:
    """Start units now and at each boot; raise CommandFailed with what systemd said."""
    _systemctl("enable", "--now", *units)


def restart(unit: str) -> None:
    """Start a unit again; raise CommandFailed with what systemd said."""
    _systemctl("restart", unit)


def _systemctl(*words: str) -> None:
    if os.geteuid() != 0:
        raise CommandFailed("the services can only be started by root: sudo starface2mqtt setup")
    systemctl = shutil.which("systemctl") or "/bin/systemctl"
    done = subprocess.run([systemctl, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
