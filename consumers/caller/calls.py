"""What is known about each call, for each user: states only advance, and ended is final.

Pure. Events may come twice, late, out of order or with details that were missing before; what
came of them is asked of this module, so that a call is acted upon once and never after its end.
The party may change while a call runs; then it is acted upon once for each party.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from hashlib import blake2b
from typing import Literal, NamedTuple, cast

from bus.events import CallData, CallStateName, Direction, Party
from runtime.bounded_dict import Recent

Trigger = Literal["ringing", "connected", "ended", "outgoing", "party-change", "chosen"]

NOBODY = Party()
_LATEST = 10.0  # seconds after the end until which a further event under one id may be a late one
_JUST_ENDED = 5.0  # seconds between our end of a call and the news that a colleague has it
FINISHED_FOR = 600.0  # seconds an ended call stays known, so that a late event cannot reopen it
LONGEST_CALL = 43_200.0  # seconds after which a call is forgotten whose end never came
CAPACITY = 50_000  # calls known at once


class CallStage(IntEnum):
    """How far a call has come."""

    SEEN = 0
    INCOMING = 1
    RINGING = 2
    CONNECTED = 3
    ENDED = 4


_STAGES: dict[CallStateName, CallStage] = {
    "incoming": CallStage.INCOMING,
    "ringing": CallStage.RINGING,
    "dialing": CallStage.RINGING,
    "ringback": CallStage.RINGING,
    "connected": CallStage.CONNECTED,
    "held": CallStage.CONNECTED,
    "ended": CallStage.ENDED,
    "other": CallStage.SEEN,
}
_OUTWARD: frozenset[CallStateName] = frozenset({"dialing", "ringback"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one user, under the first id it had."""

    user: str
    call_id: str
    stage: CallStage = CallStage.SEEN
    direction: Direction = "unknown"
    outward: bool = False
    caller: Party = NOBODY
    called: Party = NOBODY
    last_known: Party = NOBODY  # the other party that was last said to be somebody
    group: str | None = None
    event_id: str = ""
    received_at: datetime | None = None
    replayed: bool = False
    connected_at: str | None = None  # by the PBX's clock
    before_replay: "Call | None" = None  # while its own report that it is connected may yet come
    answered: frozenset[Trigger] = frozenset()  # triggers that were dealt with
    opened: frozenset[str] = frozenset()  # marks of that for which something opened
    elsewhere: str = ""  # login of the colleague who has it
    talked: bool = False  # the user had it
    own_phone_done: bool = (
        False  # it was dialled outward or its party changed: no own telephone rings
    )
    occurrence: int = 0  # how often it had ended here before and was handed over again
    restored: bool = False  # of an earlier process: nothing is known but that it is over
    began_at: datetime | None = None  # of a later occurrence
    ended_at: datetime | None = None
    next_id: str = ""  # another id, which came after it had ended here
    seen_at: float = 0.0
    other_party: Party = field(init=False)  # the end of the call that is not the user
    over: bool = field(init=False)  # nothing may open for it any more

    def __post_init__(self) -> None:
        """Say who the other party is and whether it is over, which is asked often."""
        object.__setattr__(self, "other_party", self.called if self.outward else self.caller)
        object.__setattr__(self, "over", self.stage == CallStage.ENDED)


@dataclass(frozen=True, slots=True)
class Transition:
    """What one event changed: what is now due, and whose cards are to close."""

    call: Call
    due: tuple[Trigger, ...] = ()
    begins: bool = False  # this process did not know it as ringing, dialled or connected
    changed: bool = False  # the other party is another one from now on
    ended: bool = False
    reopened: bool = False  # it had ended here before
    answered_elsewhere: tuple[Call, ...] = ()  # calls of colleagues who did not answer it
    before: Call | None = None  # as it was known before the event


Key = tuple[str, str, str]  # user, call and mark of an action


class ActionKeys(NamedTuple):
    """The keys by which an action of a call is claimed, deferred and done once."""

    own: Key
    of_party: Key  # of a change to whom the call is with
    ringing: Key
    party_known: bool


