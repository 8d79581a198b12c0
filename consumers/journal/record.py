"""What is written down of a leg that is over; pure."""

from datetime import UTC, datetime
from typing import Any

from bus.events import CallerData, Party, Reference
from bus.journal_events import CallRecordData, CallResult
from bus.numbers.number import same_subscriber_keys
from consumers.journal.calls import LegOutcome
from consumers.journal.leg import Leg

_MOST_CANDIDATES = 8
MISSED: tuple[CallResult, ...] = ("missed", "voicemail")


def record_of(leg: Leg, outcome: LegOutcome, handed_over_by: str | None) -> CallRecordData:
    """Return the record of a leg, without notes and without what anybody did about it."""
    segments = leg.segments()
    answered = [one.answered for one in segments if one.answered is not None]
    rang = sum((one.answered or one.ended or one.started) - one.started for one in segments)
    talked = sum((one.ended or one.answered) - one.answered for one in segments if one.answered)
    found = leg.found[1] if leg.found else {}
    return CallRecordData(
        user=leg.user,
        call_id=leg.call_id,
        revision=1,
        direction=leg.direction,
        party=leg.party,
        called=leg.called.party,
        group=leg.group,
        contact=_reference(found.get("contact")),
        candidates=() if found.get("contact") else tuple(found.get("candidates") or ()),
        company=found.get("company"),
        matter=_reference(found.get("matter")),
        dossier=_reference(found.get("dossier")),
        started=_time(segments[0].started),
        answered=_time(answered[0]) if answered else None,
        ended=_time(segments[-1].ended or segments[-1].started),
        pbx_started=leg.pbx_started[1] if leg.pbx_started else None,
        ring_seconds=round(rang),
        talk_seconds=round(talked),
        result=outcome.result,
        answered_by=leg.user if outcome.result == "answered" else outcome.answered_by,
        handed_over_by=handed_over_by,
        inferred=segments[-1].inferred,
        replayed=not leg.live,
    )


def found_in(data: CallerData) -> dict[str, Any]:
    """Return what an answer of the caller process says of who it is, as a leg keeps it."""
    opened = data.opened or data.found
    company = (data.employer.title if data.employer else None) or (
        data.contact.company if data.contact else None
    )
    return {
        "contact": data.contact.model_dump() if data.contact else None,
        "candidates": []
        if data.contact
        else [one.model_dump() for one in data.candidates[:_MOST_CANDIDATES]],
        "company": company,
        "matter": opened.model_dump() if opened and opened.kind == "matter" else None,
        "dossier": opened.model_dump() if opened and opened.kind == "dossier" else None,
    }


def number_key(party: Party) -> str:
    """Return what calls of the same number are found by; empty for a withheld one."""
    if party.kind == "withheld":
        return ""
    return party.e164 or party.number


def number_keys(key: str) -> tuple[str, ...]:
    """Return the keys behind which the same subscriber answers."""
    return (key, *same_subscriber_keys(key)) if key.startswith("+") else (key,)


def words_of(record: CallRecordData) -> str:
    """Return the words a record is found by."""
    references = (record.contact, record.matter, record.dossier, *record.candidates)
    parts = [
        record.party.name, record.party.number, record.party.e164, record.company,
        *(text for one in references if one for text in (one.title, one.reference, one.key)),
        *(note.text for note in record.notes), record.message.text if record.message else None,
    ]  # fmt: skip
    return "\n".join(part for part in parts if part).casefold()


def with_handling(record: CallRecordData, before: CallRecordData | None) -> CallRecordData:
    """Return a record with what was done about it and written down before it changed."""
    kept: dict[str, Any] = {}
    if before is not None:
        kept = {
            name: getattr(before, name)
            for name in ("handled", "handled_by", "handled_at", "handled_how", "note", "notes",
                         "message")
        }  # fmt: skip
        kept |= {
            name: getattr(before, name)
            for name in ("contact", "company", "matter", "dossier")
            if getattr(record, name) is None
        }
    return opened(record.model_copy(update=kept))


def opened(record: CallRecordData) -> CallRecordData:
    """Return a record that says whether somebody still has to see to it."""
    waits = record.kind == "message" or record.result in MISSED
    return record.model_copy(update={"open": waits and not record.handled})


def same(one: CallRecordData, other: CallRecordData) -> bool:
    """Return whether two records say the same, whatever their revisions."""
    return one.model_copy(update={"revision": other.revision}) == other


def _reference(kept: dict[str, Any] | None) -> Reference | None:
    return Reference.model_validate(kept) if kept else None


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
