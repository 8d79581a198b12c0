"""Why nothing opened, in a sentence that names the setting or command that mends it.

First what it is, for a secretary; then what to do, for whoever looks after the system.
"""

# Codes are stable: programs may compare them.
REASONS: dict[str, tuple[str, str]] = {
    "withheld": (
        "Nichts geöffnet: die Nummer ist unterdrückt. Hier ist nichts einzustellen; der Anrufer"
        " zeigt seine Nummer nicht.",
        "Nothing opened: the number is withheld. There is nothing to set; the caller does not"
        " show it.",
    ),
    "no-number": (
        "Nichts geöffnet: die Anlage nannte keine verständliche Nummer. Was daran nicht stimmt,"
        " sagt: starface2mqtt number NUMMER",
        "Nothing opened: the PBX told no number that can be understood. What is wrong with it is"
        " told by: starface2mqtt number NUMBER",
    ),
    "no-action": (
        "Nichts geöffnet: für diesen Anruf ist keine Aktion eingestellt. Einstellen: starface2mqtt"
        " user set {login} --action matter-or-dossier; bei einer Regel unter [[caller.rules]].",
        "Nothing opened: no action is set for this call. Set one: starface2mqtt user set {login}"
        " --action matter-or-dossier; of a rule under [[caller.rules]].",
    ),
    "unknown-caller": (
        "Nichts geöffnet: der Anrufer steht nicht im Verzeichnis. Aufnehmen: in dem Programm, aus"
        " dem das Verzeichnis kommt, oder mit starface2mqtt contacts add --name NAME --number"
        " {e164}",
        "Nothing opened: the caller is not in the directory. Enter it in the program the directory"
        " comes from, or with starface2mqtt contacts add --name NAME --number {e164}",
    ),
    "several-contacts": (
        "Nichts geöffnet: mehrere kommen in Frage, bitte wählen: in der Meldung am Bildschirm oder"
        " mit starface2mqtt choose --user {login} --number {e164}",
        "Nothing opened: it may be one of several, please choose: in the notification on the"
        " screen or with starface2mqtt choose --user {login} --number {e164}",
    ),
    "suffix-only": (
        "Nichts geöffnet: nur die letzten Ziffern stimmen überein. Ist es derselbe Anschluss, muss"
        " die Nummer im Verzeichnis berichtigt werden.",
        "Nothing opened: only the last digits are the same. If it is the same line, correct the"
        " number in the directory.",
    ),
    "several-dossiers": (
        "Nichts geöffnet: mehrere Dossiers kommen in Frage, bitte in der Meldung am Bildschirm"
        " wählen: {offered}.",
        "Nothing opened: several dossiers are in question, please choose in the notification on"
        " the screen: {offered}.",
    ),
    "choice-gone": (
        "Nichts geöffnet: was gewählt wurde, steht nicht mehr im Verzeichnis.",
        "Nothing opened: what was chosen is no longer in the directory.",
    ),
    "call-forgotten": (
        "Nichts geöffnet: dieser Anruf ist hier nicht mehr bekannt; er ist seit mehr als zehn"
        " Minuten zu Ende, oder das Programm caller wurde seither neu gestartet. Wer anrief, sagt:"
        " starface2mqtt why --user {login}",
        "Nothing opened: this call is not known here any more; it is over for more than ten"
        " minutes, or the program caller was started again since. Who called is told by:"
        " starface2mqtt why --user {login}",
    ),
    "interface-off": (
        "Nichts geöffnet: die Schnittstelle von {user} ist ausgeschaltet. Einschalten:"
        " starface2mqtt on {login}",
        "Nothing opened: the interface of {user} is switched off. Switch it on: starface2mqtt on"
        " {login}",
    ),
    "own-dialling": (
        "Nichts geöffnet: {user} hat selbst gewählt, und das eigene Telefon klingelt.",
        "Nothing opened: {user} dialled, and the own telephone rings.",
    ),
    "answered-elsewhere": (
        "Nichts geöffnet: eine Kollegin oder ein Kollege hat den Anruf angenommen.",
        "Nothing opened: a colleague answered the call.",
    ),
    "ended": (
        "Nichts geöffnet: der Anruf war schon zu Ende.",
        "Nothing opened: the call was already over.",
    ),
    "too-old": (
        "Nichts geöffnet: die Meldung kam zu spät ({age} s). Geschieht das immer, gehen die Uhren"
        " der Rechner auseinander.",
        "Nothing opened: it was told too late ({age} s). If that is always so, the clocks of the"
        " machines differ.",
    ),
    "not-answered-here": (
        "Nichts geöffnet: {user} hat diesen Gruppenanruf nicht angenommen.",
        "Nothing opened: {user} did not answer this call of a group.",
    ),
    "opens-later": (
        "Noch nichts geöffnet: geöffnet wird {triggers}. Schon beim Klingeln: starface2mqtt user"
        " set {login} {sooner}",
        "Nothing opened yet: it is to be opened {triggers}. On ringing already: starface2mqtt"
        " user set {login} {sooner}",
    ),
    "opens-on-click": (
        "Noch nichts geöffnet: geöffnet wird auf Klick, und zwar {found}; in der Meldung am"
        " Bildschirm oder mit starface2mqtt open --user {login}",
        "Nothing opened yet: a click opens {found}; in the notification on the screen or with"
        " starface2mqtt open --user {login}",
    ),
    "not-chosen": (
        "Nichts geöffnet: geöffnet wird {triggers}, nicht {trigger}. Ändern: starface2mqtt user"
        " set {login} {options}",
        "Nothing opened: it is to be opened {triggers}, not {trigger}. Change it: starface2mqtt"
        " user set {login} {options}",
    ),
    "do-not-disturb": (
        "Nichts geöffnet: {user} möchte nicht gestört werden. Aufheben: starface2mqtt dnd off"
        " --user {login}",
        "Nothing opened: {user} does not want to be disturbed. End it: starface2mqtt dnd off"
        " --user {login}",
    ),
    "quiet-hours": (
        "Nichts geöffnet: es ist Ruhezeit. Ändern: starface2mqtt user set {login} --quiet-hours,"
        " für alle unter [caller] quiet_hours.",
        "Nothing opened: these are quiet hours. Change them: starface2mqtt user set {login}"
        " --quiet-hours, for everybody under [caller] quiet_hours.",
    ),
    "too-many": (
        "Nichts geöffnet: in der letzten Minute wurde schon zu vieles geöffnet. Die Grenze ist"
        " [caller] pops_per_minute.",
        "Nothing opened: too much was opened within the last minute. The limit is [caller]"
        " pops_per_minute.",
    ),
    "already-opened": (
        "Für diesen Anruf wurde schon etwas geöffnet.",
        "Something was opened for this call already.",
    ),
    "opened-before": (
        "Nicht noch einmal geöffnet: für diesen Anruf wurde schon etwas geöffnet, bevor ihn eine"
        " Kollegin oder ein Kollege hatte. Ein Klick auf die Meldung öffnet es.",
        "Not opened again: something was opened for this call before a colleague had it. A click"
        " on the notification opens it.",
    ),
    "internal-ignored": (
        "Nichts geöffnet: interne Anrufe öffnen hier nichts. Ändern: starface2mqtt user set"
        " {login} --internal notify (melden) oder pop (öffnen)",
        "Nothing opened: internal calls open nothing here. Change it: starface2mqtt user set"
        " {login} --internal notify (tell) or pop (open)",
    ),
    "internal-notified": (
        "Nichts geöffnet: interne Anrufe werden nur gemeldet. Ändern: starface2mqtt user set"
        " {login} --internal pop",
        "Nothing opened: internal calls are only announced. Change it: starface2mqtt user set"
        " {login} --internal pop",
    ),
    "internal-without-page": (
        "Nichts geöffnet: für interne Anrufe ist keine Seite eingestellt. Einstellen: [caller]"
        " internal.",
        "Nothing opened: there is no page for internal calls. Set it: [caller] internal.",
    ),
    "directory-unavailable": (
        "Nichts geöffnet: das Verzeichnis ist gerade nicht lesbar; es wird gleich wieder versucht."
        " Bleibt es dabei, nennt das Protokoll von caller die Ursache.",
        "Nothing opened: the directory cannot be read just now; it is tried again at once. If it"
        " stays so, the log of caller names the cause.",
    ),
    "url-incomplete": (
        "Nichts geöffnet: der Adresse fehlt ein Wert ({value}). Darf er fehlen, muss es in"
        " [caller] {{{value}?}} heissen.",
        "Nothing opened: the address lacks a value ({value}). If it may be missing, write"
        " {{{value}?}} in [caller].",
    ),
    "url-refused": (
        "Nichts geöffnet: die Adresse des Eintrags ist nicht erlaubt. Erlauben: [caller] schemes"
        " und hosts.",
        "Nothing opened: the address of the entry is not allowed. Allow it: [caller] schemes and"
        " hosts.",
    ),
    "interrupted": (
        "Nichts geöffnet: das Programm wurde unterbrochen, und der Anruf war danach zu alt.",
        "Nothing opened: the program was interrupted, and the call too old afterwards.",
    ),
    "no-address": (
        "Für das, was zu öffnen ist, ist keine Adresse eingestellt; nur gemeldet. Einstellen:"
        " [caller] matter, dossier und card.",
        "There is no address for what is to open; it is only announced. Set it: [caller] matter,"
        " dossier and card.",
    ),
}

