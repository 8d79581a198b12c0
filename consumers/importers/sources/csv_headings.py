"""What the columns of a usual address list mean, by their headings and what is in them.

Outlook, Google, Thunderbird, Excel lists and the exports of other programs in German, English,
French and Italian. A column has a contact's numbers only if all words of its heading are known:
`Telefon Gegner` is somebody else's. What a heading does not say is left to a mapping file;
dossiers and matters always are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from consumers.importers.mapping import ContactColumns, Flag, Mapping, NumberColumn
from consumers.importers.numbers.countries import folded
from consumers.importers.numbers.fields import MEANS, RANK, SWITCHBOARD

_TOKEN = re.compile(r"[^\W\d_]+\.?|\d+")
_SHORTEST = 4  # letters of a word that is abbreviated, as in `geschäftl.`
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z])(?=\d)")  # FirstName, Mobile2
_NUMBER = re.compile(r"\s*(?:[A-Za-z.]+[ :]+)?[+(]?\d[\d\s()./'’-]{4,}\d\s*")
_SURELY = re.compile(r"\s*(?:\+|0)\d[\d\s()./'’-]{7,}\s*")
_MOSTLY = 0.8  # of a column's filled cells, where numbers are evidence of what it holds


def _words(text: str) -> frozenset[str]:
    return frozenset(folded(text).split())


_TELEPHONE = _words(
    "tel telefon telephon telephone phone phones téléphone tél telefono telefoni fon festnetz"
    " rufnummer rufnummern rufnr telefonnummer telefonnummern telefonnr telnr telefonzentrale"
    " direktwahl mobil mobile mobiltelefon mobilnummer mobilnr mobilfunk mobiltelefonnummer handy"
    " handynummer handynr diensthandy firmenhandy privathandy natel natelnr cell cellular portable"
    " cellulare fax telefax faxnummer faxnr telefaxnummer télécopie télécopieur zentrale"
    " hauptnummer haupttelefon centralino switchboard autotelefon privattelefon bürotelefon"
    " geschäftstelefon diensttelefon firmentelefon festnetznummer festnetznr"
)
# Headings of our own export, which say nothing of a telephone to others.
_ONLY_NUMBERS = (["number"], ["nummer"], ["numero"])
_OURS = ("work", "home", "numbers")
# Words that leave a number the contact's own.
_SMALL = _words(
    "nr no n nummer nummern number numbers numero numéro numeri value wert adresse address line"
    " other andere anderes anderer weitere weiteres weiterer sonstige sonstiges autre altro altra"
    " primary primär primäre primäres haupt principal principale secondary zweites zweite"
    " international intern person personen contact kontakt"
    " der des de du d di del la le l im in am und oder"
)
_FIRM = _words("firma company société entreprise ditta azienda società unternehmen firmentelefon")
# Words of headings beside those of fields (consumers/importers/numbers/fields.py).
_FURTHER = {
    "fax": "faxnummer faxnr telefaxnummer télécopie télécopieur",
    "mobile": "mobilnummer mobilnr mobilfunk mobiltelefonnummer handynummer handynr natelnr auto"
    " car voiture autotelefon diensthandy firmenhandy privathandy",
    SWITCHBOARD: "main hauptnummer",
    "home": "personal persönlich personnel abitazione privattelefon domicilio",
    "work": "dienstlich dienst uff bürotelefon geschäftstelefon diensttelefon professionale",
}
_LABELS = (
    {folded(word): label for word, label in MEANS.items() if label and " " not in word}
    | dict.fromkeys(_FIRM, "work")
    | {word: label for label, words in _FURTHER.items() for word in _words(words)}
)
_KNOWN = _TELEPHONE | _SMALL | frozenset(_LABELS)

_NO_NUMBERS = _words(
    "nr no n nummer nummern number numbers numero numeri value wert adresse address line person"
    " contact kontakt der des de du d di del la le l im in am und oder"
)
_NAME_WORDS = _words(
    "name names vorname nachname surname lastname firstname prénom nom cognome nome person contact"
    " kontakt ansprechpartner first last given family familienname personenname mitarbeiter"
)
_NOT_OF_A_PERSON = _words(
    "company firma firmen organization organisation unternehmen société ditta azienda file user"
) | _words("domain host id nr nummer typ type gruppe group art owner besitzer seit notes notizen")

_FIRST = "vorname|first name|given name|forename|prénom|nome"
_LAST = "nachname|last name|surname|family name|familienname|nom|nom de famille|cognome"
_WHOLE = (
    "name|full name|display name|anzeigename|vollständiger name|vor und nachname|vorname nachname"
    "|name vorname|nachname vorname|nom complet|nom prénom|nom affiché|nome completo|kontakt"
    "|contact|person name|ansprechpartner|ansprechperson|kontaktperson|kontaktname|contact name"
    "|contact person|name 1|name 1 firma|name firma|matchcode|bezeichnung|caller id|callerid"
)
_COMPANY = (
    "firma|firmenname|company|company name|unternehmen|organisation|organization|organization name"
    "|organization 1 name|account name|person organization|person organisation|organisation name"
    "|société|entreprise|ditta|azienda|società"
)
_EMAIL = (
    "e mail|email|mail|e mail adresse|e mail address|email address|e mail 1 value|primary email"
    "|primäre e mail adresse|primäre e mail|adresse e mail|adresse de messagerie|courriel"
    "|person email|person email work|person e mail|adresse électronique principale"
    "|indirizzo e mail|indirizzo di posta elettronica"
)
_KIND = "kontaktart|contact type|type de contact|tipo di contatto"
_COMPANIES = ("firma", "company", "entreprise", "société", "azienda", "ditta", "unternehmen")
_COUNTRY = (
    "land|country|land region|country region|pays|pays région|paese|nazione|staat"
    "|land region geschäftlich|business country region|business country|work country"
    "|dienstlich land|land geschäftlich|pays région bureau|pays bureau|paese uff|address 1 country"
    "|land region privat|home country region|home country|privat land|land privat"
    "|pays région domicile|pays domicile|paese abitazione|address 2 country"
)
_KEY = (
    "id|key|uuid|person id|debitorennr|debitor nr|konto nr|kontonummer"
    "|kontakt id|contact id|adress id|adressnr|adressnummer|adress nr|kundennummer"
    "|kundennr|kunden nr|kunden id|customer id|mandantennummer|mandantennr|mandanten nr|client id"
    "|kontaktnr|kontaktnummer|kontakt nr|numéro client|no client|id client"
)


def usual_mapping(headings: Sequence[str], rows: Sequence[Sequence[str]] = ()) -> Mapping | None:
    """Say what the columns mean; None where nothing is known as a name or as a number."""
    numbers = number_columns(headings, rows)
    name = _name(headings)
    company = _one(headings, _COMPANY)
    if not numbers or not (name or company) or (not name and _names_unknown(headings, company)):
        return None
    kind = _one(headings, _KIND)
    return Mapping(
        contact=ContactColumns(
            key=_one(headings, f"nr|{_KEY}" if kind else _KEY),
            name=name,
            company_when=Flag(column=kind, values=_COMPANIES) if kind else None,
            company=company,
            email=_one(headings, _EMAIL),
            country=_countries(headings),
            numbers=tuple(numbers),
        )
    )


def number_columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]] = ()
) -> list[NumberColumn]:
    """Return the columns with a contact's numbers.

    Beside a contact's own line the firm's is its switchboard.
    """
    tokens = [(heading, _tokens(heading)) for heading in headings]
    numbers = _columns_of_numbers(headings, rows)
    found = [
        (heading, words)
        for heading, words in tokens
        if _are_known(words)
        and (_has_numbers(words) or (heading in numbers and _is_of_a_telephone(words)))
    ]
    if not found:  # a telephone's own list has nothing but `Number`
        numbers = _columns_of_numbers(headings, rows, _SURELY)
        found = [
            (heading, words)
            for heading, words in tokens
            if words in _ONLY_NUMBERS and heading in numbers
        ]
    labels = [_label(words) for _, words in found]
    firms = [not _FIRM.isdisjoint(words) for _, words in found]
    own = any(label == "work" and not firm for label, firm in zip(labels, firms, strict=True))
    columns: list[NumberColumn] = []
    for (heading, words), label, firm in zip(found, labels, firms, strict=True):
        meant = SWITCHBOARD if own and firm and label == "work" else label
        columns.append(
            NumberColumn(
                column=heading,
                label=meant,
                label_column=_label_column(words, tokens),
                switchboard=meant == SWITCHBOARD,
            )
        )
    return columns


def doubtful(headings: Iterable[str]) -> list[str]:
    """Return the headings that speak of a telephone, but perhaps not of this contact's."""
    tokens = [(heading, _tokens(heading)) for heading in headings]
    return [heading for heading, words in tokens if _has_numbers(words) and not _are_known(words)]


