"""The words by which telephones and applications say that there is no number to see."""

import re
import unicodedata

_GERMAN = """
anonym, anonymer Anruf, anonymer Anrufer, unterdrückt, unterdrueckt, Nummer unterdrückt,
Nummer unterdrueckt, Rufnummer unterdrückt, Rufnummer unterdrueckt, unbekannt, unbekannte Nummer,
unbekannte Rufnummer, unbekannter Anrufer, unbekannter Teilnehmer, keine Nummer, keine Rufnummer,
nicht verfügbar, nicht verfuegbar, Nummer nicht verfügbar, Rufnummer nicht verfügbar, privat,
private Nummer, gesperrt, geheim, Geheimnummer
"""
_ENGLISH = """
anonymous, anonymous caller, anonymous call, anonymous@anonymous.invalid, withheld,
number withheld, caller ID withheld, unknown, unknown caller, unknown number, caller unknown,
number unknown, unavailable, number unavailable, not available, private, private number,
private caller, restricted, restricted number, blocked, blocked number, caller ID blocked,
no caller ID, no number, out of area, hidden, hidden number
"""
_FRENCH = """
anonyme, appel anonyme, appelant anonyme, numéro anonyme, masqué, numéro masqué, appel masqué,
inconnu, numéro inconnu, appelant inconnu, correspondant inconnu, privé, numéro privé, appel privé,
indisponible, numéro indisponible, non disponible, numéro non disponible, secret, numéro secret,
aucun numéro
"""
_ITALIAN = """
anonimo, chiamante anonimo, numero anonimo, chiamata anonima, sconosciuto, numero sconosciuto,
chiamante sconosciuto, privato, numero privato, chiamata privata, nascosto, numero nascosto,
riservato, numero riservato, non disponibile, numero non disponibile, nessun numero
"""


def says_withheld(text: str) -> bool:
    """Tell whether a text says in words that the number is withheld or unavailable."""
    return _bare(text) in _WITHHELD


def _bare(text: str) -> str:
    """Leave out case, accents and punctuation."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(one for one in folded if not unicodedata.combining(one))
    return " ".join(re.findall(r"[a-z0-9]+", letters))


_WITHHELD = frozenset(
    _bare(words) for words in ",".join((_GERMAN, _ENGLISH, _FRENCH, _ITALIAN)).split(",")
)
