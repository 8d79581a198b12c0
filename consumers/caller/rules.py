"""Whether a call may open something for a user, and if not, why.

Pure. Every "no" has a stable code; `why` turns it into a sentence.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from bus.events import Party
from consumers.caller.calls import Call, CallStage, Trigger, mark
from consumers.caller.settings import CallerSettings, RuleSettings
from consumers.preferences import Action, Hours, HoursRefused, read_hours
from consumers.preferences import Trigger as ActionTrigger
from consumers.users import User

log = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class UserPreferences:
    """What a user prefers beyond action and trigger."""

    do_not_disturb: bool | datetime = False
    quiet_hours: tuple[Hours, ...] | None = None  # None: the office's
    delay: float | None = None  # seconds; None: the office's

    @classmethod
    def of(cls, user: User) -> "UserPreferences":
        """Read a user's preferences; what cannot be read counts as not said."""
        preferences = user.preferences
        return cls(
            _disturbance(preferences.get("do_not_disturb")),
            _quiet(preferences.get("quiet_hours")),
            _seconds(preferences.get("delay")),
        )

    def undisturbed(self, now: datetime) -> bool:
        """Return whether the user wants to be left alone."""
        if isinstance(self.do_not_disturb, datetime):
            return now < self.do_not_disturb
        return self.do_not_disturb

    def hours_or(self, office: tuple[str, ...]) -> tuple[Hours, ...]:
        """Return the user's quiet hours, or the office's."""
        if self.quiet_hours is not None:
            return self.quiet_hours
        return tuple(read_hours(hours) for hours in office)


def _disturbance(value: Any) -> bool | datetime:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).astimezone()
        except ValueError:
            return value.strip().lower() in ("on", "true", "yes")
    return bool(value)


def _quiet(value: Any) -> tuple[Hours, ...] | None:
    if value is None:
        return None
    spans = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    try:
        return tuple(read_hours(str(span)) for span in spans)
    except HoursRefused:
        log.warning("quiet hours of a user cannot be read, the office's count")
        return None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(max(float(value), 0.0), 20.0)
