"""Whether a call may open something for a user, and what: a matter, a dossier, a card, or nothing.

Pure: the same call, match, dossiers, uses and day give the same answer. Nothing opens on a guess.
Every "no" has a stable code; `why` turns it into a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from bus.events import Action, OpeningKind, Party, Quality
from consumers.caller.calls import Call, CallStage, Trigger, mark
from consumers.caller.settings import CallerSettings, RuleSettings
from consumers.directory.records import Contact, Dossier, Match, Matter, Record, Use
from consumers.preferences import Trigger as ActionTrigger
from consumers.preferences import read_hours
from consumers.users import User, UserPreferences

Refusal = Literal[
    "interface-off", "own-dialling", "answered-elsewhere", "ended", "too-old", "not-answered-here",
    "opens-later", "opens-on-click", "not-chosen", "do-not-disturb", "quiet-hours", "too-many",
    "already-opened", "internal-ignored", "internal-notified", "withheld", "no-number",
]  # fmt: skip
ON_CLICK: Refusal = "opens-on-click"
_CLICKABLE: frozenset[Trigger] = frozenset({"ringing", "party-change"})
_NEWEST_FIRST: tuple[ActionTrigger, ...] = (
    "ended",
    "party-change",
    "connected",
    "outgoing",
    "ringing",
)


@dataclass(frozen=True)
class Context:
    """What else counts when a rule is applied."""

    now: datetime  # local time with its zone
    own_dialling: bool = False
    pops_in_last_minute: int = 0


@dataclass(frozen=True)
class Decision:
    """What is to be done: look somebody up, open, or neither and why."""

    party: Party
    action: Action
    rule: str  # name of the rule that decided, or "user"
    refusal: Refusal | None = None
    look_up: bool = False
    internal: bool = False
    on_click: Action | None = None  # what a click opens, if that is something else


def evaluate(
    user: User, call: Call, trigger: Trigger, settings: CallerSettings, context: Context
) -> Decision:
    """Decide about one trigger of one call."""
    rule = _rule(user, call, settings, context.now)
    party = call.other_party
    internal = call.direction == "internal" or party.kind == "internal"
    meant = _meant(user, call, trigger)
    decision = Decision(
        party, _action(user, rule, meant), rule.name if rule is not None else "user",
        internal=internal,
    )  # fmt: skip
    if not user.on:
        return replace(decision, refusal="interface-off")
    if context.own_dialling and not call.outward:
        return replace(decision, refusal="own-dialling")
    of_party = _party_refusal(user, party, internal=internal)
    refusal = (
        (_peace(user, settings, context.now) if trigger != "chosen" else None)
        or of_party
        or _moment_refusal(user, call, trigger, settings, context)
    )
    decision = replace(
        decision, refusal=refusal, look_up=of_party is None and party.e164 is not None
    )
    if "click" not in user.triggers or trigger == "chosen":
        return decision
    clicked = _action(user, rule, "click")
    if refusal == ON_CLICK:
        return replace(decision, action=clicked)
    more = refusal is None and clicked != decision.action
    return replace(decision, on_click=clicked if more else None)


def _action(user: User, rule: RuleSettings | None, trigger: ActionTrigger) -> Action:
    action = rule.action_on(trigger) if rule is not None else None
    return user.action_on(trigger) if action is None else action


def _meant(user: User, call: Call, trigger: Trigger) -> ActionTrigger:
    """Return whose action counts; what a person chooses belongs to the last that was shown."""
    if trigger != "chosen":
        return trigger
    if "click" in user.triggers:
        return "click"
    shown = (one for one in _NEWEST_FIRST if one in call.answered and one in user.triggers)
    return next(shown, "ringing")


def _peace(user: User, settings: CallerSettings, now: datetime) -> Refusal | None:
    """Say why a user is to be left alone; other reasons are shown on the screen, these never."""
    wishes = UserPreferences.of(user)
    if wishes.undisturbed(now):
        return "do-not-disturb"
    if any(hours.hold(now) for hours in wishes.hours_or(settings.quiet_hours)):
        return "quiet-hours"
    return None


def _party_refusal(user: User, party: Party, *, internal: bool) -> Refusal | None:
    if internal:
        refusals: dict[str, Refusal] = {
            "ignore": "internal-ignored",
            "notify": "internal-notified",
        }
        return refusals.get(user.internal)
    if party.kind == "withheld":
        return "withheld"
    return None if party.e164 else "no-number"


def _moment_refusal(
    user: User, call: Call, trigger: Trigger, settings: CallerSettings, context: Context
) -> Refusal | None:
    if trigger == "chosen":  # a person's click: it is meant now, whatever the call does
        return "too-many" if _too_many(settings, context) else None
    if call.elsewhere:
        return "answered-elsewhere"
    if call.over and trigger != "ended":
        return "ended"
    if _too_old(call, settings, context.now):
        return "too-old"
    if trigger == "ended" and call.group and not call.talked:
        return "not-answered-here"
    chosen = _chosen(user, call, trigger)
    if not chosen and not _by_click(user, trigger):
        later = trigger == "ringing" and {"connected", "ended"} & set(user.triggers)
        return "opens-later" if later else "not-chosen"
    if call.opened and mark(call, trigger) in call.opened:
        return "already-opened"
    if not chosen:
        return ON_CLICK
    return "too-many" if _too_many(settings, context) else None


def _too_many(settings: CallerSettings, context: Context) -> bool:
    return context.pops_in_last_minute >= settings.pops_per_minute


def _chosen(user: User, call: Call, trigger: Trigger) -> bool:
    """Return whether the user wants it; who missed the ringing gets it when the call arrives."""
    if trigger == "ringing" and call.stage == CallStage.CONNECTED and "connected" in user.triggers:
        return False
    return trigger in user.triggers


def _by_click(user: User, trigger: Trigger) -> bool:
    return "click" in user.triggers and trigger in _CLICKABLE


def _too_old(call: Call, settings: CallerSettings, now: datetime) -> bool:
    if call.replayed and call.stage >= CallStage.CONNECTED:
        return True
    if call.received_at is None:
        return False
    age = (now - call.received_at).total_seconds()
    return age > settings.max_age + settings.clock_tolerance


def _rule(user: User, call: Call, settings: CallerSettings, now: datetime) -> RuleSettings | None:
    return next((rule for rule in settings.rules if _fits(rule, user, call, now)), None)


def _fits(rule: RuleSettings, user: User, call: Call, now: datetime) -> bool:
    called = {call.called.number, call.called.e164 or ""} - {""}
    return (
        (not rule.users or user.login in rule.users)
        and (not rule.groups or _of_group(rule.groups, call))
        and (not rule.called or not called.isdisjoint(rule.called))
        and (rule.hours is None or read_hours(rule.hours).hold(now))
    )


def _of_group(groups: tuple[str, ...], call: Call) -> bool:
    """Return whether a call came through a group: the PBX gives its id, and its name as called."""
    if not call.group:
        return False
    names = {one.casefold() for one in (call.group, call.called.name, call.called.number) if one}
    return not names.isdisjoint(one.casefold() for one in groups)


Reason = Literal[
    "no-action", "unknown-caller", "new-contact", "several-contacts", "suffix-only",
    "business-card", "no-dossier", "several-dossiers", "only-open-matter", "last-used-matter",
    "several-open-matters", "no-open-matter", "only-dossier", "chosen", "choice-gone",
]  # fmt: skip
REMEMBERED_FOR = timedelta(days=90)  # the last day included


class Opening(Record):
    """What opens, what is offered beside it, and the stable code of the reason.

    `quality` says how the caller was found: what opens for a `switchboard` is the company's and
    is to be labelled so.
    """

    kind: OpeningKind
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
    new_contact: bool = False,
) -> Opening:
    """Decide what opens; `new_contact` says that the site has a page for unknown callers."""
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
    kind: OpeningKind,
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
