"""The answer to a call: who it is, what opens, under which address, and how that came about."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote
from typing import Literal, NamedTuple, Protocol

from bus.events import Action, CallerData, Outcome, Reference, TraceStep
from consumers.actions.url_templates import AddressRefused, ValueMissing, allowed, fill
from consumers.caller.calls import Call, Trigger
from consumers.caller.rules import (
    INTERNAL,
    ON_CLICK,
    Context,
    Decision,
    Opening,
    choose,
    chosen,
    evaluate,
    label,
)
from consumers.caller.settings import CallerSettings, CommandSettings, WebhookSettings
from consumers.caller.texts import kept_values, sentence_with, values_needed
from consumers.directory.directory import DirectoryUnavailable
from consumers.directory.records import Contact, Dossier, Match, Matter, Use
from consumers.users import User

log = logging.getLogger(__name__)

_LONGEST = 500  # characters of a value
OFFERED = 20  # references in an event at most, so that it stays small


class OpeningAddresses:
    """The addresses of a site."""

    def __init__(self, settings: CallerSettings) -> None:
        self._templates = settings.templates()
        self._schemes = settings.schemes
        self._hosts = settings.allowed_hosts()

    def find(self, opening: Opening, values: Mapping[str, str]) -> tuple[str | None, str, str]:
        """Return the address, the reason that counts, and the value that is missing."""
        if opening.kind == "nothing":
            return None, opening.reason, ""
        template = self._templates["internal" if opening is INTERNAL else opening.kind]
        own = opening.record.url if opening.record is not None else ""
        if not template and not own:
            reason = "internal-without-page" if opening is INTERNAL else opening.reason
            return None, reason, ""
        try:
            address = fill(template, {**values, "opens": opening.kind}) if template else own
            return allowed(address, self._schemes, self._hosts), opening.reason, ""
        except ValueMissing as missing:
            return None, "url-incomplete", missing.name
        except AddressRefused:
            return None, "url-refused", ""


class ContactDirectory(Protocol):
    """What is asked of the directory."""

    def find(self, e164: str, *, user: str) -> Match:
        """Find whose a number is, and which contact this user means by it."""

    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        """Return the dossiers of a contact with their matters."""

    def uses(self, user: str, contact_id: int) -> tuple[Use, ...]:
        """Return when a user last used what is kept for a contact."""

    def nearest(self, e164: str, limit: int = 3) -> list[tuple[str, Contact]]:
        """Return the entries whose numbers begin most alike."""

    def inactive(self, e164: str) -> list[Contact]:
        """Return who has the number but does not count."""


@dataclass(frozen=True)
class CallerAnswer:
    """What is answered to a call; `used` is what the user works on if it opens."""

    data: CallerData
    used: Matter | Dossier | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    executors: tuple[WebhookSettings | CommandSettings, ...] = ()  # of the site

    @property
    def opens(self) -> bool:
        """Whether something is to open."""
        return self.data.opens != "nothing"

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What is done: it is published, and these executors are to begin."""
        return Outcome(executor="mqtt", state="done"), *(
            Outcome(executor=one.name, state="queued")
            for one in self.executors if one.on == "call" or self.opens
        )  # fmt: skip


class UserChoice(NamedTuple):
    """What a user took of what was offered; `found` is what the rules found."""

    kind: Literal["contact", "dossier", "matter", "found"]
    id: str

    def settle(self, match: Match) -> Match:
        """Return the match with the contact that was chosen, if it is one of those in question."""
        if self.kind != "contact":
            return match
        meant = [one for one in match.candidates if str(one.id) == self.id]
        return match.model_copy(update={"contact": meant[0]}) if meant else match


@dataclass
class TraceSteps:
    """The steps of a story while it is being made."""

    now: datetime
    gathered: list[TraceStep] = field(default_factory=list)

    def add(self, step: str, code: str, **values: object) -> None:
        """Add one step with what its sentence is made of."""
        kept = {key: str(value)[:_LONGEST] for key, value in values.items()}
        self.gathered.append(TraceStep(step=step, code=code, at=self.now, values=kept))


