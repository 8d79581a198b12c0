"""Makes this program the one that opens tel: and callto: links, and starts it at the log-in.

For the user alone, without administrator's rights: on Linux by desktop files, on Windows in the
user's part of the registry, on macOS by an application that hands links on.
"""

import configparser
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from consumers.desktop.registration import macos as mac
from consumers.desktop.registration import windows
from consumers.desktop.registration.link_handler import NAME, SCHEMES

_FILE = f"{NAME}.desktop"
_DEFAULTS = "Default Applications"
_UNSAFE = '"`$\\'
_PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)


def install(command: Sequence[str], home: Path, *, autostart: bool = False) -> list[str]:
    """Register and return what was written, file by file or key by key."""
    if sys.platform == "win32":
        from consumers.desktop.registration.windows_registry import UserRegistry

        return windows.install(UserRegistry(), command, autostart=autostart)
    if sys.platform == "darwin":
        return mac.install(command, home, autostart=autostart)
    return _install_linux(command, home, autostart=autostart)


def uninstall(home: Path) -> list[str]:
    """Take back what `install` wrote, and return what was removed."""
    if sys.platform == "win32":
        from consumers.desktop.registration.windows_registry import UserRegistry

        return windows.uninstall(UserRegistry())
    if sys.platform == "darwin":
        return mac.uninstall(home)
    return _uninstall_linux(home)


def _install_linux(command: Sequence[str], home: Path, *, autostart: bool) -> list[str]:
    entry = _applications(home) / _FILE
    types = "".join(f"x-scheme-handler/{scheme};" for scheme in SCHEMES)
    _write(entry, _entry([*command, "open", "--"], f"MimeType={types}\nNoDisplay=true", " %u"))
    _set_defaults(_configuration(home) / "mimeapps.list", _FILE)
    written = [str(entry), str(_configuration(home) / "mimeapps.list")]
    if autostart:
        start = _configuration(home) / "autostart" / _FILE
        _write(start, _entry([*command, "run"], "X-GNOME-Autostart-enabled=true"))
        written.append(str(start))
    return written


def _uninstall_linux(home: Path) -> list[str]:
    removed = []
    for path in (_applications(home) / _FILE, _configuration(home) / "autostart" / _FILE):
        if path.exists():
            path.unlink()
            removed.append(str(path))
    _set_defaults(_configuration(home) / "mimeapps.list", None)
    return removed


def _entry(command: Sequence[str], more: str, argument: str = "") -> str:
    line = " ".join(_quoted(part) for part in command) + argument
    return f"[Desktop Entry]\nType=Application\nName={NAME}\nExec={line}\n{more}\n"


def _quoted(part: str) -> str:
    """Quote one argument as desktop files want it; a plain one not, xdg-open knows no quotes."""
    if _PLAIN.fullmatch(part):
        return part
    escaped = "".join(f"\\{sign}" if sign in _UNSAFE else sign for sign in part)
    return '"' + escaped.replace("\\", "\\\\").replace("%", "%%") + '"'


def _set_defaults(path: Path, entry: str | None) -> None:
    """Name our desktop file for its schemes, or take it out; all else in the file stays."""
    if entry is None and not path.exists():
        return
    defaults = configparser.RawConfigParser(
        strict=False, delimiters=("=",), comment_prefixes=("#",)
    )
    defaults.optionxform = str  # type: ignore[assignment, method-assign]
    defaults.read(path, encoding="utf-8")
    if not defaults.has_section(_DEFAULTS):
        defaults.add_section(_DEFAULTS)
    for scheme in SCHEMES:
        key = f"x-scheme-handler/{scheme}"
        if entry is not None:
            defaults.set(_DEFAULTS, key, entry)
        elif defaults.get(_DEFAULTS, key, fallback="") == _FILE:
            defaults.remove_option(_DEFAULTS, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        defaults.write(file, space_around_delimiters=False)
    fresh.replace(path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _applications(home: Path) -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "applications"


def _configuration(home: Path) -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
