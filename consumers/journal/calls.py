"""Which legs belong to one call: ids that change, several users, and what became of each.

Pure: what is not known here any more is asked of `load`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bus.events import CallData
from bus.journal_events import CallResult
from consumers.journal.leg import Leg, Segment

Key = tuple[str, str]

_TOGETHER = 3.0  # seconds by which the events of two telephones may cross
_CONTINUES = 5.0  # seconds between the end under one id and the connection under another
SETTLING = 2.0  # seconds after the last telephone of a group has stopped to ring


@dataclass(frozen=True)
class Applied:
    """What an event changed: the leg, and keys under which legs are kept no more."""

    leg: Leg
    merged: tuple[Key, ...] = ()


@dataclass(frozen=True)
class LegOutcome:
    """What became of a call of one user; `doubtful`: perhaps somebody unknown to us took it."""

    result: CallResult
    answered_by: str | None = None
    doubtful: bool = False


class CallBook:
    """The legs of all users that are under way or ended lately."""

    def __init__(self, load: Callable[[str], Iterable[Leg]] = lambda _: ()) -> None:
        self._load = load
        self._legs: dict[Key, Leg] = {}
        self._by_id: dict[str, set[Key]] = defaultdict(set)
        self._by_user: dict[str, set[Key]] = defaultdict(set)
        self._complete: set[str] = set()  # ids of which all legs are in memory

    def __len__(self) -> int:
        return len(self._legs)

    def legs(self) -> list[Leg]:
        """Return all legs that are in memory."""
        return list(self._legs.values())

    def keep(self, leg: Leg) -> None:
        """Take in a leg of an earlier process."""
        self._index(leg)

    def find(self, user: str, call_id: str) -> Leg | None:
        """Return a user's leg by any of its ids."""
        self._fetch(call_id)
        keys = self._by_id.get(call_id, ())
        return next((self._legs[key] for key in keys if key[0] == user), None)

    def forget(self, leg: Leg) -> None:
        """Keep a leg in memory no more."""
        self._complete -= leg.ids
        self._remove(leg)

    def apply(self, data: CallData, now: float, own: str = "") -> Applied:
        """Add an event to the leg it belongs to; legs that it shows to be one are joined."""
        named = [data.call_id, *([data.previous_call_id] if data.previous_call_id else [])]
        found = {leg.key: leg for one in named if (leg := self.find(data.user, one)) is not None}
        for other in found.values():
            self._remove(other)
        leg, *others = found.values() or [Leg(data.user)]
        for other in others:
            leg.merge(other)
        leg.own = own
        leg.learn(data, now)
        self._index(leg)
        return Applied(leg, tuple(key for key in found if key != leg.key))

    def whole(self, leg: Leg) -> Leg:
        """Return a leg with those under other ids that it continues, or that continue it.

        Without a word of the PBX: a call that is connected without having rung, as one with the
        same party has just ended or still rings here, is that one under a new id.
        """
        legs = [self._legs[key] for key in sorted(self._by_user.get(leg.user, ()))]
        before = {one.key: continued for one in legs if (continued := _continued_by(one, legs))}
        if not before:
            return leg
        chain, waiting = {leg.key}, [leg.key]
        while waiting:
            key = waiting.pop()
            near = {before[key].key} if key in before else set()
            near |= {other for other, earlier in before.items() if earlier.key == key}
            waiting += near - chain
            chain |= near
        if len(chain) == 1:
            return leg
        whole = Leg(leg.user)
        for key in sorted(chain):
            whole.merge(self._legs[key])
            if key in before:
                whole.link(key[1], before[key].call_id)
        return whole

    def other_legs(self, leg: Leg) -> list[Leg]:
        """Return the legs of other users in the same call, whatever ids it has had."""
        seen, ids, waiting = {leg.key}, set(leg.ids), list(leg.ids)
        found = []
        while waiting:
            call_id = waiting.pop()
            self._fetch(call_id)
            for key in sorted(self._by_id.get(call_id, ())):
                if key in seen:
                    continue
                seen.add(key)
                other = self._legs[key]
                if other.user != leg.user:
                    found.append(other)
                fresh = other.ids - ids
                ids |= fresh
                waiting += fresh
        return found

    def _fetch(self, call_id: str) -> None:
        if call_id in self._complete:
            return
        self._complete.add(call_id)
        for leg in self._load(call_id):
            if leg.key not in self._legs:
                self._index(leg)

    def _remove(self, leg: Leg) -> None:
        key = leg.key
        self._legs.pop(key, None)
        self._by_user[leg.user].discard(key)
        if not self._by_user[leg.user]:
            del self._by_user[leg.user]
        for call_id in leg.ids:
            keys = self._by_id.get(call_id)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._by_id[call_id]

    def _index(self, leg: Leg) -> None:
        self._legs[leg.key] = leg
        self._by_user[leg.user].add(leg.key)
        for call_id in leg.ids:
            self._by_id[call_id].add(leg.key)


