"""What a notification on the workstation says about a call, and what it lets the user choose."""

import texts
from bus.events import CallerData, Reference, Sentence
from consumers.desktop.opener import other_party, placed
from runtime.one_line import shown
from texts import Language, render

MOST_OFFERS = 3  # buttons; desktops show no more
_LABEL = 24  # characters of a button; desktops cut a row that is wider than they are


def title(data: CallerData, language: Language) -> str:
    """Say who it is."""
    party = other_party(data)
    if data.contact is not None:
        name = data.contact.title
        return shown(
            f"{render('desktop.switchboard', language)} {name}" if _at_switchboard(data) else name
        )
    if party.kind == "withheld":
        return render("desktop.withheld", language)
    return shown(party.name or party.e164 or party.number or render("desktop.unknown", language))


def call(data: CallerData, language: Language) -> str:
    """Say that there is a call, and not with whom."""
    return render("desktop.outgoing" if placed(data) else "desktop.incoming", language)


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
    candidates = ["" if party.kind == "withheld" else party.e164 or party.number]
    if data.employer is not None and data.contact is not None:
        candidates.append(f"{render('desktop.employer', language)} {data.employer.title}")
    candidates.append(called_line(data))
    if data.remembered:
        candidates.append(render("desktop.remembered", language))
    candidates.append(_what(data, language))
    known = title(data, language)  # a number alone need not be said twice
    return [said for line in candidates if (said := shown(line)) and said != known]


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
        return texts.sentence("desktop.address-refused")
    return texts.sentence("desktop.not-opened", code=code)


def _at_switchboard(data: CallerData) -> bool:
    return data.quality == "switchboard"


def _what(data: CallerData, language: Language) -> str:
    if (shown := data.opened or data.found) is not None:
        return f"{shown.reference or ''} {shown.title}".strip()
    if data.contact is None and data.candidates:
        names = ", ".join(one.title for one in data.candidates[:MOST_OFFERS])
        more = ", …" if len(data.candidates) > MOST_OFFERS else ""
        question = "desktop.alike" if data.quality == "suffix" else "desktop.several"
        return f"{render(question, language)}: {names}{more}"
    if data.offered:
        names = ", ".join(label(one) for one in data.offered[:MOST_OFFERS])
        more = ", …" if len(data.offered) > MOST_OFFERS else ""
        return f"{render('desktop.offered', language)}: {names}{more}"
    return ""
