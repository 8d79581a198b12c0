"""The profile for those bound to professional secrecy (§ 203 StGB, Art. 321 StGB).

It keeps less and for a shorter time where nothing else is set, and a configuration that would let
calls be read on the way is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bus.settings import Section, SettingsRefused
from runtime.addresses import split_address

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from consumers.actions.settings import CommandTarget

# What holds instead of the usual, where the file or the environment says nothing.
DEFAULTS: dict[str, dict[str, Any]] = {
    "gateway": {"keep_hours": 12.0},
    "caller": {"trace_days": 7, "choice_days": 365, "set_aside_days": 3, "discreet": True},
    "dial": {"audit_days": 30, "mask": "all"},
    "journal": {"keep": 90},
}


def kept_secret(settings: Settings) -> Settings:
    """Return the settings as the profile wants them; raise SettingsRefused where it cannot."""
    if not settings.site.professional_secrecy:
        return settings
    sections = {
        name: _with_defaults(getattr(settings, name), values) for name, values in DEFAULTS.items()
    }
    for name in ("caller", "journal"):
        sections[name] = _without_names(getattr(settings, name), sections[name])
    kept = settings.model_copy(update=sections)
    if faults := [*_faults(kept)]:
        raise SettingsRefused(
            f"{settings.file}: [site] professional_secrecy = true does not allow: "
            + "; ".join(faults)
        )
    return kept


def _with_defaults(section: Section, values: dict[str, Any]) -> Section:
    unset = {key: value for key, value in values.items() if key not in section.model_fields_set}
    return section.model_copy(update=unset)


def _without_names(given: Any, section: Section) -> Section:
    executors = {
        kind: tuple(_with_defaults(one, {"names": False}) for one in getattr(given, kind))
        for kind in ("webhooks", "commands")
    }
    return section.model_copy(update=executors)


def _faults(settings: Settings) -> Iterator[str]:
    broker, starface = settings.broker, settings.starface
    strange = [host for host, _ in broker.addresses if not _is_here(host)]
    if strange and not broker.tls:
        yield f"[broker] {', '.join(strange)} without TLS: set tls = true"
    for section, webhook in (
        *(("caller", one) for one in settings.caller.webhooks),
        *(("journal", one) for one in settings.journal.webhooks),
    ):
        url = urlsplit(webhook.url)
        if url.scheme == "http" and not _is_here(url.hostname or ""):
            yield f"[[{section}.webhooks]] {webhook.name}: url over http: write https://"
    for section, command in (
        *(("caller", one) for one in settings.caller.commands),
        *(("journal", one) for one in settings.journal.commands),
    ):
        if not command.names and _asks_for_names(command):
            yield (
                f"[[{section}.commands]] {command.name}: arguments with a name, or an"
                " address that may hold one: leave it out (the record's key is {id}), or set"
                " names = true"
            )
    if starface.verify == "off" and starface.scheme == "https":
        yield '[starface] verify = "off": set "on", or "pinned" with the fingerprint'
    if starface.location == "cloud" or _is_public(starface.host):
        if starface.scheme == "http":
            yield '[starface] scheme = "http" for a PBX outside the LAN: set "https"'
        if starface.callback_scheme == "http":
            yield (
                '[starface] callback_scheme = "http" for a PBX outside the LAN: set "https" and'
                " callback_port = 8081, and [gateway] certificate"
            )
    for section, listen in (
        ("directory", settings.directory.listen),
    ):  # fmt: skip
        if listen and not _is_here(split_address(listen)[0]):
            yield (
                f"[{section}] listen = {listen!r}, which has no TLS: listen on 127.0.0.1, behind"
                " a proxy with TLS"
            )


def _asks_for_names(command: CommandTarget) -> bool:
    from consumers.actions.redaction import NAMING

    return any(f"{{{name}}}" in part for part in command.arguments for name in NAMING)


def _is_here(host: str) -> bool:
    """Return whether an address can only be this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        return False
