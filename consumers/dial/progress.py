"""Follows dialled calls to their end: by call events, and by asking the PBX where these lack.

Any step may be missing: what counts is the furthest that was ever seen, never the way there.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from bus.events import CallData, CallEvent, CallStateName, DialState
from consumers.dial import texts as dial_words
from consumers.dial.placing import CallNotPlaced, CallOrder, CallPlaced, PlacingOutcome
from consumers.dial.results import ResultPublisher
from consumers.dial.store import ELSEWHERE, DialRecord
from starface.failures import PbxFailure

log = logging.getLogger(__name__)

ORPHANED = 25.0  # seconds; longer than the PBX may take to answer all we ask
_LEASE = 30.0  # seconds in which one process asks about a call
_UNKNOWN_FOR = 30.0  # seconds after which a call the PBX does not know was not placed
_ASK_AGAIN = 5.0  # seconds
_UNCLEAR_FOR = 120.0  # seconds until an unknown outcome stays unknown
_LONGEST = 12 * 3600.0  # seconds until a call whose end never came is given up
_EARLY = 20  # events kept for a call whose id is not known yet
QUIET = {  # seconds without news after which the PBX is asked
    "accepted": 20.0,
    "own-phone-ringing": 30.0,
    "remote-ringing": 45.0,
    "connected": 300.0,
}
_OF_EVENT: dict[CallStateName, DialState] = {
    "incoming": "own-phone-ringing",
    "ringing": "own-phone-ringing",
    "dialing": "own-phone-ringing",
    "ringback": "remote-ringing",
    "connected": "connected",
    "held": "connected",
    "ended": "ended",
}
T = TypeVar("T")
PbxAnswer = CallStateName | Literal["gone", "silent"]


class DialTaskRunner(Protocol):
    """Does slow work elsewhere and hands the result back in the main thread."""

    def run(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Start to do it."""


class DialPbx(Protocol):
    """The PBX as far as dialling asks it."""

    def place(self, order: CallOrder) -> PlacingOutcome:
        """Have the user's phone ring, then the number."""

    def state(self, user: str, call_id: str) -> CallStateName | None:
        """Return how far a call is, None when it is not known; raise PbxFailure."""


