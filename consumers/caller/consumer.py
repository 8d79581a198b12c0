"""What the caller process does about each call event: say who it is, and open the file once.

An action is claimed on disk, done, and noted as done; so it happens once for each call, trigger
and changed party, whatever comes twice, late or in another order, and whenever a process dies.
"""

import logging
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from bus.events import CallerEvent, CallEvent, DialResult
from bus.mqtt.inbox import ReceivedMessage
from consumers.caller.answer import AnswerBuilder, CallerAnswer, UserChoice
from consumers.caller.calls import (
    FINISHED_FOR,
    ActionKeys,
    Call,
    CallStates,
    Key,
    Transition,
    Trigger,
    keys_of,
    trigger_of,
)
from consumers.caller.executors import ActionResult
from consumers.caller.outbox import (
    AnswerOutbox,
    PendingDelivery,
    already_opened,
    answered,
    closed,
    failed,
    forgotten,
    opened_before,
)
from consumers.caller.pending_actions import BrokerLink, PendingAction, PendingActions
from consumers.caller.rules import Context
from consumers.caller.running_calls import RunningCalls
from consumers.caller.settings import CallerSettings
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceStore
from consumers.caller.trace_writer import TraceWriter
from consumers.directory.records import Dossier, Matter
from consumers.users import User
from runtime import metrics
from runtime.bounded_dict import Recent
from runtime.sqlite import is_unavailable

log = logging.getLogger(__name__)

_LAST_WORD = 1.0  # seconds for an answer that is on its way when the process stops
_IDLE = 10.0  # seconds between two looks at the clock while nothing happens
_SOON = 0.05
_SETTLE = 0.5  # seconds before what an earlier process began is looked at
_ASK_AGAIN = 2.0  # seconds until an unreadable directory is asked again
_CLEAN_EVERY = 3600.0  # seconds


class ActionRunner(Protocol):
    """What is asked of the executors beside MQTT."""

    @property
    def stands_by(self) -> bool:
        """Whether another machine acts at present, and this one only follows the calls."""

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        """Begin the executors' work, claimed by `mark`; return how many commands run."""


@dataclass(frozen=True)
class Dependencies:
    """What the consumer reaches the outside by."""

    find_user: Callable[[str], User | None]
    send: Callable[[CallerEvent], PendingDelivery]  # raises BrokerUnavailable
    used: Callable[[str, Matter | Dossier, datetime], None]
    actions: ActionRunner
    broker: BrokerLink
    clock: Callable[[], float] = time.time
    forget_choices: Callable[[float], object] = float  # those made before a moment
    users: Container[str] | None = None  # whom this process serves; None: everybody

    def serves(self, user: str) -> bool:
        """Return whether the calls of a user are answered here."""
        return self.users is None or user in self.users


