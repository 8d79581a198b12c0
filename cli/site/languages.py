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


def confirmed(question: str, language: Language, *, default: bool = False) -> bool:
    """Return whether the answer is yes, in that language or in English; no is an n in all."""
    yes = render("command.yes", language)[0]
    shown = f"{yes.upper()}/n" if default else f"{yes}/N"
    while True:
        given = str(typer.prompt(f"{question} [{shown}]", default="", show_default=False)).strip()
        if not given:
            return default
        if given[0].lower() in (yes, "y", "n"):
            return given[0].lower() != "n"


def require_consent(question: str) -> None:
    """Ask before something is done; end the command unless the answer is yes."""
    if not confirmed(question, spoken()):
        raise typer.Abort


def say(key: str, *, err: bool = False, **values: object) -> None:
    """Print a sentence in the language that is spoken."""
    typer.echo(text(key, **values), err=err)
