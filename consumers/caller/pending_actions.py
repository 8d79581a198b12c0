"""Which actions this process has taken for itself, and when each of them is done.

An action is done once the broker has the answer and the last executor has ended.
"""

from collections.abc import Callable

from bus.events import CallEvent
from consumers.caller.calls import Call, Trigger, mark
from consumers.caller.parties import known_by
from consumers.caller.put_off import Key
from consumers.caller.store import CallerStore, Claim
from consumers.preferences import Action
from runtime.bounded_dict import Recent

_SHOWING: frozenset[Trigger] = frozenset({"ringing", "connected", "outgoing"})


def key_of(call: Call, trigger: Trigger) -> Key:
    """Return what an action is known by."""
    return call.user, call.call_id, mark(call, trigger)


def told_as(call: Call, trigger: Trigger) -> Key:
    """Return what an answer is known by; of each telling of a call it is another one."""
    return call.user, f"{call.call_id} {call.occurrence}", mark(call, trigger)


class Claiming:
    """The actions in hand."""

    def __init__(self, store: CallerStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._at_work: Recent[Key, None] = Recent()  # an executor is at work for it
        self._undelivered: set[Key] = set()  # the broker does not have the answer yet
        self._had: Recent[Key, Action] = Recent()  # by party: what a change or a person opened

    def take(self, call: Call, trigger: Trigger, event: CallEvent, action: Action) -> bool:
        """Take an action for this process; the party has then had its opening, should it return."""
        at, of_party = self._clock(), key_of(call, "party-change")
        if trigger in _SHOWING and self._opened_the_same(call, action):
            return False
        taken = self._store.claim(Claim(*key_of(call, trigger), at, event.model_dump_json()))
        if taken and trigger in _SHOWING:
            self._store.note_done(*of_party, at)
        if taken and trigger == "party-change":
            self._had.keep(of_party, action)
        return taken

    def is_for_another(self, call: Call, trigger: Trigger) -> bool:
        """Tell whether an earlier process had a trigger of this call dealt with for another."""
        return (
            trigger in _SHOWING
            and bool(known_by(call.other_party))
            and self._store.claimed(*key_of(call, trigger))
            and not self._store.claimed(*key_of(call, "party-change"))
        )

    def pass_over(self, call: Call, trigger: Trigger) -> None:
        """Note that a trigger of a call was seen and nothing was to open."""
        for one in (trigger, "party-change"):
            self._store.note_done(*key_of(call, one), self._clock())

    def take_by_hand(self, call: Call, action: Action) -> None:
        """Note that a person had something opened; the call opens no more of that by itself."""
        of_party = key_of(call, "party-change")
        self._store.note_done(*of_party, self._clock())
        self._had.keep(of_party, action)

    def _opened_the_same(self, call: Call, action: Action) -> bool:
        """Tell whether the party had this opened by a change, or by hand.

        What an earlier process opened counts as the same, as it may be for the same event.
        """
        of_party = key_of(call, "party-change")
        had = self._had.value(of_party)
        if had is not None:
            return had == action
        ringing = key_of(call, "ringing")
        return self._store.claimed(*of_party) and not self._store.claimed(*ringing)

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