def _has_numbers(words: list[str]) -> bool:
    return not _TELEPHONE.isdisjoint(words) or (len(words) == 1 and words[0] in _OURS)


def _columns_of_numbers(
    headings: Sequence[str], rows: Sequence[Sequence[str]], written: re.Pattern[str] = _NUMBER
) -> set[str]:
    """Return the columns in which nothing contradicts that they hold telephone numbers."""
    found = set()
    for place, heading in enumerate(headings if rows else ()):
        cells = [row[place].strip() for row in rows if len(row) > place and row[place].strip()]
        numbers = sum(written.fullmatch(cell) is not None for cell in cells)
        if numbers >= _MOSTLY * len(cells):
            found.add(heading)
    return found


def _is_of_a_telephone(words: list[str]) -> bool:
    """Return whether a heading such as `Business 2` may be a telephone's, if its cells are."""
    return not {word for word in words if not word.isdecimal()} <= _NO_NUMBERS


def _names_unknown(headings: Sequence[str], company: str) -> list[str]:
    """Return the columns that may be a person's name, and are not understood as one."""
    return [
        heading
        for heading in headings
        if heading != company
        and _NAME_WORDS & {*_tokens(heading)}
        and not _NOT_OF_A_PERSON & {*_tokens(heading)}
    ]


