"""The country of a contact as address books write it: code, car plate or name."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from bus.numbers.numbering_plan import is_country

_BETWEEN = re.compile(r"[()\[\]/,;|]+|\s[-–—]\s|[-–—](?=\d)")
_STATE = re.compile(r"\b(?:republi[kc]|republique|repubblica|rep\.?|state|of|die|the|la|le)\b")
_WORDS = 12  # of a text that may name a country several times


def folded(text: str) -> str:
    """Return a text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).strip(" .")


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """Return the two letters of a country, nothing for none, None where it is not understood.

    The same country may be named several times, as `Schweiz (CH)` or in each of several addresses.
    """
    plain = folded(text)
    if not plain:
        return ""
    return _code(plain) or _code_of_parts(plain) or _same_country_again(plain.split())


@cache
def _codes() -> dict[str, str]:
    file = Path(__file__).with_name("countries.toml")
    countries = tomllib.loads(file.read_text(encoding="utf-8"))
    return {folded(name): code for code, names in countries.items() for name in names.split("|")}


def _code(plain: str) -> str | None:
    bare = " ".join(_STATE.sub(" ", plain).split())
    for written in (plain, re.sub(r"[. ]", "", plain) if "." in plain else plain, bare):
        if found := _codes().get(written):
            return found
        if len(written) == 2 and is_country(written.upper()):
            return written.upper()
    return None


def _code_of_parts(plain: str) -> str | None:
    """Return the one country that is named, as in `CH - Schweiz`, `8001 Zürich (CH)`."""
    parts = [part.strip(" .") for part in _BETWEEN.split(plain) if part.strip(" .")]
    codes = [_code(part) for part in parts]
    if len(parts) < 2 or (None in codes and any(len(part) == 1 for part in parts)):
        return None
    known = {code for code in codes if code}
    return known.pop() if len(known) == 1 else None


def _same_country_again(words: list[str]) -> str | None:
    for cut in range(1, len(words) if len(words) <= _WORDS else 0):
        first = country_code(" ".join(words[:cut]))
        if first and first == country_code(" ".join(words[cut:])):
            return first
    return None
