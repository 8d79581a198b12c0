"""What `why` says: one sentence for each step and each reason, for people in an office."""

from collections.abc import Mapping

from bus.events import Sentence
from consumers.caller.reason_texts import REASONS, outcome

_LONGEST = 500  # characters, as the contract allows
_VALUE = 128  # characters of one value
_ANSWER = 300  # characters of what a receiver said
_OWN = ("triggers", "plan", "options", "sooner")  # lists and commands made here, never cut

# Codes are stable: programs may compare them. A code is "step.reason".
SENTENCES: dict[str, tuple[str, str]] = {
    # received
    "received.incoming": (
        "Die Anlage kündigt einen Anruf an; das Telefon klingelt noch nicht.",
        "The PBX announces a call; the telephone does not ring yet.",
    ),
    "received.ringing": (
        "Das Telefon klingelt: Anruf von {number} an {called}.",
        "The telephone rings: a call from {number} to {called}.",
    ),
    "received.dialing": ("Es wird {called} gewählt.", "{called} is being dialled."),
    "received.ringback": ("Bei {called} klingelt es.", "It rings at {called}."),
    "received.connected": ("Das Gespräch ist verbunden.", "The call is connected."),
    "received.held": ("Das Gespräch wird gehalten.", "The call is on hold."),
    "received.ended": ("Der Anruf ist beendet.", "The call is over."),
    "received.other": (
        "Die Anlage meldet den Zustand {state}.",
        "The PBX reports the state {state}.",
    ),
    "received.replayed": (
        "Diese Meldung wurde nachgeholt, sie kam nicht im Augenblick des Anrufs.",
        "This was told afterwards, not at the moment of the call.",
    ),
    "received.renamed": (
        "Die Anlage führt den Anruf unter einer neuen Kennung weiter.",
        "The PBX goes on with the call under another id.",
    ),
    # normalised
    "normalised.external": ("Die Nummer {number} ist {e164}.", "The number {number} is {e164}."),
    "normalised.service": (
        "{number} ist eine Dienst- oder Notrufnummer.",
        "{number} is a service or an emergency number.",
    ),
    "normalised.internal": (
        "{number} ist ein interner Anschluss.",
        "{number} is an internal extension.",
    ),
    "normalised.withheld": ("Die Nummer ist unterdrückt.", "The number is withheld."),
    "normalised.unknown": (
        "{number} wird nicht als Telefonnummer verstanden.",
        "{number} is not understood as a telephone number.",
    ),
    # matched
    "matched.exact": ("Die Nummer gehört zu {contact}.", "The number belongs to {contact}."),
    "matched.switchboard": (
        "Die Nummer ist eine Durchwahl von {contact}; wer von dort anruft, ist nicht bekannt.",
        "The number is an extension of {contact}; who is calling there is not known.",
    ),
    "matched.suffix": (
        "Nur die letzten Ziffern gleichen denen von {candidates}.",
        "Only the last digits are those of {candidates}.",
    ),
    "matched.several": (
        "Die Nummer gehört mehreren: {candidates}.",
        "Several have this number: {candidates}.",
    ),
    "matched.none": (
        "Im Verzeichnis hat niemand die Nummer {e164}.",
        "Nobody in the directory has the number {e164}.",
    ),
    "matched.inactive": (
        "Ein Eintrag mit dieser Nummer ist inaktiv und zählt nicht: {contact}. Soll er zählen, muss"
        " er oder seine Quelle wieder aktiv werden.",
        "An entry with this number is inactive and does not count: {contact}. If it is to count,"
        " it or its source must become active again.",
    ),
    "matched.nearest": (
        "Am ähnlichsten sind: {nearest}.",
        "The most similar entries are: {nearest}.",
    ),
    "matched.remembered": (
        "Es gilt, was Sie für diese Nummer gewählt haben: {contact}.",
        "What you chose for this number counts: {contact}.",
    ),
    # rule
    "rule.user": (
        "Eingestellt ist: {action}, geöffnet wird {triggers}.",
        "The setting is: {action}, to be opened {triggers}.",
    ),
    "rule.plan": (
        "Eingestellt ist: {plan}. Hier gilt: {action}.",
        "The setting is: {plan}. What counts here: {action}.",
    ),
    "rule.site": (
        "Die Regel „{rule}“ des Büros gilt: {action}.",
        "The office's rule \N{LEFT DOUBLE QUOTATION MARK}{rule}\N{RIGHT DOUBLE QUOTATION MARK}"
        " applies: {action}.",
    ),
    "rule.delay": (
        "Es wird {seconds} Sekunden gewartet, bevor etwas geöffnet wird.",
        "Nothing opens for {seconds} seconds.",
    ),
    # action: what opens
    "action.only-open-matter": (
        "Geöffnet wird die einzige offene Akte: {opened}.",
        "The only open matter opens: {opened}.",
    ),
    "action.last-used-matter": (
        "Geöffnet wird die Akte, mit der Sie zuletzt gearbeitet haben: {opened}.",
        "The matter you used last opens: {opened}.",
    ),
    "action.several-open-matters": (
        "Es gibt mehrere offene Akten; geöffnet wird das Dossier {opened}.",
        "There are several open matters; the dossier {opened} opens.",
    ),
    "action.no-open-matter": (
        "Es gibt keine offene Akte; geöffnet wird das Dossier {opened}.",
        "There is no open matter; the dossier {opened} opens.",
    ),
    "action.only-dossier": (
        "Geöffnet wird das Dossier {opened}.",
        "The dossier {opened} opens.",
    ),
    "action.business-card": (
        "Geöffnet wird die Visitenkarte von {opened}.",
        "The business card of {opened} opens.",
    ),
    "action.no-dossier": (
        "Es gibt kein Dossier; geöffnet wird die Visitenkarte von {opened}.",
        "There is no dossier; the business card of {opened} opens.",
    ),
    "action.chosen": (
        "Geöffnet wird, was Sie gewählt haben: {opened}.",
        "What you chose opens: {opened}.",
    ),
    "action.new-contact": (
        "Geöffnet wird die Seite für einen neuen Kontakt.",
        "The page for a new contact opens.",
    ),
    "action.internal-call": (
        "Geöffnet wird die Seite für interne Anrufe.",
        "The page for internal calls opens.",
    ),
    # executors
    "executor.done": ("{executor}: erledigt{outcome}.", "{executor}: done{outcome}."),
    "executor.queued": ("{executor}: in Arbeit.", "{executor}: under way."),
    "executor.skipped": ("{executor}: nichts zu tun.", "{executor}: nothing to do."),
    "executor.answered": ("{executor}: Antwort «{answer}».", "{executor}: answered “{answer}”."),
    "executor.failed": ("{executor}: fehlgeschlagen{outcome}.", "{executor}: failed{outcome}."),
    # closed
    "closed.ended": ("Die Anzeige des Anrufs verschwindet.", "The card of the call disappears."),
    "closed.answered-elsewhere": (
        "Eine Kollegin oder ein Kollege hat den Anruf angenommen.",
        "A colleague answered the call.",
    ),
} | {f"action.{code}": words for code, words in REASONS.items()}

