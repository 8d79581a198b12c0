"""`starface2mqtt contacts` in this process, for the tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from cli.contacts import contacts
from cli.site.context import CommandFailed

ANNA = "+41 44 123 45 67"

Run = Callable[..., str]

_app = typer.Typer(pretty_exceptions_enable=False)
_app.add_typer(contacts.app, name="contacts")


@_app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


def site(folder: Path) -> Path:
    """Write the configuration of an office in Zurich."""
    path = folder / "starface2mqtt.toml"
    path.write_text('[site]\ncountry = "CH"\narea_code = "44"\nlanguage = "en"\n')
    return path


def contacts_command(config: Path, *words: object, env: dict[str, str] | None = None) -> str:
    """Return what it prints; raise CommandFailed."""
    line = [str(config), "contacts", *[str(word) for word in words]]
    result = CliRunner().invoke(_app, line, env=env)
    if isinstance(result.exception, CommandFailed):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def found(run: Run, text: str) -> Any:
    """Return what `find` says of a number or a text."""
    return json.loads(run("find", text, "--json"))
