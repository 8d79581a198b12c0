"""What an opening means outside: its kind, the address, and the reason if there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from consumers.actions.url_templates import AddressRefused, ValueMissing, allowed, fill
from consumers.caller.opening import Opening
from consumers.caller.settings import CallerSettings
from consumers.directory.records import Contact, Dossier, Matter

INTERNAL: Literal["internal"] = "internal"
Found = Opening | Literal["internal"]  # what is to open; the page for internal calls has no record


@dataclass(frozen=True)
class PlannedOpening:
    """What is to open, by which template, and why."""

    kind: Literal["matter", "dossier", "card", "new-contact", "nothing"]
    reason: str
    template: str = ""
    without_address: str = ""

    @classmethod
    def of(cls, found: Found) -> "PlannedOpening":
        """Return what opens, as the rules found it."""
        if found == INTERNAL:
            return cls("card", "internal-call", INTERNAL, "internal-without-page")
        return cls(found.kind, found.reason, found.kind, found.reason)


def record_of(found: Found | None) -> Matter | Dossier | Contact | None:
    """Return what opens, if it is kept in the directory."""
    return found.record if isinstance(found, Opening) else None


class OpeningAddresses:
    """The addresses of a site."""

    def __init__(self, settings: CallerSettings) -> None:
        self._templates = settings.templates()
        self._schemes = settings.schemes
        self._hosts = settings.allowed_hosts()

    def find(
        self,
        planned: PlannedOpening,
        record: Matter | Dossier | Contact | None,
        values: Mapping[str, str],
    ) -> tuple[str | None, str, str]:
        """Return the address, the reason that counts, and the value that is missing."""
        if planned.kind == "nothing":
            return None, planned.reason, ""
        template = self._templates[planned.template]
        own = record.url if record is not None else ""
        if not template and not own:
            return None, planned.without_address, ""
        try:
            address = fill(template, {**values, "opens": planned.kind}) if template else own
            return allowed(address, self._schemes, self._hosts), planned.reason, ""
        except ValueMissing as missing:
            return None, "url-incomplete", missing.name
        except AddressRefused:
            return None, "url-refused", ""