# What the code of an executor means; what is not here is told by its code alone.
_OUTCOMES: tuple[tuple[str, tuple[str, str]], ...] = (
    ("exit-0", ("", "")),
    ("exit-", ("das Programm meldet einen Fehler", "the program reports an error")),
    ("timed-out", ("das Programm brauchte zu lange", "the program took too long")),
    ("not-started-", ("das Programm liess sich nicht starten", "the program could not be started")),
    ("no-xdg-open", ("dort fehlt das Programm xdg-open", "xdg-open is missing there")),
    (
        "paused",
        (
            "dort soll gerade nichts aufgehen, bis starface2mqtt desktop resume",
            "nothing is to open there at present, until starface2mqtt desktop resume",
        ),
    ),
    ("no-address", ("es ist keine Adresse eingestellt", "no address is set")),
    (
        "address-refused",
        (
            "schemes oder hosts in desktop.toml erlauben die Adresse nicht",
            "schemes or hosts in desktop.toml do not allow the address",
        ),
    ),
    ("no-", ("ein Wert fehlt", "a value is missing")),
    ("status-2", ("", "")),
    ("status-401", ("der Empfänger lehnt die Anmeldung ab", "the receiver refuses the log-in")),
    ("status-403", ("der Empfänger lehnt ab", "the receiver refuses")),
    ("status-404", ("die Adresse gibt es dort nicht", "there is no such address")),
    ("status-5", ("der Empfänger hat eine Störung", "the receiver is in trouble")),
    ("status-", ("der Empfänger nimmt es nicht an", "the receiver does not take it")),
    ("Connect", ("der Empfänger ist nicht erreichbar", "the receiver cannot be reached")),
    ("", ("", "")),
)


def outcome(code: str) -> tuple[str, str]:
    """Return how an executor ended, in both languages, to be put behind its state."""
    if not code:
        return "", ""
    words = next(words for start, words in _OUTCOMES if code.startswith(start))
    german, english = (f", {one} ({code})" if one else f" ({code})" for one in words)
    return german, english
