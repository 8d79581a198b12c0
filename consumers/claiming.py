"""Which actions this process has taken for itself, and when each of them is done.

An action is done once the broker has the answer and the last executor has ended.
"""

from collections.abc import Callable

from bus.events import CallEvent
from consumers.caller_store import CallerStore, Claim
from consumers.calls import Call, Trigger, mark, trigger_of
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
        self._at_work: Recent[Key, str] = Recent()  # by trigger: the mark an executor works for
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
        self._at_work.keep(_by_trigger(key), key[2])

    def worked(self, user: str, call_id: str, trigger: str) -> None:
        """Note that the last executor has ended."""
        claimed = self._at_work.value((user, call_id, trigger)) or trigger
        self._at_work.drop((user, call_id, trigger))
        self._note_if_done((user, call_id, claimed))

    def _note_if_done(self, key: Key) -> None:
        if key not in self._undelivered and self._at_work.value(_by_trigger(key)) != key[2]:
            self._store.done(*key)


def _by_trigger(key: Key) -> Key:
    """Return an action as executors know it, by trigger only."""
    return key[0], key[1], trigger_of(key[2])
