"""`starface2mqtt contacts publish`: names for the displays of telephones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cli.contacts.import_run import logged_in, opened, password_of, progress
from cli.site.context import CommandFailed


def publish(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="A STARFACE user who may write the address book.")],
    folder: Annotated[str, typer.Option(help="The folder of its own.")] = "starface2mqtt",
    source: Annotated[
        list[str] | None, typer.Option(help="Only this source; may be repeated.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password.")] = None,
    per_second: Annotated[float, typer.Option(min=0.1, max=50, help="Entries at most.")] = 5.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
) -> None:
    """Write contacts into a folder of STARFACE's address book, so that telephones show names.

    Only entries made by this command are changed or removed.
    """
    from consumers.importers.publication import PublishedFolder
    from starface.failures import PbxFailure

    done: Counter[str] = Counter()
    with opened(context) as directory:
        names = {known.name for known in directory.sources()}
        if unknown := set(source or ()) - names:
            raise CommandFailed(f"there is no source {', '.join(sorted(unknown))}")
        try:
            with logged_in(context, login, password_of(password_file)) as book:
                publication = PublishedFolder(directory, book, folder)
                plan = publication.plan(source or ())
                steps = plan.steps if dry_run else publication.carry_out(plan.steps, per_second)
                for step in progress(steps, folder, len(plan.steps)):
                    done[step.kind] += 1
        except PbxFailure as error:
            after = f" after {done.total()} entries; publish again to go further" if done else ""
            raise CommandFailed(f"{error}{after}") from error
    typer.echo(
        f"{folder}: {done['added']} added, {done['changed']} changed, {done['removed']} removed,"
        f" {plan.kept} unchanged"
    )
    if plan.without_field:
        typer.echo(f"{plan.without_field} numbers have no field left in their entries")
    if dry_run:
        typer.echo("Nothing was changed (dry run).")
