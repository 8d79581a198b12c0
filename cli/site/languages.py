"""In which language a command speaks."""

import locale

import typer

from texts import LANGUAGES, Language, known_language, render

_site: list[Language] = []  # the site's language, once its configuration is read


def chosen_language(lang: str) -> Language:
    """Return the language that was typed; raise BadParameter for one that we do not speak."""
    language = known_language(lang)
    if language is None:
        raise typer.BadParameter(f"one of {', '.join(LANGUAGES)}", param_hint="--lang")
    return language


def terminal_language() -> Language:
    """Return the language of the person's terminal, English where we do not speak it."""
    return known_language((locale.getlocale()[0] or "")[:2].lower()) or "en"


def speak(language: Language) -> None:
    """Speak this language from now on."""
    _site[:] = [language]


def spoken() -> Language:
    """Return the language of the site, that of the terminal while none is known."""
    return _site[0] if _site else terminal_language()


def text(key: str, **values: object) -> str:
    """Return a sentence in the language that is spoken."""
    return render(key, spoken(), **values)


def say(key: str, *, err: bool = False, **values: object) -> None:
    """Print a sentence in the language that is spoken."""
    typer.echo(text(key, **values), err=err)
