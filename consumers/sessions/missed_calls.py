"""Which calls of a user are known here, and what the gateway is handed of those that are not.

No network here. The structs are those of the PBX's own notification, so the gateway reads a
handed-in call as it reads any other.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bus.events import CallData
from runtime.bounded_dict import Recent
from starface import wire
from starface.wire import CallListEntry, CallState
from starface.xmlrpc.reading import DateTime, Writable

Struct = dict[str, Writable]

_REMEMBERED = 100  # ended calls of a user
MARGIN = timedelta(minutes=2)  # by which the PBX's clock may differ from ours


@dataclass(frozen=True)
class Gap:
    """What we knew of a user's calls when something went wrong, and since when."""

    since: datetime | None = None
    running: Mapping[str, CallData] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    clock_offset: timedelta | None = None  # of the PBX's time stamps, ahead of our clock

    def by_clock_of_pbx(self, clock_offset: timedelta | None) -> "Gap":
        """Return the gap as the PBX's clock has it, by what it says of its time or its events."""
        offset = clock_offset if clock_offset is not None else self.clock_offset
        return replace(self, since=self.since and self.since + (offset or timedelta()))


@dataclass(frozen=True)
class CallDifferences:
    """What a look at the PBX's calls shows that was not reported; `soon`: it may yet come."""

    unreported: bool = False
    unended: bool = False
    soon: bool = False


class KnownCalls:
    """The calls of one user by their call events."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._running: dict[str, CallData] = {}
        self._ended: Recent[str, None] = Recent(_REMEMBERED)
        self._doubtful: dict[str, float] = {}  # since when a call is in question
        self._clock_offset: timedelta | None = None

    @property
    def doubtful(self) -> bool:
        """Whether a call is in question."""
        return bool(self._doubtful)

    def note(self, call: CallData) -> None:
        """Note a call event."""
        self._doubtful.pop(call.call_id, None)
        if not call.replayed and (offset := clock_offset(call)) is not None:
            self._clock_offset = offset
        if call.previous_call_id is not None:
            self._running.pop(call.previous_call_id, None)
        if call.state != "ended":
            if call.call_id not in self._ended:
                self._running[call.call_id] = call
            return
        self._running.pop(call.call_id, None)
        self._ended[call.call_id] = None

    def gap(self, since: datetime | None) -> Gap:
        """Return what is known now, for a task in another thread."""
        return Gap(since, dict(self._running), frozenset(self._ended), self._clock_offset)

    def look(self, ids: Collection[str], now: float) -> CallDifferences:
        """Compare with the calls that the PBX says are running."""
        unreported = [each for each in ids if each not in self._running and each not in self._ended]
        unended = [each for each in self._running if each not in ids]
        doubtful = {each: self._doubtful.get(each, now) for each in (*unreported, *unended)}
        self._doubtful = doubtful
        ripe = {each for each, at in doubtful.items() if now - at >= self.patience}
        return CallDifferences(
            unreported=bool(ripe.intersection(unreported)),
            unended=bool(ripe.intersection(unended)),
            soon=bool(doubtful),
        )


def clock_offset(call: CallData) -> timedelta | None:
    """Return by how much the PBX's clock was ahead of ours when it reported a call.

    Its stamps have no zone and may be in its own, which is taken to be ours.
    """
    stamp = wire.moment(call.pbx_time or "")
    if stamp is None:
        return None
    as_utc = stamp - call.received_at
    as_local = as_utc - (call.received_at.astimezone().utcoffset() or timedelta())
    return min(as_utc, as_local, key=abs)


def is_news(state: CallState, gap: Gap) -> bool:
    """Return whether a running call has a state that is not known here."""
    known = gap.running.get(state.id)
    return bool(state.state) and (known is None or known.pbx_state.strip().upper() != state.state)


def running_struct(state: CallState) -> Struct:
    """Return a running call as the PBX would have reported it."""
    return {
        "id": state.id,
        "state": state.pbx_state,
        **_time(state.timestamp),
        "callerNumber": state.caller_number,
        "callerName": state.caller_name,
        "calledNumber": state.called_number,
        "calledName": state.called_name,
        "groupId": state.group,
    }


def ended_structs(
    gap: Gap, still: Collection[str], entries: Iterable[CallListEntry]
) -> list[Struct]:
    """Return the calls that ended while nothing was reported, oldest first."""
    listed = [entry for entry in entries if _is_missed(entry, gap, still)]
    listed_ids = {entry.id for entry in listed}
    unlisted = [
        call
        for call_id, call in gap.running.items()
        if call_id not in listed_ids and call_id not in still
    ]
    past = [struct for entry in listed for struct in _listed(entry)]
    return [*map(_hung_up, unlisted), *past]


def _is_missed(entry: CallListEntry, gap: Gap, still: Collection[str]) -> bool:
    if entry.id:
        return entry.id not in gap.ended and entry.id not in still
    started = entry.started_at
    return gap.since is not None and started is not None and started >= gap.since


def _hung_up(call: CallData) -> Struct:
    return {
        "id": call.call_id,
        "state": "HANGUP",
        "callerNumber": call.caller.number,
        "callerName": call.caller.name,
        "calledNumber": call.called.number,
        "calledName": call.called.name,
        "groupId": call.group or "",
    }


def _listed(entry: CallListEntry) -> list[Struct]:
    """Return the end of a past call, and before it that it was answered, if it was."""
    inbound = entry.direction.upper() == "INBOUND"
    parties: Struct = {
        "id": entry.id or _made_id(entry),
        "callerNumber": entry.caller_number,
        "callerName": entry.call_description if inbound else "",
        "calledNumber": entry.called_number,
        "calledName": "" if inbound else entry.call_description,
        "groupId": entry.group,
        "direction": entry.direction,
        "result": entry.result,
    }
    started = entry.started_at
    ended = started and started + timedelta(seconds=max(0, entry.duration))
    states = [("CONNECTED", started)] if entry.result.upper() == "ANSWERED" else []
    return [
        {**parties, "state": state, **({"timestamp": wire.utc(at)} if at else {})}
        for state, at in (*states, ("HANGUP", ended))
    ]


def _made_id(entry: CallListEntry) -> str:
    parts = (entry.start_time, entry.direction, entry.caller_number, entry.called_number)
    return "listed-" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:24]


def _time(stamp: str) -> Struct:
    return {"timestamp": DateTime(stamp)} if wire.moment(stamp) else {}
