"""One call as one user had it, made of all that was ever said about it.

Pure. What an event says is added to a set of facts, and everything else follows from the set: so
it does not matter in which order events come, nor how often. An end is final: what comes later
under the same id either is late and only adds to what is known, or is the telephone ringing once
more (a queue does that), which belongs to the same call.
"""

import bisect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bus.events import CallData, CallStateName, Direction, Party
from starface.wire import moment

FactKind = Literal["other", "ringing", "dialling", "ringback", "connected", "ended", "inferred-end"]

LATE = 10.0  # seconds after an end in which something earlier may still come
_CLOCKS = 120.0  # seconds by which the PBX's clock may be ahead of ours
_MOST_FACTS = 400  # of one call; a queue rings for hours

_KINDS: dict[CallStateName, FactKind] = {
    "incoming": "ringing",
    "ringing": "ringing",
    "dialing": "dialling",
    "ringback": "ringback",
    "connected": "connected",
    "held": "connected",
    "ended": "ended",
    "other": "other",
}
_ENDS: tuple[FactKind, ...] = ("ended", "inferred-end")
_SAID = {"VOICEMAILLINKED": "voicemail", "BUSY": "busy", "REJECTED": "rejected",
         "DECLINED": "rejected"}  # fmt: skip
_TALKING = ("CONFERENCEACTIVE", "CONFERENCEINACTIVE")

NOBODY = Party()

Fact = tuple[float, FactKind, float | None]  # when by our clock, what, when by the PBX's


@dataclass(frozen=True, slots=True)
class Segment:
    """From the first ringing to the end; a call that rings again later has several."""

    started: float
    answered: float | None = None
    ended: float | None = None
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class SeenParty:
    """One end of the call, and when it was said."""

    party: Party = NOBODY
    at: float = 0.0

    def better_of(self, other: "SeenParty") -> "SeenParty":
        """Return who it is: an outside number before an extension, the later before the earlier."""
        return self if self._weight() >= other._weight() else other

    def _weight(self) -> tuple[int, float, str, str]:
        party = self.party
        rank = 3 if party.kind == "external" else 2 if party.number else party.kind == "withheld"
        return int(rank), self.at, party.number, party.name


NOT_SEEN = SeenParty()


