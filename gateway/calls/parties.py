"""The two ends of a call, as their numbers are read at this site."""

from bus.events import Party
from bus.numbers.number import NumberProfile, read_number
from gateway.calls.notifications import Notification


def caller(told: Notification, profile: NumberProfile) -> Party:
    """Return who calls; without a number he is withheld only where a number would be told."""
    number_is_due = told.state == "ringing" or told.called or told.state in ("connected", "ended")
    party = _party(told.caller, told.caller_name, profile)
    if party.kind == "withheld" and not told.caller and not number_is_due:
        return party.model_copy(update={"kind": "unknown"})
    return party


def called(told: Notification, profile: NumberProfile) -> Party:
    """Return who is called; a called number is never withheld, at most not told."""
    party = _party(told.called, told.called_name, profile)
    return party.model_copy(update={"kind": "unknown"}) if party.kind == "withheld" else party


def key(party: Party) -> str:
    """Return what two tellings of one number have in common, "" for none."""
    if party.kind == "withheld":
        return "withheld"
    if party.e164:
        return party.e164
    return "".join(sign for sign in party.number if sign.isalnum())


def _party(number: str, name: str, profile: NumberProfile) -> Party:
    read = read_number(number, profile)
    return Party(number=number, e164=read.e164, name=name, kind=read.kind)
