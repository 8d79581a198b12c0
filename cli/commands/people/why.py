"""`starface2mqtt why`: the story of a call, and why something opened or did not."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.completion import complete_logins
from cli.site.context import CommandFailed, settings_of
from texts import LANGUAGES, Language, known_language, render

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from consumers.caller.trace_store import CallTrace

_LONG_AGO = 600  # seconds after which the last call may not be the one that is meant


def why(
    context: typer.Context,
    call: Annotated[
        str | None, typer.Argument(help="Id of a call or of an event in a log; default: the last.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="Login whose calls are meant.", autocompletion=complete_logins),
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many calls to show.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    lang: Annotated[str | None, typer.Option(help="de, en, fr or it; default: the site's.")] = None,
) -> None:
    """Show the story of a call: what came in, who it is, and why something opened or not."""
    from consumers.caller.trace_store import find

    settings = settings_of(context)
    language = _language(settings, lang)
    several = last if call is None else max(last, 100)  # a call of a group has many users
    stories = find(settings.site.data_folder, user=user, call_id=call, last=several)
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in stories], ensure_ascii=False, indent=2))
        return
    if not stories:
        raise CommandFailed(_nothing(settings, language, user, call))
    for place, story in enumerate(reversed(stories)):
        if place:
            typer.echo()
        for line in story_lines(story, language):
            typer.echo(line)
    if call is None:
        for line in _since(settings, language, stories[0], user):
            typer.echo(line)


def story_lines(story: "CallTrace", language: Language) -> list[str]:
    """Return the lines of a story, as a secretary reads them."""
    from consumers.caller.texts import step_sentence

    at = story.started.astimezone()
    number = story.e164 or story.number or render("why.withheld", language)
    head = render("why.call", language, call=story.call_id)
    names = [f"{at:%d.%m.%Y %H:%M:%S}", head, story.user, number, story.name]
    lines = [" · ".join(_shown(name) for name in names if name)]
    for step in story.steps:
        words = step_sentence(step, language)
        lines.append(f"  {step.at.astimezone():%H:%M:%S}  {_shown(words)}")
    return lines


def _since(
    settings: "Settings", language: Language, story: "CallTrace", user: str | None
) -> list[str]:
    """Say what may have kept a later call away: the interface is off, or nothing has come in."""
    from consumers.users import Users

    with Users(settings.database) as users:
        found = users.find(user or story.user)
    if user is not None and found is not None and not found.on:
        return ["", render("why.off-now", language, user=user)]
    if (datetime.now(UTC) - story.changed).total_seconds() < _LONG_AGO:
        return []
    return ["", render("why.last-call", language)]


def _language(settings: "Settings", lang: str | None) -> Language:
    language = known_language(lang or settings.site.language)
    if language is None:
        raise CommandFailed(f"--lang: one of {', '.join(LANGUAGES)}")
    return language


def _nothing(settings: "Settings", language: Language, user: str | None, call: str | None) -> str:
    """Say why there is no story: nobody, switched off, or nothing ever came."""
    if user is not None:
        from consumers.users import Users

        with Users(settings.database) as users:
            found = users.get(user)
        if not found.on:
            return render("why.off", language, user=user)
    if call is not None:
        return render("why.unknown-call", language, call=call, days=settings.caller.trace_days)
    return render("why.no-call", language)


def _as_json(story: "CallTrace") -> dict[str, Any]:
    from consumers.caller.texts import step_sentence

    return {
        "user": story.user,
        "call_id": story.call_id,
        "ids": story.ids,
        "started": story.started.isoformat(),
        "changed": story.changed.isoformat(),
        "number": story.number,
        "e164": story.e164 or None,
        "name": story.name,
        "opens": story.opens,
        "reason": story.reason,
        "steps": [
            step.model_dump(mode="json")
            | {language: step_sentence(step, language) for language in LANGUAGES}
            for step in story.steps
        ],
    }


def _shown(text: str) -> str:
    """Return a text without what would move a terminal's cursor or turn its direction."""
    from runtime.process import without_secrets

    clean = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return without_secrets(clean)
