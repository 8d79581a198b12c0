"""The country of a contact as address books write it: code, car plate or name."""

from __future__ import annotations

import unicodedata

from bus.number_plan import is_country

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
    "|royaume-uni|regno unito|vereinigtes königreich",
    "HU": "h|hun|ungarn|hungary|hongrie|ungheria",
    "IT": "i|ita|italien|italy|italie|italia",
    "LI": "fl|lie|liechtenstein|fürstentum liechtenstein",
    "LU": "l|lux|luxemburg|luxembourg|lussemburgo",
    "NL": "nld|niederlande|holland|netherlands|the netherlands|pays-bas|paesi bassi",
    "PL": "pol|polen|poland|pologne|polonia",
    "PT": "p|prt|portugal|portogallo",
    "SE": "s|swe|schweden|sweden|suède|svezia",
    "SI": "svn|slowenien|slovenia|slovénie",
    "US": "usa|vereinigte staaten|united states|united states of america|états-unis|stati uniti",
}


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in plain if not unicodedata.combining(one)).strip(" .")


_CODES = {_folded(name): code for code, names in _NAMES.items() for name in names.split("|")}


def country_code(text: str) -> str | None:
    """Give the two letters of a country, nothing for none, None where it is not understood."""
    folded = _folded(text)
    if not folded:
        return ""
    if folded in _CODES:
        return _CODES[folded]
    return folded.upper() if len(folded) == 2 and is_country(folded.upper()) else None
