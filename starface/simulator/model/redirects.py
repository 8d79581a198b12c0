"""Where calls of a user are to go instead: kept as a client reads and writes them."""

from collections.abc import Mapping
from typing import Any

KINDS = ("ALWAYS", "BUSY", "TIMEOUT")
_FIXED = frozenset({"id", "type", "groupRedirect"})


class Redirects:
    """The three redirects of each user."""

    def __init__(self) -> None:
        self._changed: dict[str, dict[str, Any]] = {}

    def of(self, login: str) -> list[dict[str, Any]]:
        """Return a user's redirects."""
        return [
            {
                "id": f"{login}-{kind}",
                "type": kind,
                "enabled": False,
                "timeout": 30,
                "calledNumber": login,
                "destination": "",
                "destinationType": "PHONENUMBER",
                "lastDestinationNumber": "",
                "lastDestinationMailbox": "",
                "mailboxes": [],
                "groupRedirect": False,
                **self._changed.get(f"{login}-{kind}", {}),
            }
            for kind in KINDS
        ]

    def change(self, login: str, setting: Mapping[str, Any]) -> None:
        """Change what may be changed of one redirect; raise ValueError if it is nobody's."""
        wanted = str(setting["id"])
        if wanted not in {f"{login}-{kind}" for kind in KINDS}:
            raise ValueError(wanted)
        changed = {name: value for name, value in setting.items() if name not in _FIXED}
        self._changed.setdefault(wanted, {}).update(changed)
        if destination := changed.get("destination"):
            number = self._changed[wanted].get("destinationType", "PHONENUMBER") == "PHONENUMBER"
            last = "lastDestinationNumber" if number else "lastDestinationMailbox"
            self._changed[wanted][last] = destination
