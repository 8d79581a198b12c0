"""What a check found: a code with its values; its sentence and its fix are in `texts/`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bus.events import Sentence
from cli.doctor.wordless import FIXES, FOUND
from texts import Language, catalogue, pick

_NAMED = 5  # of a kind
Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One result of a check."""

    check: str
    level: Level
    code: str
    values: Mapping[str, object] = field(default_factory=dict, hash=False)

    def of(self, **values: object) -> "Finding":
        """Return the same finding with more values."""
        return replace(self, values={**self.values, **values})

    def text(self, language: Language) -> str:
        """Return what was found, for a person."""
        texts = catalogue(language)
        return self._filled(FOUND.get(self.code) or texts[f"doctor.found.{self.code}"], language)

    def fix(self, language: Language) -> str:
        """Return the fix as a command or a setting, empty where nothing is to be done."""
        texts = catalogue(language)
        return self._filled(
            FIXES.get(self.code) or texts.get(f"doctor.fix.{self.code}", ""), language
        )

    def as_json(self, language: Language) -> dict[str, Any]:
        """Return the finding for machines."""
        return {
            "check": self.check, "level": self.level, "code": self.code,
            "text": self.text(language), "fix": self.fix(language),
        }  # fmt: skip

    def _filled(self, text: str, language: Language) -> str:
        return text.format_map(
            {
                name: pick(value, language) if isinstance(value, Sentence) else value
                for name, value in self.values.items()
            }
        )


def ok(check: str, code: str, **values: object) -> Finding:
    """Return that something is as it should be."""
    return Finding(check, "ok", code, values)


def warn(check: str, code: str, **values: object) -> Finding:
    """Return that something works, but not as well as it should."""
    return Finding(check, "warn", code, values)


def fail(check: str, code: str, **values: object) -> Finding:
    """Return that something does not work."""
    return Finding(check, "fail", code, values)


def said(error: OSError) -> str:
    """Return what the system said, without its number."""
    return error.strerror or str(error)


def some(names: Sequence[str]) -> str:
    """Return the first of many names, and how many there are."""
    more = f" … ({len(names)})" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