class CallStates:
    """All calls a process knows, by user and id."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._calls: OrderedDict[tuple[str, str], Call] = OrderedDict()
        self._over: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._roots: Recent[tuple[str, str], str] = Recent(capacity)
        self._users: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def root(self, user: str, call_id: str) -> str:
        """Return the first id of a call."""
        return self._roots.get((user, call_id), call_id)

    def find(self, user: str, call_id: str) -> Call | None:
        """Return a call by any of its ids, None if it is not known."""
        return self._calls.get((user, self.root(user, call_id)))

    def follow(self, user: str, call_id: str, root: str) -> None:
        """Note that a call continues under another id."""
        if call_id != root and (user, call_id) not in self._calls:
            self._roots[user, call_id] = root

    def restore(self, over: Iterable[tuple[str, str]], now: float) -> None:
        """Take in calls that had ended before this process started."""
        for user, call_id in over:
            self._keep(
                Call(user=user, call_id=call_id, stage=CallStage.ENDED, seen_at=now, restored=True)
            )

    def apply(self, data: CallData, event_id: str, now: float) -> Transition:
        """Learn from one event."""
        self._learn_id(data)
        self._forget_old(now)
        call_id = self.root(data.user, data.call_id)
        known = self._calls.get((data.user, call_id))
        before = known or Call(data.user, call_id)
        if before.began_at is not None and data.received_at < before.began_at:
            return Transition(before, before=known)
        if reopened := _may_reopen(before, data) and self._was_with_a_colleague(before):
            occurrence = before.occurrence + 1
            before = Call(data.user, call_id, occurrence=occurrence, began_at=data.received_at)
            self._over.pop((data.user, call_id), None)
        if _was_overtaken(before, data):
            before = replace(before.before_replay or before, opened=before.opened)
        call = _learned(before, data, event_id, now)
        answers, changed = _answers(before, call), _changes(before, call)
        due = _due(before, call)
        if changed:
            due = ("connected", "party-change") if answers else ("party-change",)
        elif answers and (before.stage < CallStage.RINGING or self._was_with_a_colleague(call)):
            due = (*due, "party-change")
        call = replace(
            call,
            answered=call.answered.union(due, _reached(call) if changed else ()),
            own_phone_done=call.own_phone_done or call.outward or changed,
        )
        self._keep(call)
        answered_elsewhere = self._lost_by_colleagues(call, now) if answers else ()
        begins = before.stage < CallStage.RINGING
        ended = call.over and not before.over
        return Transition(
            call,
            due,
            begins,
            changed,
            ended=ended,
            reopened=reopened,
            answered_elsewhere=answered_elsewhere,
            before=known,
        )

    def _learn_id(self, data: CallData) -> None:
        """Note the id a call continues under; a new one after its end is of another occurrence."""
        if data.previous_call_id is None:
            return
        known = (data.user, data.call_id) in self._roots
        self.follow(data.user, data.call_id, self.root(data.user, data.previous_call_id))
        key = (data.user, self.root(data.user, data.call_id))
        call = self._calls.get(key)
        if not known and call is not None and call.over and call.call_id != data.call_id:
            self._calls[key] = replace(call, next_id=data.call_id)

    def opened(self, call: Call, trigger: Trigger) -> None:
        """Note that something opened, so that this party and further details only inform."""
        known = self._calls.get((call.user, call.call_id))
        if known is not None:
            marks = (mark(call, trigger), mark(call, "party-change"))
            self._calls[call.user, call.call_id] = replace(known, opened=known.opened.union(marks))

    def put_back(self, transition: Transition) -> None:
        """Unlearn an event that could not be handled, so that it can come again."""
        key, call = (transition.call.user, transition.call.call_id), transition.before
        if call is not None:
            self._calls[key] = call
            if call.over:
                self._over.setdefault(key, call.seen_at)
            else:
                self._over.pop(key, None)
        elif key in self._calls:
            self._drop(key)

    def _was_with_a_colleague(self, call: Call) -> bool:
        """Return whether a call that is answered here was answered before, and then handed over."""
        others = self._users.get(call.call_id, set()) - {call.user}
        calls = (self._calls[user, call.call_id] for user in others)
        return any(one.talked and not one.outward for one in calls)

    def _lost_by_colleagues(self, answered: Call, now: float) -> tuple[Call, ...]:
        answered_elsewhere = []
        for user in self._users.get(answered.call_id, set()) - {answered.user}:
            call = self._calls[user, answered.call_id]
            if _still_open(call, now) and not call.outward and not call.elsewhere:
                answered_elsewhere.append(replace(call, elsewhere=answered.user, seen_at=now))
                self._calls[user, call.call_id] = answered_elsewhere[-1]
        return tuple(sorted(answered_elsewhere, key=lambda call: call.user))

    def _keep(self, call: Call) -> None:
        key = (call.user, call.call_id)
        self._calls[key] = call
        self._calls.move_to_end(key)
        if call.over:
            self._over.setdefault(key, call.seen_at)
        self._users.setdefault(call.call_id, set()).add(call.user)
        while len(self._calls) > self._capacity:
            self._drop(next(iter(self._calls)))

    def _forget_old(self, now: float) -> None:
        while self._over and now - next(iter(self._over.values())) >= FINISHED_FOR:
            self._drop(next(iter(self._over)))
        while self._calls and now - next(iter(self._calls.values())).seen_at >= LONGEST_CALL:
            self._drop(next(iter(self._calls)))

    def _drop(self, key: tuple[str, str]) -> None:
        del self._calls[key]
        self._over.pop(key, None)
        users = self._users[key[1]]
        users.discard(key[0])
        if not users:
            del self._users[key[1]]


def _still_open(call: Call, now: float) -> bool:
    """Return whether a colleague can have taken a call; the PBX may end it here a moment before."""
    just_ended = call.over and not call.talked and now - call.seen_at < _JUST_ENDED
    return call.stage < CallStage.CONNECTED or just_ended


def keys_of(call: Call, trigger: Trigger) -> ActionKeys:
    """Return what an action is known by, and what its party's and its ringing's would be."""
    of_call = (call.user, call.call_id)
    known = known_by(call.other_party)
    of_party = (*of_call, change_to(call.call_id, known))
    own = of_party if trigger == "party-change" else (*of_call, trigger)
    return ActionKeys(own, of_party, (*of_call, "ringing"), bool(known))


def reason_of(closed: Call) -> Literal["answered-elsewhere", "ended"]:
    """Return why the cards of a call close."""
    return "answered-elsewhere" if closed.elsewhere else "ended"


def mark(call: Call, trigger: Trigger) -> str:
    """Return what an action is claimed by: its trigger, and for a change of party whose it is."""
    if trigger != "party-change":
        return trigger
    return change_to(call.call_id, known_by(call.other_party))


def trigger_of(claimed: str) -> Trigger:
    """Return the trigger of a mark."""
    return cast(Trigger, claimed.partition(":")[0])


def _may_reopen(call: Call, data: CallData) -> bool:
    """Return whether a call that is over here does not merely come late.

    Under an id that came after the end it cannot be; under the same one time has to have passed.
    """
    if not call.over or call.ended_at is None or data.state not in ("ringing", "connected"):
        return False
    passed = (data.received_at - call.ended_at).total_seconds()
    return passed > (0.0 if data.call_id == call.next_id else _LATEST)


def _was_overtaken(call: Call, data: CallData) -> bool:
    """Return whether a replay said first what the PBX reports now: nothing opened for it then."""
    reports = data.state == "connected" and not data.replayed and call.before_replay is not None
    return reports and data.pbx_time is not None and data.pbx_time == call.connected_at


def _before_replay(call: Call, data: CallData) -> Call | None:
    """Return the call as it was before a replay had it connected, until it is reported itself."""
    if data.state in ("connected", "ended") and not data.replayed:
        return None
    begins = data.state == "connected" and call.stage < CallStage.CONNECTED
    return replace(call, before_replay=None) if begins else call.before_replay


def _learned(call: Call, data: CallData, event_id: str, now: float) -> Call:
    """Merge an event into what is known; an ended call learns nothing that could reopen it."""
    reached = _STAGES[data.state]
    stage = max(call.stage, reached)
    late = CallStage.SEEN < reached < stage or bool(
        call.received_at and data.received_at < call.received_at
    )
    turned = data.direction == "in" and call.direction in ("internal", "out")  # by a transfer
    outward = data.direction == "out" or data.state in _OUTWARD or (call.outward and not turned)
    caller = better(call.caller, data.caller, late=late)
    called = better(call.called, data.called, late=late)
    last_known = called if outward else caller
    if not known_by(last_known):
        last_known = NOBODY if outward > call.outward else call.last_known
    return replace(
        call,
        stage=stage,
        restored=False,
        direction=call.direction if data.direction == "unknown" else data.direction,
        outward=outward,
        caller=caller,
        called=called,
        last_known=last_known,
        group=data.group or call.group,
        event_id=event_id,
        received_at=data.received_at,
        replayed=data.replayed,
        connected_at=data.pbx_time if data.state == "connected" else call.connected_at,
        before_replay=_before_replay(call, data),
        elsewhere="" if stage == CallStage.CONNECTED else call.elsewhere,
        talked=call.talked or stage == CallStage.CONNECTED,
        ended_at=call.ended_at or (data.received_at if stage == CallStage.ENDED else None),
        seen_at=now,
    )


def _answers(before: Call, call: Call) -> bool:
    return (
        before.stage < CallStage.CONNECTED
        and call.stage == CallStage.CONNECTED
        and not call.outward
    )


def _changes(before: Call, call: Call) -> bool:
    """Return whether the other party of a running call has become somebody else.

    While it is still being dialled, or only its direction becomes known, that is no change.
    """
    running = CallStage.CONNECTED if call.outward else CallStage.RINGING
    return (
        not call.over
        and before.stage >= running
        and (before.outward or not call.outward)
        and another(before.last_known, call.other_party)
    )


def _due(before: Call, call: Call) -> tuple[Trigger, ...]:
    """Say which triggers an event calls for: new ones, and earlier ones it says more about."""
    if before.over:
        return ()
    if call.over:
        return ("ended",)
    reached = _reached(call)
    if before.other_party != call.other_party:
        return reached
    return tuple(trigger for trigger in reached if trigger not in before.answered)


def _reached(call: Call) -> tuple[Trigger, ...]:
    if call.stage < CallStage.RINGING:
        return ()
    if call.outward:
        return ("outgoing",)
    return ("ringing", "connected") if call.stage == CallStage.CONNECTED else ("ringing",)


def known_by(party: Party) -> str:
    """Return what a party is known by, nothing if the PBX did not say who it is."""
    return party.e164 or (party.number if party.kind == "internal" else "")


def change_to(call_id: str, known: str) -> str:
    """Return what a change to a party is noted by; the number itself cannot be read from it."""
    return f"party-change:{blake2b(f'{call_id} {known}'.encode(), digest_size=6).hexdigest()}"


def another(before: Party, after: Party) -> bool:
    """Return whether somebody known has become somebody else."""
    known, new = known_by(before), known_by(after)
    return bool(known and new) and known != new


def better(known: Party, new: Party, *, late: bool = False) -> Party:
    """Keep what is known where an event says less, or is older than what is known.

    A name may come later than its number.
    """
    if not new.number and not new.e164 and new.kind in ("unknown", "withheld") and known.number:
        return known
    if new == NOBODY or (late and known_by(known)):
        return known
    same = (new.number, new.e164) == (known.number, known.e164)
    return new.model_copy(update={"name": known.name}) if same and not new.name else new
