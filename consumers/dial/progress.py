"""Follows dialled calls to their end: by call events, and by asking the PBX where these lack."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from bus.events import CallData, CallEvent, CallStateName, DialState
from consumers.dial import texts as dial_words
from consumers.dial.placing import CallNotPlaced, CallOrder, CallPlaced, PlacingOutcome
from consumers.dial.results import ResultPublisher
from consumers.dial.stages import QUIET, ending, next_stage
from consumers.dial.store import ELSEWHERE, DialEntry
from starface.client import PbxFailure

log = logging.getLogger(__name__)

ORPHANED = 25.0  # seconds; longer than the PBX may take to answer all we ask
_LEASE = 30.0  # seconds in which one process asks about a call
_UNKNOWN_FOR = 30.0  # seconds after which a call the PBX does not know was not placed
_ASK_AGAIN = 5.0  # seconds
_UNCLEAR_FOR = 120.0  # seconds until an unknown outcome stays unknown
_LONGEST = 12 * 3600.0  # seconds until a call whose end never came is given up
_EARLY = 20  # events kept for a call whose id is not known yet
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

    def place(self, entry: DialEntry, order: CallOrder) -> None:
        """Have a claimed call placed."""
        self._tasks.run(
            lambda: self._pbx.place(order), lambda outcome: self.placed(entry.serial, outcome)
        )

    def placed(self, serial: int, outcome: PlacingOutcome) -> None:
        """Advance by the PBX's answer to a request to place a call."""
        entry = self._store.get(serial)
        if isinstance(outcome, CallPlaced):
            self._accepted(entry, outcome.call_id)
        elif isinstance(outcome, CallNotPlaced):
            self._not_placed(entry, outcome.reason)
        else:
            self.results.note(entry, dial_words.unknown("no_answer"), ask_at=self._clock())
        self.results.flush()
        for event in self._early.pop(entry.user, []):
            self.handle(event)

    def _accepted(self, entry: DialEntry, call_id: str) -> None:
        if call_id != entry.call_id:
            self._store.follow(entry.serial, call_id)
        self._note_stage(entry._replace(call_id=call_id), "accepted")

    def _not_placed(self, entry: DialEntry, reason: str) -> None:
        if reason in ("unreachable", "no_credential", "storage"):
            self._store.unclaim(entry.serial)
        self.results.note(entry, dial_words.refused(reason))

    # ---- what the gateway publishes

    def handle(self, event: CallEvent) -> None:
        """Take in a call event."""
        data = event.data
        entry = self._store.of_call(data.user, data.call_id, data.previous_call_id)
        if entry is None and self._store.unanswered(data.user):
            entry = self._of_number(data)
            if entry is None:
                self._put_by(event)
        if entry is None:
            return
        if entry.call_id != data.call_id:
            self._store.follow(entry.serial, data.call_id)
            entry = entry._replace(call_id=data.call_id)
        self._reached(entry, data.state)

    def _of_number(self, data: CallData) -> DialEntry | None:
        """Recognise a call whose id the PBX chose and could not give us."""
        if data.state not in ("dialing", "ringback", "connected") or data.direction == "in":
            return None
        return self._store.of_number(data.user, self._key(data.called.e164 or data.called.number))

    def _put_by(self, event: CallEvent) -> None:
        """Keep an event until the PBX has said under which id it places the call."""
        early = self._early[event.data.user]
        early.append(event)
        del early[:-_EARLY]

    def _reached(self, entry: DialEntry, state: CallStateName) -> None:
        found = next_stage(entry.stage, state)
        if entry.stage in ("claimed", "unknown"):
            self._note_stage(entry, "accepted")
        if found is not None:
            stage, final = found
            if not self._note_stage(entry, stage, final=final):
                self._store.ask_later(entry.serial, self._clock() + QUIET[entry.stage])
        self.results.flush()

    def _note_stage(self, entry: DialEntry, stage: DialState, *, final: bool = False) -> bool:
        ask_at = None if final else self._clock() + QUIET[stage]
        return self.results.note(entry, dial_words.stage(stage, final=final), ask_at)

    # ---- what the PBX answers when asked

    def recover(self) -> None:
        """Clear up what an earlier start of this process left without a result."""
        for entry in self._store.orphans_of(self._store.owner):
            self._ask(entry)

    def take_over(self) -> None:
        """Clear up at once what the process of another machine left without a result."""
        for entry in self._store.orphans_of(ELSEWHERE):
            self._ask(entry)

    def tick(self) -> None:
        """Ask the PBX about calls of which there was no news for long."""
        now = self._clock()
        for entry in [*self._store.orphans(now, ORPHANED), *self._store.due(now)]:
            if self._store.lease(entry.serial, now, now + _LEASE):
                self._ask(entry)

    def _ask(self, entry: DialEntry) -> None:
        def ask() -> PbxAnswer:
            try:
                return self._pbx.state(entry.user, entry.call_id or "") or "gone"
            except PbxFailure as failure:
                log.warning(
                    "the PBX does not answer about a call request=%s reason=%s",
                    entry.request_id, type(failure).__name__,
                )  # fmt: skip
                return "silent"

        self._tasks.run(ask, lambda answer: self.learned(entry.serial, answer))

    def learned(self, serial: int, answer: PbxAnswer) -> None:
        """Advance by what the PBX answers about a call."""
        entry = self._store.get(serial)
        if entry.final:
            return
        if answer == "gone":
            self._gone(entry)
        elif answer == "silent":
            self._silent(entry)
        else:
            self._reached(entry, answer)
        self.results.flush()

    def _gone(self, entry: DialEntry) -> None:
        """Advance a request whose call the PBX does not know: it is over, or never was."""
        age = self._clock() - (entry.claimed or 0)
        if entry.stage == "unknown" and age < _UNKNOWN_FOR:
            self._store.ask_later(entry.serial, self._clock() + _ASK_AGAIN)
        elif entry.stage == "claimed" and age < ORPHANED:  # it may still be on its way
            again = self._clock() + _ASK_AGAIN
            self.results.note(entry, dial_words.unknown("interrupted"), ask_at=again)
        elif entry.stage in ("claimed", "unknown"):
            self.results.note(entry, dial_words.unknown("not_there", final=True))
        elif entry.stage == "accepted":
            self.results.note(entry, dial_words.unknown("no_outcome", final=True))
        else:
            self._note_stage(entry, ending(entry.stage), final=True)

    def _silent(self, entry: DialEntry) -> None:
        """Advance a request while the PBX does not answer: ask later, at last give up."""
        now = self._clock()
        age = now - (entry.claimed or 0)
        if entry.stage == "claimed":
            self.results.note(entry, dial_words.unknown("interrupted"), ask_at=now + 10)
        elif entry.stage == "unknown" and age > _UNCLEAR_FOR:
            self.results.note(entry, dial_words.unknown("no_answer", final=True))
        elif age > _LONGEST:
            self.results.note(entry, dial_words.unknown("no_outcome", final=True))
        else:
            self._store.ask_later(entry.serial, now + (10 if entry.stage == "unknown" else 60))
