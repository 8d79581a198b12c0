"""Events once more, for a consumer that has seen a gap: the very same payloads."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bus.events import CONTENT_TYPE, ReplayRequest
from bus.mqtt.connection import IN_FLIGHT, NO_SUBSCRIBERS, Connection, Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.publication import Options
from bus.topics import ANY_USER
from gateway.eventlog.reader import EventReader

log = logging.getLogger(__name__)

_SLICE = 100  # events at once
_PAUSE = 0.05  # seconds between two slices, so that live events go first
_OPTIONS: Options = {"expiry": 86_400, "content_type": CONTENT_TYPE}


@dataclass
class _Replay:
    after: int
    upto: int


class Replays:
    """Which events consumers asked for."""

    def __init__(
        self,
        connection: Connection,
        reader: EventReader,
        gateway: str,
        asked: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._gateway = gateway
        self._asked = asked
        self._wanted: dict[str, _Replay] = {}
        self._due = 0.0
        connection.consume(connection.topics.replay(ANY_USER), ReplayRequest, self.take)

    def take(self, request: ReplayRequest, arrived: ReceivedMessage) -> None:
        """Note a request; whose it is says the topic."""
        user = self._connection.topics.user_of(arrived.topic)
        if request.data.gateway not in (None, self._gateway):
            return
        log.info("asked for missed events after=%s", request.data.after)
        upto = self._settled(user)
        running = self._wanted.get(user)
        after = request.data.after if running is None else min(running.after, request.data.after)
        if upto > after:
            self._wanted[user] = _Replay(after, upto)
        self._due = 0.0
        self._asked(user)

    def resume(self, now: float) -> float:
        """Send a slice; return the seconds until the next one is due."""
        if not self._wanted:
            return 1.0
        if now < self._due:
            return self._due - now
        user, replay = next(iter(self._wanted.items()))
        del self._wanted[user]
        try:
            if self._send(user, replay):
                self._wanted[user] = replay
        except BrokerUnavailable as error:
            log.warning("repeating interrupted reason=%s", error)
        self._due = time.monotonic() + _PAUSE
        return _PAUSE

    def _settled(self, user: str) -> int:
        return next((one.seq for one in self._reader.sequence_ranges(user)), 0)

    def _send(self, user: str, replay: _Replay) -> bool:
        """Send some of the events; tell whether there are more."""
        rows = self._reader.repeatable(user, replay.after, replay.upto, _SLICE)
        topic = self._connection.topics.calls(user)
        under_way: deque[Publication] = deque()
        for row in rows:
            if len(under_way) == IN_FLIGHT and not self._taken(under_way.popleft()):
                return False
            under_way.append(self._connection.send(topic, row.payload or b"", **_OPTIONS))
            replay.after = row.seq
        taken = [self._taken(delivery) for delivery in under_way]
        return all(taken) and len(rows) == _SLICE

    def _taken(self, delivery: Publication) -> bool:
        try:
            return delivery.wait() != NO_SUBSCRIBERS
        except PublishRefused as error:
            log.error("an event could not be repeated reason=%s", error)
            return False
