"""What the caller process writes into the story of a call, gathered and written after the work.

An answer must not wait for its story; so steps are gathered while an event is handled and written
in one transaction at its end.
"""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bus.events import CallData, TraceStep
from consumers.caller.answer import CallerAnswer, TraceSteps
from consumers.caller.calls import Call, reason_of
from consumers.caller.executors import ActionResult
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject
from consumers.users import User
from runtime.bounded_dict import Recent
from runtime.outage import StorageOutage

log = logging.getLogger(__name__)

_MOST_WAITING = 5_000  # entries, while the disk takes nothing
_EXPLAINED = ("ringing", "dialing", "connected")  # states at which the number is explained


class TraceWriter:
    """The stories of the calls in hand."""

    def __init__(self, traces: TraceStore, clock: Callable[[], float]) -> None:
        self._traces = traces
        self._clock = clock
        self._gathered: list[TraceEntry] = []
        self._begun = 0
        self._outage = StorageOutage("stories", clock)
        self._explained: Recent[tuple[str, str], tuple[str, str]] = Recent()

    def write(self) -> None:
        """Write what was gathered; where that cannot be, it waits, and nothing waits for it."""
        if self._gathered and not self._outage.pause:
            self._write()
        self._begun = len(self._gathered)

    def _write(self) -> None:
        try:
            self._traces.add(self._gathered)
        except sqlite3.Error as error:
            if not self._outage.failed(error):
                log.error("stories lost reason=%s", error)
                self._gathered = []
            del self._gathered[:-_MOST_WAITING]
        else:
            self._gathered = []
            self._outage.over()

    def discard(self) -> None:
        """Drop what was gathered of the event, because it comes again."""
        del self._gathered[self._begun :]

    def forget_before(self, moment: float) -> None:
        """Drop stories that are older than the office keeps them."""
        try:
            self._traces.forget_before(moment)
        except sqlite3.Error as error:
            log.error("old stories stay reason=%s", error)

    def received(self, user: User, call: Call, data: CallData) -> None:
        """Add what the PBX said, before what came of it: an answer does not wait for this."""
        steps = self._steps()
        party = call.other_party
        nobody = "withheld-number" if data.caller.kind == "withheld" else "no-number"
        steps.add(
            "received", data.state, number=data.caller.number or nobody, state=data.pbx_state,
            called=data.called.number or user.name or user.login,
        )  # fmt: skip
        if data.replayed:
            steps.add("received", "replayed")
        if data.previous_call_id is not None:
            steps.add("received", "renamed")
        if data.state in _EXPLAINED and self._is_news(call, (party.kind, party.number)):
            short = party.kind == "external" and not party.e164
            kind = "service" if short else party.kind
            steps.add("normalised", kind, number=party.number or "–", e164=party.e164 or "–")
        self._gather(_subject(call, also=data.call_id), steps)
        self._gathered.insert(self._begun, self._gathered.pop())

    def _is_news(self, call: Call, number: tuple[str, str]) -> bool:
        """Return whether a number is not explained in the story yet."""
        key = (call.user, call.call_id)
        if self._explained.get(key) == number:
            return False
        self._explained[key] = number
        return True

    def deferred(self, call: Call, seconds: float) -> None:
        """Add that an action waits."""
        steps = self._steps()
        steps.add("rule", "delay", seconds=f"{seconds:g}")
        self._gather(_subject(call), steps)

    def answered(self, call: Call, answer: CallerAnswer, *, stands_by: bool = False) -> None:
        """Add who it was, what opened, and who was asked to do it; on stand-by that is nobody."""
        steps = self._steps()
        steps.gathered.extend(answer.data.trace)
        if not stands_by:
            for outcome in answer.outcomes:
                steps.add("executor", outcome.state, executor=outcome.executor, outcome="")
        elif answer.opens:
            steps.add("action", "standing-by")
        data = answer.data
        subject = _subject(call)
        if data.contact is not None:
            subject = replace(subject, contact=data.contact.title)
        self._gather(subject, steps, opens=data.opens, reason=data.reason)

    def finished(self, result: ActionResult) -> tuple[TraceStep, ...]:
        """Add what became of an executor's work; what a receiver answered stays in the story."""
        steps = self._steps()
        state = "done" if result.done else "failed"
        steps.add("executor", state, executor=result.executor, outcome=result.reason)
        reason = "" if result.done else "executor-failed"
        public = tuple(steps.gathered)
        if result.answer:
            steps.add("executor", "answered", executor=result.executor, answer=result.answer)
        self._gather(TraceSubject(result.user, result.call_id), steps, reason=reason)
        return public

    def closed(self, call: Call, colleague: str, *, given_up: bool) -> tuple[TraceStep, ...]:
        """Add how the call left this user; where nothing was answered, that is the reason."""
        reason = reason_of(call)
        steps, why = self._steps(), self._steps()
        steps.add("action" if given_up else "closed", reason, colleague=colleague)
        why.add("action", reason, colleague=colleague)
        return self._gather(
            _subject(call), steps, reason=reason if given_up else "", otherwise=why.gathered[0]
        )

    def interrupted(self, user: str, call_id: str) -> None:
        """Add that an action was begun and is too old to be done again."""
        steps = self._steps()
        steps.add("action", "interrupted")
        self._gather(TraceSubject(user, call_id), steps, reason="interrupted")

    def _gather(
        self,
        subject: TraceSubject,
        steps: TraceSteps,
        *,
        opens: str = "",
        reason: str = "",
        otherwise: TraceStep | None = None,
    ) -> tuple[TraceStep, ...]:
        added = tuple(steps.gathered)
        self._gathered.append(TraceEntry(subject, added, self._clock(), opens, reason, otherwise))
        return added

    def _steps(self) -> TraceSteps:
        return TraceSteps(datetime.fromtimestamp(self._clock(), UTC).astimezone())


def _subject(call: Call, also: str = "") -> TraceSubject:
    party = call.other_party
    return TraceSubject(
        call.user, call.call_id, party.number, party.e164 or "", party.name, also, call.event_id
    )