class AnswerBuilder:
    """Answers for calls out of the directory and the site's settings."""

    def __init__(self, directory: ContactDirectory, settings: CallerSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._addresses = OpeningAddresses(settings)
        self._executors = settings.executors()

    def answer(
        self,
        user: User,
        call: Call,
        trigger: Trigger,
        context: Context,
        choice: UserChoice | None = None,
    ) -> CallerAnswer:
        """Say who it is and what opens; nothing opens on a guess."""
        decision = evaluate(user, call, trigger, self._settings, context)
        steps = TraceSteps(context.now)
        try:
            match = self._match(user, decision, steps)
            if choice is not None:
                match = choice.settle(match)
            found = self._found(user, match, decision, context.now, choice)
        except DirectoryUnavailable as error:
            log.error("directory unavailable call=%s reason=%s", call.call_id, error)
            match, found = Match(), _NOTHING_FOUND
        if decision.rule != "user":
            steps.add("rule", "site", rule=decision.rule, action=decision.action)
        elif user.actions:
            steps.add("rule", "plan", action=decision.action, plan=plan_of(user))
        else:
            steps.add("rule", "user", action=decision.action, triggers=",".join(user.triggers))
        return self._with_contact(user, call, trigger, decision, match, found, steps)

    def _match(self, user: User, decision: Decision, steps: TraceSteps) -> Match:
        e164 = decision.party.e164
        if not decision.look_up or e164 is None:
            return Match()
        match = self._directory.find(e164, user=user.login)
        names = ", ".join(label(one) for one in match.candidates[:5])
        steps.add(
            "matched", match.quality, e164=e164, candidates=names,
            contact=match.contact.name if match.contact else "",
        )  # fmt: skip
        if match.remembered and match.contact:
            steps.add("matched", "remembered", contact=match.contact.name)
        if match.quality == "none":
            self._explain(e164, steps)
        return match

    def _explain(self, e164: str, steps: TraceSteps) -> None:
        """Name who has a number and does not count, and whose numbers are like it."""
        if inactive := self._directory.inactive(e164):
            names = ", ".join(f"{label(one)} ({one.source})" for one in inactive)
            steps.add("matched", "inactive", contact=names)
        if nearest := self._directory.nearest(e164):
            like = "; ".join(f"{number} {label(contact)}" for number, contact in nearest)
            steps.add("matched", "nearest", nearest=like)

    def _found(
        self, user: User, match: Match, decision: Decision, now: datetime, choice: UserChoice | None
    ) -> "Proposal":
        """Return what opens by itself, and what only a click opens."""
        if decision.refusal not in (None, ON_CLICK):
            return _NOTHING_FOUND
        opening = self._opening(user, match, decision, decision.action, now, choice)
        if decision.refusal == ON_CLICK:
            if opening.kind == "nothing":
                return Proposal(opening)
            return Proposal(None, opening)
        if decision.on_click is None:
            return Proposal(opening)
        return Proposal(opening, self._opening(user, match, decision, decision.on_click, now))

    def _opening(
        self,
        user: User,
        match: Match,
        decision: Decision,
        action: Action,
        now: datetime,
        choice: UserChoice | None = None,
    ) -> Opening:
        if decision.internal and match.contact is None and match.quality == "none":
            return INTERNAL
        contact = match.contact
        dossiers = self._directory.dossiers(contact.id) if contact else ()
        if choice is not None and (choice.kind == "dossier" or choice.kind == "matter"):
            return chosen(choice.kind, choice.id, match, dossiers)
        several = len(dossiers) > 1 or any(len(one.matters) > 1 for one in dossiers)
        return choose(
            action,
            match,
            dossiers,
            self._directory.uses(user.login, contact.id) if contact and several else (),
            now.date(),
            new_contact=bool(self._settings.new_contact),
        )

    def _with_contact(
        self,
        user: User,
        call: Call,
        trigger: Trigger,
        decision: Decision,
        match: Match,
        found: "Proposal",
        steps: TraceSteps,
    ) -> CallerAnswer:
        opening = found.opening or Opening(
            kind="nothing", reason=decision.refusal or "directory-unavailable"
        )
        record = opening.record
        values = values_of(user, call, trigger, decision, opening, match.contact)
        url, code, missing = self._addresses.find(opening, values)
        kind = opening.kind if code == opening.reason else "nothing"
        shown = found.opening or found.on_click
        offered = shown.alternatives if shown is not None else ()
        values_of_code = {
            "e164": decision.party.e164 or "", "value": missing,
            "opened": values["title"], "age": age(call, steps.now),
            "offered": ", ".join(label(one) for one in offered[:5]), "found": found.label,
            "colleague": call.elsewhere or "colleague",
        }  # fmt: skip
        if not values_needed(f"action.{code}") <= values_of_code.keys():
            values_of_code |= who(user, trigger)
        shown_values = kept_values(f"action.{code}", values_of_code)
        why = sentence_with(f"action.{code}", shown_values)
        steps.add("action", code, **shown_values)
        if kind != "nothing" and url is None:
            steps.add("action", "no-address")
        data = CallerData(
            user=user.login,
            call_id=call.call_id,
            event_id=call.event_id,
            trigger=trigger,
            caller=call.caller,
            called=call.called,
            direction=call.direction,
            outward=call.outward,
            group=call.group,
            quality=match.quality,
            remembered=match.remembered,
            contact=reference(match.contact),
            employer=reference(match.employer),
            candidates=tuple(references(match.candidates)),
            rule=decision.rule,
            action=decision.action,
            opens=kind,
            opened=reference(record) if kind != "nothing" else None,
            on_click="nothing" if found.on_click is None else found.on_click.kind,
            found=reference(found.on_click.record if found.on_click is not None else None),
            offered=tuple(references([one for one in offered if not isinstance(one, Contact)])),
            url=url,
            reason=code,
            sentence=why,
            discreet=self._settings.discreet,
            trace=tuple(steps.gathered),
        )
        used = record if kind != "nothing" and isinstance(record, Matter | Dossier) else None
        values |= {"opens": kind, "url": url or ""}
        return CallerAnswer(data, used, values, self._executors)


@dataclass(frozen=True)
class Proposal:
    """What the rules found to open, by itself and on a click; None: they refused it."""

    opening: Opening | None = None
    on_click: Opening | None = None

    @property
    def label(self) -> str:
        """What a click opens, for a person."""
        if self.on_click is None or self.on_click.record is not None:
            return self.on_click.label if self.on_click is not None else ""
        return "internal-page" if self.on_click is INTERNAL else "new-contact-page"


_NOTHING_FOUND = Proposal()


def values_of(
    user: User,
    call: Call,
    trigger: Trigger,
    decision: Decision,
    opening: Opening,
    contact: Contact | None,
) -> dict[str, str]:
    """Return what the placeholders of addresses and commands stand for."""
    party, record = decision.party, opening.record
    shown = party.kind != "withheld"
    return {
        "id": record.key if record else "",
        "reference": "" if record is None or isinstance(record, Contact) else record.reference,
        "title": opening.label,
        "name": contact.name if contact else party.name if shown else "",
        "company": contact.company if contact else "",
        "number": party.number if shown else "",
        "e164": (party.e164 or "") if shown else "",
        "called": call.called.e164 or call.called.number,
        "called_name": "" if party == call.called else call.called.name,
        "group": call.group or "",
        "user": user.login,
        "call_id": call.call_id,
        "direction": call.direction,
        "trigger": trigger,
        "action": decision.action,
        "source": contact.source if contact else "",
    }


def reference(record: Matter | Dossier | Contact | None) -> Reference | None:
    """Return how others may show a record; the id is the directory's own."""
    if record is None:
        return None
    if isinstance(record, Contact):
        return Reference(
            kind="contact", id=str(record.id), key=record.key[:256] or None,
            title=record.name[:256],
            company=record.company[:256] or None,
        )  # fmt: skip
    return Reference(
        kind="matter" if isinstance(record, Matter) else "dossier", id=str(record.id),
        key=record.key[:256] or None,
        title=(record.title or record.key)[:256], reference=record.reference[:256] or None,
    )  # fmt: skip


def references(records: "tuple[object, ...] | list[Matter | Dossier]") -> list[Reference]:
    """Return records as others may show them, not too many."""
    found = [
        reference(one) for one in records[:OFFERED] if isinstance(one, Contact | Matter | Dossier)
    ]
    return [one for one in found if one is not None]


def who(user: User, trigger: Trigger) -> dict[str, str]:
    """Return what a sentence says of the user, and how a command names him and his triggers."""
    wanted = [*user.triggers] if trigger == "chosen" else [*user.triggers, trigger]
    actions = {str(one): str(action) for one, action in user.actions.items()}
    of_ringing = actions.get("ringing", actions.get("connected", ""))  # in place of that
    sooner = {"ringing": of_ringing} | {
        one: actions.get(one, "") for one in user.triggers if one not in ("ringing", "connected")
    }
    return {
        "user": user.name or user.login,
        "login": quote(user.login),
        "trigger": trigger,
        "triggers": ",".join(user.triggers),
        "plan": plan_of(user),
        "options": " ".join(_option(one, actions.get(one, "")) for one in wanted),
        "sooner": " ".join(_option(one, action) for one, action in sooner.items()),
    }


def plan_of(user: User) -> str:
    """Return what opens on each of a user's triggers, as pairs of codes."""
    return ",".join(f"{one}={user.action_on(one)}" for one in user.triggers)


def _option(trigger: str, action: str) -> str:
    return f"--trigger {trigger}={action}" if action else f"--trigger {trigger}"


def age(call: Call, now: datetime) -> int:
    """Return how many seconds ago the gateway received it."""
    return int((now - call.received_at).total_seconds()) if call.received_at else 0
