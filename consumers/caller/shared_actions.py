"""Answers and actions where several machines learn of each call: the holder of the lease acts.

The others decide as it does and keep what they would do, until the holder's answer comes, the call
is over, or it is too old to be done. What one machine knows as the ringing of a call another, which
was started later, may know as its connection: so an opening is known by user, call and party.
"""

import math
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from bus.events import CallerData, CallerEvent, CallEvent
from bus.lease import Held
from bus.mqtt.connection import Publication
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from consumers.caller.consumer import ActionRunner
from consumers.caller.executors import queued
from runtime.bounded_dict import Recent

Send = Callable[[CallerEvent], Publication]


@dataclass(frozen=True)
class Shard(Container[str]):
    """A part of the users: each is in one of `of` parts, on every machine in the same."""

    number: int
    of: int

    def __contains__(self, login: object) -> bool:
        digest = blake2b(str(login).encode(), digest_size=8).digest()
        return int.from_bytes(digest) % self.of + 1 == self.number


@dataclass(frozen=True)
class _PostponedAction:
    """Executors' work that is not begun, as another machine does it."""

    since: float
    event: CallerEvent
    values: Mapping[str, str]
    mark: str


class SharedActions:
    """The actions and answers of a process, done while it has the lease."""

    def __init__(
        self,
        lease: Held,
        actions: ActionRunner,
        max_age: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lease = lease
        self._actions = actions
        self._max_age = max_age
        self._clock = clock
        self._began = math.inf
        self._kept: dict[str, _PostponedAction] = {}
        self._answered: Recent[str, None] = Recent()  # ids of answers, and what they opened
        self._closed: Recent[tuple[str, str], datetime] = Recent()
        self._earlier: Recent[tuple[str, str], None] = Recent()  # calls that began before us

    @property
    def stands_by(self) -> bool:
        """Whether another machine acts at present, and this one only follows the calls."""
        return not self._lease.held

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        """Begin every executor's work, or keep it while another machine acts."""
        if not queued(event.data):
            return 0
        if self._lease.held:
            return self._begin(event, values, mark)
        self._kept[_opening(event.data)] = _PostponedAction(self._clock(), event, values, mark)
        self._drop_old()
        return 0

    def sender(self, send: Send) -> Send:
        """Return what sends an answer while the lease is held; raises BrokerUnavailable else."""

        def send_as_holder(event: CallerEvent) -> Publication:
            held = self._lease.held
            if not held and event.data.trigger == "closed":
                self._closed[event.data.user, event.data.call_id] = event.time
            if event.id in self._answered or (not held and self._is_settled(event)):
                sent = Publication("")
                sent.resolve(0)
                return sent
            if not held:
                raise BrokerUnavailable("another machine has the lease")
            return send(event)

        return send_as_holder

    def note_connected(self) -> None:
        """Note that from now on every answer is seen; only the first time, as a session lasts."""
        self._began = min(self._began, self._clock())

    def noting(self, handle: Callable[[CallEvent], None]) -> Callable[[CallEvent], None]:
        """Return `handle` with a note of calls whose answers may have passed unseen.

        These began before we were connected.
        """

        def note_and_handle(event: CallEvent) -> None:
            if not self._lease.held and event.data.received_at.timestamp() < self._began:
                self._earlier[event.data.user, event.data.call_id] = None
            handle(event)

        return note_and_handle

    def note_answer(self, event: CallerEvent, _: ReceivedMessage) -> None:
        """Note what another machine has answered, and so done."""
        if not self._lease.held:
            self._answered[event.id] = None
            if event.data.opens != "nothing":
                self._answered[_opening(event.data)] = None
                self._kept.pop(_opening(event.data), None)
        self._drop_old()

    def lease_changed(self) -> None:
        """Do what the machine before has not done, as far as it is young."""
        if not self._lease.held:
            return
        self._drop_old()
        kept, self._kept = self._kept, {}
        for each in kept.values():
            if not self._is_settled(each.event):
                self._begin(each.event, each.values, each.mark)

    def _begin(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        key = _opening(event.data)
        if self._lease.claimed(key) or not self._lease.claim(key):
            return 0
        return self._actions.hand_over(event, values, mark)

    def _drop_old(self) -> None:
        oldest = self._clock() - self._max_age
        while self._kept and next(iter(self._kept.values())).since < oldest:
            self._kept.pop(next(iter(self._kept)))

    def _is_settled(self, event: CallerEvent) -> bool:
        """Return whether nothing is left to be done: another did it, or the call is over."""
        data = event.data
        call = (data.user, data.call_id)
        if event.id in self._answered or data.opens == "nothing" or data.trigger == "chosen":
            return event.id in self._answered
        closed = self._closed.get(call)
        return (
            _opening(data) in self._answered
            or (closed is not None and event.time <= closed and data.trigger != "ended")
            or (call in self._earlier and self._lease.others_seen)
        )


def _opening(data: CallerData) -> str:
    """Return what an opening is known by on every machine, without naming the caller."""
    if data.trigger == "chosen":
        parts = [data.event_id]
    else:
        trigger = "ringing" if data.trigger == "party-change" else data.trigger
        party = data.called if data.outward else data.caller
        parts = [data.user, data.call_id, trigger, party.number or ""]
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
