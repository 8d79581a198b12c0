"""`dials`: who had which call placed, and what became of it."""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.commands.completion import complete_logins
from cli.site.context import settings_of
from cli.site.languages import say, text


def dials(
    context: typer.Context,
    login: Annotated[
        str | None, typer.Option("--as", help="Only this user's.", autocompletion=complete_logins)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the audit of dial requests, kept 90 days unless configured otherwise."""
    from consumers.dial.store import DialStore

    settings = settings_of(context)
    path = settings.site.data_folder / "dial.db"
    if not path.exists():
        say("command.dials.none", err=True)
        return
    with closing(DialStore(path, "cli")) as book:
        for row in book.audit(login, limit):
            typer.echo(json.dumps(_for_programs(row)) if as_json else _line(row))


def _for_programs(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromtimestamp(row["at"], UTC).isoformat(timespec="milliseconds")
    return {**row, "at": at, "final": bool(row["final"])}


def _line(row: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(row["at"], UTC).astimezone()
    outcome = f"{row['stage']} ({row['code']})" if row["code"] else row["stage"]
    repeats = f", {text('command.dials.repeated', count=row['repeats'])}" if row["repeats"] else ""
    door = row["door"] or "mqtt"
    return f"{at:%Y-%m-%d %H:%M:%S}  {row['user']:10} {row['shown']:18} {outcome}{repeats}  {door}"
