"""What to open for a caller: a matter, a dossier, a card, or nothing and why.

Pure: the same match, dossiers, uses and day give the same answer. Nothing opens on a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from consumers.directory.records import Contact, Dossier, Match, Matter, Quality, Record, Use
from consumers.preferences import Action

Kind = Literal["matter", "dossier", "card", "new-contact", "nothing"]
Reason = Literal[
    "withheld",
    "no-action",
    "unknown-caller",
    "new-contact",
    "several-contacts",
    "suffix-only",
    "business-card",
    "no-dossier",
    "several-dossiers",
    "only-open-matter",
    "last-used-matter",
    "several-open-matters",
    "no-open-matter",
    "only-dossier",
    "chosen",
    "choice-gone",
]
REMEMBERED_FOR = timedelta(days=90)  # the last day included


class Opening(Record):
    """What opens, what is offered beside it, and the stable code of the reason.

    `quality` says how the caller was found: what opens for a `switchboard` is the company's and
    is to be labelled so.
    """

    kind: Kind
    reason: str  # a Reason, or why the rules let nothing open
    label: str = ""
    record: Matter | Dossier | Contact | None = None
    alternatives: tuple[Matter | Dossier | Contact, ...] = ()
    employer: Contact | None = None
    quality: Quality = "none"
    remembered: bool = False


def choose(
    action: Action,
    match: Match,
    dossiers: Sequence[Dossier],
    uses: Sequence[Use],
    today: date,
    *,
    withheld: bool = False,
    new_contact: bool = False,
) -> Opening:
    """Decide what opens; `new_contact` says that the site has a page for unknown callers."""
    if withheld:
        return _nothing("withheld", match)
    if action == "none":
        return _nothing("no-action", match)
    if match.contact is None:
        return _without_contact(match, new_contact=new_contact)
    active = tuple(dossier for dossier in dossiers if dossier.active)
    if action == "business-card":
        return _card("business-card", match.contact, match)
    if not active:
        return _card("no-dossier", match.contact, match)
    if action == "matter-or-dossier" and (matters := _open_matters(active)):
        return _among_matters(matters, active, _Habits(uses, today), match)
    return _among_dossiers(active, _Habits(uses, today), match, matters=action != "dossier")


def chosen(
    kind: Literal["dossier", "matter"], record_id: str, match: Match, dossiers: Sequence[Dossier]
) -> Opening:
    """Open what the user took of the dossiers and matters that were offered."""
    records: Sequence[Matter | Dossier] = [one for one in dossiers if one.active]
    if kind == "matter":
        records = [matter for one in dossiers if one.active for matter in one.matters]
    for record in records:
        if str(record.id) == record_id:
            return _opening(kind, "chosen", record, match)
    return _nothing("choice-gone", match)


INTERNAL = Opening(kind="card", reason="internal-call")  # a page of the site, without a record


class _Habits:
    """What one user last worked on."""

    def __init__(self, uses: Sequence[Use], today: date) -> None:
        self._uses = {(use.record, use.record_id): use for use in uses}
        self._today = today

    def last_used(self, matters: Sequence[Matter]) -> Matter | None:
        """Return the matter used last, unless that was long ago or is not clear."""
        used = [(use, one) for one in matters if (use := self._uses.get(("matter", one.id)))]
        recent = [(use, one) for use, one in used if self._today - use.on <= REMEMBERED_FOR]
        newest_day = max((use.on for use, _ in recent), default=None)
        newest = [(use, one) for use, one in recent if use.on == newest_day]
        if len(newest) > 1 and all(use.at for use, _ in newest):
            latest = max(use.at for use, _ in newest if use.at)
            newest = [(use, one) for use, one in newest if use.at == latest]
        return newest[0][1] if len(newest) == 1 else None

    def matters(self, matters: Sequence[Matter]) -> tuple[Matter, ...]:
        """Order matters to be offered, the one used last first."""
        return tuple(sorted(matters, key=lambda one: (self._ago("matter", one.id), *_title(one))))

    def dossiers(self, dossiers: Sequence[Dossier]) -> tuple[Dossier, ...]:
        """Order dossiers to be offered, the one used last first."""
        return tuple(sorted(dossiers, key=lambda one: (self._ago_within(one), *_title(one))))

    def _ago(self, record: Literal["matter", "dossier"], record_id: int) -> tuple[int, float]:
        use = self._uses.get((record, record_id))
        if use is None:
            return (1, 0.0)
        return (-use.on.toordinal(), -use.at.timestamp() if use.at else 0.0)

    def _ago_within(self, dossier: Dossier) -> tuple[int, float]:
        within = [self._ago("matter", matter.id) for matter in dossier.matters]
        return min([self._ago("dossier", dossier.id), *within])


def _open_matters(dossiers: Sequence[Dossier]) -> tuple[Matter, ...]:
    return tuple(matter for dossier in dossiers for matter in dossier.matters if matter.open)


def _among_matters(
    matters: tuple[Matter, ...], dossiers: tuple[Dossier, ...], habits: _Habits, match: Match
) -> Opening:
    if len(matters) == 1:
        return _opening("matter", "only-open-matter", matters[0], match)
    if last := habits.last_used(matters):
        others = habits.matters([one for one in matters if one.id != last.id])
        return _opening("matter", "last-used-matter", last, match, others)
    concerned = [one for one in dossiers if any(matter.open for matter in one.matters)]
    if len(concerned) > 1:
        return _nothing("several-dossiers", match, habits.dossiers(concerned))
    listed = habits.matters(matters)
    return _opening("dossier", "several-open-matters", concerned[0], match, listed)


def _among_dossiers(
    dossiers: tuple[Dossier, ...], habits: _Habits, match: Match, *, matters: bool
) -> Opening:
    if len(dossiers) > 1:
        return _nothing("several-dossiers", match, habits.dossiers(dossiers))
    return _opening("dossier", "no-open-matter" if matters else "only-dossier", dossiers[0], match)


def _without_contact(match: Match, *, new_contact: bool) -> Opening:
    if match.quality == "several":
        return _nothing("several-contacts", match, match.candidates)
    if match.quality == "suffix":
        return _nothing("suffix-only", match, match.candidates)
    if new_contact:
        return Opening(kind="new-contact", reason="new-contact")
    return _nothing("unknown-caller", match)


def _card(reason: Reason, contact: Contact, match: Match) -> Opening:
    return _opening("card", reason, contact, match)


def _opening(
    kind: Kind,
    reason: Reason,
    record: Matter | Dossier | Contact,
    match: Match,
    alternatives: Sequence[Matter | Dossier | Contact] = (),
) -> Opening:
    return Opening(
        kind=kind,
        reason=reason,
        label=label(record),
        record=record,
        alternatives=tuple(alternatives),
        employer=match.employer,
        quality=match.quality,
        remembered=match.remembered,
    )


def _nothing(
    reason: Reason, match: Match, alternatives: Sequence[Matter | Dossier | Contact] = ()
) -> Opening:
    return Opening(
        kind="nothing",
        reason=reason,
        alternatives=tuple(alternatives),
        quality=match.quality,
        remembered=match.remembered,
    )


def label(record: Matter | Dossier | Contact) -> str:
    """Return what a person reads for a record: reference and title, or the name."""
    if isinstance(record, Contact):
        return record.name
    return f"{record.reference} {record.title}".strip() or record.key


def _title(record: Matter | Dossier) -> tuple[str, str]:
    return (label(record).casefold(), record.key)