def _continued_by(leg: Leg, legs: Iterable[Leg]) -> Leg | None:
    """Return the call of a user that continues as this one, None if it is one of its own."""
    party = leg.party
    number = party.e164 or party.number
    if not number or not leg.has("connected") or leg.has("ringing", "dialling", "ringback"):
        return None
    started = leg.segments()[0].started
    found = []
    for other in legs:
        if other is leg or not other.begun or number != (other.party.e164 or other.party.number):
            continue
        last = other.segments()[-1]
        if last.started > started or not other.has("ringing", "dialling", "ringback"):
            continue
        rings = last.answered is None and last.ended is None
        if rings or (last.ended is not None and abs(last.ended - started) <= _CONTINUES):
            found.append((last.started, other.call_id, other))
    return max(found, key=lambda one: one[:2])[2] if found else None


def outcome(leg: Leg, other_legs: Iterable[Leg], *, not_lifted: bool = False) -> LegOutcome:
    """Say what became of a leg that is over."""
    if leg.answered:
        return LegOutcome("answered")
    if leg.said == "voicemail":
        return LegOutcome("voicemail")
    if leg.outward:
        return _not_reached(leg, not_lifted=not_lifted)
    others = [other for other in other_legs if not other.outward]
    if (colleague := _taken_by(leg.segments()[-1], others)) is not None:
        return LegOutcome("answered-elsewhere", colleague)
    if leg.said in ("busy", "rejected"):
        return LegOutcome("busy" if leg.said == "busy" else "rejected")
    if leg.direction == "unknown" and not leg.has("ringing"):
        return LegOutcome("unknown")
    return LegOutcome("missed", doubtful=leg.group is not None)


def rings_elsewhere(other_legs: Iterable[Leg]) -> bool:
    """Return whether the call still rings with somebody else, so that it is not decided."""
    return any(not other.outward and not other.over for other in other_legs)


def handed_over_by(
    leg: Leg, other_legs: Iterable[Leg], login_of: Callable[[str], str | None]
) -> str | None:
    """Return the colleague who had the call before and put it through."""
    segments = leg.segments()
    if segments:
        mine = next((one for one in segments if one.answered is not None), segments[-1])
        before = [
            (one.answered, other.user)
            for other in other_legs
            for one in other.segments()
            if one.answered is not None and _before(one, mine)
        ]
        if before:
            return max(before)[1]
    if leg.party.kind not in ("external", "withheld"):
        return None
    colleagues = [
        (at, login)
        for number, at in leg.insiders.items()
        if number != leg.own_end.number
        and (login := login_of(number)) is not None
        and login != leg.user
    ]
    return min(colleagues)[1] if colleagues else None


def _before(one: Segment, mine: Segment) -> bool:
    """Return whether a colleague's talk came before mine in the same call."""
    if mine.answered is not None and one.ended is not None and one.ended <= mine.answered:
        return not one.inferred
    talked_as_it_rang = one.answered is not None and one.answered < mine.started
    # Else a group rang, both at once.
    return talked_as_it_rang and abs(one.started - mine.started) > _TOGETHER


def _not_reached(leg: Leg, *, not_lifted: bool) -> LegOutcome:
    if leg.said in ("busy", "rejected"):
        return LegOutcome("busy" if leg.said == "busy" else "rejected")
    if not_lifted and not leg.has("ringback"):
        return LegOutcome("not-lifted")
    return LegOutcome("not-reached")


def _taken_by(segment: Segment, others: Iterable[Leg]) -> str | None:
    """Return who answered what rang here in vain, or was talking when it stopped to ring here."""
    ended = segment.ended if segment.ended is not None else segment.started
    taken = [
        (other_segment.answered, other.user)
        for other in others
        for other_segment in other.segments()
        if other_segment.answered is not None
        and (
            other_segment.answered >= segment.started - _TOGETHER
            or other_segment.ended is None
            or (other_segment.ended > ended and not other_segment.inferred)
        )
    ]
    return min(taken)[1] if taken else None