@dataclass(slots=True)
class Leg:
    """A call of one user, under all the ids it had."""

    user: str
    links: dict[str, str] = field(default_factory=dict)  # each id by the one it came after, or ""
    facts: list[Fact] = field(default_factory=list)
    caller: SeenParty = NOT_SEEN
    called: SeenParty = NOT_SEEN
    names: dict[str, tuple[float, str]] = field(default_factory=dict)  # by number, with when
    insiders: dict[str, float] = field(default_factory=dict)  # extensions at either end, since when
    directions: dict[Direction, float] = field(default_factory=dict)  # the last time each was said
    group: str | None = None
    said: str = ""  # what the PBX said itself: voicemail, busy, rejected
    live: bool = False  # something came as it happened
    pbx_started: tuple[float, str] | None = None
    news_at: float = 0.0  # our clock, when something last came
    own: str = ""  # the user's extension
    found: tuple[float, dict[str, Any]] | None = None  # who it is, as the caller process found out
    dialled: str = ""  # "placed" by a dial request; "unlifted": the own telephone was not lifted
    listed: str = ""  # what the PBX's call list says: answered, missed, or unknown

    @property
    def call_id(self) -> str:
        """The first id."""
        if len(self.links) == 1:
            return next(iter(self.links))
        roots = sorted(self.links)
        for start in roots:
            seen, now = {start}, start
            while (before := self.links.get(now)) and before not in seen:
                now = before
                seen.add(now)
            if not self.links.get(now):
                return now
        return roots[0]

    @property
    def ids(self) -> frozenset[str]:
        """All its ids."""
        return frozenset(self.links)

    @property
    def key(self) -> tuple[str, str]:
        """User and first id."""
        return self.user, self.call_id

    @property
    def direction(self) -> Direction:
        """The direction that was said last."""
        if not self.directions:
            return "unknown"
        return max(self.directions, key=lambda one: (self.directions[one], one))

    @property
    def outward(self) -> bool:
        """Whether the user placed it."""
        if self.direction == "out" or self.dialled:
            return True
        if self.own and self.caller.party.number == self.own:  # nobody calls himself
            return True
        return self.direction != "in" and self.has("dialling", "ringback")

    @property
    def party(self) -> Party:
        """The far end."""
        return self._named(self.called if self.outward else self.caller)

    @property
    def own_end(self) -> Party:
        """The user's end: his extension, or the line or group that was called."""
        return self._named(self.caller if self.outward else self.called)

    def _named(self, seen: SeenParty) -> Party:
        party = seen.party
        if party.name or party.number not in self.names:
            return party
        return party.model_copy(update={"name": self.names[party.number][1]})

    @property
    def begun(self) -> bool:
        """Whether there is a call at all, and not only a word about one."""
        return self.has("ringing", "dialling", "ringback", "connected", *_ENDS)

    def has(self, *kinds: FactKind) -> bool:
        """Return whether one of these was ever said."""
        return any(kind in kinds for _, kind, _ in self.facts)

    def segments(self) -> list[Segment]:
        """Return from when to when it rang and was talked, in order; the last may be open."""
        return _segments(_without_call_list(self.facts))

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        segments = self.segments()
        return bool(segments) and segments[-1].ended is not None

    @property
    def answered(self) -> bool:
        """Whether the user talked."""
        return any(segment.answered is not None for segment in self.segments())

    def learn(self, data: CallData, now: float) -> None:
        """Add what an event says."""
        said = re.sub(r"[\s_-]", "", data.pbx_state).upper()
        at, by_pbx = _when(data)
        self.link(data.call_id, data.previous_call_id)
        kind = "connected" if said in _TALKING else _KINDS[data.state]
        self._add((at, kind, by_pbx))
        self.said = min(filter(None, (self.said, _SAID.get(said, ""))), default="")
        self.caller = self.caller.better_of(SeenParty(data.caller, at))
        self.called = self.called.better_of(SeenParty(data.called, at))
        for party in (data.caller, data.called):
            if party.number and party.name:
                self.names[party.number] = max(
                    (at, party.name), self.names.get(party.number, (at, party.name))
                )
            if party.kind == "internal" and party.number:
                self.insiders[party.number] = min(at, self.insiders.get(party.number, at))
        if data.direction != "unknown":
            self.directions[data.direction] = max(at, self.directions.get(data.direction, at))
        self.group = max(self.group or "", data.group or "") or None
        self.live = self.live or not data.replayed
        if data.pbx_time:
            started = (at, data.pbx_time)
            self.pbx_started = min(started, self.pbx_started or started)
        self.news_at = max(self.news_at, now)

    def end_inferred(self, at: float) -> None:
        """Note that the call must be over, though its end was never said."""
        self._add((at, "inferred-end", None))

    def link(self, call_id: str, previous: str | None = None) -> None:
        """Note an id, and which one it came after."""
        if previous and previous != call_id:
            self.links.setdefault(previous, "")
            self.links[call_id] = max(self.links.get(call_id, ""), previous)
        else:
            self.links.setdefault(call_id, "")

    def merge(self, other: "Leg") -> None:
        """Take over what is known of the same call under another id."""
        for call_id, previous in other.links.items():
            self.link(call_id, previous or None)
        for fact in other.facts:
            self._add(fact)
        self.caller = self.caller.better_of(other.caller)
        self.called = self.called.better_of(other.called)
        for number, at in other.insiders.items():
            self.insiders[number] = min(at, self.insiders.get(number, at))
        for direction, at in other.directions.items():
            self.directions[direction] = max(at, self.directions.get(direction, at))
        self.group = max(self.group or "", other.group or "") or None
        self.said = min(filter(None, (self.said, other.said)), default="")
        self.live = self.live or other.live
        if other.pbx_started:
            self.pbx_started = min(other.pbx_started, self.pbx_started or other.pbx_started)
        self.news_at = max(self.news_at, other.news_at)
        for number, name in other.names.items():
            self.names[number] = max(name, self.names.get(number, name))
        self.own = self.own or other.own
        self.found = max(filter(None, (self.found, other.found)), key=_at, default=None)
        self.dialled = max(self.dialled, other.dialled)
        self.listed = min(filter(None, (self.listed, other.listed)), default="")

    def _add(self, fact: Fact) -> None:
        place = bisect.bisect_left(self.facts, _order(fact), key=_order)
        if place < len(self.facts) and self.facts[place][:2] == fact[:2]:
            self.facts[place] = max(fact, self.facts[place], key=lambda one: one[2] or 0.0)
            return
        self.facts.insert(place, fact)
        if len(self.facts) > _MOST_FACTS:
            del self.facts[_MOST_FACTS // 2]

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "user": self.user, "links": self.links, "facts": self.facts,
            "caller": [self.caller.party.model_dump(), self.caller.at],
            "called": [self.called.party.model_dump(), self.called.at],
            "insiders": self.insiders, "directions": self.directions, "group": self.group,
            "said": self.said, "live": self.live, "pbx_started": self.pbx_started,
            "news_at": self.news_at, "names": self.names, "own": self.own, "found": self.found,
            "dialled": self.dialled, "listed": self.listed,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Leg":
        """Return a leg as it was kept."""
        caller, called = (
            SeenParty(Party.model_validate(kept[end][0]), kept[end][1])
            for end in ("caller", "called")
        )
        pairs = {
            name: (kept[name][0], kept[name][1]) if kept[name] else None
            for name in ("pbx_started", "found")
        }
        facts: list[Fact] = [(at, kind, by_pbx) for at, kind, by_pbx in kept["facts"]]
        names = {number: (at, name) for number, (at, name) in kept["names"].items()}
        return cls(
            **{**kept, **pairs, "caller": caller, "called": called, "facts": facts, "names": names}
        )


def _at(found: tuple[float, dict[str, Any]]) -> float:
    return found[0]


_RANK: dict[FactKind, int] = {
    "other": 0, "ringing": 1, "dialling": 1, "ringback": 2, "connected": 3, "ended": 4,
    "inferred-end": 5,
}  # fmt: skip


def _order(fact: Fact) -> tuple[float, int, str]:
    return fact[0], _RANK[fact[1]], fact[1]


def _when(data: CallData) -> tuple[float, float | None]:
    """Return when something happened, by our clock and by the PBX's.

    What is handed in after an outage comes long after it happened; there the PBX's time counts.
    """
    received = data.received_at.timestamp()
    said = moment(data.pbx_time) if data.pbx_time else None
    by_pbx = said.timestamp() if said else None
    if data.replayed and by_pbx is not None and by_pbx <= received + _CLOCKS:
        return by_pbx, by_pbx
    return received, by_pbx


def _without_call_list(facts: list[Fact]) -> list[Fact]:
    """Return what was said as it happened, where that is the whole call; else all of it.

    After a restart a call is handed in again as the PBX's call list has it: in whole seconds, and
    answered the moment it began.
    """
    at_once = [fact for fact in facts if fact[0] != fact[2]]
    later = [fact for fact in facts if fact[0] == fact[2]]
    if not later or not {fact[1] for fact in later} <= {fact[1] for fact in at_once}:
        return facts
    segments = _segments(at_once)
    whole = len(segments) == 1 and segments[0].ended is not None and not segments[0].inferred
    if not whole or segments[0].started == segments[0].answered:
        return facts
    return at_once if later[-1][0] <= at_once[-1][0] + LATE else facts


def _segments(facts: Iterable[Fact]) -> list[Segment]:
    facts = list(facts)
    done: list[Segment] = []
    ended_by_pbx: float | None = None
    started: float | None = None
    answered: float | None = None
    for place, (at, kind, by_pbx) in enumerate(facts):
        if kind == "other":
            continue
        if kind in _ENDS:
            if started is not None:
                done.append(Segment(started, answered, at, kind == "inferred-end"))
                started, answered, ended_by_pbx = None, None, by_pbx
            elif not done:
                done.append(Segment(at, None, at, kind == "inferred-end"))
                ended_by_pbx = by_pbx
            elif done[-1].inferred and kind == "ended":
                done[-1] = Segment(done[-1].started, done[-1].answered, at)
                ended_by_pbx = by_pbx
            continue
        fresh = started is None
        if (
            fresh
            and done
            and _is_late(kind, at, by_pbx, done[-1], ended_by_pbx, facts[place + 1 :])
        ):
            if kind == "connected" and done[-1].answered is None:
                done[-1] = _answered_after_all(done[-1], by_pbx, ended_by_pbx)
            continue
        if kind == "ringing" and started is not None and answered and at - answered > LATE:
            # It came back after a transfer, and the end of the first talk was never said.
            done.append(Segment(started, answered, at, inferred=True))
            started, answered, ended_by_pbx = at, None, None
        if started is None:
            started = at
        if kind == "connected" and answered is None:
            answered = at
    if started is not None:
        done.append(Segment(started, answered))
    return done


def _is_late(
    kind: FactKind,
    at: float,
    by_pbx: float | None,
    last: Segment,
    ended_by_pbx: float | None,
    following: list[Fact],
) -> bool:
    """Return whether something after an end only came late, so that the telephone is not in use."""
    if by_pbx is not None and ended_by_pbx is not None and abs(by_pbx - ended_by_pbx) >= 1.0:
        return by_pbx < ended_by_pbx
    ended = last.ended or 0.0
    if at - ended > LATE:
        return False
    next_end = next((fact[0] for fact in following if fact[1] in _ENDS), None)
    if next_end is None:  # after a talk, ringing that was taken again is no news of the first
        taken_again = kind == "ringing" and any(fact[1] == "connected" for fact in following)
        return last.answered is None or not taken_again
    return next_end - ended <= LATE


def _answered_after_all(last: Segment, by_pbx: float | None, ended_by_pbx: float | None) -> Segment:
    ended = last.ended or last.started
    talked = ended_by_pbx - by_pbx if by_pbx is not None and ended_by_pbx is not None else 0.0
    return Segment(
        last.started, max(last.started, ended - max(0.0, talked)), last.ended, last.inferred
    )
