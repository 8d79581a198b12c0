"""What the person who dials hears: for each stage and reason a sentence that says what to do."""

from typing import Literal, NamedTuple

from bus.events import DialState, Sentence
from consumers.dial.refusals import DialRefusal

Code = Literal[
    "not_a_number", "emergency", "premium", "international", "denied_prefix", "feature_code",
    "expired", "duplicate", "rate", "busy", "inactive", "not_allowed", "refused_by_pbx",
    "unreachable", "unknown_outcome",
]  # fmt: skip


class DialAnswer(NamedTuple):
    """One stage of a dial request as it is told."""

    state: DialState
    sentence: Sentence
    code: str | None = None
    final: bool = False


def stage(state: DialState, *, final: bool = False) -> DialAnswer:
    """Return what is told of a stage of the call."""
    german, english = _STAGES[state]
    return DialAnswer(state, Sentence(de=german, en=english), None, final)


def refused(reason: str, **details: object) -> DialAnswer:
    """Return what is told when no call is placed, and why."""
    code, german, english = _REASONS[reason]
    words = Sentence(de=german.format(**details), en=english.format(**details))
    return DialAnswer("refused", words, code, final=True)


def unknown(reason: str, *, final: bool = False) -> DialAnswer:
    """Return what is told when nobody knows what became of the call."""
    german, english = _UNKNOWN[reason]
    return DialAnswer("unknown", Sentence(de=german, en=english), "unknown_outcome", final)


def by_policy(refusal: DialRefusal) -> DialAnswer:
    """Return what is told when the site's policy stands against a number."""
    words = Sentence(de=refusal.sentence("de"), en=refusal.sentence("en"))
    return DialAnswer("refused", words, refusal.code, final=True)


