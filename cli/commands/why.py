"""`starface2mqtt why`: the story of a call, and why something opened or did not."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.site.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from consumers.caller.trace_store import CallTrace

_Language = Literal["de", "en"]
_LONG_AGO = 600  # seconds after which the last call may not be the one that is meant


def why(
    context: typer.Context,
    call: Annotated[
        str | None, typer.Argument(help="Id of a call or of an event in a log; default: the last.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Login whose calls are meant.")] = None,
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many calls to tell of.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    lang: Annotated[str | None, typer.Option(help="de or en.")] = None,
) -> None:
    """Tell the story of a call: what came in, who it is, and why something opened or not."""
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
        for line in told(story, language):
            typer.echo(line)
    if call is None:
        for line in _since(settings, language, stories[0], user):
            typer.echo(line)


def told(story: "CallTrace", language: _Language) -> list[str]:
    """Return the lines of a story, as a secretary reads them."""
    at = story.started.astimezone()
    number = story.e164 or story.number or ("unterdrückt" if language == "de" else "withheld")
    head = "Anruf" if language == "de" else "Call"
    names = [f"{at:%d.%m.%Y %H:%M:%S}", f"{head} {story.call_id}", story.user, number, story.name]
    lines = [" · ".join(_shown(name) for name in names if name)]
    for step in story.steps:
        words = step.de if language == "de" else step.en
        lines.append(f"  {step.at.astimezone():%H:%M:%S}  {_shown(words)}")
    return lines


def _since(
    settings: "Settings", language: _Language, story: "CallTrace", user: str | None
) -> list[str]:
    """Say what may have kept a later call away: the interface is off, or nothing has come in."""
    from consumers.users import Users

    with Users(settings.database) as users:
        found = users.find(user or story.user)
    if user is not None and found is not None and not found.on:
        return ["", _in(
            language,
            f"Die Schnittstelle von {user} ist jetzt ausgeschaltet: was seither anrief, öffnete"
            f" nichts. Einschalten: starface2mqtt on {user}",
            f"The interface of {user} is switched off now: whoever called since opened nothing."
            f" Switch it on: starface2mqtt on {user}",
        )]  # fmt: skip
    if (datetime.now(UTC) - story.changed).total_seconds() < _LONG_AGO:
        return []
    return ["", _in(
        language,
        "Das ist der letzte Anruf, der ankam. Kam seither ein anderer: starface2mqtt status",
        "This is the last call that came in. If there was another one since: starface2mqtt status",
    )]  # fmt: skip


def _language(settings: "Settings", lang: str | None) -> _Language:
    if lang not in (None, "de", "en"):
        raise CommandFailed("--lang: de or en")
    return "de" if (lang or settings.site.language) == "de" else "en"


def _nothing(settings: "Settings", language: _Language, user: str | None, call: str | None) -> str:
    """Say why there is no story: nobody, switched off, or nothing was ever heard."""
    if user is not None:
        from consumers.users import Users

        with Users(settings.database) as users:
            found = users.get(user)
        if not found.on:
            return _in(
                language,
                f"Von {user} ist kein Anruf bekannt: die Schnittstelle ist ausgeschaltet."
                f" Einschalten: starface2mqtt on {user}",
                f"no call of {user} is known: the interface is switched off."
                f" Switch it on: starface2mqtt on {user}",
            )
    if call is not None:
        return _in(
            language,
            f"Der Anruf {call} ist hier nicht bekannt (aufbewahrt werden"
            f" {settings.caller.trace_days} Tage).",
            f"the call {call} is not known here (kept for {settings.caller.trace_days} days)",
        )
    return _in(
        language,
        "Es ist noch kein Anruf angekommen. Weiter mit: starface2mqtt status",
        "no call has come in yet. Go on with: starface2mqtt status",
    )


def _in(language: _Language, german: str, english: str) -> str:
    return german if language == "de" else english


def _as_json(story: "CallTrace") -> dict[str, Any]:
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
        "steps": [step.model_dump(mode="json") for step in story.steps],
    }


def _shown(text: str) -> str:
    """Return a text without what would move a terminal's cursor or turn its direction."""
    from runtime.process import without_secrets

    clean = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return without_secrets(clean)