_WORDS: dict[str, tuple[str, str]] = {
    "matter-or-dossier": ("Akte oder Dossier", "matter or dossier"),
    "dossier": ("Dossier", "dossier"),
    "business-card": ("Visitenkarte", "business card"),
    "none": ("keine Aktion", "no action"),
    "ringing": ("beim Klingeln", "on ringing"),
    "connected": ("beim Annehmen", "on answering"),
    "ended": ("am Ende", "at the end"),
    "outgoing": ("beim Wählen", "on dialling"),
    "party-change": (
        "wenn die andere Seite wechselt",
        "when the other party changes",
    ),
    "click": ("auf Klick", "on a click"),
    "chosen": ("auf Ihre Wahl hin", "on your choice"),
    "new-contact-page": ("die Seite für einen neuen Kontakt", "the page for a new contact"),
    "internal-page": ("die Seite für interne Anrufe", "the page for internal calls"),
    "withheld-number": ("einer unterdrückten Nummer", "a withheld number"),
    "no-number": ("einer noch unbekannten Nummer", "a number not known yet"),
    "desktop": ("Arbeitsplatz (desktop)", "workstation (desktop)"),
    "mqtt": (
        "Meldung an Arbeitsplätze und Programme (mqtt)",
        "message to workstations and programs (mqtt)",
    ),
}
_OR = (" oder", " or")
_TRANSLATED = ("action", "trigger", "triggers", "plan", "number", "executor", "found")


def sentence(code: str, values: Mapping[str, object] | None = None) -> Sentence:
    """Return the sentence of a code in both languages; an unknown code says itself."""
    german, english = SENTENCES.get(code, (code, code))
    told = _Values({key: shown(value, _most(key)) for key, value in (values or {}).items()})
    return Sentence(
        de=german.format_map(_translated(told, 0))[:_LONGEST],
        en=english.format_map(_translated(told, 1))[:_LONGEST],
    )


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"


def _translated(values: _Values, language: int) -> _Values:
    words = {
        key: _in_words(values[key], language, _OR[language] if key == "triggers" else ",")
        for key in _TRANSLATED
        if key in values
    }
    if "outcome" in values:
        words["outcome"] = outcome(values["outcome"])[language]
    return _Values({**values, **words})


def _in_words(told: str, language: int, before_last: str) -> str:
    """Translate codes with commas between, or pairs of them; anything else stays as it is."""
    pairs = [[_WORDS.get(word) for word in one.split("=")] for one in told.split(",")]
    if not all(all(pair) for pair in pairs):
        return told
    *first, last = [" ".join(word[language] for word in pair if word) for pair in pairs]
    return f"{', '.join(first)}{before_last} {last}" if first else last


def shown(value: object, most: int = _VALUE) -> str:
    """Cut a value to what fits a line, without signs that would disturb a terminal or a reader."""
    signs = "".join(one if one.isprintable() else " " for one in str(value)).strip()
    return signs if len(signs) <= most else signs[: most - 1] + "…"


def _most(key: str) -> int:
    if key in _OWN:
        return _LONGEST
    return _ANSWER if key == "answer" else _VALUE
