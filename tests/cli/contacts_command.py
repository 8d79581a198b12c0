"""`starface2mqtt contacts` in this process, for the tests."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from cli.contacts import contacts
from cli.site.context import CommandFailed

_app = typer.Typer(pretty_exceptions_enable=False)
_app.add_typer(contacts.app, name="contacts")


@_app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


def site(folder: Path) -> Path:
    """Write the configuration of an office in Zurich."""
    path = folder / "starface2mqtt.toml"
    path.write_text('[site]\ncountry = "CH"\narea_code = "44"\n')
    return path


def contacts_command(config: Path, *words: object, env: dict[str, str] | None = None) -> str:
    """Return what it prints; raise CommandFailed."""
    line = [str(config), "contacts", *[str(word) for word in words]]
    result = CliRunner().invoke(_app, line, env=env)
    if isinstance(result.exception, CommandFailed):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout
