"""Takes the spelling off a telephone number, so that only what it says is left.

Nothing here knows a country. What is not spelling is never guessed away, it makes the text no
number.
"""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

LONGEST = 250  # characters; nobody writes a number like that

_PLAIN = re.compile(r"[0-9A-Za-z+()./' -]*")
_ZERO_WIDTH = frozenset(
    "\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
    "\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
    "\N{LEFT-TO-RIGHT EMBEDDING}\N{POP DIRECTIONAL FORMATTING}\N{LEFT-TO-RIGHT ISOLATE}"
    "\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"
)  # address books copy these along; marks that turn the order round are not among them
_RELATIVES = {
    **dict.fromkeys("\N{MINUS SIGN}\N{HYPHEN BULLET}ーｰ", "-"),
    **dict.fromkeys("．。․·•‧∙⋅", "."),
    **dict.fromkeys("／⁄∕", "/"),
    **dict.fromkeys("（﹙⁽[{［", "("),
    **dict.fromkeys("）﹚⁾]}］", ")"),
    "_": " ",
    **dict.fromkeys("’‘‛´`′ʼ＇", "'"),
    **dict.fromkeys("＋﹢", "+"),
    **dict.fromkeys("＊﹡∗", "*"),
    **dict.fromkeys("＃﹟", "#"),
}
_URI = (
    re.compile(  # with a blank behind the colon it is a label, and labels are the importers' work
        r"(?P<scheme>tel|callto|sips?):(?! )(?://)?(?P<rest>.*)", re.IGNORECASE | re.DOTALL
    )
)
# A header of SIP: `"Anna Beispiel" <sip:+41445206789@pbx.example>;tag=1928301774`.
_ADDRESS = re.compile(
    r'(?:"(?:[^"\\]|\\.)*"\s*|[^"<>]*)<(?P<address>[^<>]*)>(?:\s*;.*)?', re.DOTALL
)
_EXTENSION = re.compile(
    r"(?P<main>.*[0-9)])[ ,/(-]*"
    r"(?:;ext=|(?:ext(?:ension|n)?|x|poste|int(?:ern[eo]?)?|nebenstelle|nst|app(?:arat)?)[.:]*)"
    r" *(?P<extension>[0-9]{1,8})\)?",
    re.IGNORECASE,
)
_DIRECT_DIAL = re.compile(
    r"(?P<main>.*[0-9)])[ ,/(-]*"
    r"(?:dw|durchwahl|klappe|kl)[.:]* *-? *(?P<digits>[0-9]{1,8})\)?",
    re.IGNORECASE,
)
_QUOTES = ' "“”„«»‹›,;:'
_PLUS = re.compile(r"\A([( ]*)(?:00)?(?: *\+)+")  # `++41`, `00+41`
_VANITY = re.compile(r"[^A-Za-z]*[0-9)][^A-Za-z]*[A-Za-z][A-Za-z./' -]*")
_KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
_TRUNK_ZERO = re.compile(r"\( *0 *\)")
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
_DATE = re.compile(r"(\d{1,2})([./-]) ?(\d{1,2})\2 ?(\d{4}|\d\d)?")
_DATE_YEAR_FIRST = re.compile(r"(?:19|20)\d\d([./-])(\d{1,2})\1(\d{1,2})")


class Unwrapped(NamedTuple):
    """The number inside a URI, and where the URI says that it lives."""

    text: str
    scheme: str = ""
    domain: str = ""  # of a SIP address, or the context of a local number
    context: str = ""  # digits of the country, and perhaps the area, of a local number
    extension: str = ""


class Spelled(NamedTuple):
    """What a text says once spelling is off; `fault` names why it is no number."""

    signs: str = ""  # in ASCII, separators still there
    digits: str = ""
    plus: bool = False
    head: str = ""  # digits before a bracketed zero
    bare: str = ""  # digits without the bracketed zero
    stem: str = ""  # digits without the -0 that direct-dial digits replace
    direct_dial: str = ""
    extension: str = ""
    vanity: bool = False
    withheld: bool = False
    fault: str = ""


def unwrap(text: str) -> Unwrapped | None:
    """Take a number out of its tel:, callto: or sip: URI; None if the URI is damaged.

    A text that is no URI comes back as it is, a name in front of an address in `<>` is left out.
    """
    if "<" in text and (named := _ADDRESS.fullmatch(text.strip(" "))):
        text = named["address"]
    found = _URI.fullmatch(text.strip(" "))
    if not found:
        return Unwrapped(text)
    scheme, rest = found["scheme"].lower(), found["rest"]
    user, _, host = rest.partition("@")
    main, *parameters = re.split(r"[;?]", user)
    if host:
        main, _, _ = main.partition(":")  # a password
    try:
        given = dict(_parameter(one) for one in parameters)
        return _with_context(Unwrapped(_decoded(main), scheme, _host(host)), given)
    except UnicodeDecodeError:
        return None


