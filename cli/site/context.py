"""What every command shares: which configuration file, and how a failure is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what costs time is loaded by the command that needs it
    from pathlib import Path

    import typer

    from cli.site.settings import Settings


class CommandFailed(Exception):
    """A command could not do its work; the message is one line for the person who typed it."""


def settings_of(context: typer.Context, *, log: bool = False) -> Settings:
    """Return the configuration named on the command line; `log`: start to log as it says."""
    from cli.site.languages import speak
    from cli.site.settings import read

    config: Path | None = (context.find_root().obj or {}).get("config")
    settings = read(config)
    speak(settings.site.language)
    if log:
        from runtime.process import configure_logging

        configure_logging(settings.site.log_level, settings.site.log_format)
    return settings
