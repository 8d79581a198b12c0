"""Who is in the directory, where they come from and whom users mean.

`contacts list`, `sources`, `source` and `choices`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_logins, complete_sources
from cli.commands.json_output import Json, print_json
from cli.contacts.import_run import opened
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import say

if TYPE_CHECKING:
    from consumers.directory.records import Contact


def list_contacts(
    context: typer.Context,
    source: Annotated[
        str | None, typer.Option(help="Only this source.", autocompletion=complete_sources)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """List the contacts, inactive ones too; `export` gives all with their numbers."""
    from itertools import islice

    with opened(context) as directory:
        found = list(islice(directory.contacts(source), limit + 1))
    shown = found[:limit]
    if as_json:
        print_json([contact.model_dump(mode="json") for contact in shown])
        return
    for contact in shown:
        typer.echo(line(contact))
    if not shown:
        say("command.find.nobody")
    elif len(found) > limit:
        typer.echo("... and more: --limit, --source NAME, or find TEXT", err=True)


def sources(context: typer.Context, as_json: Json = False) -> None:
    """List the sources in the order in which they decide."""
    with opened(context) as directory:
        listed = directory.sources()
    if as_json:
        print_json([each.model_dump(mode="json") for each in listed])
        return
    for source in listed:
        equal = [
            other.name
            for other in listed
            if other.priority == source.priority
            and source.active
            and other.active
            and other is not source
        ]
        when = f"{source.imported_at.astimezone():%Y-%m-%d %H:%M}" if source.imported_at else "-"
        typer.echo(
            f"{source.name}\tpriority {source.priority}\t{'on' if source.active else 'off'}\t"
            f"{source.contacts} contacts, {source.numbers} numbers, {source.dossiers} dossiers, "
            f"{source.matters} matters\t{when}{_together(equal)}"
        )


def source(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The source.", autocompletion=complete_sources)],
    priority: Annotated[int | None, typer.Option(help="The higher one decides.")] = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it counts.")] = None,
    remove: Annotated[bool, typer.Option(help="Remove it with all its contacts.")] = False,
) -> None:
    """Change a source; it holds for the next call."""
    with opened(context) as directory:
        known = {known_source.name: known_source for known_source in directory.sources()}
        if name not in known:
            raise CommandFailed(f"there is no source {name}; there are: {', '.join(known) or '-'}")
        if remove:
            directory.remove_source(name)
        else:
            active = known[name].active if on is None else on
            directory.set_source(name, priority=priority, active=active)
        equal = directory.deciding_with(name)
    typer.echo(f"{name} is {'removed' if remove else 'changed'}{_together(equal)}")


def choices(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="The user.", autocompletion=complete_logins)],
    forget: Annotated[str | None, typer.Option(help="Ask again for this number.")] = None,
    as_json: Json = False,
) -> None:
    """List whom a user means by numbers that several have, or revoke one."""
    from bus.numbers.number import read_number

    with opened(context) as directory:
        if forget is not None:
            number = read_number(forget, settings_of(context).site.numbers)
            directory.forget_choice(login, number.e164 or forget)
        listed = list(directory.choices(login))
        if as_json:
            print_json([{"e164": each.e164, "contact": each.contact.model_dump(mode="json")}
                        for each in listed])  # fmt: skip
            return
        for choice in listed:
            typer.echo(f"{choice.e164}\t{line(choice.contact)}")


def _together(equal: list[str]) -> str:
    return f"\tdecides together with {', '.join(equal)}" if equal else ""


def line(contact: Contact) -> str:
    """Return who a contact is in one line."""
    company = f", {contact.company}" if contact.company else ""
    inactive = "" if contact.active else ", inactive"
    return f"{contact.id}\t{contact.name}{company} ({contact.kind}, {contact.source}{inactive})"
