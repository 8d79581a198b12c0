"""What people read: one key for each sentence, in the languages an office here reads.

The sentences lie beside this page, `de.toml en.toml fr.toml it.toml`; values in braces are named.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from bus.events import Sentence

Language = Literal["de", "en", "fr", "it"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_LONGEST = 500  # characters of a sentence on the bus


def render(key: str, language: Language, **values: object) -> str:
    """Return a sentence in one language; raise KeyError for a key or a value that is missing."""
    return catalogue(language)[key].format_map(values)


def sentence(key: str, **values: object) -> Sentence:
    """Return a sentence in all languages, as it travels on the bus."""
    return Sentence(
        **{language: render(key, language, **values)[:_LONGEST] for language in LANGUAGES}
    )


def pick(sentence: Sentence, language: Language) -> str:
    """Return a sentence that travelled in one language, in English where it has none in it."""
    return str(getattr(sentence, language)) or sentence.en


def preferred(accept_language: str | None, default: Language = "en") -> Language:
    """Return the language a browser asks for by its `Accept-Language`."""
    wanted: list[tuple[float, int, Language]] = []
    for place, part in enumerate((accept_language or "").split(",")[:20]):
        code, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        language = known_language(code.partition("-")[0].lower())
        if language is not None and weight > 0:
            wanted.append((-weight, place, language))
    return min(wanted)[2] if wanted else default


def known_language(code: object) -> Language | None:
    """Return a code as one of our languages, None for any other."""
    return next((language for language in LANGUAGES if language == code), None)


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Return all sentences of a language by their keys, such as `gateway.title`."""
    path = Path(__file__).with_name(f"{language}.toml")
    return dict(_flattened(tomllib.loads(path.read_text(encoding="utf-8"))))


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield f"{prefix}{name}", value
        else:
            yield from _flattened(value, f"{prefix}{name}.")
