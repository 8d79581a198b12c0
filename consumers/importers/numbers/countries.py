"""The country of a contact as address books write it: code, car plate or name."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from bus.numbers.numbering_plan import is_country

_NAMES = {
    "AT": "a|aut|österreich|oesterreich|austria|autriche|republik österreich",
    "BE": "b|bel|belgien|belgium|belgique|belgio",
    "CH": "che|schweiz|switzerland|suisse|svizzera|die schweiz",
    "CZ": "cze|tschechien|czechia|czech republic|tchéquie|cechia|tschechische republik",
    "DE": "d|deu|ger|brd|deutschland|germany|allemagne|germania|bundesrepublik deutschland",
    "DK": "dnk|dänemark|denmark|danemark|danimarca",
    "ES": "e|esp|spanien|spain|espagne|spagna|españa",
    "FR": "f|fra|frankreich|france|francia",
    "GB": "gbr|uk|grossbritannien|großbritannien|england|united kingdom|great britain"
    "|royaume-uni|regno unito|vereinigtes königreich|england, uk|schottland|scotland|wales"
    "|vereinigtes königreich großbritannien und nordirland",
    "HU": "h|hun|ungarn|hungary|hongrie|ungheria",
    "IT": "i|ita|italien|italy|italie|italia",
    "LI": "fl|lie|liechtenstein|fürstentum liechtenstein",
    "LU": "l|lux|luxemburg|luxembourg|lussemburgo",
    "NL": "nld|niederlande|holland|netherlands|the netherlands|pays-bas|paesi bassi",
    "PL": "pol|polen|poland|pologne|polonia",
    "PT": "p|prt|portugal|portogallo",
    "SE": "s|swe|schweden|sweden|suède|svezia",
    "SI": "svn|slowenien|slovenia|slovénie",
    "US": "usa|vereinigte staaten|vereinigte staaten von amerika|united states|the united states"
    "|united states of america|états-unis|états-unis d'amérique|stati uniti"
    "|stati uniti d'america|vereinigte staaten (usa)",
}
_WORDS = 12  # of a text that may name a country several times


def folded(text: str) -> str:
    """Write a text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in plain if not unicodedata.combining(one)).strip(" .")


_CODES = {folded(name): code for code, names in _NAMES.items() for name in names.split("|")}


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """Give the two letters of a country, nothing for none, None where it is not understood.

    The same country may be told several times, as a list does that has several addresses.
    """
    plain = folded(text)
    if not plain:
        return ""
    if plain in _CODES:
        return _CODES[plain]
    if len(plain) == 2 and is_country(plain.upper()):
        return plain.upper()
    return _same_country_again(plain.split())


def _same_country_again(words: list[str]) -> str | None:
    for cut in range(1, len(words) if len(words) <= _WORDS else 0):
        first = country_code(" ".join(words[:cut]))
        if first and first == country_code(" ".join(words[cut:])):
            return first
    return None