class CallerConsumer:
    """Answers every call event of its users, and opens what is to open."""

    def __init__(
        self,
        settings: CallerSettings,
        answering: AnswerBuilder,
        store: CallerStore,
        traces: TraceStore,
        dependencies: Dependencies,
    ) -> None:
        self._settings = settings
        self._answering = answering
        self._store = store
        self._trace = TraceWriter(traces, dependencies.clock)
        self._outbox = AnswerOutbox(dependencies.send, settings.max_age, dependencies.clock)
        self._dependencies = dependencies
        self._calls = CallStates()
        self._handled: Recent[str, None] = Recent()
        self._dialled: Recent[tuple[str, str], None] = Recent()
        self._pending = PendingActions(store.db, settings, dependencies.broker, dependencies.clock)
        self.running = RunningCalls(dependencies.clock)
        self._sent: list[CallerEvent] = []
        self._cleaned = 0.0
        self._continue()

    def handle(self, event: CallEvent) -> None:
        """Learn from one event and do what it calls for; answers go first, what is noted last."""
        try:
            if self._dependencies.serves(event.data.user):
                self._handle(event)
            else:
                self.observe_group_call(event)
        finally:
            self.running.observe(event)
            self._keep_record()

    def _handle(self, event: CallEvent) -> None:
        self._settle()
        data = event.data
        if event.id in self._handled:
            log.debug("repeated event=%s", event.id)
            return
        user = self._dependencies.find_user(data.user)
        if user is None:
            log.warning("nobody here has this login event=%s user=%s", event.id, data.user)
        else:
            transition = self._calls.apply(data, event.id, self._dependencies.clock())
            try:
                self._act(user, event, transition)
                self._trace.received(user, transition.call, data)
            except Exception as error:
                self._calls.put_back(transition)
                if is_unavailable(error):
                    self._trace.discard()
                raise
        self._handled[event.id] = None

    def observe_group_call(self, event: CallEvent) -> None:
        """Learn from the call of somebody not served here who has answered one of ours."""
        if self._dependencies.serves(event.data.user):
            return
        self._settle()
        transition = self._calls.apply(event.data, event.id, self._dependencies.clock())
        for call in transition.answered_elsewhere:
            self._close(call)
        self._keep_record()

    def note_dialling(self, result: DialResult, _arrived: ReceivedMessage) -> None:
        """Remember a call the user placed by a click: its first ringing is the own telephone."""
        self._dialled[result.data.user, str(result.data.request_id)] = None
        if result.data.call_id is not None:
            self._dialled[result.data.user, result.data.call_id] = None

    def find_call(self, user: str, call_id: str) -> Call | None:
        """Return a call that is known here, None for any other."""
        return self._calls.find(user, call_id)

    def choose(self, call: Call, choice: UserChoice | None, request_id: str) -> None:
        """Open what a user chose for a call, or ask again where a choice was revoked."""
        user = self._dependencies.find_user(call.user)
        if user is None:
            return
        asked = replace(call, event_id=request_id)
        context = self._context(user, call)
        answer = self._answering.answer(user, asked, "chosen", context, choice)
        keys = keys_of(call, "chosen")
        self._perform(asked, "chosen", answer, keys.own)
        if answer.opens:  # what opens for the call from now on would be the same once more
            self._pending.opened_by_hand(keys, answer.data.action)
            for trigger in call.answered:
                self._calls.opened(call, trigger)
        self._keep_record()

    def refuse(self, login: str, call_id: str, request_id: str) -> None:
        """Answer a user who chose something for a call that is not known here."""
        user = self._dependencies.find_user(login)
        if user is not None:
            self._send(forgotten(user, call_id, request_id))
            self._keep_record()

    def finished(self, result: ActionResult) -> None:
        """Note what became of an executor's work."""
        self._settle()
        metrics.count("openings_total", outcome="done" if result.done else "failed")
        steps = self._trace.finished(result)
        call = self._calls.find(result.user, result.call_id)
        if not result.done and call is not None:
            self._send(failed(call, result, steps))
        if result.mark:
            self._pending.executed((result.user, result.call_id, result.mark))
        self._keep_record()

    def tick(self) -> float:
        """Do what waited for its time; return the seconds until the next look."""
        self._outbox.send_kept()
        self._settle()
        moment = self._dependencies.clock()
        for key, action in self._pending.due():
            with self._pending.taken(key):
                self._resume(key, action)
        if moment - self._cleaned > _CLEAN_EVERY:
            self._cleaned = moment
            self._store.forget_before(moment, self._settings.set_aside_days)
            if self._settings.choice_days:
                self._dependencies.forget_choices(moment - self._settings.choice_days * 86_400)
            self._trace.forget_before(moment - self._settings.trace_days * 86_400)
        self._keep_record()
        return _SOON if self._pending or self._outbox.busy else _IDLE

    def finish(self) -> None:
        """Wait until the broker has what was sent last."""
        self._settle(_LAST_WORD)
        self._keep_record()

    def _settle(self, patience: float = 0.0) -> None:
        """Note the actions whose answers the broker has."""
        for key in self._outbox.settle(patience):
            self._pending.delivered(key)

    def _act(self, user: User, event: CallEvent, transition: Transition) -> None:
        """Do what an event calls for."""
        data, call, moment = event.data, transition.call, self._dependencies.clock()
        if call.call_id != data.call_id:
            self._store.rename(data.user, data.call_id, call.call_id, moment)
        if transition.reopened:
            self._store.reopen(call.user, call.call_id)
            self._pending.reopen(call.user, call.call_id)
        for colleagues in transition.answered_elsewhere:
            self._close(colleagues)
        if transition.ended:
            self._store.end(call.user, call.call_id, moment)
            self._close(call)
        due = self._pending.due_by(user, transition, event)
        if due is not None and due.delay:
            self._trace.deferred(call, due.delay)
        elif due is not None:
            self._answer(user, call, due.trigger, event, due.keys)

    def _resume(self, key: Key, action: PendingAction) -> None:
        """Do now what was deferred, as things are by now."""
        login, call_id, trigger, event = key[0], key[1], trigger_of(key[2]), action.event
        if event is None:
            return
        user, call = self._dependencies.find_user(login), self._calls.find(login, call_id)
        if call is None:  # it was an earlier process that knew it
            call = self._calls.apply(event.data, event.id, self._dependencies.clock()).call
        keys = keys_of(call, trigger)
        if user is not None and keys.own == key:  # else it is another party by now
            self._answer(user, call, trigger, event, keys, again=action.begun)
        self._pending.settle(key, opened=self._has_opened(key))

    def _has_opened(self, key: Key) -> bool:
        call = self._calls.find(key[0], key[1])
        return call is not None and key[2] in call.opened

    def _answer(
        self,
        user: User,
        call: Call,
        trigger: Trigger,
        event: CallEvent,
        keys: ActionKeys,
        *,
        again: bool = False,
    ) -> None:
        answer = self._answering.answer(user, call, trigger, self._context(user, call))
        if answer.data.reason == "directory-unavailable":
            self._pending.defer(keys.own, event, self._dependencies.clock() + _ASK_AGAIN)
        if (
            answer.opens
            and not again
            and not self._pending.claim(keys, trigger, event, answer.data.action)
        ):
            answer = opened_before(answer) if call.occurrence else already_opened(answer)
        if (
            trigger == "outgoing"
            and trigger not in user.triggers
            and "party-change" in user.triggers
        ):
            self._pending.pass_over(keys)
        if self._pending.is_news(keys.own, answer.data) or again:
            self._perform(call, trigger, answer, keys.own)

    def _perform(self, call: Call, trigger: Trigger, answer: CallerAnswer, key: Key) -> None:
        """Publish the answer and have it acted upon; the bus comes first, it is the fastest."""
        event, stands_by = answered(answer), self._dependencies.actions.stands_by
        self._send(event, key if answer.opens else None)
        if answer.opens:
            self._calls.opened(call, trigger)
            self._pending.opens(key)
        if commands := self._dependencies.actions.hand_over(event, answer.values, key[2]):
            self._pending.executing(key, commands)
        if answer.used is not None:
            self._dependencies.used(call.user, answer.used, self._now())
        self._trace.answered(call, answer, stands_by=stands_by)
        metrics.count("lookups_total", quality=answer.data.quality)
        log.info(
            "answered event=%s user=%s quality=%s opens=%s reason=%s", answer.data.event_id,
            call.user, answer.data.quality, answer.data.opens, answer.data.reason,
        )  # fmt: skip

    def _close(self, call: Call) -> None:
        """Publish that the cards of a call are to close, if its user is served here."""
        if not self._dependencies.serves(call.user):
            return
        colleague = self._dependencies.find_user(call.elsewhere) if call.elsewhere else None
        name = colleague.name or colleague.login if colleague is not None else "colleague"
        given_up = self._pending.give_up_call(call.user, call.call_id)
        steps = self._trace.closed(call, name, given_up=given_up)
        self._send(closed(call, name, steps, discreet=self._settings.discreet))

    def _context(self, user: User, call: Call) -> Context:
        dialled = (call.user, call.call_id) in self._dialled and not call.own_phone_done
        own = dialled or (bool(user.extension) and call.caller.number == user.extension)
        return Context(self._now(), own, self._pending.openings_in_last_minute(user.login))

    def _continue(self) -> None:
        """Resume where an earlier process stopped: what it began and what it knew to be over."""
        moment = self._dependencies.clock()
        for user, call_id, root in self._store.renamed():
            self._calls.follow(user, call_id, root)
        self._calls.restore(self._store.ended_since(moment - FINISHED_FOR), moment)
        for claim in self._pending.unfinished():
            user, call_id, _ = claim.key
            if not self._dependencies.serves(user):
                continue
            if claim.event and moment - claim.at <= self._settings.max_age:
                event = CallEvent.model_validate_json(claim.event)
                log.info(
                    "continuing an action of an earlier process event=%s user=%s", event.id, user
                )
                whose = self._dependencies.find_user(user)
                wait = 0.0 if claim.begun else self._pending.delay(whose)
                due = max(moment + _SETTLE, claim.at + wait)
                self._pending.resume_claimed(claim, event, due)
            else:
                self._trace.interrupted(user, call_id)
                self._pending.done(claim.key)
        self._keep_record()

    def _send(self, event: CallerEvent, key: Key | None = None) -> None:
        self._outbox.send(event, key)
        self._sent.append(event)

    def _keep_record(self) -> None:
        """Note for the panel and in the story what was answered: no answer waits for this."""
        sent, self._sent = self._sent, []
        for event in sent:
            self.running.answered(event)
        self._trace.write()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._dependencies.clock(), UTC).astimezone()