def plain(text: str) -> str | None:
    """Write a text with ASCII signs; None if it holds a control character."""
    if _PLAIN.fullmatch(text):
        return text
    signs = [_sign(one) for one in text]
    return None if None in signs else "".join(one for one in signs if one is not None)


def spelled(text: str) -> Spelled:
    """Take the spelling off a text that is not a URI."""
    signs = plain(text)
    if signs is None:
        return Spelled(fault="control-character")
    signs = _PLUS.sub(r"\1+", signs.strip(_QUOTES))
    if _says_withheld(signs):
        return Spelled(withheld=True)
    if "*" in signs or "#" in signs:
        return Spelled(fault="feature-code")
    if is_date(signs):
        return Spelled(fault="date")
    return _without_endings(signs)


def is_date(signs: str) -> bool:
    """Return whether this is a day such as 23.11.2026, which has the digits of a local number."""
    if year_first := _DATE_YEAR_FIRST.fullmatch(signs):
        return _is_day(int(year_first[3]), int(year_first[2]))
    day_first = _DATE.fullmatch(signs)
    if not day_first or (not day_first[4] and day_first[2] != "."):
        return False
    if day_first[4] and len(day_first[4]) == 4 and not day_first[4].startswith(("19", "20")):
        return False
    return _is_day(int(day_first[1]), int(day_first[3]))


def only_digits(signs: str) -> str:
    """Return the ASCII digits of a text."""
    return re.sub(r"[^0-9]", "", signs)


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), _decoded(value)


def _decoded(text: str) -> str:
    return unquote(text, errors="strict")


def _host(written: str) -> str:
    return re.split(r"[;?>]|:\d*$", written)[0].strip().lower()


def _with_context(inner: Unwrapped, parameters: dict[str, str]) -> Unwrapped:
    context = parameters.get("phone-context", "").strip('"')
    inner = inner._replace(extension=parameters.get("ext", ""))
    if inner.text.lstrip().startswith("+") or not context:
        return inner
    if context.startswith("+"):
        return inner._replace(context=only_digits(context))
    return inner._replace(domain=context.lower())


def _sign(one: str) -> str | None:
    if one in _RELATIVES:
        return _RELATIVES[one]
    if one.isascii():
        return one if one.isprintable() else None
    if one in _ZERO_WIDTH:
        return ""
    category = unicodedata.category(one)
    if category == "Nd":
        return str(unicodedata.decimal(one))
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    return None if category[0] == "C" or category in ("Zl", "Zp") else one


def _says_withheld(signs: str) -> bool:
    if "+" not in signs and signs.strip("-./() '") in ("", "0"):
        return True
    return any(one.isalpha() for one in signs) and _bare(signs) in _WITHHELD


def _without_endings(signs: str) -> Spelled:
    if not re.search(r"[A-Za-z]", signs):
        return _only_number(signs)
    if ending := _DIRECT_DIAL.fullmatch(signs):
        stem = re.sub(r"[-/ ] ?0 *$", "", ending["main"])
        main = _only_number(ending["main"])
        return main._replace(direct_dial=ending["digits"], stem=only_digits(stem))
    if ending := _EXTENSION.fullmatch(signs):
        return _only_number(ending["main"])._replace(extension=ending["extension"])
    return _only_number(signs)


def _only_number(signs: str) -> Spelled:
    vanity = False
    if re.search(r"[A-Za-z]", signs):
        if not _is_vanity(signs):
            return Spelled(fault="text")
        signs, vanity = signs.upper().translate(_KEYS), True
    if not re.fullmatch(r"[0-9+()./' -]*[0-9][0-9()./' -]*", signs):
        return Spelled(fault="two-numbers" if signs.count("+") > 1 else "text")
    if not re.fullmatch(r"[(./' -]*\+?[0-9()./' -]*", signs):
        return Spelled(fault="two-numbers")
    digits = only_digits(signs)
    result = Spelled(signs=signs, digits=digits, plus="+" in signs, stem=digits, vanity=vanity)
    if zero := _TRUNK_ZERO.search(signs):
        head = only_digits(signs[: zero.start()])
        return result._replace(head=head, bare=head + only_digits(signs[zero.end() :]))
    return result


def _is_vanity(signs: str) -> bool:
    """Return whether this is a word for the keys, 0800 FLOWERS, and no label such as Fax."""
    if not _VANITY.fullmatch(signs):
        return False
    first = re.search(r"[A-Za-z]", signs)
    before = signs[: first.start()] if first else ""
    return len(re.findall(r"[A-Za-z]", signs)) >= 4 and 3 <= len(only_digits(before)) <= 7


def _is_day(one: int, other: int) -> bool:
    return (1 <= one <= 31 and 1 <= other <= 12) or (1 <= one <= 12 and 1 <= other <= 31)


def _bare(text: str) -> str:
    """Leave out case, accents and punctuation."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(one for one in folded if not unicodedata.combining(one))
    return " ".join(re.findall(r"[a-z0-9]+", letters))


_WITHHELD = frozenset(
    _bare(words) for words in ",".join((_GERMAN, _ENGLISH, _FRENCH, _ITALIAN)).split(",")
)
