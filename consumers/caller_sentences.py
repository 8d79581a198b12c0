"""What `why` says: one sentence for each step and each reason, for people in an office."""

from collections.abc import Mapping

from bus.events import Sentence

_LONGEST = 500  # characters, as the contract allows
_VALUE = 128  # characters of one value

# Codes are stable: programs may compare them. A code is "step.reason".
SENTENCES: dict[str, tuple[str, str]] = {
    # received
    "received.incoming": (
        "Die Anlage meldet einen Anruf von {number}; das Telefon klingelt noch nicht.",
        "The PBX announces a call from {number}; the telephone does not ring yet.",
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
        "Die Nummer ist eine Durchwahl von {contact}; wer dort anruft, ist nicht bekannt.",
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
        "Eingestellt ist: {action}, Auslöser {trigger}.",
        "The setting is: {action}, trigger {trigger}.",
    ),
    "rule.site": (
        "Die Regel „{rule}“ gilt: {action}.",
        "The rule \N{LEFT DOUBLE QUOTATION MARK}{rule}\N{RIGHT DOUBLE QUOTATION MARK} applies:"
        " {action}.",
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
    "action.choice-gone": (
        "Nichts geöffnet: was gewählt wurde, steht nicht mehr im Verzeichnis.",
        "Nothing opened: what was chosen is no longer in the directory.",
    ),
    "action.new-contact": (
        "Geöffnet wird die Seite für einen neuen Kontakt.",
        "The page for a new contact opens.",
    ),
    "action.internal-call": (
        "Geöffnet wird die Seite für interne Anrufe.",
        "The page for internal calls opens.",
    ),
    # action: why nothing opens
    "action.withheld": (
        "Nichts geöffnet: die Nummer ist unterdrückt.",
        "Nothing opened: the number is withheld.",
    ),
    "action.no-number": (
        "Nichts geöffnet: die Anlage nannte keine verständliche Nummer.",
        "Nothing opened: the PBX told no number that can be understood.",
    ),
    "action.no-action": (
        "Nichts geöffnet: für diesen Benutzer ist keine Aktion eingestellt.",
        "Nothing opened: no action is set for this user.",
    ),
    "action.unknown-caller": (
        "Nichts geöffnet: der Anrufer steht nicht im Verzeichnis.",
        "Nothing opened: the caller is not in the directory.",
    ),
    "action.several-contacts": (
        "Nichts geöffnet: mehrere kommen in Frage, bitte wählen.",
        "Nothing opened: it may be one of several, please choose.",
    ),
    "action.suffix-only": (
        "Nichts geöffnet: nur die letzten Ziffern stimmen überein.",
        "Nothing opened: only the last digits are the same.",
    ),
    "action.several-dossiers": (
        "Nichts geöffnet: mehrere Dossiers kommen in Frage, bitte wählen.",
        "Nothing opened: several dossiers are in question, please choose.",
    ),
    "action.interface-off": (
        "Nichts geöffnet: die Schnittstelle von {user} ist ausgeschaltet.",
        "Nothing opened: the interface of {user} is switched off.",
    ),
    "action.own-dialling": (
        "Nichts geöffnet: {user} hat selbst gewählt, und das eigene Telefon klingelt.",
        "Nothing opened: {user} dialled, and the own telephone rings.",
    ),
    "action.answered-elsewhere": (
        "Nichts geöffnet: eine Kollegin oder ein Kollege hat den Anruf angenommen.",
        "Nothing opened: a colleague answered the call.",
    ),
    "action.ended": (
        "Nichts geöffnet: der Anruf war schon zu Ende.",
        "Nothing opened: the call was already over.",
    ),
    "action.too-old": (
        "Nichts geöffnet: die Meldung kam zu spät ({age} s). Geschieht das immer, gehen die Uhren"
        " der Rechner auseinander.",
        "Nothing opened: it was told too late ({age} s). If that is always so, the clocks of the"
        " machines differ.",
    ),
    "action.not-answered-here": (
        "Nichts geöffnet: {user} hat diesen Gruppenanruf nicht angenommen.",
        "Nothing opened: {user} did not answer this call of a group.",
    ),
    "action.opens-later": (
        "Noch nichts geöffnet: eingestellt ist ein späterer Zeitpunkt als das Klingeln.",
        "Nothing opened yet: the setting is a later moment than the ringing.",
    ),
    "action.not-chosen": (
        "Nichts geöffnet: dieser Auslöser ({trigger}) ist nicht eingestellt.",
        "Nothing opened: this trigger ({trigger}) is not chosen.",
    ),
    "action.do-not-disturb": (
        "Nichts geöffnet: {user} möchte nicht gestört werden.",
        "Nothing opened: {user} does not want to be disturbed.",
    ),
    "action.quiet-hours": (
        "Nichts geöffnet: es ist Ruhezeit.",
        "Nothing opened: these are quiet hours.",
    ),
    "action.too-many": (
        "Nichts geöffnet: in der letzten Minute wurde schon zu vieles geöffnet.",
        "Nothing opened: too much was opened within the last minute.",
    ),
    "action.already-opened": (
        "Für diesen Anruf wurde schon etwas geöffnet.",
        "Something was opened for this call already.",
    ),
    "action.internal-ignored": (
        "Nichts geöffnet: interne Anrufe öffnen hier nichts.",
        "Nothing opened: internal calls open nothing here.",
    ),
    "action.internal-notified": (
        "Nichts geöffnet: interne Anrufe werden nur gemeldet.",
        "Nothing opened: internal calls are only announced.",
    ),
    "action.internal-without-page": (
        "Nichts geöffnet: für interne Anrufe ist keine Seite eingestellt.",
        "Nothing opened: there is no page for internal calls.",
    ),
    "action.directory-unavailable": (
        "Nichts geöffnet: das Verzeichnis ist gerade nicht lesbar.",
        "Nothing opened: the directory cannot be read just now.",
    ),
    "action.url-incomplete": (
        "Nichts geöffnet: der Adresse fehlt ein Wert ({value}).",
        "Nothing opened: the address lacks a value ({value}).",
    ),
    "action.url-refused": (
        "Nichts geöffnet: die Adresse des Eintrags ist nicht erlaubt (Schema oder Rechner).",
        "Nothing opened: the address of the entry is not allowed (scheme or host).",
    ),
    "action.interrupted": (
        "Nichts geöffnet: das Programm wurde unterbrochen, und der Anruf war danach zu alt.",
        "Nothing opened: the program was interrupted, and the call too old afterwards.",
    ),
    "action.no-address": (
        "Für das, was zu öffnen ist, ist keine Adresse eingestellt; nur gemeldet.",
        "There is no address for what is to open; it is only announced.",
    ),
    # executors
    "executor.done": ("{executor}: erledigt{detail}.", "{executor}: done{detail}."),
    "executor.queued": ("{executor}: in Arbeit.", "{executor}: under way."),
    "executor.skipped": ("{executor}: nichts zu tun.", "{executor}: nothing to do."),
    "executor.failed": ("{executor}: fehlgeschlagen{detail}.", "{executor}: failed{detail}."),
    # closed
    "closed.ended": ("Die Anzeige des Anrufs verschwindet.", "The card of the call disappears."),
    "closed.answered-elsewhere": (
        "Eine Kollegin oder ein Kollege hat den Anruf angenommen.",
        "A colleague answered the call.",
    ),
}

_WORDS: dict[str, tuple[str, str]] = {
    "matter-or-dossier": ("Akte oder Dossier", "matter or dossier"),
    "dossier": ("Dossier", "dossier"),
    "business-card": ("Visitenkarte", "business card"),
    "none": ("keine Aktion", "no action"),
    "ringing": ("beim Klingeln", "on ringing"),
    "connected": ("beim Annehmen", "on answering"),
    "ended": ("am Ende", "at the end"),
    "outgoing": ("beim Wählen", "on dialling"),
    "chosen": ("auf Ihre Wahl hin", "on your choice"),
}
_TRANSLATED = ("action", "trigger")


def sentence(code: str, values: Mapping[str, object] | None = None) -> Sentence:
    """Return the sentence of a code in both languages; an unknown code says itself."""
    german, english = SENTENCES.get(code, (code, code))
    told = _Values({key: shown(value) for key, value in (values or {}).items()})
    return Sentence(
        de=german.format_map(_translated(told, 0))[:_LONGEST],
        en=english.format_map(_translated(told, 1))[:_LONGEST],
    )


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"


def _translated(values: _Values, language: int) -> _Values:
    words = {
        key: _WORDS[values[key]][language]
        for key in _TRANSLATED
        if key in values and values[key] in _WORDS
    }
    return _Values({**values, **words})


def shown(value: object) -> str:
    """Cut a value to what fits a line, without signs that would disturb a terminal or a reader."""
    signs = "".join(one if one.isprintable() else " " for one in str(value)).strip()
    return signs if len(signs) <= _VALUE else signs[: _VALUE - 1] + "…"
