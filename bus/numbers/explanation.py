"""What was made of a number, step by step, in words a person can follow."""

from typing import Literal, NamedTuple

Language = Literal["de", "en"]


class ReadingStep(NamedTuple):
    """One thing that was found or done, by its stable code."""

    code: str
    values: dict[str, str]

    def sentence(self, language: Language = "en") -> str:
        """Say the step in German or English."""
        at = 0 if language == "de" else 1
        words = {
            name: _WORDS[value][at] if name in _IN_WORDS else value
            for name, value in self.values.items()
        }
        return _SENTENCES[self.code][at].format_map(words)


_IN_WORDS = ("reading", "kind", "reason")  # values that are codes
_WORDS: dict[str, tuple[str, str]] = {
    "international": ("Als internationale Nummer", "As an international number"),
    "national": ("Als nationale Nummer", "As a national number"),
    "local": ("Als Ortsnummer mit der Vorwahl des Standorts", "As a local number of the site"),
    "country-code": ("Als Landesvorwahl ohne Plus", "As a country code without its plus"),
    "outside-line": ("Ohne die Amtsholung", "Without the outside line"),
    "external": ("eine externe Nummer", "an external number"),
    "internal": ("eine interne Nummer", "an internal number"),
    "withheld": ("unterdrückt", "withheld"),
    "unknown": ("unbekannt", "unknown"),
    "too-long": ("der Text ist viel zu lang", "the text is far too long"),
    "text": ("darin steht anderer Text", "there is other text in it"),
    "control-character": ("darin steht ein Steuerzeichen", "there is a control character in it"),
    "feature-code": ("ein Code mit * oder #", "a code with * or #"),
    "date": ("ein Datum", "a date"),
    "two-numbers": ("darin stehen zwei Nummern", "there are two numbers in it"),
    "no-area-code": (
        "eine Ortsnummer lässt sich ohne eingestellte Ortsvorwahl (area_code) nicht lesen",
        "a local number cannot be read while no area_code is configured",
    ),
    "impossible": (
        "die Ziffern passen in keinen Nummernplan",
        "the digits fit no numbering plan",
    ),
}
_SENTENCES: dict[str, tuple[str, str]] = {
    "received": ("Erhalten: «{text}».", "Received: '{text}'."),
    "uri": (
        "Das ist ein Verweis mit {scheme}:, darin steht «{text}».",
        "This is a {scheme}: link; inside it says '{text}'.",
    ),
    "context": (
        "Der Verweis sagt, dass die Nummer hinter +{context} steht.",
        "The link says that the number stands behind +{context}.",
    ),
    "foreign-domain": (
        "Die Adresse liegt bei {domain}, nicht an der eigenen Telefonanlage: nicht wählbar.",
        "The address is at {domain}, not at the own telephone system: not to be dialled.",
    ),
    "country": (
        "Der Kontakt ist in {country}: seine Nummer wird gelesen, wie man sie dort schreibt.",
        "The contact is in {country}: its number is read as people there write it.",
    ),
    "country-unknown": (
        "«{country}» ist kein Land; gelesen wird nach den Angaben des Standorts.",
        "'{country}' is no country; the site's own settings are used.",
    ),
    "spelled": ("Ohne Schreibweise bleibt {digits}.", "Without its spelling, {digits} is left."),
    "extension-dropped": (
        "Die Nebenstelle {extension} zählt für den Vergleich nicht.",
        "The extension {extension} does not count for the comparison.",
    ),
    "direct-dial": (
        "Die Durchwahl {digits} gehört in Deutschland und Österreich zur Nummer.",
        "The direct-dial digits {digits} belong to the number in Germany and Austria.",
    ),
    "vanity": (
        "Die Buchstaben stehen für die Tasten: {digits}.",
        "The letters stand for the keys: {digits}.",
    ),
    "withheld": (
        "Das heisst: keine Nummer, sie ist unterdrückt oder nicht verfügbar.",
        "This means: no number, it is withheld or unavailable.",
    ),
    "emergency": (
        "{digits} ist eine Notrufnummer ({country}).",
        "{digits} is an emergency number ({country}).",
    ),
    "service": (
        "{digits} ist eine kurze Dienstnummer ({country}).",
        "{digits} is a short service number ({country}).",
    ),
    "extension": (
        "{digits} ist höchstens {most} Ziffern lang: eine Nebenstelle der eigenen Telefonanlage.",
        "{digits} has at most {most} digits: an extension of the own telephone system.",
    ),
    "own-extension": (
        "{digits} steht in den Einstellungen als eigene Nebenstelle.",
        "{digits} is named in the settings as an extension of the own telephone system.",
    ),
    "prefix": (
        "{prefix} vorn steht für das Plus, dahinter folgt die Landesvorwahl.",
        "{prefix} in front stands for the plus; a country code follows.",
    ),
    "trunk-zero": (
        "Die (0) hinter der Landesvorwahl +{code} gilt nur im Land selbst und fällt weg.",
        "The (0) behind the country code +{code} is only for calls within the country: dropped.",
    ),
    "trunk": (
        "{trunk} vorn steht im eigenen Land anstelle der Landesvorwahl +{code}.",
        "{trunk} in front stands for the own country code +{code}.",
    ),
    "area-code": (
        "Davor kommen die Landesvorwahl +{code} und die Ortsvorwahl {area_code} des Standorts.",
        "The country code +{code} and the area code {area_code} of the site go in front.",
    ),
    "outside-line": (
        "{line} vorn könnte die Amtsholung sein und wird weggelassen.",
        "{line} in front could be the outside line and is left out.",
    ),
    "valid": (
        "{reading}: {e164} ist eine gültige Nummer. Das zählt.",
        "{reading}: {e164} is a valid number. That counts.",
    ),
    "possible": (
        "{reading}: {e164} hat eine mögliche Länge, steht aber in keiner Tabelle.",
        "{reading}: {e164} has a possible length, but no table knows it.",
    ),
    "impossible": (
        "{reading}: +{digits} kann keine Nummer sein.",
        "{reading}: +{digits} cannot be a number.",
    ),
    "unsure": (
        "{reading}: {e164} wäre geraten und zählt nicht.",
        "{reading}: {e164} would be a guess and does not count.",
    ),
    "short-behind-outside-line": (
        "Hinter der Amtsholung steht {digits}, eine kurze Nummer ({country}).",
        "Behind the outside line stands {digits}, a short number ({country}).",
    ),
    "first-possible": (
        "Keine Lesart ist gültig, also zählt die erste mögliche: {e164}.",
        "No reading is valid, so the first possible one counts: {e164}.",
    ),
    "no-number": ("Das ist keine Nummer: {reason}.", "This is no number: {reason}."),
    "result": ("Ergebnis: {kind}.", "Result: {kind}."),
    "result-e164": ("Ergebnis: {kind}, {e164}.", "Result: {kind}, {e164}."),
}
