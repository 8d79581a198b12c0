"""Whether the site's numbering plan knows the users' extensions, and what makes it know them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bus.numbers.number import NumberProfile, read_number, short_code
from cli.site.languages import text

if TYPE_CHECKING:
    from cli.site.settings import Settings


def unknown_extensions(extensions: Iterable[str], profile: NumberProfile) -> list[str]:
    """Return the extensions from which calls would not be known as internal ones."""
    return [each for each in dict.fromkeys(extensions) if _is_unknown(each, profile)]


def emergency_numbers(extensions: Iterable[str], profile: NumberProfile) -> list[str]:
    """Return the extensions that are emergency numbers, so that nothing makes them internal."""
    return [each for each in extensions if short_code(each, profile) == "emergency"]


def wanted_settings(extensions: Iterable[str], profile: NumberProfile) -> dict[str, Any]:
    """Return what `[site]` must say so that calls from all extensions are internal ones."""
    unknown = unknown_extensions(extensions, profile)
    others = [each for each in unknown if not emergency_numbers([each], profile)]
    trunk = ("0", profile.outside_line or "0")
    by_length = [each for each in others if not each.startswith(trunk) and len(each) <= 6]
    by_length = [each for each in by_length if len(each) > profile.internal_digits]
    listed = dict.fromkeys(_pattern(each) for each in others if each not in by_length)
    wanted: dict[str, Any] = {}
    if by_length:
        wanted["internal_digits"] = max(map(len, by_length))
    if listed:
        wanted["extensions"] = [*profile.extensions, *listed]
    return wanted


def make_known(settings: Settings, extensions: Iterable[str]) -> list[str]:
    """Put into the configuration what makes all extensions internal; return what to report."""
    from cli.site.configuration_file import shown_values, with_values
    from runtime.files import replace

    profile = settings.site.numbers
    lines = [
        text("command.extension-emergency", extension=each)
        for each in emergency_numbers(dict.fromkeys(extensions), profile)
    ]
    if wanted := wanted_settings(extensions, profile):
        before = settings.file.read_text(encoding="utf-8")
        replace(settings.file, with_values(before, {"site": wanted}))
        values = shown_values(wanted)
        lines.append(text("command.extensions-known", path=settings.file, values=values))
    return lines


def _pattern(extension: str) -> str:
    """Return an extension, or those of its kind: `0011` stands for all four digits behind 00."""
    rest = extension.lstrip("0")
    return extension[: len(extension) - len(rest)] + "x" * len(rest) if rest != extension else rest


def _is_unknown(extension: str, profile: NumberProfile) -> bool:
    plain = extension.isascii() and extension.isdigit()
    return plain and read_number(extension, profile).kind != "internal"
