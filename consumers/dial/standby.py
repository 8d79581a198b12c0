"""Dial requests where several machines receive each: the holder of the lease has it dialled.

The others keep a request until the holder's claim or answer comes, and note both, so that whichever
of them follows knows what became of each. What was claimed and not answered is never dialled again.
"""

import time
from collections.abc import Callable
from uuid import UUID

from bus.events import DialResult
from bus.lease import Held
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.topics import Topics
from consumers.dial.consumer import DialConsumer
from consumers.dial.placing import CallOrder, CallPlacer, OutcomeUnclear, PlacingOutcome
from consumers.dial.progress import QUIET, ProgressTracker
from consumers.dial.request import read_request

_KEPT = 30.0  # seconds; a request is refused as too old long before
_CAPACITY = 1_000  # requests


class ClaimingPlacer(CallPlacer):
    """Places a call only once every machine knows that this one does."""

    lease: Held

    def place(self, order: CallOrder) -> PlacingOutcome:
        """Have the user's phone ring, then the number, unless the claim is not confirmed."""
        if not self.lease.claim(_key(order.user, order.call_id)):
            return OutcomeUnclear()
        return super().place(order)


class HolderBus:
    """Publishes results for the holder alone; those of the others wait, and grow too old."""

    def __init__(self, connection: Connection, lease: Held) -> None:
        self.topics: Topics = connection.topics
        self._connection = connection
        self._lease = lease

    def publish_raw(
        self, topic: str, payload: bytes, *, expiry: int, content_type: str,
        correlation: bytes | None,
    ) -> int:  # fmt: skip
        """Publish and wait for the broker; raise BrokerUnavailable."""
        if not self._lease.held:
            raise BrokerUnavailable("another machine has the lease")
        return self._connection.publish_raw(
            topic, payload, expiry=expiry, content_type=content_type, correlation=correlation
        )


class SharedRequests:
    """Hands dial requests to the consumer while the lease is held, and keeps them while not."""

    def __init__(
        self,
        lease: Held,
        consumer: DialConsumer,
        tracker: ProgressTracker,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lease = lease
        self._consumer = consumer
        self._tracker = tracker
        self._store = tracker.results.store
        self._topics = tracker.results.topics
        self._clock = clock
        self._kept: dict[str, tuple[float, ReceivedMessage]] = {}

    def handle(self, received: ReceivedMessage) -> None:
        """Have a request decided, or keep it for the case that the holder does not."""
        found = None if received.retained else read_request(received.payload)
        if found is None:
            return
        key = _key(self._topics.user_of(received.topic), found[0].data.request_id)
        if self._lease.claimed(key):
            self._consumer.adopt(received)
        elif self._lease.held:
            self._consumer.handle(received)
        elif len(self._kept) < _CAPACITY:
            self._kept[key] = (self._clock(), received)

    def note_claim(self, key: str) -> None:
        """Note that another machine has a request dialled."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._consumer.adopt(kept[1])

    def note_result(self, result: DialResult, _: ReceivedMessage) -> None:
        """Note what another machine's process says of a request."""
        if result.source == f"dial/{self._store.owner}":
            return
        data = result.data
        self._kept.pop(_key(data.user, data.request_id), None)
        ask_at = None if data.final else self._clock() + QUIET.get(data.state, 0.0)
        self._store.note_elsewhere(data, ask_at)

    def lease_changed(self) -> None:
        """Take over: decide what nobody claimed, and ask the PBX about what has no answer."""
        if not self._lease.held:
            return
        kept, self._kept = self._kept, {}
        for at, received in kept.values():
            if self._clock() - at < _KEPT:
                self._consumer.handle(received)
        self._tracker.take_over()

    def tick(self) -> float:
        """Do what is due; return the seconds until the next time."""
        if self._lease.held:
            return self._consumer.tick()
        self._kept = {
            key: kept for key, kept in self._kept.items() if self._clock() - kept[0] < _KEPT
        }
        self._consumer.forget_old()
        return 1.0


def _key(user: str, request_id: UUID | str) -> str:
    return f"{user}/{request_id}"
