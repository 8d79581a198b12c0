"""What the columns of a usual address list mean, told from their headings alone.

Outlook, Google, Excel lists and the exports of other programs in German, English, French and
Italian. What a heading does not say is left to a mapping file; dossiers and matters always are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from consumers.importers.mapping import ContactColumns, Mapping, NumberColumn
from consumers.importers.number_fields import SWITCHBOARD, label_meaning

_TOKEN = re.compile(r"[^\W_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TELEPHONE = _words(
    "tel telefon telephon telephone phone phones téléphone tél telefono fon festnetz rufnummer"
    " rufnummern telefonnummer telefonnummern direktwahl mobil mobile mobiltelefon mobilnummer"
    " mobilfunk handy handynummer natel cell cellular portable cellulare fax telefax faxnummer"
    " télécopie zentrale hauptnummer telefonzentrale centralino switchboard"
)
_PERHAPS = _words("number numbers nummer nummern numero numéro numeri")
# A telephone, but not one of this contact; or something about a number.
_NOT_THEIRS = _words(
    "type typ label art name vorwahl code bemerkung kommentar assistent assistentin assistenz"
    " assistant assistants rückruf callback telex tty tdd isdn pager funkruf date datum"
)
# Words of headings beside those of fields (consumers/importers/number_fields.py).
_FURTHER = {
    "faxnummer": "fax",
    "télécopie": "fax",
    "mobilnummer": "mobile",
    "mobilfunk": "mobile",
    "handynummer": "mobile",
    "main": SWITCHBOARD,
    "hauptnummer": SWITCHBOARD,
}
_RANK = ("fax", "mobile", SWITCHBOARD, "home", "direct", "work")

_FIRST = "vorname|first name|given name|forename|prénom|nome"
_LAST = "nachname|last name|surname|family name|familienname|nom|nom de famille|cognome"
_WHOLE = (
    "name|full name|display name|anzeigename|vollständiger name|vor und nachname|vorname nachname"
    "|name vorname|nachname vorname|nom complet|nom prénom|nome completo|kontakt|contact"
)
_COMPANY = (
    "firma|firmenname|company|company name|unternehmen|organisation|organization|organization name"
    "|organization 1 name|société|entreprise|ditta|azienda|società"
)
_EMAIL = (
    "e mail|email|mail|e mail adresse|e mail address|email address|e mail 1 value|adresse e mail"
    "|adresse de messagerie|indirizzo e mail|indirizzo di posta elettronica"
)
_COUNTRY = "land|country|land region geschäftlich|business country region|pays|paese|nazione"
_KEY = "id|key|uid|uuid|kontakt id|contact id|adress id"


def usual_mapping(headings: Sequence[str]) -> Mapping | None:
    """Say what the columns mean; None where nothing is known as a name or as a number."""
    numbers = _numbers(headings)
    name = _name(headings)
    company = _one(headings, _COMPANY)
    if not numbers or not (name or company):
        return None
    return Mapping(
        contact=ContactColumns(
            key=_one(headings, _KEY),
            name=name,
            company=company,
            email=_one(headings, _EMAIL),
            country=_one(headings, _COUNTRY),
            numbers=tuple(numbers),
        )
    )


def _numbers(headings: Iterable[str]) -> list[NumberColumn]:
    told = [(one, _tokens(one)) for one in headings]
    for known in (_TELEPHONE, _PERHAPS):
        found = [(one, words) for one, words in told if _tells(words, known)]
        if found:
            return _columns(found)
    return []


def _columns(found: list[tuple[str, list[str]]]) -> list[NumberColumn]:
    """Give the columns with labels; beside a contact's own line the firm's is its switchboard."""
    labels = [_label(words) for _, words in found]
    own = any(
        label == "work" and "firma" not in words
        for (_, words), label in zip(found, labels, strict=True)
    )
    for place, (_, words) in enumerate(found):
        if own and labels[place] == "work" and "firma" in words:
            labels[place] = SWITCHBOARD
    return [
        NumberColumn(column=heading, label=label, switchboard=label == SWITCHBOARD)
        for (heading, _), label in zip(found, labels, strict=True)
    ]


def _tells(words: list[str], known: frozenset[str]) -> bool:
    return bool(known.intersection(words)) and not _NOT_THEIRS.intersection(words)


def _label(words: list[str]) -> str:
    labels = {_FURTHER.get(word) or label_meaning(word) for word in words}
    return next((one for one in _RANK if one in labels), "")


def _name(headings: Sequence[str]) -> str:
    """Give the column of the name, or two in braces."""
    first, last = _one(headings, _FIRST), _one(headings, _LAST)
    if first and (last := last or _one(headings, "name")):
        return f"{{{first}}} {{{last}}}"
    return _one(headings, _WHOLE) or last


def _one(headings: Iterable[str], known: str) -> str:
    """Give the heading that stands earliest among the known ones."""
    ranked = known.split("|")
    fitting = {" ".join(_tokens(one)): one for one in headings}
    return next((fitting[one] for one in ranked if one in fitting), "")


def _tokens(heading: str) -> list[str]:
    return _TOKEN.findall(heading.casefold())
