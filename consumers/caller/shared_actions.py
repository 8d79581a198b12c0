"""Answers and actions where several machines learn of each call: the holder of the lease acts.

The others decide as it does and keep what they would do, until the holder's answer comes or it is
too old to be done. An answer has the same id on every machine, as its id follows from what it says.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from bus.events import CallerEvent
from bus.lease import Held
from bus.mqtt.connection import Publication
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from consumers.caller.consumer import ActionRunner
from consumers.caller.executors import queued
from runtime.bounded_dict import Recent

Send = Callable[[CallerEvent], Publication]


@dataclass(frozen=True)
class Shard(Collection[str]):
    """A part of the users: each is in one of `of` parts, on every machine in the same."""

    number: int
    of: int

    def __contains__(self, login: object) -> bool:
        digest = blake2b(str(login).encode(), digest_size=8).digest()
        return int.from_bytes(digest) % self.of + 1 == self.number

    def __iter__(self) -> Iterator[str]:
        raise TypeError("who is in a part of the users is known of each, not of all")

    def __len__(self) -> int:
        raise TypeError("who is in a part of the users is known of each, not of all")

    def __bool__(self) -> bool:
        return True


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
        self._kept: dict[str, tuple[float, CallerEvent, Mapping[str, str], str]] = {}
        self._answered: Recent[str, None] = Recent()

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        """Begin every executor's work, or keep it while another machine acts."""
        if not queued(event.data) or event.id in self._answered:
            return 0
        if self._lease.held:
            return self._begin(event, values, mark)
        self._kept[event.id] = (self._clock(), event, values, mark)
        return 0

    def sender(self, send: Send) -> Send:
        """Return what sends an answer while the lease is held; raises BrokerUnavailable else."""

        def send_as_holder(event: CallerEvent) -> Publication:
            if event.id in self._answered:
                sent = Publication("")
                sent.resolve(0)
                return sent
            if not self._lease.held:
                raise BrokerUnavailable("another machine has the lease")
            return send(event)

        return send_as_holder

    def note_answer(self, event: CallerEvent, _: ReceivedMessage) -> None:
        """Note what another machine has answered, and so done."""
        if not self._lease.held:
            self._answered[event.id] = None
            self._kept.pop(event.id, None)
        now = self._clock()
        while self._kept and now - next(iter(self._kept.values()))[0] > self._max_age:
            self._kept.pop(next(iter(self._kept)))

    def lease_changed(self) -> None:
        """Do what the machine before has not done, as far as it is young."""
        if not self._lease.held:
            return
        kept, self._kept = self._kept, {}
        for at, event, values, mark in kept.values():
            if self._clock() - at <= self._max_age:
                self._begin(event, values, mark)

    def _begin(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        if self._lease.claimed(event.id) or not self._lease.claim(event.id):
            return 0
        return self._actions.hand_over(event, values, mark)
