"""What makes Windows offer this program for tel: and callto: links: values in the user's registry.

Since Windows 8 no program makes itself the default. It declares what it can do, under
RegisteredApplications and Capabilities, and the user chooses it in the settings. A scheme that no
program of this user has declared is declared too, as Windows may not know it; another's stays.
"""

import logging
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from consumers.desktop.registration.link_handler import (
    DESCRIPTION,
    NAME,
    SCHEMES,
    RegistrationRefused,
)

log = logging.getLogger(__name__)

_CLASSES = r"Software\Classes"
_PROGRAM = f"{NAME}.link"  # the ProgID
_CLASS = rf"{_CLASSES}\{_PROGRAM}"
_OWN = rf"Software\{NAME}"
_CAPABILITIES = rf"{_OWN}\Capabilities"
_ASSOCIATIONS = rf"{_CAPABILITIES}\URLAssociations"
_REGISTERED = r"Software\RegisteredApplications"
_RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
_COMMAND = r"shell\open\command"


class Registry(Protocol):
    """The part of the registry that belongs to the user."""

    def read(self, key: str, name: str) -> str | None:
        """Give a value; None if there is none."""

    def read_for_all(self, key: str, name: str) -> str | None:
        """Give a value that holds for every user of the machine; None if there is none."""

    def write(self, key: str, name: str, value: str) -> None:
        """Set a value, and make its key."""

    def remove(self, key: str, name: str) -> bool:
        """Remove a value; False if there is none."""

    def drop(self, key: str) -> bool:
        """Remove a key that holds nothing any more; False if it does, or there is none."""

    def announce(self) -> None:
        """Have the desktop read its associations again."""


class Value(NamedTuple):
    """One text in the registry; the value without a name is the key's own."""

    key: str
    name: str
    text: str


def install(registry: Registry, command: Sequence[str], *, autostart: bool) -> list[str]:
    """Register, and return the keys and values that were written."""
    free = [scheme for scheme in SCHEMES if _is_free(registry, scheme)]
    wanted = values(command, free, autostart=autostart)
    for value in wanted:
        registry.write(*value)
    registry.announce()
    return [_shown(value.key, value.name) for value in wanted]


def uninstall(registry: Registry) -> list[str]:
    """Remove what `install` writes, nothing else, and return what it found of it."""
    ours = [scheme for scheme in SCHEMES if _is_ours(registry, scheme)]
    ours_here = values(("-",), ours, autostart=True)
    removed = [
        _shown(one.key, one.name)
        for one in ours_here
        if _allowed(one.key, partial(registry.remove, one.key, one.name))
    ]
    for key in _deepest_first(one.key for one in ours_here if one.key not in (_REGISTERED, _RUN)):
        _allowed(key, partial(registry.drop, key))
    registry.announce()
    return removed


def values(
    command: Sequence[str], schemes: Sequence[str] = (), *, autostart: bool = False
) -> list[Value]:
    """Give what is to stand in the registry; `schemes` are those that nobody else has declared."""
    opened = link_command(command)
    entries = [
        Value(_CLASS, "", f"URL:{NAME}"),
        Value(_CLASS, "URL Protocol", ""),
        Value(rf"{_CLASS}\{_COMMAND}", "", opened),
        Value(_CAPABILITIES, "ApplicationName", NAME),
        Value(_CAPABILITIES, "ApplicationDescription", DESCRIPTION),
        *(Value(_ASSOCIATIONS, scheme, _PROGRAM) for scheme in SCHEMES),
        Value(_REGISTERED, NAME, _CAPABILITIES),
    ]
    for scheme in schemes:
        entries += [
            Value(rf"{_CLASSES}\{scheme}", "", f"URL:{scheme}"),
            Value(rf"{_CLASSES}\{scheme}", "URL Protocol", ""),
            Value(rf"{_CLASSES}\{scheme}\{_COMMAND}", "", opened),
        ]
    if autostart:
        entries.append(Value(_RUN, NAME, _line([*command, "run"])))
    return entries


def link_command(command: Sequence[str]) -> str:
    """Give the command line that opens a link; raise RegistrationRefused if none is safe.

    A link may hold a quotation mark and so become several arguments; behind `--` none of them is an
    option, and more than one number is refused.
    """
    return f'{_line([*command, "open", "--"])} "%1"'


def _line(command: Sequence[str]) -> str:
    if any("%" in part or '"' in part for part in command):
        raise RegistrationRefused(
            f"Windows would read the % or the quotation mark in {command[0]} as a place for the"
            " link; install starface2mqtt in a folder without them"
        )
    return subprocess.list2cmdline(command)


def _is_free(registry: Registry, scheme: str) -> bool:
    key = rf"{_CLASSES}\{scheme}"
    declared = (registry.read(key, "URL Protocol"), registry.read(rf"{key}\{_COMMAND}", ""))
    # Windows itself declares some schemes for all; a program has them only with a command.
    taken = declared != (None, None) or registry.read_for_all(rf"{key}\{_COMMAND}", "") is not None
    return not taken or _is_ours(registry, scheme)


def _is_ours(registry: Registry, scheme: str) -> bool:
    """Return whether a scheme is opened by the command we wrote, whatever program that was then."""
    opener = registry.read(rf"{_CLASSES}\{scheme}\{_COMMAND}", "")
    return opener is not None and opener == registry.read(rf"{_CLASS}\{_COMMAND}", "")


def _allowed(key: str, remove: Callable[[], bool]) -> bool:
    """Remove something, unless this system forbids it; the rest is removed all the same."""
    try:
        return remove()
    except PermissionError:
        log.warning("not removed, access is denied key=%s", _shown(key, ""))
        return False


def _deepest_first(keys: Iterator[str]) -> list[str]:
    """Give the keys and those between them and the common ones, each before what it is in."""
    shared = {"Software", _CLASSES}
    every = {
        "\\".join(parts[:length])
        for key in keys
        for parts in [key.split("\\")]
        for length in range(1, len(parts) + 1)
    }
    return sorted(every - shared, key=lambda key: (-key.count("\\"), key))


def _shown(key: str, name: str) -> str:
    return rf"HKCU\{key}" + (f" {name}" if name else "")
