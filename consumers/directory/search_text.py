"""The text by which people find a contact, however they or the source spell its letters.

Müller, Mueller and Muller find each other, as do Straße and Strasse, Łukasz and Lukasz.
"""

import re
import unicodedata

_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "’": "'"}
)  # which Unicode does not take for a letter with an accent
_SHORTEST = 4  # letters
_UMLAUT = re.compile("([aou])e")


def search_text(*fields: str) -> str:
    """Return what is looked through: the fields without accents, then also with ae as a."""
    plain = _plain("\n".join(fields))
    shorter = _UMLAUT.sub(r"\1", plain)
    return plain if shorter == plain else f"{plain}\n{shorter}"


def search_forms(text: str) -> tuple[str, str]:
    """Return the two spellings of what somebody looks for; either may be found.

    A few letters stay as they are: `uel` is looked for in Samuel, and not in Müller.
    """
    plain = _plain(text)
    return plain, _UMLAUT.sub(r"\1", plain) if len(plain) >= _SHORTEST else plain


def _plain(text: str) -> str:
    text = text.casefold()
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
