"""Which calls each user has now and who is calling, as the panel shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bus.events import CallData, CallerData, CallerEvent, CallEvent
from bus.panel_events import RunningCall
from runtime.bounded_dict import Recent

_MOST = 50  # of one user; more is not shown anyway
_LONGEST = 43_200.0  # seconds after which a call is forgotten whose end never came


@dataclass
class _Running:
    call: CallData
    started: datetime
    answered: datetime | None = None
    answer: CallerData | None = None


class RunningCalls:
    """Follows call events and answers; an event that comes late does not bring a call back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[str, dict[str, _Running]] = {}
        self._over: Recent[tuple[str, str], None] = Recent(10_000)

    def observe(self, event: CallEvent) -> None:
        """Learn from a call event."""
        data = event.data
        calls = self._running.setdefault(data.user, {})
        known = calls.pop(data.call_id, None)
        if data.previous_call_id is not None:
            known = calls.pop(data.previous_call_id, None) or known
        if data.state == "ended":
            self._over[data.user, data.call_id] = None
        elif (data.user, data.call_id) not in self._over:
            at = data.received_at
            running = known or _Running(data, at)
            running.call = data
            if data.state in ("connected", "held") and running.answered is None:
                running.answered = at
            calls[data.call_id] = running
            while len(calls) > _MOST:
                calls.pop(next(iter(calls)))
        if not calls:
            self._running.pop(data.user, None)

    def answered(self, event: CallerEvent) -> None:
        """Learn who a call was found to be, or that its card is closed."""
        data = event.data
        running = self._running.get(data.user, {}).get(data.call_id)
        if running is None or data.trigger == "outcome":
            return
        if data.trigger == "closed":
            self._running[data.user].pop(data.call_id)
        elif (
            running.answer is None or data.contact or data.candidates or not running.answer.contact
        ):
            running.answer = data

    def of(self, user: str) -> tuple[RunningCall, ...]:
        """Return a user's running calls, the oldest first."""
        oldest = self._clock() - _LONGEST
        return tuple(
            RunningCall(
                call=one.call, answer=one.answer, started=one.started, answered=one.answered
            )
            for one in self._running.get(user, {}).values()
            if one.started.timestamp() > oldest
        )
