"""Answers as events, and on their way to the bus: the next call waits for no confirmation.

Their ids follow from what they say, so that a repeat after a crash is recognised. What the
broker could not take, or did not confirm, is sent again while it is young.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from uuid import NAMESPACE_OID, uuid5

from bus.events import CONTENT_TYPE, CallerData, CallerEvent, Outcome, TraceStep
from bus.mqtt.connection import Connection, Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from consumers.caller.answer import CallerAnswer, who
from consumers.caller.calls import Call, Key, reason_of
from consumers.caller.executors import ActionResult
from consumers.caller.texts import sentence
from consumers.users import User

log = logging.getLogger(__name__)

_CAPACITY = 1_000  # answers; an older one is worth less than a newer one
_PATIENCE = 5.0  # seconds until an answer that is not confirmed is sent again
_UNCONFIRMED = 50  # answers on their way at once


class PendingDelivery(Protocol):
    """A message on its way to the broker."""

    def wait(self, timeout: float = ...) -> int:
        """Return once confirmed; raise BrokerUnavailable or PublishRefused."""


def send_on(connection: Connection, event: CallerEvent) -> Publication:
    """Start to publish an answer; raise BrokerUnavailable."""
    return connection.send(
        connection.topics.caller(event.data.user), event.encoded(),
        expiry=event.expiry(), content_type=CONTENT_TYPE,
    )  # fmt: skip


class AnswerOutbox:
    """Sends answers in their order, and says which actions the broker has the answers of."""

    def __init__(
        self,
        send: Callable[[CallerEvent], PendingDelivery],
        max_age: float,
        clock: Callable[[], float],
    ) -> None:
        self._send = send
        self._max_age = max_age
        self._clock = clock
        self._sent: deque[tuple[float, PendingDelivery, float, CallerEvent, Key | None]] = deque()
        self._kept: deque[tuple[float, CallerEvent, Key | None]] = deque(maxlen=_CAPACITY)
        self._delivered: list[Key] = []

    @property
    def busy(self) -> bool:
        """Whether an answer is still on its way."""
        return bool(self._sent)

    def send(self, event: CallerEvent, key: Key | None = None) -> None:
        """Send an answer, to the action of this key, now or as soon as the broker is back."""
        if len(self._sent) >= _UNCONFIRMED:
            self._look(_PATIENCE)
        self._begin(event, key, self._clock())

    def settle(self, patience: float = 0.0) -> list[Key]:
        """Return the actions whose answers have arrived; wait for each for `patience` seconds."""
        self._look(patience)
        delivered, self._delivered = self._delivered, []
        return delivered

    def send_kept(self) -> None:
        """Send what the broker could not take before, as far as it is young."""
        self._look(0.0)
        for since, event, key in [self._kept.popleft() for _ in range(len(self._kept))]:
            if self._clock() - since < self._max_age:
                self._begin(event, key, since)
            else:
                self._end(key)

    def _look(self, patience: float) -> None:
        while self._sent:
            began, underway, since, event, key = self._sent[0]
            try:
                underway.wait(patience)
            except BrokerUnavailable as error:
                if not patience and time.monotonic() - began < _PATIENCE:
                    return
                self._keep(event, key, since, error)
            except PublishRefused as error:  # a fault of the site's access rules
                log.error("answer refused event=%s reason=%s", event.id, error)
                self._end(key)
            else:
                self._end(key)
            self._sent.popleft()

    def _begin(self, event: CallerEvent, key: Key | None, since: float) -> None:
        try:
            underway = self._send(event)
        except BrokerUnavailable as error:
            self._keep(event, key, since, error)
        else:
            self._sent.append((time.monotonic(), underway, since, event, key))

    def _keep(self, event: CallerEvent, key: Key | None, since: float, error: Exception) -> None:
        log.debug("kept an answer event=%s reason=%s", event.id, error)
        self._kept.append((since, event, key))

    def _end(self, key: Key | None) -> None:
        if key is not None:
            self._delivered.append(key)


def answered(answer: CallerAnswer) -> CallerEvent:
    """Return who it is, what opens and who is asked to do it."""
    return _event(answer.data.model_copy(update={"outcomes": answer.outcomes}))


def already_opened(answer: CallerAnswer) -> CallerAnswer:
    """Return the same answer where nothing opens because something did."""
    changes = {
        "opens": "nothing", "opened": None, "url": None, "reason": "already-opened",
        "sentence": sentence("action.already-opened"),
    }  # fmt: skip
    return replace(answer, data=answer.data.model_copy(update=changes), used=None)


def opened_before(answer: CallerAnswer) -> CallerAnswer:
    """Return the same answer where a click opens what opened before a colleague had the call."""
    changes = {
        "reason": "opened-before", "sentence": sentence("action.opened-before"),
        "on_click": answer.data.opens, "found": answer.data.opened,
    }  # fmt: skip
    answer = already_opened(answer)
    return replace(answer, data=answer.data.model_copy(update=changes))


def forgotten(user: User, call_id: str, request_id: str) -> CallerEvent:
    """Return that a choice came for a call of which nothing is known here."""
    data = _of(Call(user.login, call_id, event_id=request_id), "chosen", "call-forgotten", ())
    said = sentence("action.call-forgotten", who(user, "chosen"))
    return _event(data.model_copy(update={"sentence": said}))


def closed(
    call: Call, colleague: str, trace: tuple[TraceStep, ...], *, discreet: bool
) -> CallerEvent:
    """Return that the cards of a call are to close, and who has it where a colleague does."""
    reason = reason_of(call)
    update = {
        "sentence": sentence(f"closed.{reason}", {"colleague": colleague}),
        "answered_by": call.elsewhere or None,
        "discreet": discreet,
    }
    return _event(_of(call, "closed", reason, trace).model_copy(update=update))


def failed(call: Call, result: ActionResult, trace: tuple[TraceStep, ...]) -> CallerEvent:
    """Return that an executor could not do its work."""
    outcome = Outcome(executor=result.executor, state="failed", reason=result.reason)
    data = _of(call, "outcome", "executor-failed", trace)
    said = sentence("executor.failed", {"executor": result.executor, "outcome": result.reason})
    return _event(data.model_copy(update={"outcomes": (outcome,), "sentence": said}))


def _of(call: Call, trigger: str, reason: str, trace: tuple[TraceStep, ...]) -> CallerData:
    return CallerData(
        user=call.user,
        call_id=call.call_id,
        event_id=call.event_id,
        trigger=trigger,
        caller=call.caller,
        called=call.called,
        direction=call.direction,
        group=call.group,
        reason=reason,
        trace=trace,
    )


def _event(data: CallerData) -> CallerEvent:
    opened = data.opened.id if data.opened is not None else ""
    outcomes = " ".join(f"{one.executor}={one.state}" for one in data.outcomes)
    parts = (
        data.user, data.call_id, data.event_id, data.trigger, data.opens, opened, data.reason,
        data.url or "", outcomes,
    )  # fmt: skip
    return CallerEvent(
        id=str(uuid5(NAMESPACE_OID, "|".join(parts))), subject=data.call_id, data=data
    )
