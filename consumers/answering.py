"""The answer to a call: who it is, what opens, under which address, and how that came about."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from bus.events import CallerData, TraceStep
from consumers.answer_values import age, reference, references, values_of, who
from consumers.caller_sentences import sentence
from consumers.caller_settings import CallerSettings
from consumers.calls import Call, Trigger
from consumers.contacts import Contact, Dossier, Match, Matter, Use
from consumers.look_ups import DirectoryUnavailable
from consumers.opening import Opening, choose, chosen, label
from consumers.rules import Circumstances, Verdict, judge
from consumers.url_templates import AddressRefused, ValueMissing, allowed, fill
from consumers.users import User

log = logging.getLogger(__name__)


class WhoIsCalling(Protocol):
    """What is asked of the directory."""

    def find(self, e164: str, *, user: str) -> Match:
        """Find whose a number is, and which contact this user means by it."""

    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        """Give the dossiers of a contact with their matters."""

    def uses(self, user: str, contact_id: int) -> tuple[Use, ...]:
        """Give when a user last used what is kept for a contact."""

    def nearest(self, e164: str, limit: int = 3) -> list[tuple[str, Contact]]:
        """Give the entries whose numbers begin most alike."""

    def inactive(self, e164: str) -> list[Contact]:
        """Give who has the number but does not count."""


@dataclass(frozen=True)
class Answer:
    """What is told about a call; `used` is what the user works on if it opens."""

    data: CallerData
    used: Matter | Dossier | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def opens(self) -> bool:
        """Whether something is to open."""
        return self.data.opens != "nothing"


class Chosen(NamedTuple):
    """What a user took of what was offered."""

    kind: Literal["contact", "dossier", "matter"]
    id: str

    def settle(self, match: Match) -> Match:
        """Return the match with the contact that was chosen, if it is one of those in question."""
        if self.kind != "contact":
            return match
        meant = [one for one in match.candidates if str(one.id) == self.id]
        return match.model_copy(update={"contact": meant[0]}) if meant else match


@dataclass
class Steps:
    """The steps of a story while it is being made."""

    now: datetime
    told: list[TraceStep] = field(default_factory=list)

    def add(self, step: str, code: str, **values: object) -> None:
        """Add one step with its sentence in both languages."""
        said = sentence(f"{step}.{code}", values)
        self.told.append(TraceStep(step=step, code=code, at=self.now, de=said.de, en=said.en))


class Answering:
    """Answers for calls out of the directory and the site's settings."""

    def __init__(self, directory: WhoIsCalling, settings: CallerSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._templates = settings.templates()
        self._hosts = settings.allowed_hosts()

    def answer(
        self,
        user: User,
        call: Call,
        trigger: Trigger,
        told: Circumstances,
        choice: Chosen | None = None,
    ) -> Answer:
        """Say who it is and what opens; nothing opens on a guess."""
        verdict = judge(user, call, trigger, self._settings, told)
        steps = Steps(told.now)
        try:
            match = self._match(user, verdict, steps)
            if choice is not None:
                match = choice.settle(match)
            opening = self._opening(user, match, verdict, told.now, choice)
        except DirectoryUnavailable as error:
            log.error("directory unavailable call=%s reason=%s", call.call_id, error)
            match, opening = Match(), None
        steps.add(
            "rule", "user" if verdict.rule == "user" else "site",
            rule=verdict.rule, action=verdict.action, trigger=trigger,
            triggers=",".join(user.triggers),
        )  # fmt: skip
        return self._told(user, call, trigger, verdict, match, opening, steps)

    def _match(self, user: User, verdict: Verdict, steps: Steps) -> Match:
        e164 = verdict.party.e164
        if not verdict.look_up or e164 is None:
            return Match()
        match = self._directory.find(e164, user=user.login)
        names = ", ".join(label(one) for one in match.candidates[:5])
        steps.add(
            "matched", match.quality, e164=e164, candidates=names,
            contact=label(match.contact) if match.contact else "",
        )  # fmt: skip
        if match.remembered and match.contact:
            steps.add("matched", "remembered", contact=label(match.contact))
        if match.quality == "none":
            self._explain(e164, steps)
        return match

    def _explain(self, e164: str, steps: Steps) -> None:
        """Name who has a number and does not count, and whose numbers are like it."""
        if inactive := self._directory.inactive(e164):
            names = ", ".join(f"{label(one)} ({one.source})" for one in inactive)
            steps.add("matched", "inactive", contact=names)
        if nearest := self._directory.nearest(e164):
            like = "; ".join(f"{number} {label(contact)}" for number, contact in nearest)
            steps.add("matched", "nearest", nearest=like)

    def _opening(
        self,
        user: User,
        match: Match,
        verdict: Verdict,
        now: datetime,
        choice: Chosen | None,
    ) -> Opening | Literal["internal"] | None:
        if verdict.refusal is not None:
            return None
        if verdict.internal and match.contact is None and match.quality == "none":
            return "internal"
        contact = match.contact
        dossiers = self._directory.dossiers(contact.id) if contact else ()
        if choice is not None and choice.kind != "contact":
            return chosen(choice.kind, choice.id, match, dossiers)
        several = len(dossiers) > 1 or any(len(one.matters) > 1 for one in dossiers)
        return choose(
            verdict.action,
            match,
            dossiers,
            self._directory.uses(user.login, contact.id) if contact and several else (),
            now.date(),
            new_contact=bool(self._settings.new_contact),
        )

    def _told(
        self,
        user: User,
        call: Call,
        trigger: Trigger,
        verdict: Verdict,
        match: Match,
        opening: Opening | Literal["internal"] | None,
        steps: Steps,
    ) -> Answer:
        chosen = _Chosen.of(verdict, opening)
        record = opening.record if isinstance(opening, Opening) else None
        values = values_of(user, call, trigger, verdict, record, match.contact)
        url, reason, missing = self._address(chosen, record, values)
        kind = chosen.kind if reason == chosen.reason else "nothing"
        code = "internal-call" if kind == "card" and opening == "internal" else reason
        offered = opening.alternatives if isinstance(opening, Opening) else ()
        told = {
            **who(user, trigger), "e164": verdict.party.e164 or "", "value": missing,
            "opened": label(record) if record else "", "age": age(call, steps.now),
            "offered": ", ".join(label(one) for one in offered[:5]),
        }  # fmt: skip
        steps.add("action", code, **told)
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
            group=call.group,
            quality=match.quality,
            remembered=match.remembered,
            contact=reference(match.contact),
            employer=reference(match.employer),
            candidates=tuple(references(match.candidates)),
            action=verdict.action,
            opens=kind,
            opened=reference(record) if kind != "nothing" else None,
            offered=tuple(references([one for one in offered if not isinstance(one, Contact)])),
            url=url,
            reason=reason,
            sentence=sentence(f"action.{code}", told),
            trace=tuple(steps.told),
        )
        used = record if kind != "nothing" and isinstance(record, Matter | Dossier) else None
        return Answer(data, used, {**values, "opens": kind, "url": url or ""})

    def _address(
        self, chosen: "_Chosen", record: Matter | Dossier | Contact | None, values: dict[str, str]
    ) -> tuple[str | None, str, str]:
        """Return the address, the reason that counts, and the value that is missing."""
        if chosen.kind == "nothing":
            return None, chosen.reason, ""
        template = self._templates[chosen.template]
        own = record.url if record is not None else ""
        if not template and not own:
            return None, chosen.without_address, ""
        try:
            address = fill(template, values | {"opens": chosen.kind}) if template else own
            return (
                allowed(address, self._settings.schemes, self._hosts), chosen.reason, "",
            )  # fmt: skip
        except ValueMissing as missing:
            return None, "url-incomplete", missing.name
        except AddressRefused:
            return None, "url-refused", ""


@dataclass(frozen=True)
class _Chosen:
    """What is to open, by which template, and why."""

    kind: Literal["matter", "dossier", "card", "new-contact", "nothing"]
    reason: str
    template: str = ""
    without_address: str = ""

    @classmethod
    def of(cls, verdict: Verdict, opening: Opening | Literal["internal"] | None) -> "_Chosen":
        if opening == "internal":
            return cls("card", "internal-call", "internal", "internal-without-page")
        if opening is None:
            return cls("nothing", verdict.refusal or "directory-unavailable")
        return cls(opening.kind, opening.reason, opening.kind, opening.reason)