_STAGES: dict[str, tuple[str, str]] = {
    "accepted": (
        "STARFACE stellt die Verbindung her; gleich läutet das eigene Telefon.",
        "STARFACE places the call; your own phone is about to ring.",
    ),
    "own-phone-ringing": (
        "Das eigene Telefon läutet. Bitte abheben.",
        "Your own phone is ringing. Please lift it.",
    ),
    "remote-ringing": ("Es läutet beim Gegenüber.", "The other phone is ringing."),
    "connected": ("Verbunden.", "Connected."),
    "ended": ("Das Gespräch ist beendet.", "The call has ended."),
    "not-reached": (
        "Nicht erreicht: besetzt, abgelehnt oder keine Antwort. Später noch einmal versuchen.",
        "Not reached: busy, rejected or no answer. Try again later.",
    ),
    "own-phone-not-lifted": (
        "Das eigene Telefon wurde nicht abgehoben. Zum Wählen noch einmal klicken und abheben.",
        "Your own phone was not lifted. To dial, click again and lift it.",
    ),
}
_UNKNOWN: dict[str, tuple[str, str]] = {
    "no_answer": (
        "STARFACE hat nicht bestätigt, ob der Anruf hergestellt wird. Bitte auf das Telefon "
        "achten, bevor noch einmal gewählt wird.",
        "STARFACE did not confirm whether it places the call. Please look at the phone before "
        "dialling again.",
    ),
    "interrupted": (
        "Das Wählen wurde unterbrochen; ob STARFACE den Anruf herstellt, ist nicht bekannt. Bitte "
        "auf das Telefon achten, bevor noch einmal gewählt wird.",
        "Dialling was interrupted; it is not known whether STARFACE places the call. Please look "
        "at the phone before dialling again.",
    ),
    "not_there": (
        "STARFACE kennt diesen Anruf nicht; er wurde wohl nicht hergestellt. Bei Bedarf noch "
        "einmal wählen.",
        "STARFACE does not know this call; most likely it was not placed. Dial again if needed.",
    ),
    "not_told": (
        "STARFACE kennt den Anruf nicht mehr; wie er ausging, wurde nicht mitgeteilt.",
        "STARFACE does not know the call any more; how it went was not told.",
    ),
}
_REASONS: dict[str, tuple[Code, str, str]] = {
    "not_a_number": (
        "not_a_number",
        "Das ist keine Telefonnummer. Bitte genau eine Nummer mit Vorwahl angeben.",
        "This is no telephone number. Please give exactly one number with its area code.",
    ),
    "unreadable": (
        "not_a_number",
        "Der Wählwunsch ist nicht lesbar. Das sendende Programm muss ihn so schreiben, wie es im "
        "Vertrag steht (docs/contract.md).",
        "The dial request cannot be read. The sending program must write it as the contract says "
        "(docs/contract.md).",
    ),
    "own_number": (
        "not_allowed",
        "Das ist die eigene Nummer. Bitte eine andere wählen.",
        "This is your own number. Please dial another one.",
    ),
    "unknown_user": (
        "not_allowed",
        "Dieser Benutzer ist nicht eingerichtet. Bitte die Verwaltung um die Einrichtung bitten "
        "(starface2mqtt user add).",
        "This user is not set up. Please ask the administrator (starface2mqtt user add).",
    ),
    "expired": (
        "expired",
        "Der Wählwunsch kam zu spät an (vor {age} Sekunden gestellt). Bitte noch einmal klicken; "
        "geschieht das öfter, die Uhr des Geräts prüfen.",
        "The dial request came too late (made {age} seconds ago). Please click again; if it "
        "happens often, check the clock of your device.",
    ),
    "future": (
        "expired",
        "Der Wählwunsch trägt eine Zeit, die erst in {age} Sekunden kommt. Bitte die Uhr des "
        "Geräts stellen und noch einmal klicken.",
        "The dial request bears a time {age} seconds from now. Please set the clock of your "
        "device and click again.",
    ),
    "no_time": (
        "expired",
        "Der Wählwunsch nennt nicht, wann er gestellt wurde. Das sendende Programm muss die Zeit "
        "mit Zeitzone angeben (time).",
        "The dial request does not say when it was made. The sending program must give the time "
        "with its zone (time).",
    ),
    "duplicate-id": (
        "duplicate",
        "Diese Kennung wurde schon für eine andere Nummer benutzt. Das sendende Programm braucht "
        "für jeden Klick eine neue (request_id).",
        "This id was used before for another number. The sending program needs a new one for "
        "each click (request_id).",
    ),
    "no_id": (
        "not_a_number",
        "Der Wählwunsch nennt keine Kennung (request_id, eine UUID), es wurde nichts gewählt. Das "
        "sendende Programm muss ihn so schreiben, wie es im Vertrag steht (docs/contract.md).",
        "The dial request has no id (request_id, a UUID), so nothing was dialled. The sending "
        "program must write it as the contract says (docs/contract.md).",
    ),
    "flood": (
        "rate",
        "Von diesem Benutzer kommen zu viele Wählwünsche auf einmal; die meisten werden "
        "übergangen. Bitte das Programm anhalten, das sie sendet.",
        "Too many dial requests come from this user at once; most are passed over. Please stop "
        "the program that sends them.",
    ),
    "double-click": (
        "duplicate",
        "Doppelklick: Diese Nummer wird bereits gewählt.",
        "Double click: this number is being dialled already.",
    ),
    "busy": (
        "busy",
        "Ein gewählter Anruf läuft noch. Bitte zuerst auflegen.",
        "A call you dialled is still running. Please hang up first.",
    ),
    "minute": (
        "rate",
        "Mehr als {limit} gewählte Anrufe in der Minute sind nicht erlaubt. Bitte eine Minute "
        "warten oder am Telefon wählen.",
        "More than {limit} dialled calls a minute are not allowed. Please wait a minute, or use "
        "the telephone.",
    ),
    "hour": (
        "rate",
        "Mehr als {limit} gewählte Anrufe in der Stunde sind nicht erlaubt. Bitte am Telefon "
        "wählen oder die Verwaltung fragen.",
        "More than {limit} dialled calls an hour are not allowed. Please use the telephone, or "
        "ask the administrator.",
    ),
    "site": (
        "rate",
        "Im ganzen Haus wurden schon {limit} Anrufe in einer Stunde gewählt. Bitte am Telefon "
        "wählen oder die Verwaltung fragen.",
        "The whole office has dialled {limit} calls within an hour. Please use the telephone, or "
        "ask the administrator.",
    ),
    "foreign": (
        "rate",
        "Mehr als {limit} gewählte Auslandsanrufe am Tag sind nicht erlaubt. Bitte am Telefon "
        "wählen oder die Verwaltung fragen.",
        "More than {limit} dialled calls abroad a day are not allowed. Please use the telephone, "
        "or ask the administrator.",
    ),
    "off": (
        "inactive",
        "Die STARFACE-Schnittstelle ist ausgeschaltet. Bitte mit dem Telefonsymbol einschalten "
        "und noch einmal wählen.",
        "Your STARFACE interface is switched off. Please switch it on by the telephone icon and "
        "dial again.",
    ),
    "no_credential": (
        "inactive",
        "Für diesen Benutzer ist kein STARFACE-Passwort hinterlegt. Bitte die Verwaltung bitten "
        "(starface2mqtt user password).",
        "There is no STARFACE password for this user. Please ask the administrator "
        "(starface2mqtt user password).",
    ),
    "not_connected": (
        "inactive",
        "Bei STARFACE besteht keine Verbindung für diesen Benutzer. Bitte das Telefonsymbol aus- "
        "und einschalten und noch einmal wählen.",
        "STARFACE has no session for this user. Please switch the telephone icon off and on, and "
        "dial again.",
    ),
    "login": (
        "refused_by_pbx",
        "STARFACE weist Anmeldung oder Passwort zurück. Bitte das Passwort neu hinterlegen "
        "(starface2mqtt user password).",
        "STARFACE refuses login or password. Please give the password again "
        "(starface2mqtt user password).",
    ),
    "no_right": (
        "refused_by_pbx",
        "Bei STARFACE fehlt diesem Benutzer das Recht dazu. Die Verwaltung der Telefonanlage kann "
        "es erteilen.",
        "At STARFACE this user lacks the right. The administrator of the telephone system can "
        "give it.",
    ),
    "no_phone": (
        "refused_by_pbx",
        "Bei STARFACE ist für diesen Benutzer kein Telefon angemeldet. Bitte das Telefon "
        "einstecken oder anmelden.",
        "At STARFACE no phone is registered for this user. Please plug in or register the phone.",
    ),
    "other_phone": (
        "refused_by_pbx",
        "Das gewünschte Telefon gehört bei STARFACE nicht zu diesem Benutzer. Bitte ein anderes "
        "wählen (starface2mqtt phones).",
        "At STARFACE the phone asked for is not one of this user's. Please choose another one "
        "(starface2mqtt phones).",
    ),
    "pbx": (
        "refused_by_pbx",
        "STARFACE stellt den Anruf nicht her: Es nimmt die Nummer oder das Telefon nicht an, oder "
        "ein anderer Anruf wird gerade hergestellt. Bitte am Telefon wählen.",
        "STARFACE does not place the call: it does not take the number or the phone, or is "
        "placing another call. Please use the telephone.",
    ),
    "api": (
        "refused_by_pbx",
        "STARFACE kennt diese Anforderung nicht. Die Verwaltung kann die Version der "
        "Schnittstelle prüfen (api in [starface]).",
        "STARFACE does not have this request. The administrator can check the version of the "
        "interface (api in [starface]).",
    ),
    "unreachable": (
        "unreachable",
        "STARFACE ist nicht erreichbar; es wurde nichts gewählt. Bitte am Telefon wählen oder "
        "später noch einmal versuchen.",
        "STARFACE cannot be reached; nothing was dialled. Please use the telephone, or try again "
        "later.",
    ),
}
