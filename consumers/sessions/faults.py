"""What can be wrong with a user's session: the broken link, when to try again, what to do.

The codes are part of the contract, as are the links; the sentences are for the people in the
office and for whoever looks after the telephone system.
"""

from dataclasses import dataclass
from typing import Literal

from bus.events import Link, Sentence
from starface.client import (
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    UnsupportedByApi,
)

Retry = Literal["soon", "slowly", "never"]
Phase = Literal["login", "subscription", "keep-alive"]


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong; `never`: not before somebody has changed something."""

    link: Link
    retry: Retry
    sentence: Sentence


def _fault(link: Link, retry: Retry, de: str, en: str) -> Fault:
    return Fault(link, retry, Sentence(de=de, en=en))


FAULTS: dict[str, Fault] = {
    "login-refused": _fault(
        "login", "never",
        "STARFACE lehnt Login-ID oder Passwort ab. Bitte an der STARFACE-Weboberfläche prüfen, "
        "das Passwort hier neu eingeben (starface2mqtt user password) und wieder einschalten.",
        "STARFACE refuses login ID or password. Check them at STARFACE's web page, enter the "
        "password here again (starface2mqtt user password) and switch on again.",
    ),
    "login-forbidden": _fault(
        "login", "never",
        "STARFACE lässt diesen Benutzer nicht zu: Das Recht für die Schnittstelle (UCI) oder die "
        "Lizenz fehlt, oder das Passwort ist falsch. Bitte in der STARFACE-Verwaltung prüfen und "
        "wieder einschalten.",
        "STARFACE does not let this user in: the right to use the interface (UCI) or the licence "
        "is missing, or the password is wrong. Check in STARFACE's administration and switch on "
        "again.",
    ),
    "login-unclear": _fault(
        "login", "slowly",
        "STARFACE zeigt statt einer Antwort eine Login-Seite; sie startet, oder das Passwort ist "
        "falsch. Es wird in immer größeren Abständen wieder versucht; bleibt es so, bitte das "
        "Passwort prüfen.",
        "STARFACE shows a login page instead of an answer; it is starting, or the password is "
        "wrong. It is tried again at growing intervals; if this stays, check the password.",
    ),
    "no-credential": _fault(
        "settings", "never",
        "Für diesen Benutzer ist kein Passwort hinterlegt. Bitte eingeben mit: "
        "starface2mqtt user password LOGIN",
        "No password is known for this user. Enter it with: starface2mqtt user password LOGIN",
    ),
    "seal-broken": _fault(
        "settings", "never",
        "Das hinterlegte Passwort lässt sich mit dem Schlüssel dieser Installation nicht öffnen. "
        "Bitte den richtigen Schlüssel zurückspielen oder das Passwort neu eingeben.",
        "The stored password cannot be opened with this site's seal key. Restore the right key, "
        "or enter the password again.",
    ),
    "extension-differs": _fault(
        "settings", "never",
        "Login-ID und Nebenstelle müssen genau gleich sein. Bitte eine von beiden ändern, oder "
        "extension_may_differ = true in [starface] setzen.",
        "Login ID and extension must be exactly the same. Change one of them, or set "
        "extension_may_differ = true in [starface].",
    ),
    "login-too-long": _fault(
        "settings", "never",
        "Die Login-ID ist zu lang: höchstens 48 Bytes. "
        "Bitte an der STARFACE eine kürzere vergeben.",
        "The login ID is too long: 48 bytes at most. Choose a shorter one at STARFACE.",
    ),
    "api-unsupported": _fault(
        "settings", "never",
        "Diese STARFACE bietet die eingestellte Schnittstelle nicht. Bitte api in [starface] auf "
        '"auto", "v20", "v22" oder "v30" ändern.',
        "This STARFACE does not have the chosen interface. Change api in [starface] to "
        '"auto", "v20", "v22" or "v30".',
    ),
    "subscription-refused": _fault(
        "subscription", "slowly",
        "Die Anmeldung an der STARFACE gelingt, aber sie meldet diesem Benutzer keine Anrufe. "
        "Bitte in der STARFACE-Verwaltung das Recht für Anrufereignisse geben.",
        "The login at STARFACE works, but it does not tell this user of calls. Give the right to "
        "call events in STARFACE's administration.",
    ),
    "session-lost": _fault(
        "keep-alive", "soon",
        "Die STARFACE kennt die Sitzung nicht mehr; es wird gerade neu angemeldet. Nichts zu tun.",
        "STARFACE does not know the session any more; it is logging in again. Nothing to do.",
    ),
    "another-program": _fault(
        "keep-alive", "soon",
        "Die STARFACE beendet die Sitzung immer wieder. Wahrscheinlich meldet ein zweites Programm "
        "diesen Benutzer ab (altes CTI-Programm, zweite Installation): Bitte dort abschalten.",
        "STARFACE keeps ending the session. Probably a second program logs this user out (an old "
        "CTI program, a second installation): switch it off there.",
    ),
    "pbx-unreachable": _fault(
        "pbx", "soon",
        "Die STARFACE ist nicht erreichbar. Läuft sie, stimmen host, port und scheme in "
        "[starface], lässt die Firewall durch? Es wird laufend wieder versucht.",
        "STARFACE cannot be reached. Does it run, are host, port and scheme in [starface] right, "
        "does the firewall let us through? It is tried again all the time.",
    ),
    "pbx-certificate": _fault(
        "pbx", "soon",
        "Das Zertifikat der STARFACE wird nicht anerkannt. Bitte dort ein gültiges einspielen, "
        'oder verify = "pinned" und dessen Fingerabdruck in [starface] setzen.',
        "The certificate of STARFACE is not accepted. Install a valid one there, or set "
        'verify = "pinned" and its fingerprint in [starface].',
    ),
    "pbx-silent": _fault(
        "pbx", "soon",
        "Die STARFACE antwortet nicht oder bricht die Verbindung ab. Startet sie gerade, oder ist "
        "sie überlastet? Es wird laufend wieder versucht.",
        "STARFACE does not answer, or cuts the connection. Is it starting, or overloaded? It is "
        "tried again all the time.",
    ),
    "pbx-unreadable": _fault(
        "pbx", "soon",
        "Die STARFACE antwortet mit einem Fehler oder etwas Unverständlichem. Startet sie gerade? "
        "Bleibt es so: host, port, scheme und api in [starface] prüfen.",
        "STARFACE answers with an error or something not understood. Is it starting? If this "
        "stays, check host, port, scheme and api in [starface].",
    ),
    "gateway-offline": _fault(
        "callback", "soon",
        "Das Gateway läuft nicht, so dass Anrufe nicht ankommen. Bitte starten: "
        "starface2mqtt gateway (oder up).",
        "The gateway does not run, so calls do not arrive. Start it: starface2mqtt gateway "
        "(or up).",
    ),
    "gateway-without-broker": _fault(
        "broker", "soon",
        "Das Gateway nimmt Anrufe an, erreicht aber den Broker nicht; sie werden nachgereicht. "
        "Bitte im Protokoll des Gateways nachsehen und [broker] auf seinem Rechner prüfen.",
        "The gateway takes calls but does not reach the broker; they are delivered later. Look "
        "into the gateway's log and check [broker] on its machine.",
    ),
    "callback-unreachable": _fault(
        "callback", "soon",
        "Unter der Adresse, die der STARFACE genannt wird, antwortet das Gateway nicht. Bitte "
        "callback_host und callback_port in [starface], listen in [gateway] und die Firewall "
        "prüfen.",
        "The gateway does not answer at the address that STARFACE is told. Check callback_host "
        "and callback_port in [starface], listen in [gateway] and the firewall.",
    ),
    "callback-refused": _fault(
        "callback", "soon",
        "Das Gateway lehnt unsere Rückrufadresse ab. Bitte prüfen, ob beide denselben site.key "
        "haben und ob sources in [gateway] diesen Rechner zulässt.",
        "The gateway refuses our callback address. Check that both have the same site.key, and "
        "that sources in [gateway] lets this machine in.",
    ),
    "callback-foreign": _fault(
        "callback", "soon",
        "Unter der Adresse, die der STARFACE genannt wird, antwortet etwas anderes als das "
        "Gateway. Bitte callback_host und callback_port in [starface] und die Weiterleitung der "
        "Firewall prüfen.",
        "Something other than the gateway answers at the address that STARFACE is told. Check "
        "callback_host and callback_port in [starface] and what the firewall forwards.",
    ),
    "notifications-missing": _fault(
        "callback", "soon",
        "Die STARFACE führt Gespräche, von denen sie uns nichts meldet. Bitte prüfen, ob sie die "
        "Rückrufadresse erreicht (Firewall, NAT): Seite http://ADRESSE:8080/ aus ihrem Netz "
        "öffnen.",
        "STARFACE has calls of which it tells us nothing. Check that it reaches the callback "
        "address (firewall, NAT): open http://ADDRESS:8080/ from its network.",
    ),
}  # fmt: skip

UNPROVEN = "callback-unproven"
UNPROVEN_SENTENCE = Sentence(
    de="Von hier aus ist die externe Adresse nicht zu prüfen (das ist bei vielen Firewalls so); "
    "der erste Anruf beweist sie. Vorab: http://ADRESSE:8080/ aus dem Netz der STARFACE öffnen.",
    en="The external address cannot be checked from here (many firewalls are like that); the "
    "first call proves it. Before that: open http://ADDRESS:8080/ from STARFACE's network.",
)

_CODES: tuple[tuple[type[PbxFailure], str], ...] = (
    (PbxUnreachable, "pbx-unreachable"),
    (OutcomeUnknown, "pbx-silent"),
    (UnsupportedByApi, "api-unsupported"),
)
_REFUSALS: dict[Phase, str] = {
    "login": "login-forbidden",
    "subscription": "subscription-refused",
    "keep-alive": "session-lost",
}


def code_of(failure: PbxFailure, phase: Phase) -> str:
    """Return the code of a failure of the PBX, by what it was asked for."""
    if isinstance(failure, PbxUnreachable) and "certificate" in str(failure).lower():
        return "pbx-certificate"
    for kind, code in _CODES:
        if isinstance(failure, kind):
            return code
    if isinstance(failure, LoginRefused):
        return "login-refused" if phase == "login" else "session-lost"
    if isinstance(failure, RequestForbidden):
        return _REFUSALS[phase]
    if isinstance(failure, NotConnected) and phase != "login":
        return "session-lost"
    return "pbx-unreadable"