class ProgressTracker:
    """Moves dial requests forward until their end."""

    def __init__(
        self,
        results: ResultPublisher,
        pbx: DialPbx,
        tasks: DialTaskRunner,
        key: Callable[[str], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.results = results
        self._store = results.store
        self._pbx = pbx
        self._tasks = tasks
        self._key = key
        self._clock = clock
        self._early: dict[str, list[CallEvent]] = defaultdict(list)

    # ---- what the PBX answered to the request

    def place(self, record: DialRecord, order: CallOrder) -> None:
        """Have a claimed call placed."""
        self._tasks.run(
            lambda: self._pbx.place(order), lambda outcome: self.placed(record.serial, outcome)
        )

    def placed(self, serial: int, outcome: PlacingOutcome) -> None:
        """Advance by the PBX's answer to a request to place a call."""
        record = self._store.get(serial)
        if isinstance(outcome, CallPlaced):
            self._accepted(record, outcome.call_id)
        elif isinstance(outcome, CallNotPlaced):
            self._not_placed(record, outcome.reason)
        else:
            self.results.note(record, dial_words.unknown("no_answer"), ask_at=self._clock())
        self.results.flush()
        for event in self._early.pop(record.user, []):
            self.handle(event)

    def _accepted(self, record: DialRecord, call_id: str) -> None:
        if call_id != record.call_id:
            self._store.follow(record.serial, call_id)
        self._note_stage(record._replace(call_id=call_id), "accepted")

    def _not_placed(self, record: DialRecord, reason: str) -> None:
        if reason in ("unreachable", "no_credential", "storage"):
            self._store.unclaim(record.serial)
        self.results.note(record, dial_words.refused(reason))

    # ---- what the gateway publishes

    def handle(self, event: CallEvent) -> None:
        """Take in a call event."""
        data = event.data
        record = self._store.of_call(data.user, data.call_id, data.previous_call_id)
        if record is None and self._store.unanswered(data.user):
            record = self._of_number(data)
            if record is None:
                self._put_by(event)
        if record is None:
            return
        if record.call_id != data.call_id:
            self._store.follow(record.serial, data.call_id)
            record = record._replace(call_id=data.call_id)
        self._reached(record, data.state)

    def _of_number(self, data: CallData) -> DialRecord | None:
        """Recognise a call whose id the PBX chose and could not give us."""
        if data.state not in ("dialing", "ringback", "connected") or data.direction == "in":
            return None
        return self._store.of_number(data.user, self._key(data.called.e164 or data.called.number))

    def _put_by(self, event: CallEvent) -> None:
        """Keep an event until the PBX has said under which id it places the call."""
        early = self._early[event.data.user]
        early.append(event)
        del early[:-_EARLY]

    def _reached(self, record: DialRecord, state: CallStateName) -> None:
        found = next_stage(record.stage, state)
        if record.stage in ("claimed", "unknown"):
            self._note_stage(record, "accepted")
        if found is not None:
            stage, final = found
            if not self._note_stage(record, stage, final=final):
                self._store.ask_later(record.serial, self._clock() + QUIET[record.stage])
        self.results.flush()

    def _note_stage(self, record: DialRecord, stage: DialState, *, final: bool = False) -> bool:
        ask_at = None if final else self._clock() + QUIET[stage]
        return self.results.note(record, dial_words.stage(stage, final=final), ask_at)

    # ---- what the PBX answers when asked

    def recover(self) -> None:
        """Clear up what an earlier start of this process left without a result."""
        for record in self._store.orphans_of(self._store.owner):
            self._ask(record)

    def take_over(self) -> None:
        """Clear up at once what the process of another machine left without a result."""
        for record in self._store.orphans_of(ELSEWHERE):
            self._ask(record)

    def tick(self) -> None:
        """Ask the PBX about calls of which there was no news for long."""
        now = self._clock()
        for record in [*self._store.orphans(now, ORPHANED), *self._store.due(now)]:
            if self._store.lease(record.serial, now, now + _LEASE):
                self._ask(record)

    def _ask(self, record: DialRecord) -> None:
        def ask() -> PbxAnswer:
            try:
                return self._pbx.state(record.user, record.call_id or "") or "gone"
            except PbxFailure as failure:
                log.warning(
                    "the PBX does not answer about a call request=%s reason=%s",
                    record.request_id, type(failure).__name__,
                )  # fmt: skip
                return "silent"

        self._tasks.run(ask, lambda answer: self.learned(record.serial, answer))

    def learned(self, serial: int, answer: PbxAnswer) -> None:
        """Advance by what the PBX answers about a call."""
        record = self._store.get(serial)
        if record.final:
            return
        if answer == "gone":
            self._gone(record)
        elif answer == "silent":
            self._silent(record)
        else:
            self._reached(record, answer)
        self.results.flush()

    def _gone(self, record: DialRecord) -> None:
        """Advance a request whose call the PBX does not know: it is over, or never was."""
        age = self._clock() - (record.claimed or 0)
        if record.stage == "unknown" and age < _UNKNOWN_FOR:
            self._store.ask_later(record.serial, self._clock() + _ASK_AGAIN)
        elif record.stage == "claimed" and age < ORPHANED:  # it may still be on its way
            again = self._clock() + _ASK_AGAIN
            self.results.note(record, dial_words.unknown("interrupted"), ask_at=again)
        elif record.stage in ("claimed", "unknown"):
            self.results.note(record, dial_words.unknown("not_there", final=True))
        elif record.stage == "accepted":
            self.results.note(record, dial_words.unknown("no_outcome", final=True))
        else:
            self._note_stage(record, ending(record.stage), final=True)

    def _silent(self, record: DialRecord) -> None:
        """Advance a request while the PBX does not answer: ask later, at last give up."""
        now = self._clock()
        age = now - (record.claimed or 0)
        if record.stage == "claimed":
            self.results.note(record, dial_words.unknown("interrupted"), ask_at=now + 10)
        elif record.stage == "unknown" and age > _UNCLEAR_FOR:
            self.results.note(record, dial_words.unknown("no_answer", final=True))
        elif age > _LONGEST:
            self.results.note(record, dial_words.unknown("no_outcome", final=True))
        else:
            self._store.ask_later(record.serial, now + (10 if record.stage == "unknown" else 60))


def next_stage(reached: str, state: CallStateName) -> tuple[DialState, bool] | None:
    """Return the stage a call reaches and whether it is the last; None if it says nothing new."""
    stage = _OF_EVENT.get(state)
    if stage is None:
        return None
    return (ending(reached), True) if stage == "ended" else (stage, False)


def ending(reached: str) -> DialState:
    """Return the outcome of a call that is over."""
    if reached == "connected":
        return "ended"
    return "not-reached" if reached == "remote-ringing" else "own-phone-not-lifted"
