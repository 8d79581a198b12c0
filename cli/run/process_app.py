"""The commands that run for months, without loading what only people type."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli.run import processes

PROCESSES: dict[str, Callable[..., None]] = {
    "up": processes.up, "gateway": processes.gateway, "sessions": processes.sessions,
    "caller": processes.caller, "dial": processes.dial, "journal": processes.journal,
    "panel": processes.panel, "directory": processes.directory,
}  # fmt: skip


def new_app() -> typer.Typer:
    """Return the program without a command, but with the options of all of them."""
    app = typer.Typer(
        help="Call events of a STARFACE telephone system on MQTT, and calls placed through it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_everything)
    return app


def process_app() -> typer.Typer:
    """Return the program with the commands that run a process, and no other."""
    app = new_app()
    for name, command in PROCESSES.items():
        app.command(name)(command)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("starface2mqtt"))
        raise typer.Exit


def _everything(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file; default ./starface2mqtt.toml, then /etc."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    context.obj = {"config": config}
