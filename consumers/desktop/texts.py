"""What a notification on the workstation says about a call, and what it lets the user choose."""

from typing import Literal

from bus.events import CallerData, Reference, Sentence
from consumers.caller.texts import shown
from consumers.desktop.opener import other_party, placed

Language = Literal["de", "en"]

MOST_OFFERS = 3  # buttons; desktops show no more
_LABEL = 24  # characters of a button; desktops cut a row that is wider than they are

_WITHHELD = Sentence(de="Unterdrückte Nummer", en="Withheld number")
_UNKNOWN = Sentence(de="Unbekannter Anrufer", en="Unknown caller")
_SEVERAL = Sentence(de="Mehrere kommen in Frage", en="It may be one of several")
_ALIKE = Sentence(de="Nur ähnlich ist die Nummer von", en="Only similar is the number of")
_OFFERED = Sentence(de="Bitte wählen", en="Please choose")
_SWITCHBOARD = Sentence(de="Durchwahl von", en="Extension of")
_EMPLOYER = Sentence(de="bei", en="at")
_REMEMBERED = Sentence(de="Von Ihnen gewählt", en="As you chose")
OPEN = Sentence(de="Öffnen", en="Open")
_INCOMING = Sentence(de="Anruf", en="Call")
_OUTGOING = Sentence(de="Ihr Anruf", en="Your call")
REVEAL = Sentence(de="Klicken zeigt, wer es ist", en="Click to see who it is")
FORGET = Sentence(de="Nicht mehr merken", en="Forget my choice")
NOT_DIALLED = Sentence(
    de="Nicht gewählt: der Vermittler ist nicht erreichbar.",
    en="Not dialled: the broker or the dial process cannot be reached.",
)
NOT_CHOSEN = Sentence(
    de="Die Wahl kam nicht an: der Server ist nicht erreichbar. Bitte noch einmal versuchen.",
    en="The choice did not arrive: the server cannot be reached. Please try again.",
)
_REFUSED = Sentence(
    de="Nicht geöffnet: dieser Arbeitsplatz erlaubt die Adresse nicht. Erlauben: schemes und hosts"
    " in [desktop] der Datei desktop.toml.",
    en="Not opened: this workstation does not allow the address. Allow it: schemes and hosts in"
    " [desktop] of desktop.toml.",
)


def say(sentence: Sentence, language: Language) -> str:
    """Return a sentence in the language of the workstation."""
    return sentence.de if language == "de" else sentence.en


def title(data: CallerData, language: Language) -> str:
    """Say who it is."""
    party = other_party(data)
    if data.contact is not None:
        name = data.contact.title
        return shown(f"{say(_SWITCHBOARD, language)} {name}" if _at_switchboard(data) else name)
    if party.kind == "withheld":
        return say(_WITHHELD, language)
    return shown(party.name or party.e164 or party.number or say(_UNKNOWN, language))


def call(data: CallerData, language: Language) -> str:
    """Say that there is a call, and not with whom."""
    return say(_OUTGOING if placed(data) else _INCOMING, language)


def called_line(data: CallerData) -> str:
    """Say which group or outside number was called; the own telephone need not be said."""
    called = data.called
    if other_party(data) == called:
        return ""
    if data.group:
        return shown(called.name or data.group)
    return shown(called.name or called.e164 or "") if called.kind == "external" else ""


def lines(data: CallerData, language: Language) -> list[str]:
    """Say the number, the line that was called, and what opens or is in question."""
    party = other_party(data)
    told = ["" if party.kind == "withheld" else party.e164 or party.number]
    if data.employer is not None and data.contact is not None:
        told.append(f"{say(_EMPLOYER, language)} {data.employer.title}")
    told.append(called_line(data))
    if data.remembered:
        told.append(say(_REMEMBERED, language))
    told.append(_what(data, language))
    known = title(data, language)  # a number alone need not be said twice
    return [said for line in told if (said := shown(line)) and said != known]


def offers(data: CallerData) -> list[Reference]:
    """Return what the user may choose: dossiers, or the contacts in question but not the one."""
    if data.action == "none":
        return []
    if data.offered and data.contact is not None:
        return list(data.offered)
    return [one for one in data.candidates if one != data.contact]


def label(reference: Reference) -> str:
    """Say on a button what is chosen by it."""
    name = shown(f"{reference.reference or ''} {reference.title}")
    if reference.company and reference.company != reference.title:
        name = shown(f"{name} ({reference.company})")
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"


def failure(code: str) -> Sentence:
    """Say that something did not open, and what to do."""
    if code == "address-refused":
        return _REFUSED
    return Sentence(
        de=f"Nicht geöffnet: der Browser oder das Programm liess sich nicht starten ({code})."
        " Eingestellt wird es in [desktop] der Datei desktop.toml.",
        en=f"Not opened: the browser or program could not be started ({code})."
        " It is set in [desktop] of desktop.toml.",
    )


def _at_switchboard(data: CallerData) -> bool:
    return data.quality == "switchboard"


def _what(data: CallerData, language: Language) -> str:
    if (shown := data.opened or data.found) is not None:
        return f"{shown.reference or ''} {shown.title}".strip()
    if data.contact is None and data.candidates:
        names = ", ".join(one.title for one in data.candidates[:MOST_OFFERS])
        more = ", …" if len(data.candidates) > MOST_OFFERS else ""
        question = _ALIKE if data.quality == "suffix" else _SEVERAL
        return f"{say(question, language)}: {names}{more}"
    if data.offered:
        names = ", ".join(label(one) for one in data.offered[:MOST_OFFERS])
        more = ", …" if len(data.offered) > MOST_OFFERS else ""
        return f"{say(_OFFERED, language)}: {names}{more}"
    return ""
