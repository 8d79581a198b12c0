"""In which language a command speaks."""

import locale

import typer

from texts import LANGUAGES, Language, known_language


def chosen_language(lang: str) -> Language:
    """Return the language that was typed; raise BadParameter for one that we do not speak."""
    language = known_language(lang)
    if language is None:
        raise typer.BadParameter(f"one of {', '.join(LANGUAGES)}", param_hint="--lang")
    return language


def terminal_language() -> Language:
    """Return the language of the person's terminal, English where we do not speak it."""
    return known_language((locale.getlocale()[0] or "")[:2].lower()) or "en"
