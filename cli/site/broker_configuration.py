"""The configuration of a site's own Mosquitto, made from the shipped mosquitto.conf."""

import os
import re
import stat
from pathlib import Path

from bus.settings import SettingsRefused

FILE = "mosquitto.conf"


def adapted(conf: str, port: int, folder: Path, persistence: Path) -> str:
    """Return mosquitto.conf for another port and other folders; the rest as it stands."""
    for key, value in {
        "listener": f"{port} 127.0.0.1",
        "password_file": folder / "passwords",
        "acl_file": folder / "acl",
        "persistence_location": f"{persistence}/",
    }.items():
        conf, count = re.subn(rf"(?m)^{key} .*$", f"{key} {value}", conf)
        if count != 1:
            raise SettingsRefused(f"mosquitto.conf has {count} lines {key!r}, one is needed")
    if os.getuid() == 0 and not reads_in_place(folder):
        # Mosquitto would become a user who may not read the files.
        conf += "\n# --- these files belong to root ---\nuser root\n"
    return conf


def persistence_folder(folder: Path) -> Path:
    """Return where the broker keeps its sessions: where the package's unit lets it, or beside."""
    if not reads_in_place(folder):
        return folder
    site = folder.parent
    shared = Path("/var/lib/starface2mqtt-broker")
    return shared if site.name == "starface2mqtt" else shared / site.name


def reads_in_place(folder: Path) -> bool:
    """Return whether the broker reads this very folder, and systemd reloads it after a change.

    The package makes the folder with the set-group-ID bit, so what is written there is the
    broker's to read.
    """
    return folder.is_dir() and bool(folder.stat().st_mode & stat.S_ISGID)
