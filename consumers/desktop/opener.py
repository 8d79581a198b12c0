"""Opens an address on the workstation: by the system's own opener, or by a program.

Always an argument list, never a shell; the address is checked once more before, since this is
where a browser would run it.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

from bus.events import CallerData, Party
from consumers.actions.command import ActionFailed, Command
from consumers.actions.settings import CommandTarget
from consumers.actions.url_templates import AddressRefused, allowed, host_of
from consumers.desktop.settings import DesktopSettings

log = logging.getLogger(__name__)

_OPENERS = {"darwin": ("/usr/bin/open",), "linux": ("xdg-open",)}
_PATIENCE = 15.0  # seconds an opener may take to hand over


class Opener:
    """Opens what an answer names."""

    def __init__(
        self, settings: DesktopSettings, start: Callable[[Sequence[str]], None] | None = None
    ) -> None:
        self._settings = settings
        self._start = start or _started
        self._program = (
            Command(CommandTarget(name="program", arguments=settings.program))
            if settings.program
            else None
        )

    def open(self, data: CallerData) -> None:
        """Open it; raise ActionFailed with a code."""
        if data.url is not None:
            self._check(data.url)
        if self._program is not None:
            self._program.run(_values(data))
        elif data.url is None:
            raise ActionFailed("no-address")
        else:
            self.browse(data.url)

    def browse(self, url: str) -> None:
        """Open an address that was checked, by the system's own opener; raise ActionFailed."""
        if sys.platform == "win32":
            os.startfile(url)  # noqa: S606  (an address, checked)
        else:
            self._start([*_opener(), url])

    def _check(self, url: str) -> None:
        hosts = self._settings.hosts or (host_of(url),)
        try:
            allowed(url, self._settings.schemes, hosts)
        except AddressRefused as error:
            log.error("address refused reason=%s", error)
            raise ActionFailed("address-refused") from error


def _opener() -> tuple[str, ...]:
    platform = "darwin" if sys.platform == "darwin" else "linux"
    program = _OPENERS[platform]
    if shutil.which(program[0]) is None:
        raise ActionFailed(f"no-{program[0]}")
    return program


def _started(arguments: Sequence[str]) -> None:
    try:
        process = subprocess.Popen(
            list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ActionFailed(f"not-started-{type(error).__name__}") from error
    try:
        code = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:  # it became the browser itself
        return
    if code != 0:
        raise ActionFailed(f"exit-{code}")


def placed(data: CallerData) -> bool:
    """Return whether the user placed the call; an answer of an older release says it less well."""
    return data.outward or data.direction == "out" or data.trigger == "outgoing"


def other_party(data: CallerData) -> Party:
    """Return the party that is not the user."""
    return data.called if placed(data) else data.caller


def _values(data: CallerData) -> dict[str, str]:
    party = other_party(data)
    opened, contact = data.opened, data.contact
    return {
        "url": data.url or "",
        "id": (opened.key or "") if opened else "",
        "reference": (opened.reference or "") if opened else "",
        "title": opened.title if opened else "",
        "name": contact.title if contact else party.name,
        "company": (contact.company or "") if contact else "",
        "number": party.number,
        "e164": party.e164 or "",
        "called": data.called.e164 or data.called.number,
        "called_name": "" if party == data.called else data.called.name,
        "group": data.group or "",
        "user": data.user,
        "call_id": data.call_id,
        "direction": data.direction,
        "trigger": data.trigger,
        "action": data.action,
        "opens": data.opens,
    }
