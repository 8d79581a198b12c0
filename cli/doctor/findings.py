"""What a check found: one line each, with the fix as a command or a setting."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One result of a check; `fix` is empty where nothing is to be done."""

    check: str
    level: Level
    text: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the finding for machines."""
        return asdict(self)


def ok(check: str, text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(check, "ok", text)


def warn(check: str, text: str, fix: str = "") -> Finding:
    """Return that something works, but not as well as it should."""
    return Finding(check, "warn", text, fix)


def fail(check: str, text: str, fix: str) -> Finding:
    """Return that something does not work."""
    return Finding(check, "fail", text, fix)
