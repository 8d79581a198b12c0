"""Which actions this process has taken for itself, and when each of them is done.

An action is done once the broker has the answer and the last executor has ended.
"""

from collections.abc import Callable

from bus.events import CallEvent
from consumers.caller_store import CallerStore, Claim
from consumers.calls import Call, Trigger, mark
from consumers.put_off import Key
from consumers.recent import Recent

_SHOWING: frozenset[Trigger] = frozenset({"ringing", "connected", "outgoing"})


def key_of(call: Call, trigger: Trigger) -> Key:
    """Return what an action is known by."""
    return call.user, call.call_id, mark(call, trigger)


class Claiming:
    """The actions in hand."""

    def __init__(self, store: CallerStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._at_work: Recent[Key, None] = Recent()  # an executor is at work for it
        self._undelivered: set[Key] = set()  # the broker does not have the answer yet

    def take(self, call: Call, trigger: Trigger, event: CallEvent) -> bool:
        """Take an action for this process; the party has then had its opening, should it return.

        One that had it by a change of party has it no more where an earlier process did that.
        """
        at, of_party = self._clock(), key_of(call, "party-change")
        had = trigger in _SHOWING and self._store.claimed(*of_party)
        if had and not self._store.claimed(*key_of(call, "ringing")):
            return False
        taken = self._store.claim(Claim(*key_of(call, trigger), at, event.model_dump_json()))
        if taken and trigger in _SHOWING:
            self._store.note_done(*of_party, at)
        return taken

    def sending(self, key: Key) -> None:
        """Note that the answer is on its way."""
        self._undelivered.add(key)

    def delivered(self, key: Key) -> None:
        """Note that the broker has the answer."""
        self._undelivered.discard(key)
        self._note_if_done(key)

    def begun(self, key: Key) -> None:
        """Note that an executor is at work."""
        self._at_work.keep(key, None)

    def worked(self, key: Key) -> None:
        """Note that the last executor has ended."""
        self._at_work.drop(key)
        self._note_if_done(key)

    def _note_if_done(self, key: Key) -> None:
        if key not in self._undelivered and not self._at_work.holds(key):
            self._store.done(*key)
