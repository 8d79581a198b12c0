"""Who is at the other end of a call, and when it has become somebody else.

Pure. That an event tells more about an unknown is no change; neither is another spelling.
"""

from hashlib import blake2b

from bus.events import Party

NOBODY = Party()


def known_by(party: Party) -> str:
    """Return what a party is known by, nothing if the PBX did not say who it is."""
    return party.e164 or (party.number if party.kind == "internal" else "")


def change_to(call_id: str, known: str) -> str:
    """Return what a change to a party is noted by; the number itself cannot be read from it."""
    return f"party-change:{blake2b(f'{call_id} {known}'.encode(), digest_size=6).hexdigest()}"


def another(before: Party, after: Party) -> bool:
    """Tell whether somebody known has become somebody else."""
    known, told = known_by(before), known_by(after)
    return bool(known and told) and known != told


def better(known: Party, told: Party, *, late: bool = False) -> Party:
    """Keep what is known where an event says less, or is older than what is known.

    A name may come later than its number.
    """
    if not told.number and not told.e164 and told.kind in ("unknown", "withheld") and known.number:
        return known
    if told == NOBODY or (late and known_by(known)):
        return known
    same = (told.number, told.e164) == (known.number, known.e164)
    return told.model_copy(update={"name": known.name}) if same and not told.name else told
