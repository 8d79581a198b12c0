"""Events once more, for the consumer alone that has seen a gap: the very same payloads."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bus.events import CONTENT_TYPE, ReplayRequest
from bus.mqtt.connection import IN_FLIGHT, NO_SUBSCRIBERS, Connection, Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.requests import Requester, Responder
from bus.topics import ANY_USER
from gateway.eventlog.reader import EventReader

log = logging.getLogger(__name__)

_SLICE = 100  # events at once
_PAUSE = 0.05  # seconds between two slices, so that live events go first
_EXPIRY = 86_400  # seconds; who asked may be slow or gone for a while
_MOST = 1_000  # requests under way; who is refused asks again


@dataclass
class _Replay:
    requester: Requester
    after: int
    watermark: int


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
        self._wanted: dict[tuple[str, str], _Replay] = {}  # by user and topic of the answers
        self._due = 0.0
        responder = Responder(connection, f"gateway/{gateway}")
        responder.serve(connection.topics.replay(ANY_USER), ReplayRequest, self.request)

    def request(self, request: ReplayRequest, requester: Requester) -> None:
        """Note a request; whose events are meant says the topic."""
        user = requester.user
        if request.data.gateway not in (None, self._gateway):
            return
        key = user, requester.topic
        if key not in self._wanted and len(self._wanted) >= _MOST:
            log.warning("too many ask for missed events at once")
            return
        log.info("asked for missed events after=%s", request.data.after)
        watermark = self._settled(user)
        running = self._wanted.get(key)
        after = min(running.after, request.data.after) if running else request.data.after
        if watermark > after:
            self._wanted[key] = _Replay(requester, after, watermark)
        self._due = 0.0
        self._asked(user)

    def resume(self, now: float) -> float:
        """Send a slice; return the seconds until the next one is due."""
        if not self._wanted:
            return 1.0
        if now < self._due:
            return self._due - now
        key, replay = next(iter(self._wanted.items()))
        del self._wanted[key]
        try:
            if self._send(replay):
                self._wanted[key] = replay
        except BrokerUnavailable as error:
            log.warning("repeating interrupted reason=%s", error)
        self._due = time.monotonic() + _PAUSE
        return _PAUSE

    def _settled(self, user: str) -> int:
        return next((one.seq for one in self._reader.sequence_ranges(user)), 0)

    def _send(self, replay: _Replay) -> bool:
        """Send some of the events; return whether there are more."""
        requester = replay.requester
        rows = self._reader.repeatable(requester.user, replay.after, replay.watermark, _SLICE)
        in_flight: deque[Publication] = deque()
        for row in rows:
            if len(in_flight) == IN_FLIGHT and not self._taken(in_flight.popleft()):
                return False
            in_flight.append(
                self._connection.send(
                    requester.topic,
                    row.payload or b"",
                    expiry=_EXPIRY,
                    content_type=CONTENT_TYPE,
                    correlation=requester.correlation,
                )
            )
            replay.after = row.seq
        taken = [self._taken(delivery) for delivery in in_flight]
        return all(taken) and len(rows) == _SLICE

    def _taken(self, delivery: Publication) -> bool:
        try:
            return delivery.wait() != NO_SUBSCRIBERS
        except PublishRefused as error:
            log.error("an event could not be repeated reason=%s", error)
            return False
