"""Makes this program the one that opens tel: and callto: links, and starts it at the log-in.

For the user alone, without administrator's rights: on Linux by desktop files, on Windows in the
user's part of the registry, on macOS by an application that hands links on.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from consumers.desktop.registration import macos as mac
from consumers.desktop.registration import windows
from consumers.desktop.registration.link_handler import NAME, SCHEMES

_FILE = f"{NAME}.desktop"
_LIST = "mimeapps.list"
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
    written = [str(entry), *_set_defaults(home, _FILE)]
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
    _set_defaults(home, None)
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


def _set_defaults(home: Path, entry: str | None) -> list[str]:
    """Name our desktop file for its schemes, or take it out; return the files that were changed.

    All else in them stays; a desktop's own list, such as KDE's, goes before the user's.
    """
    folder, changed = _configuration(home), []
    for path in (folder / _LIST, *sorted(folder.glob(f"*-{_LIST}"))):
        target = path.resolve()  # it may be a link into a folder of configurations
        before = target.read_bytes().decode("utf-8", "surrogateescape") if target.exists() else ""
        lines = before.removesuffix("\n").split("\n") if before else []
        text = "".join(f"{line}\n" for line in _with_default(lines, entry, own=path.name == _LIST))
        if text == before:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        fresh.write_bytes(text.encode("utf-8", "surrogateescape"))
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.replace(target)
        changed.append(str(path))
    return changed


def _with_default(lines: list[str], entry: str | None, *, own: bool) -> list[str]:
    """Return the lines of a list with our file before those of others, or without it."""
    kept: list[str] = []
    missing = [f"x-scheme-handler/{scheme}" for scheme in SCHEMES]
    ours, section, place = frozenset(missing), "", -1
    for line in lines:
        plain = line.strip().lstrip("\ufeff")
        key, _, value = plain.partition("=")
        if plain.startswith("["):
            section = plain.strip("[]")
        if section == _DEFAULTS and key.strip() in ours:
            others = [one for one in value.strip().split(";") if one and one != _FILE]
            files = [entry, *others] if entry and key.strip() in missing else others
            missing = [one for one in missing if one != key.strip()]
            if not files:
                continue
            line = f"{key.strip()}={';'.join(files)}{';' if len(files) > 1 else ''}"
        kept.append(line)
        if section == _DEFAULTS and place < 0:
            place = len(kept)
    if entry and own and missing:
        if place < 0:
            kept += [f"[{_DEFAULTS}]"]
            place = len(kept)
        kept[place:place] = [f"{key}={entry}" for key in missing]
    return kept


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _applications(home: Path) -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "applications"


def _configuration(home: Path) -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
