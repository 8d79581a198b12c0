"""Why a number is not dialled: a stable code for machines, a sentence for the person."""

from typing import Literal, NamedTuple

from bus.numbers.number import Language

Code = Literal[
    "not_a_number",
    "emergency",
    "premium",
    "international",
    "denied_prefix",
    "feature_code",
    "not_allowed",
]


class DialRefusal(NamedTuple):
    """Why nothing is dialled, by a stable code, and in words what to do."""

    code: Code
    reason: str  # finer than the code: which sentence
    detail: str = ""

    def sentence(self, language: Language = "en") -> str:
        """Say why, and what to do, in German or English."""
        german, english = _SENTENCES[self.reason]
        return (german if language == "de" else english).format(detail=self.detail)


_SENTENCES: dict[str, tuple[str, str]] = {
    "not_a_number": (
        "Das ist keine Telefonnummer. Bitte genau eine Nummer mit Vorwahl angeben.",
        "This is no telephone number. Please give exactly one number with its area code.",
    ),
    "not_plain": (
        "So geschrieben wird keine Nummer gewählt. Bitte nur Ziffern angeben, etwa {detail}.",
        "A number written like this is not dialled. Please give digits only, such as {detail}.",
    ),
    "feature_code": (
        "Codes mit * oder # werden nicht gewählt. Bitte am Telefon eingeben.",
        "Codes with * or # are not dialled. Please enter them on the telephone.",
    ),
    "foreign_domain": (
        "Diese Adresse gehört zu einer anderen Telefonanlage. Bitte die Telefonnummer wählen.",
        "This address belongs to another telephone system. Please dial the telephone number.",
    ),
    "emergency": (
        "Notrufnummern werden nie automatisch gewählt. Bitte sofort selbst am Telefon wählen.",
        "Emergency numbers are never dialled by machine. Please dial on the telephone at once.",
    ),
    "satellite": (
        "Satelliten- und weltweite Sondernummern werden nicht gewählt. Bitte am Telefon wählen.",
        "Satellite and world-wide special numbers are not dialled. Please use the telephone.",
    ),
    "premium": (
        "Kostenpflichtige Sondernummern werden nicht gewählt. Bitte am Telefon wählen.",
        "Premium-rate numbers are not dialled. Please use the telephone.",
    ),
    "shared_cost": (
        "Nummern mit geteilten Kosten sind nicht freigegeben. Bitte am Telefon wählen oder die "
        "Verwaltung um die Freigabe von shared-cost bitten.",
        "Shared-cost numbers are not allowed. Please use the telephone, or ask the administrator "
        "to allow shared-cost.",
    ),
    "call_by_call": (
        "Vorwahlen einzelner Anbieter (Call-by-Call) werden nicht gewählt. Bitte ohne wählen.",
        "Prefixes of single carriers (call-by-call) are not dialled. Please leave them out.",
    ),
    "denied_prefix": (
        "Nummern, die mit {detail} beginnen, sind hier gesperrt. Auskunft gibt die Verwaltung.",
        "Numbers that begin with {detail} are barred here. Please ask the administrator.",
    ),
    "international": (
        "Anrufe in dieses Land ({detail}) sind nicht freigegeben. Bitte am Telefon wählen oder "
        "die Verwaltung um die Freigabe bitten.",
        "Calls to this country ({detail}) are not allowed. Please use the telephone, or ask the "
        "administrator to allow it.",
    ),
    "one_digit": (
        "{detail} gilt als interne Nummer, aber einzelne Ziffern werden nicht automatisch gewählt. "
        "Bitte am Telefon wählen.",
        "{detail} counts as an extension, but a single digit is not dialled by machine. Please use "
        "the telephone.",
    ),
    "internal": (
        "Interne Nummern sind hier nicht freigegeben. Bitte am Telefon wählen.",
        "Internal numbers are not allowed here. Please use the telephone.",
    ),
    "service": (
        "Die Dienstnummer {detail} ist nicht freigegeben. Bitte am Telefon wählen oder die "
        "Verwaltung um die Freigabe bitten.",
        "The service number {detail} is not allowed. Please use the telephone, or ask the "
        "administrator to allow it.",
    ),
    "type": (
        "Nummern dieser Art ({detail}) sind nicht freigegeben. Bitte am Telefon wählen oder die "
        "Verwaltung um die Freigabe bitten.",
        "Numbers of this type ({detail}) are not allowed. Please use the telephone, or ask the "
        "administrator to allow them.",
    ),
    "unknown_type": (
        "Diese Nummer steht in keinem Nummernplan. Bitte prüfen oder am Telefon wählen.",
        "No numbering plan knows this number. Please check it, or use the telephone.",
    ),
}