def _are_known(words: list[str]) -> bool:
    return all(word.isdecimal() or word in _KNOWN for word in words)


def _label(words: list[str]) -> str:
    labels = {_LABELS.get(word) for word in words}
    return next((label for label in RANK if label in labels), "")


def _label_column(words: list[str], tokens: list[tuple[str, list[str]]]) -> str:
    """Return the column that says what the number of another one is: `Phone 1 - Label`."""
    if words[-1] not in ("value", "wert"):
        return ""
    labels = [[*words[:-1], word] for word in ("label", "type", "typ")]
    return next((heading for heading, others in tokens if others in labels), "")


def _name(headings: Sequence[str]) -> str:
    """Return the column of the name, or two in braces."""
    first, last = _one(headings, _FIRST), _one(headings, _LAST)
    if first and (last := last or _one(headings, "name|name 1")):
        return f"{{{first}}} {{{last}}}"
    if (name_1 := _one(headings, "name 1|name1")) and (name_2 := _one(headings, "name 2|name2")):
        first = _one(headings, _KIND)  # where it says who is a person, the first name is behind
        return f"{{{name_2}}} {{{name_1}}}" if first else f"{{{name_1}}} {{{name_2}}}"
    return _one(headings, _WHOLE) or last


def _countries(headings: Sequence[str]) -> str:
    """Return the columns of countries; a contact in two of them has none that reads its numbers."""
    found = _all(headings, _COUNTRY)
    return found[0] if len(found) == 1 else " ".join(f"{{{heading}}}" for heading in found)


def _one(headings: Iterable[str], known: str) -> str:
    """Return the heading that stands earliest among the known ones."""
    return next(iter(_all(headings, known)), "")


def _all(headings: Iterable[str], known: str) -> list[str]:
    fitting = {" ".join(_tokens(heading)): heading for heading in headings}
    return [fitting[name] for name in folded(known).split("|") if name in fitting]


def _tokens(heading: str) -> list[str]:
    end = "." if heading.rstrip().endswith(".") else ""
    return [_in_full(word) for word in _TOKEN.findall(folded(_CAMEL.sub(" ", heading)) + end)]


@lru_cache(maxsize=1024)
def _in_full(word: str) -> str:
    bare = word.removesuffix(".")
    if bare == word or bare in _KNOWN or len(bare) < _SHORTEST:
        return bare
    return next((known for known in sorted(_KNOWN) if known.startswith(bare)), bare)
